import pandas as pd
import pytest

from cdiscount_tasks.errors import ClassError, DataError
from cdiscount_tasks.labelling.classes import check_learnable, with_class_indices


def make_products(*rows):
    """Rows of category_id, label and split."""
    return pd.DataFrame(rows, columns=["category_id", "label", "split"]).astype({"label": "Int64"})


def check(fixed, settled):
    check_learnable(with_class_indices(settled, [5, 6]), fixed, [5, 6])


def test_a_class_with_one_product_in_train_can_be_learnt():
    products = make_products((5, 5, "train"), (6, 6, "train"))
    check(products, products)


def test_a_class_that_fixes_alone_emptied_is_not_told_to_keep_conflicts():
    products = make_products((5, 5, "train"), (6, None, "train"), (6, 5, "train"), (6, 6, "test"))
    with pytest.raises(DataError, match="category 6 has no product left to learn from after human fixes; keep") as told:
        check(products, products)
    assert "conflicts" not in str(told.value)


def test_a_class_that_conflicts_emptied_may_keep_them():
    fixed = make_products((5, 5, "train"), (6, 6, "train"))
    settled = make_products((5, 5, "train"), (6, None, "train"))
    with pytest.raises(DataError, match=r"category 6 .* after human fixes and conflicts; .*, or set conflicts: keep"):
        check(fixed, settled)


def test_every_class_that_cannot_be_learnt_is_told():
    products = make_products((5, None, "train"), (6, None, "train"))
    with pytest.raises(
        ClassError, match=r"category 5 and 1 more have no product left .* some of their products"
    ) as told:
        check(products, products)
    assert told.value.category_ids == (5, 6)
