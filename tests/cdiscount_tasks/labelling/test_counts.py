import pandas as pd

from cdiscount_tasks.labelling.counts import count_fixes


def make_products(*rows):
    """Rows of category_id, label and rule."""
    return pd.DataFrame(rows, columns=["category_id", "label", "rule"]).astype({"label": "Int64"})


def test_what_people_said_is_counted_by_what_it_changes():
    rows = [(5, 6, "human_fix"), (5, 5, "human_fix"), (5, None, "human_exclusion"), (5, 5, "as_given")]
    products = make_products(*rows)
    assert count_fixes(products, products) == {
        "num_relabelled": 1, "num_confirmed": 1, "num_excluded": 1, "num_contradicted": 0,
    }  # fmt: skip


def test_fixes_of_which_every_picture_is_contradicted_are_counted_once_more():
    fixed = make_products((5, 6, "human_fix"), (5, 5, "human_fix"), (6, 6, "as_given"))
    settled = make_products(*[(5, None, "all_images_conflict")] * 3)
    assert count_fixes(fixed, settled) == {
        "num_relabelled": 1, "num_confirmed": 1, "num_excluded": 0, "num_contradicted": 2,
    }  # fmt: skip
