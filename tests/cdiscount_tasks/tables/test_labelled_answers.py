import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.tables.labelled_answers import read_labelled_answers
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.schemas import SEEN_BEFORE
from tests.material.report_inputs import make_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("labelled"), num_products=300)


def read(inputs, model_dir=None):
    dirs = inputs.dirs
    return read_labelled_answers(model_dir or dirs["model"], dirs["evaluation"], dirs["labels"], 5)


def test_answers_are_those_to_validation_and_test(inputs):
    products = read(inputs).products.set_index("product_id")
    truth = inputs.products.set_index("product_id")
    is_train = truth["split"] == "train"
    assert (products.loc[is_train, "predicted"] == -1).all()
    assert (products.loc[~is_train, "predicted"] == truth.loc[~is_train, "predicted"]).all()
    assert (products["confidence"].isna() == is_train.reindex(products.index)).all()


def test_what_was_right_on_test_is_told_with_its_confidence(inputs):
    tested, truth = read(inputs).tested, inputs.products[inputs.products["split"] == "test"]
    assert len(tested) == len(truth)
    assert tested["is_right"].mean() == pytest.approx((truth["predicted"] == truth["class_index"]).mean())
    assert tested["confidence"].between(0, 1).all()


def test_a_model_that_began_with_no_other_has_seen_nothing_before(inputs):
    assert read(inputs).seen_before.tolist() == []


def test_what_the_model_knows_through_another_is_told(inputs, tmp_path):
    by_split = inputs.products.groupby("split")["product_id"].first()
    ids = [by_split["test"], by_split["train"], 99_999]
    rows = pd.DataFrame({"product_id": ids, "split": ["train", "train", "validation"]})
    rows["content_hash"] = rows["pixel_hash"] = [bytes(16)] * len(rows)
    write_table(tmp_path / "seen_before.parquet", rows, SEEN_BEFORE)
    seen = read(inputs, tmp_path).seen_before
    assert {by_split["test"], 99_999} <= set(seen.tolist())
    assert by_split["train"] not in seen
    groups = inputs.products.set_index("product_id")["group_id"]
    assert set(groups.reindex(np.setdiff1d(seen, [99_999]))) == {groups[by_split["test"]]}
