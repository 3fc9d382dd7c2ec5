import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling.rules import apply_fixes, contradicted_fixes, read_fixes, settle_conflicts

HEADER = "product_id,category_id,reason\n"
POLICIES = ["drop_image", "keep", "majority"]


@pytest.fixture
def fixes_file(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "fixes.csv").write_bytes(text.encode(encoding))
        return tmp_path / "fixes.csv"

    return write


def test_fixes_are_read_with_their_lines(fixes_file):
    fixes = read_fixes(fixes_file(HEADER + '1,5,"seen, by me"\n 2 ,,no bottle\n'), {5, 6})
    assert fixes["product_id"].tolist() == [1, 2]
    assert fixes["category_id"].tolist() == [5, pd.NA]
    assert fixes["line"].tolist() == [2, 3]


@pytest.mark.parametrize(("start", "end"), [("", "\n\n"), ("\ufeff", ""), ("", "\n"), ("", "\r\n\r\n")])
def test_what_spreadsheets_add_does_no_harm(fixes_file, start, end):
    assert read_fixes(fixes_file(f"{start}{HEADER}1,5,a\n2,6,b{end}"), {5, 6})["category_id"].tolist() == [5, 6]


def test_a_file_of_the_header_alone_fixes_nothing(fixes_file):
    assert len(read_fixes(fixes_file(HEADER), {5})) == 0


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_and_tabs_separate_fields_too(fixes_file, separator):
    text = (
        "\ufeffproduct_id,category_id,reason\r\n1,5,a\r\n".replace(",", separator)
        + f'2{separator}{separator}"b, c"\r\n'
    )
    fixes = read_fixes(fixes_file(text), {5, 6})
    assert fixes["category_id"].tolist() == [5, pd.NA]
    assert fixes["reason"].tolist() == ["a", "b, c"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read as a fixes file"),
        ("product_id,reason\n1,x\n", "line 1 lacks the column category_id"),
        ("product_id;reason\n1;x\n", "line 1 lacks the column category_id"),
        ("product_id,category_id,reason,product_id\n1,5,x,2\n", "line 1 names the column product_id twice"),
        (HEADER + "1,5,ok\n2\n", "line 3 has 1 field, expected 3"),
        (HEADER + "1,5,a\nx,5,b\n", "line 3 is 'x', '5'; expected two whole numbers"),
        (HEADER + "--1,5,b\n", "line 2 is '--1', '5'"),
        (HEADER + "\u00b2,5,b\n", "line 2 is '\u00b2', '5'"),
        (HEADER + "1,\u00b2,b\n", "line 2 is '1', '\u00b2'"),
        (HEADER + "99999999999999999999,5,b\n", "line 2 is '99999999999999999999', '5'"),
        (HEADER + "1,5.0,b\n", "line 2 is '1', '5.0'"),
        (
            HEADER + "1,5,a\n2,7,b\n",
            "line 3 gives product 2 the category 7, which is not of the sample; expected one of 5, 6",
        ),
        (HEADER + "1,5,a\n2,5,b\n1,6,c\n", "line 4 names product 1 a second time"),
        (HEADER + "1,5,not red, but white\n", "line 2 has 4 fields, expected 3"),
        (HEADER + "1,5,not red, but white\n2,5,ok\n", "line 2 has 4 fields, expected 3"),
        (HEADER + "1,5,ok\n2,5\n", "line 3 has 2 fields, expected 3"),
        (HEADER + '1,5,"two\nlines"\nx,5,b\n', "line 4 is 'x', '5'"),
    ],
)
def test_a_wrong_line_of_a_fixes_file_is_told_with_its_number(fixes_file, text, words):
    with pytest.raises(DataError, match=r"fixes\.csv: ") as caught:
        read_fixes(fixes_file(text), {5, 6})
    assert words in str(caught.value)


def test_a_fixes_file_in_another_encoding_is_refused(fixes_file):
    with pytest.raises(DataError, match=r"fixes\.csv: .* line 2 is not UTF-8 .*; save it as UTF-8"):
        read_fixes(fixes_file(HEADER + "1,5,\u00e9t\u00e9\n", "latin-1"), {5})


def test_a_missing_column_alone_says_nothing_of_commas(fixes_file):
    words = r"expected product_id, category_id, reason, verdict \(optional\), found product_id, reason$"
    with pytest.raises(DataError, match=words):
        read_fixes(fixes_file("product_id,reason\n1,x\n"), {5})


def test_columns_without_a_name_may_stand_several_times(fixes_file):
    assert read_fixes(fixes_file("product_id,category_id,reason,,\n1,5,x,,\n"), {5})["product_id"].tolist() == [1]


PRODUCTS = pd.DataFrame({"product_id": [1, 2, 3], "category_id": [5, 5, 6]})


