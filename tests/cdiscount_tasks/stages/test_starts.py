import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages.evaluation import evaluate_model
from cdiscount_tasks.stages.inputs import Pretrained, PreviousModel
from cdiscount_tasks.stages.model import train_model
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.seen_before import SEEN_BEFORE, read_seen_before
from tests.conftest import TINY_TRAINING
from tests.material.judged_models import make_products, write_labels, write_model
from tests.material.sealing import seal

CONFIG = TINY_TRAINING.model_copy(update={"weights": "champion", "epochs": 1, "learning_rate": 1e-6})
ONE_EPOCH = TINY_TRAINING.model_copy(update={"epochs": 1})


def load(model_dir):
    import keras

    return keras.saving.load_model(Path(model_dir) / "model.keras", compile=False)


@pytest.fixture(scope="module")
def champion(model_dir, labels_dir):
    return PreviousModel(model_dir, labels_dir, "weekly 1", 3)


@pytest.fixture(scope="module")
def continued(sample_dir, labels_dir, champion, tmp_path_factory):
    return train_model(sample_dir, labels_dir, champion, tmp_path_factory.mktemp("continued"), CONFIG)


@pytest.mark.training
def test_a_training_begins_with_the_weights_of_the_champion(continued, model_dir):
    """So small a rate hardly moves them, while another first draw would be far away."""
    before, after = load(model_dir).get_weights(), load(continued["path"]).get_weights()
    moved = max(float(np.abs(one - other).max()) for one, other in zip(before, after, strict=True))
    assert 0 < moved < 1e-3


@pytest.mark.training
def test_the_model_says_with_whose_weights_it_began(continued, model_dir):
    origin = json.loads((Path(continued["path"]) / "input.json").read_text())["weights"]
    assert origin == {
        "trained_on": "champion",
        "run_id": "weekly 1",
        "decision": 3,
        "xxh3_128": json.loads((model_dir / "manifest.json").read_text())["files"]["model.keras"]["xxh3_128"],
        "began_with": None,
    }


@pytest.mark.training
def test_the_model_keeps_what_it_knew_before(continued, labels_dir):
    products = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    seen = read_seen_before(Path(continued["path"]))
    assert set(seen["product_id"]) == set(products.loc[products["split"] != "test", "product_id"])


@pytest.mark.training
def test_what_the_champion_knew_of_todays_test_is_in_no_accuracy(
    sample_dir, labels_dir, tiny_evaluation, continued, tmp_path
):
    evaluated = evaluate_model(sample_dir, labels_dir, Path(continued["path"]), tmp_path)
    assert "num_left_out" not in evaluated
    assert evaluated["num_test_products"] == tiny_evaluation["num_test_products"]
    products = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    tested = products[products["split"] == "test"].iloc[0]
    group = products[(products["group_id"] == tested["group_id"]) & (products["split"] == "test")]
    known = tmp_path / Path(continued["path"]).name
    shutil.copytree(continued["path"], known)
    rows = {"product_id": [tested["product_id"]], "split": ["train"], "content_hash": [bytes(16)]}
    rows["pixel_hash"] = rows["content_hash"]
    parquet.write_table(known / SEEN_BEFORE, rows, schemas.SEEN_BEFORE)
    seal(known)
    found = evaluate_model(sample_dir, labels_dir, known, tmp_path / "again")
    assert found["num_left_out"] == len(group)
    assert found["num_test_products"] == tiny_evaluation["num_test_products"] - len(group)


@pytest.mark.training
def test_a_champion_of_other_categories_is_refused(sample_dir, labels_dir, tmp_path):
    products = make_products(6)
    other = PreviousModel(write_model(tmp_path, products, "x"), write_labels(tmp_path, products), "old", 1)
    with pytest.raises(DataError, match=r"decision 1\) knows other categories than .* set weights: none or imagenet"):
        train_model(sample_dir, labels_dir, other, tmp_path, CONFIG)


@pytest.mark.training
def test_a_champion_with_a_changed_byte_is_refused(sample_dir, labels_dir, champion, tmp_path):
    copied = tmp_path / champion.model_dir.name
    shutil.copytree(champion.model_dir, copied)
    content = bytearray((copied / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (copied / "model.keras").write_bytes(content)
    with pytest.raises(DataError, match=r"model\.keras"):
        train_model(sample_dir, labels_dir, champion._replace(model_dir=copied), tmp_path, CONFIG)


@pytest.mark.training
def test_a_champion_that_knows_all_of_validation_is_refused(sample_dir, labels_dir, champion, tmp_path):
    known = tmp_path / "labels"
    shutil.copytree(labels_dir, known)
    images = parquet.read_table(known / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    parquet.write_table(known / "images.parquet", images.assign(split="train"), schemas.LABEL_IMAGES)
    seal(known)
    with pytest.raises(DataError, match="no image of the validation split is left that the champion has not learnt"):
        train_model(sample_dir, labels_dir, champion._replace(labels_dir=known), tmp_path, CONFIG)


@pytest.mark.parametrize(("config", "start"), [
    (CONFIG, None),
    (ONE_EPOCH, PreviousModel(Path("m"), Path("l"), "r", 1)),
    (CONFIG, Pretrained(Path("w"), Path("f"))),
])  # fmt: skip
def test_a_start_that_the_config_does_not_want_is_a_mistake_of_the_caller(tmp_path, config, start):
    with pytest.raises(ValueError, match="one goes with the other"):
        train_model(tmp_path, tmp_path, start, tmp_path, config)
