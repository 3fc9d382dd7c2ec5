import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.calibration import choose_calibration
from cdiscount_tasks.learning.measuring.choices import choose_shown
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.stages import evaluation
from cdiscount_tasks.stages.evaluation import evaluate_model
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.model import train_model
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.labels import read_y_values
from cdiscount_tasks.vocabulary import TEST, TRAIN, VALIDATION
from tests.conftest import TINY_LABELS, TINY_TRAINING
from tests.material.tiny_catalogue import RED

FILES = ("predictions.parquet", "image_predictions.parquet", "calibration.json")


@pytest.fixture(scope="module")
def products(evaluation_dir):
    return parquet.read_table(
        evaluation_dir / "predictions.parquet", schemas.prediction_schema(4, by_image=False)
    ).to_pandas()


@pytest.fixture(scope="module")
def images(evaluation_dir):
    return parquet.read_table(
        evaluation_dir / "image_predictions.parquet", schemas.prediction_schema(4, by_image=True)
    ).to_pandas()


@pytest.fixture(scope="module")
def labelled(labels_dir):
    found = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    return found[found["split"] != TRAIN].reset_index(drop=True)


def test_every_product_that_is_measured_is_predicted_with_what_the_labels_say(products, labelled):
    columns = ["product_id", "split", "group_id", "class_index", "conflicted"]
    assert products[columns].equals(labelled[columns])


def test_y_values_lie_row_for_row_beside_the_predictions(images, labels_dir):
    values = read_y_values(labels_dir)
    values = values[values["split"] != TRAIN].reset_index(drop=True)
    columns = ["product_id", "image_number", "class_index", "split"]
    assert values[columns].equals(images[columns])


@pytest.mark.training
@pytest.mark.parametrize("table", ["products", "images"])
def test_probabilities_add_up_and_the_largest_is_predicted(request, table):
    rows = request.getfixturevalue(table)
    probabilities = np.stack(rows["probabilities"])
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert probabilities.argmax(axis=1).tolist() == rows["predicted"].tolist()
    assert np.array_equal(probabilities[np.arange(len(rows)), rows["class_index"]], rows["probability_of_label"])


def test_a_product_is_judged_by_all_its_images(products, images):
    place = pd.factorize(images["product_id"])[0]
    assert np.allclose(
        joint_probabilities(np.stack(images["probabilities"]), place), np.stack(products["probabilities"]), atol=1e-5
    )
    assert np.bincount(place).tolist() == products["num_images"].tolist()


def test_the_result_agrees_with_the_predictions(tiny_evaluation, products, images):
    test = products[products["split"] == TEST]
    assert tiny_evaluation["num_test_products"] == len(test)
    assert tiny_evaluation["num_test_images"] == (images["split"] == TEST).sum()
    assert tiny_evaluation["test_product_accuracy"] == pytest.approx((test["predicted"] == test["class_index"]).mean())


def test_evaluating_twice_gives_the_same_bytes(sample_dir, labels_dir, model_dir, evaluation_dir, tmp_path):
    again = evaluate_model(sample_dir, labels_dir, model_dir, tmp_path)
    for name in FILES:
        assert (tmp_path / again["path"] / name).read_bytes() == (evaluation_dir / name).read_bytes()


def test_temperature_and_thresholds_come_of_the_validation_products_alone(products, evaluation_dir):
    rows = products[products["split"] == VALIDATION]
    groups = rows["group_id"].to_numpy(np.int64)
    chosen = choose_calibration(np.stack(rows["probabilities"]), rows["class_index"].to_numpy(np.int64), groups)
    assert json.loads((evaluation_dir / "calibration.json").read_text("utf-8")) == chosen