def fixes(rows):
    ids, categories = zip(*rows, strict=True)
    return pd.DataFrame(
        {"product_id": ids, "category_id": pd.array(categories, "Int64"), "line": range(2, 2 + len(ids))}
    )


def test_without_fixes_the_label_is_the_given_category():
    products, warnings = apply_fixes(PRODUCTS, None)
    assert (products["label"].tolist(), set(products["rule"]), warnings) == ([5, 5, 6], {"as_given"}, [])


def test_fixes_relabel_and_exclude():
    products, _ = apply_fixes(PRODUCTS, fixes([(2, 6), (3, None)]))
    assert products["label"].tolist() == [5, 6, pd.NA]
    assert products["rule"].tolist() == ["as_given", "human_fix", "human_exclusion"]


def test_a_fix_of_an_unknown_product_is_a_warning_with_its_line():
    _, warnings = apply_fixes(PRODUCTS, fixes([(2, 6), (99, 5)]))
    assert warnings == ["fixes file, line 3: product 99 is not among the products that this sample keeps"]


def test_of_many_unknown_products_the_first_are_told_and_the_others_counted():
    _, warnings = apply_fixes(PRODUCTS, fixes([(100 + number, 5) for number in range(13)]))
    assert len(warnings) == 11
    assert warnings[9].startswith("fixes file, line 11: product 109 is not among")
    assert warnings[10] == "fixes file: and 3 more such"


def test_fixes_never_change_the_given_category():
    products, _ = apply_fixes(PRODUCTS, fixes([(1, 6), (2, None)]))
    assert products["category_id"].tolist() == [5, 5, 6]


def tables(rows, labels=None):
    """Make products and images from (product_id, category_id, split, images)."""
    products = pd.DataFrame([row[:3] for row in rows], columns=["product_id", "category_id", "split"])
    products["label"] = pd.array(labels or products["category_id"].tolist(), "Int64")
    products["rule"] = "as_given"
    images = pd.DataFrame([(row[0], image) for row in rows for image in row[3]], columns=["product_id", "image"])
    images["content_hash"] = [b"%016d" % image for image in images["image"]]
    return products, images


NOTHING_OUTSIDE = pd.DataFrame({"image": [], "product_id": [], "category_id": []}).astype(
    {"image": "int64", "product_id": "int64", "category_id": "Int64"}
)
# Image 0 is claimed by category 5 twice and 6 once, image 9 by one each, in one group of train products.
ROWS = [
    (1, 5, "train", [0, 1]),
    (2, 5, "train", [0]),
    (3, 6, "train", [0, 9]),
    (4, 5, "train", [9, 4]),
    (5, 6, "test", [7]),
]


def settle(rows=ROWS, policy="drop_image", outside=NOTHING_OUTSIDE, labels=None):
    return settle_conflicts(*tables(rows, labels), outside, policy)


def test_an_image_with_several_categories_is_dropped_from_training():
    # Images in order: 0 1 | 0 | 0 9 | 9 4 | 7
    assert settle().learnt.tolist() == [False, True, False, False, False, False, True, False]


def test_a_product_of_which_no_image_is_left_is_not_learnt_from():
    products = settle().products.set_index("product_id")
    assert products["label"].tolist() == [5, pd.NA, pd.NA, 5, 6]
    assert products["rule"].tolist() == [
        "as_given",
        "all_images_conflict",
        "all_images_conflict",
        "as_given",
        "as_given",
    ]


def test_keeping_conflicts_learns_from_every_train_image():
    found = settle(policy="keep")
    assert found.learnt.tolist() == [True] * 7 + [False]
    assert found.products["label"].tolist() == [5, 5, 6, 5, 6]


def test_the_majority_relabels_where_one_category_leads():
    products = settle(policy="majority").products.set_index("product_id")
    assert products["label"].tolist() == [5, 5, 5, 5, 6]
    assert products["rule"].tolist() == ["as_given", "as_given", "majority", "as_given", "as_given"]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_marks_the_same_products_as_conflicted(policy):
    assert settle(policy=policy).products["conflicted"].tolist() == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("policy", "decisions"),
    [
        ("drop_image", ["dropped_from_training"] * 2),
        ("keep", ["kept"] * 2),
        ("majority", ["relabelled"] * 2),  # of the second no category leads; product 3 was relabelled by the first
    ],
)
def test_conflicts_are_listed_with_who_claims_them_and_the_decision(policy, decisions):
    table = settle(policy=policy).table
    assert table["category_ids"].tolist() == [[5, 6], [5, 6]]
    assert table["product_ids"].tolist() == [[1, 2, 3], [3, 4]]
    assert table["decision"].tolist() == decisions


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_conflict_outside_train_is_told_and_changes_nothing(split):
    rows = [(1, 5, split, [0]), (2, 6, split, [0]), (3, 5, "train", [1])]
    found = settle(rows)
    assert (found.table["decision"].tolist(), found.products["label"].tolist()) == (["not_in_train"], [5, 6, 5])


