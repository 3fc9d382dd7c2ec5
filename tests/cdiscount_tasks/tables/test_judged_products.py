import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.judged_products import category_ids_of, read_common_products
from tests.material.judged_models import KNOWN, ids_of, make_products, write_judged, write_labels

COLUMNS = ["product_id", "group_id", "category_id", "answer_challenger", "answer_champion"]


@pytest.fixture
def products():
    return make_products(30)


def common(challenger, champion, split="test", **others):
    return read_common_products(challenger, {"champion": champion, **others}, split)


def test_the_categories_of_a_model_are_in_the_order_of_its_outputs(tmp_path, products):
    model = write_judged(tmp_path, products, "one", categories=KNOWN[::-1])
    assert category_ids_of(model.model_dir) == category_ids_of(model.labels_dir) == list(KNOWN[::-1])


@pytest.mark.parametrize("split", ["validation", "test"])
def test_of_the_same_labels_all_products_of_the_split_are_common(tmp_path, products, split):
    one = write_judged(tmp_path, products, "one", wrong=[1004, 1005, 1003])
    other = write_judged(tmp_path, products, "other", labels_dir=one.labels_dir)
    found = common(one, other, split)
    assert list(found.columns) == COLUMNS
    assert {str(kind) for kind in found.dtypes} == {"int64"}
    assert found["product_id"].tolist() == ids_of(products, split)
    wrong = found["answer_challenger"] != found["category_id"]
    assert found.loc[wrong, "product_id"].tolist() == ([1003] if split == "validation" else [1004, 1005])
    assert (found["answer_champion"] == found["category_id"]).all()


def test_answers_are_compared_by_category_where_the_outputs_are_in_another_order(tmp_path, products):
    one = write_judged(tmp_path / "a", products, "one")
    other = write_judged(tmp_path / "b", products, "other", categories=KNOWN[::-1])
    found = common(one, other)
    assert (found["answer_champion"] == found["category_id"]).all()
    assert found["answer_champion"].nunique() == 3


def moved(products, product_id, split):
    """Return the same products where one of them, alone, is of another split and another group."""
    there = products["product_id"] == product_id
    return products.assign(
        split=products["split"].mask(there, split), group_id=products["group_id"].mask(there, product_id)
    )


@pytest.mark.parametrize(("split", "seen", "left_out"), [
    ("test", "train", True), ("test", "validation", True), ("validation", "train", True), ("validation", "test", False),
])  # fmt: skip
def test_the_whole_group_of_a_product_that_the_champion_has_seen_is_left_out(tmp_path, products, split, seen, left_out):
    first, second = ids_of(products, split)[:2]
    one = write_judged(tmp_path / "a", products, "one")
    # The champion knows the second product alone, in a group of its own; it was asked about both.
    then = moved(products, second, seen)
    labels_dir = write_labels(tmp_path / "b", then, name="then")
    other = write_judged(tmp_path / "b", products, "other", labels_dir=labels_dir)
    found = set(common(one, other, split)["product_id"])
    assert found.isdisjoint({first, second}) if left_out else found >= {first, second}
    assert len(found) == 20 - 2 * left_out


def test_a_product_that_the_champion_was_not_asked_about_is_left_out(tmp_path, products):
    first, *rest = ids_of(products, "test")
    one = write_judged(tmp_path / "a", products, "one")
    other = write_judged(tmp_path / "b", products[products["product_id"] != first], "other")
    assert common(one, other)["product_id"].tolist() == rest


def test_models_of_other_categories_are_compared_on_the_common_ones(tmp_path, products):
    fewer = KNOWN[:2]
    known = products[products["category_id"].isin(fewer)]
    one = write_judged(tmp_path / "a", products, "one")
    other = write_judged(tmp_path / "b", known, "other", categories=fewer)
    for challenger, champion in ((one, other), (other, one)):
        found = common(challenger, champion)
        assert found["product_id"].tolist() == ids_of(known, "test")
        assert set(found["category_id"]) == set(fewer)


def test_a_third_model_is_asked_as_well(tmp_path, products):
    one = write_judged(tmp_path, products, "one")
    other = write_judged(tmp_path, products, "other", labels_dir=one.labels_dir)
    first = ids_of(products, "test")[0]
    anchor = write_judged(tmp_path / "c", products[products["product_id"] != first], "anchor", wrong=[1005])
    found = common(one, other, anchor=anchor)
    assert list(found.columns) == [*COLUMNS, "answer_anchor"]
    assert first not in set(found["product_id"])
    assert found.loc[found["answer_anchor"] != found["category_id"], "product_id"].tolist() == [1005]


def test_no_common_product_gives_an_empty_table_of_the_same_columns(tmp_path, products):
    one = write_judged(tmp_path / "a", products, "one")
    other = write_judged(tmp_path / "b", make_products(30, first_id=5000), "other")
    found = common(one, other)
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == COLUMNS
    assert len(found) == 0
    assert {str(kind) for kind in found.dtypes} == {"int64"}


def test_a_damaged_file_is_named(tmp_path, products):
    one = write_judged(tmp_path / "a", products, "one")
    other = write_judged(tmp_path / "b", products, "other")
    (other.evaluation_dir / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"predictions\.parquet"):
        common(one, other)
    (other.model_dir / "classes.parquet").unlink()
    with pytest.raises(DataError, match=r"classes\.parquet"):
        common(one, other)