def test_errors_and_confidences_stand_beside_the_probabilities(products, evaluation_dir):
    probabilities, true = np.stack(products["probabilities"]), products["class_index"].to_numpy(np.int64)
    expected = ((probabilities - np.eye(4)[true]) ** 2).sum(axis=1)
    assert np.allclose(products["squared_error"], expected, atol=1e-5)
    temperature = json.loads((evaluation_dir / "calibration.json").read_text("utf-8"))["temperature"]
    powers = np.maximum(probabilities, 1e-7).astype(float) ** (1 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    assert np.allclose(products["confidence"], powers.max(axis=1), atol=1e-5)
    assert np.allclose(products["confidence_in_label"], powers[np.arange(len(true)), true], atol=1e-5)


def test_an_evaluation_that_stands_is_found(sample_dir, labels_dir, model_dir, tiny_evaluation, artifacts_dir):
    assert evaluate_model(sample_dir, labels_dir, model_dir, artifacts_dir) == {**tiny_evaluation, "reused": True}


def test_a_damaged_model_is_an_error_that_names_the_file(sample_dir, labels_dir, model_dir, tmp_path):
    copy = shutil.copytree(model_dir, tmp_path / "model")
    data = bytearray((copy / "model.keras").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.keras").write_bytes(data)
    with pytest.raises(DataError, match=r"model\.keras: its hash is .* the file is damaged"):
        evaluate_model(sample_dir, labels_dir, copy, tmp_path)


def test_a_model_of_other_classes_is_an_error(index_dir, tiny_path, model_dir, tmp_path):
    fewer = TINY_LABELS.categories[:3]
    sample_dir = Path(draw_sample(index_dir, tiny_path, tmp_path, DrawConfig(categories=fewer))["path"])
    rules = TINY_LABELS.model_copy(update={"categories": fewer})
    other = fix_labels(index_dir, sample_dir, LabelFiles(), tmp_path, rules)
    with pytest.raises(DataError, match=r"was trained for other classes than .* has; train it again"):
        evaluate_model(sample_dir, Path(other["path"]), model_dir, tmp_path)


def test_names_of_classes_may_change_after_a_training(index_dir, sample_dir, model_dir, tmp_path):
    names_path = tmp_path / "names.csv"
    names_path.write_text(f"category_id,category_level1,category_level2,category_level3\n{RED},ALL,WARM,RED\n")
    named = fix_labels(index_dir, sample_dir, LabelFiles(names_path=names_path), tmp_path, TINY_LABELS)
    assert evaluate_model(sample_dir, Path(named["path"]), model_dir, tmp_path)["num_test_products"] > 0


def test_blocks_of_a_few_images_leave_the_bytes_of_one_block(sample_dir, labels_dir, model_dir, tmp_path, monkeypatch):
    from cdiscount_tasks.learning.networks import on_tensorflow, predict

    monkeypatch.setattr(on_tensorflow, "_PREDICTED_AT_ONCE", 4)
    found = {}
    for blocks in ("one", "many"):
        if blocks == "many":
            monkeypatch.setattr(predict, "_STEP", 4)
            monkeypatch.setattr(predict, "_CELLS_AT_ONCE", 0)
        folder = Path(evaluate_model(sample_dir, labels_dir, model_dir, tmp_path / blocks)["path"])
        found[blocks] = {name: (folder / name).read_bytes() for name in FILES}
    assert found["many"] == found["one"]


def test_of_many_classes_the_most_probable_are_kept_and_the_key_is_a_different_one(
    sample_dir, labels_dir, model_dir, evaluation_dir, products, images, tmp_path, monkeypatch
):
    for name, few in (("MAX_CLASSES_IN_FULL", 3), ("NUM_TOP_CLASSES", 2)):
        monkeypatch.setattr(schemas, name, few)
        monkeypatch.setattr(evaluation, name, few)
    folder = Path(evaluate_model(sample_dir, labels_dir, model_dir, tmp_path)["path"])
    assert folder.name != evaluation_dir.name
    assert (folder / "calibration.json").read_bytes() == (evaluation_dir / "calibration.json").read_bytes()
    for name, expected in (("predictions", products), ("image_predictions", images)):
        schema = schemas.prediction_schema(4, by_image=name == "image_predictions")
        rows = parquet.read_table(folder / f"{name}.parquet", schema).to_pandas()
        same = [column for column in expected if column != "probabilities"]
        pd.testing.assert_frame_equal(rows[same], expected[same], rtol=1e-4)
        assert (np.stack(rows["top_classes"])[:, 0] == rows["predicted"]).all()
        top = np.take_along_axis(np.stack(expected["probabilities"]), np.stack(rows["top_classes"]).astype(int), axis=1)
        assert np.allclose(np.stack(rows["probabilities"]), top, atol=1e-5)


def test_the_key_of_few_classes_counts_nothing_of_many(sample_dir, labels_dir, model_dir):
    assert evaluation.evaluation_recipe(sample_dir, labels_dir, model_dir).config == {}


@pytest.fixture(scope="module")
def pooled(tensorflow, sample_dir, labels_dir, tmp_path_factory):
    """Return the result of evaluating a network that ends in global average pooling."""
    folder = tmp_path_factory.mktemp("pooled")
    training = TINY_TRAINING.model_copy(update={"network": "small_cnn", "epochs": 1})
    trained = train_model(sample_dir, labels_dir, None, folder, training)
    return evaluate_model(sample_dir, labels_dir, Path(trained["path"]), folder)


@pytest.fixture(scope="module")
def maps(pooled):
    return parquet.read_table(Path(pooled["path"]) / "activation_maps.parquet", schemas.ACTIVATION_MAPS).to_pandas()


def test_every_image_of_a_mistake_that_the_report_shows_has_a_map_of_the_answer(pooled, maps):
    products, images = (
        parquet.read_table(Path(pooled["path"]) / f"{name}.parquet", schemas.prediction_schema(4, by_image)).to_pandas()
        for name, by_image in (("predictions", False), ("image_predictions", True))
    )
    test = products[products["split"] == TEST]
    mistaken = choose_shown(test.assign(probability=[p.max() for p in test["probabilities"]])).mistaken
    expected = images[images["product_id"].isin(mistaken["product_id"])]
    assert len(expected)
    keys = ["product_id", "image_number"]
    assert maps[keys].to_numpy().tolist() == expected[keys].to_numpy().tolist()
    answers = mistaken.set_index("product_id")["predicted"]
    assert maps["class_index"].tolist() == answers[maps["product_id"]].tolist()


def test_maps_are_small_and_counted(pooled, maps):
    assert pooled["num_activation_maps"] == len(maps)
    assert (maps["values"].map(len) == maps["height"] * maps["width"]).all()
    assert (maps["height"] >= 7).all()
    assert maps["height"].max() < 32