def test_a_claim_from_outside_the_sample_makes_a_conflict():
    outside = pd.DataFrame({"image": [1], "product_id": [77], "category_id": [9.0]})
    found = settle(outside=outside, rows=[(1, 5, "train", [0, 1]), (2, 6, "train", [2])])
    assert found.learnt.tolist() == [True, False, True]
    assert (found.table["category_ids"].tolist(), found.table["product_ids"].tolist()) == ([[5, 9]], [[1, 77]])


def test_a_product_outside_without_a_category_claims_nothing():
    outside = pd.DataFrame({"image": [1], "product_id": [77], "category_id": [np.nan]})
    assert len(settle(outside=outside, rows=[(1, 5, "train", [0, 1]), (2, 6, "train", [2])]).table) == 0


def test_a_human_fix_settles_a_conflict_for_training_but_not_in_the_count():
    found = settle([(1, 5, "train", [0]), (2, 6, "train", [0])], labels=[5, 5])
    assert (found.learnt.tolist(), found.products["conflicted"].tolist()) == ([True, True], [True, True])


def settle_fixed(fixed, rows, policy="drop_image"):
    """Settle conflicts of products of which a person gave some their categories."""
    products, images = tables(rows)
    products["label"] = products["product_id"].map(fixed).fillna(products["label"]).astype("Int64")
    products["rule"] = products["rule"].mask(products["product_id"].isin(fixed), "human_fix")
    return settle_conflicts(products, images, NOTHING_OUTSIDE, policy)


COPIES = [(1, 5, "train", [0]), (2, 5, "train", [0]), (3, 5, "train", [0])]


def test_a_fix_of_one_of_several_copies_is_learnt_and_the_others_are_not():
    found = settle_fixed({1: 6}, COPIES)
    assert found.learnt.tolist() == [True, False, False]
    assert found.products["label"].tolist() == [6, pd.NA, pd.NA]


def test_a_fix_wins_over_the_majority():
    assert settle_fixed({1: 6}, COPIES, "majority").products["label"].tolist() == [6, 6, 6]


def test_the_majority_follows_most_of_a_products_pictures():
    # Product 1 shows three pictures: two lead for 6, one for 7; the first alone would have made it 7.
    rows = [(1, 5, "train", [10, 11, 12]), (2, 7, "train", [10]), (3, 7, "train", [10]),
            (4, 6, "train", [11, 12]), (5, 6, "train", [11, 12])]  # fmt: skip
    assert settle_fixed({}, rows, "majority").products["label"].tolist() == [6, 7, 7, 6, 6]


def test_the_majority_changes_nothing_where_a_products_pictures_disagree_equally():
    rows = [(1, 5, "train", [10, 11]), (2, 7, "train", [10]), (3, 7, "train", [10]), (4, 6, "train", [11]),
            (5, 6, "train", [11])]  # fmt: skip
    found = settle_fixed({}, rows, "majority")
    assert found.products["label"].tolist() == [5, 7, 7, 6, 6]
    assert set(found.products["rule"]) == {"as_given"}


def test_a_fix_to_a_class_that_was_too_small_says_so(fixes_file):
    with pytest.raises(DataError, match="the category 7, which was left out as a small class; expected one of 5, 6"):
        read_fixes(fixes_file(HEADER + "1,7,a\n"), {5, 6}, {7})


def test_the_majority_never_overrules_a_fix():
    rows = [(1, 5, "train", [0, 1]), (2, 6, "train", [1]), (3, 6, "train", [1]), (4, 7, "train", [0])]
    found = settle_fixed({1: 7}, rows, "majority")
    assert found.products["label"].tolist()[0] == 7


def test_fixes_that_contradict_each_other_settle_nothing():
    assert settle_fixed({1: 6, 2: 7}, COPIES).learnt.tolist() == [False] * 3


@pytest.mark.parametrize("policy", POLICIES)
def test_a_picture_of_train_on_which_a_fix_made_all_agree_is_settled(policy):
    rows = [(1, 5, "train", [0]), (2, 6, "train", [0])]
    assert settle_fixed({1: 6}, rows, policy).table["decision"].tolist() == ["settled_by_fix"]


def test_a_product_that_follows_another_picture_leaves_this_one_as_it_was():
    rows = [(1, 5, "train", [0, 1, 2]), (2, 6, "train", [0, 2]), (3, 6, "train", [0, 2]), (4, 7, "train", [1])]
    rows += [(5, 7, "train", [1])]
    found = settle_fixed({}, rows, "majority")
    assert found.products["label"].tolist()[0] == 6
    assert found.table["decision"].tolist() == ["relabelled", "kept", "relabelled"]


