import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.labelling.near_duplicates import count_near_duplicates
from cdiscount_tasks.reports.looks import hash_looks
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.stages.report import write_report
from tests.material.report_inputs import make_inputs
from tests.material.sealing import seal

pytestmark = pytest.mark.slow


@pytest.fixture
def inputs(tmp_path):
    return make_inputs(tmp_path / "in", num_products=120)


def test_pictures_of_train_and_of_the_products_asked_for_are_hashed(inputs):
    images = pd.read_parquet(inputs.dirs["labels"] / "images.parquet")
    tested = images.loc[images["split"] == "test", "product_id"].drop_duplicates().iloc[:5]
    found = hash_looks(inputs.dirs, tested)
    in_train = found.images["split"] == "train"
    assert in_train.sum() == (images["split"] == "train").sum()
    assert set(found.images.loc[~in_train, "product_id"]) == set(tested)
    assert found.hashes.dtype == np.uint64 and len(found.hashes) == len(found.images)
    same = found.images.assign(look=found.hashes).groupby("pixel_hash")["look"].nunique()
    assert (same == 1).all()


def test_pictures_that_cannot_be_read_are_not_counted(inputs, caplog):
    (inputs.dirs["sample"] / "images-00000.parquet").write_bytes(b"damaged")
    assert hash_looks(inputs.dirs, pd.Series([1])) is None
    assert "are not counted anew" in caplog.text


def test_a_report_counts_look_alikes_among_the_test_products_that_remain(inputs, tmp_path):
    path = inputs.dirs["labels"] / "certificate.json"
    certificate = read_json(path)
    certificate["near_duplicates"]["num_test_products"] = 999  # of all: never said of those that remain
    certificate["num_products"]["test"] += 7  # which the evaluation leaves out
    write_json(path, certificate)
    seal(inputs.dirs["labels"])
    seal(inputs.dirs["evaluation"], num_left_out=12)
    write_report(inputs.dirs, tmp_path / "reports" / "wine" / "a", inputs.config)
    test = read_metrics(tmp_path / "reports" / "wine" / "a")["test"]
    looks = hash_looks(inputs.dirs, inputs.products.loc[inputs.products["split"] == "test", "product_id"])
    num = count_near_duplicates(*looks, "report")["num_test_products"]
    assert test["num_near_train"] == num
    text = (tmp_path / "reports" / "wine" / "a" / "report.html").read_text("utf-8")
    num_tested = test["product"]["accuracy"]["n"]
    assert f"7 of {num_tested + 7} test products are left out" in text
    assert (
        f"the {num_tested} that remain{f', {num} look' if num else ' looks nearly'}" in text
        and "999 test products" not in text
    )
