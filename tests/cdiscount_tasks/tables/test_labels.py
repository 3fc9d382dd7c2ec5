import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.labels import read_jpegs, read_label_tables
from tests.material.label_faults import OUTSIDE_CATEGORY, OUTSIDE_PRODUCT
from tests.material.report_inputs import make_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("wine"), num_products=200)


@pytest.fixture(scope="module")
def tables(inputs):
    return read_label_tables(*(inputs.dirs[stage] for stage in ("index", "sample", "labels")))


def test_claims_join_each_product_with_its_given_category(inputs, tables):
    category_of = inputs.products.set_index("product_id")["category_id"]
    inside = tables.claims[tables.claims["product_id"] != OUTSIDE_PRODUCT]
    assert len(inside) and (inside["product_id"].map(category_of) == inside["category_id"]).all()


def test_claims_of_products_outside_the_sample_come_from_the_index(tables):
    outside = tables.claims[tables.claims["product_id"] == OUTSIDE_PRODUCT]
    assert len(outside) == len(tables.conflicts)
    assert set(outside["category_id"]) == {OUTSIDE_CATEGORY}


def test_numbers_in_place_of_hashes_are_alike_where_the_hashes_are(inputs, tables):
    hashes = pd.read_parquet(inputs.dirs["labels"] / "images.parquet")
    of_conflicts = pd.read_parquet(inputs.dirs["labels"] / "conflicts.parquet")["content_hash"]
    assert tables.images.groupby("pixel_hash").ngroups == hashes["pixel_hash"].nunique()
    assert (hashes["pixel_hash"].groupby(tables.images["pixel_hash"]).nunique() == 1).all()
    named = dict(zip(tables.conflicts["content_hash"], of_conflicts, strict=True))
    assert len(named) == len(of_conflicts)
    in_conflict = hashes["content_hash"].where(hashes["content_hash"].isin(of_conflicts), "none")
    assert tables.images["content_hash"].map({**named, -1: "none"}).equals(in_conflict)
    assert set(tables.claims["content_hash"]) <= set(named)


def test_rejected_rows_of_the_index_and_of_the_labels_stand_together(tables):
    assert set(tables.rejected["stage"]) == {"index", "labels"}


def test_a_rejected_image_has_a_picture_only_where_the_sample_holds_it(tables):
    by_reason = tables.rejected.set_index("reason")
    assert by_reason.loc["picture_damaged", "picture_number"] == 0
    assert by_reason["picture_number"].isna()["picture_empty"]


def test_a_rejected_product_has_its_first_picture(tables):
    row = tables.rejected[tables.rejected["reason"] == "no_image_left"].iloc[0]
    assert row["picture_number"] == 0 and isinstance(row["content_hash"], bytes)


def test_pictures_are_read_once_each_whatever_the_order(inputs):
    rows = inputs.images.iloc[[7, 2, 7]]
    keys = [(int(row.product_id), int(row.image_number)) for row in rows.itertuples()]
    assert read_jpegs(inputs.dirs["sample"], keys) == dict(zip(keys, rows["jpeg"], strict=True))


def test_no_picture_wanted_opens_no_file(tmp_path):
    assert read_jpegs(tmp_path / "absent", []) == {}


def test_a_picture_that_the_sample_lacks_is_told(inputs):
    with pytest.raises(DataError, match="image 0 of product 3 is not in the sample"):
        read_jpegs(inputs.dirs["sample"], [(3, 0)])