R, G, B = 5, 6, 7


def test_nobody_follows_a_majority_into_contradicting_a_fix():
    rows = [(1, R, "train", [0, 1]), (2, G, "train", [1]), (3, G, "train", [0]), (4, G, "train", [0])]
    found = settle_fixed({2: R}, rows, "majority")
    assert found.products["label"].tolist() == [R, R, G, G]
    assert found.table["decision"].tolist() == ["kept", "settled_by_fix"]


def test_nobody_follows_a_majority_into_contradicting_a_picture_that_was_agreed_on():
    rows = [(1, R, "train", [0, 2]), (2, G, "train", [0]), (3, G, "train", [0]), (4, R, "train", [2])]
    assert settle_fixed({}, rows, "majority").products["label"].tolist() == [R, G, G, R]


def test_who_goes_back_takes_along_who_would_contradict_it_then():
    # Products 1 and 2 agree on picture 9 and would both follow; picture 8 holds 1 back, and 9 then 2.
    rows = [(1, R, "train", [0, 8, 9]), (2, R, "train", [1, 9]), (3, R, "train", [8])]
    rows += [(4, G, "train", [0, 1]), (5, G, "train", [0, 1])]
    assert settle_fixed({}, rows, "majority").products["label"].tolist() == [R, R, R, G, G]


def test_a_picture_that_only_a_product_outside_contests_is_not_contradicted_within_train():
    outside = pd.DataFrame({"image": [9], "product_id": [77], "category_id": [99.0]})
    rows = [(1, R, "train", [0, 1, 9]), (2, R, "train", [9]), (3, G, "train", [0, 1]), (4, G, "train", [0, 1])]
    assert settle(rows, "majority", outside).products["label"].tolist() == [R, R, G, G]


def test_all_who_agree_on_a_picture_may_follow_together():
    rows = [(1, R, "train", [0, 9]), (2, R, "train", [1, 9])]
    rows += [(3, G, "train", [0, 1]), (4, G, "train", [0, 1])]
    assert settle_fixed({}, rows, "majority").products["label"].tolist() == [G, G, G, G]


def test_fixes_that_contradict_a_copy_are_told():
    products, images = tables(COPIES)
    products["label"] = pd.array([6, 5, 5], "Int64")
    products["rule"] = ["human_fix", "as_given", "as_given"]
    (told,) = contradicted_fixes(products, images)
    assert "product 1 is given 6, and product 2 with the same picture is 5: the two contradict each other" in told
    assert "`conflicts` in the sample's YAML decides what is learnt" in told  # `keep` learns both


def test_a_conflict_that_a_fix_settles_says_so():
    rows = [(1, 5, "train", [0]), (2, 6, "train", [0])]
    assert settle_fixed({1: 5}, rows).table["decision"].tolist() == ["settled_by_fix"]


IMAGES = st.sets(st.integers(0, 6), min_size=1, max_size=3)
SMALL = st.lists(
    st.tuples(st.sampled_from([5, 6, 7]), st.sampled_from(["train", "test"]), IMAGES), min_size=1, max_size=12
)


@given(SMALL, st.sampled_from(POLICIES))
def test_no_policy_ever_touches_what_is_measured(drawn, policy):
    rows = [(number, category, split, sorted(images)) for number, (category, split, images) in enumerate(drawn)]
    before, images = tables(rows)
    found = settle_conflicts(before, images, NOTHING_OUTSIDE, policy)
    assert found.products[["product_id", "category_id", "split"]].equals(before[["product_id", "category_id", "split"]])
    measured = (before["split"] == "test").to_numpy()
    assert found.products.loc[measured, "label"].equals(before.loc[measured, "label"])
    assert not found.learnt[images["product_id"].map(before["split"]).to_numpy() == "test"].any()


FIXES = st.dictionaries(st.integers(0, 11), st.sampled_from([5, 6, 7, None]), max_size=4)


@given(SMALL, FIXES)
def test_the_majority_makes_no_contradiction_where_there_was_none(drawn, fixed):
    rows = [(number, category, split, sorted(images)) for number, (category, split, images) in enumerate(drawn)]
    given_products, images = tables(rows)
    known = [(product_id, category) for product_id, category in fixed.items() if product_id < len(rows)]
    before, _ = apply_fixes(given_products, fixes(known) if known else None)
    found = settle_conflicts(before, images, NOTHING_OUTSIDE, "majority")

    def contradicting(products, rows):
        num_labels = rows.merge(products[["product_id", "label"]]).groupby("image")["label"].nunique()
        return set(num_labels.index[num_labels > 1])

    in_train = images["product_id"].map(before.set_index("product_id")["split"]) == "train"
    assert contradicting(found.products, images[found.learnt]) <= contradicting(before, images[in_train])
