import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.predictions import (
    IMAGE_PREDICTIONS,
    PREDICTIONS,
    read_answers,
    read_image_predictions,
    read_image_probabilities,
    read_judged,
    read_predictions,
)
from tests.material.finished_reports import write_predictions

MANY = 300


def write_many(path, num=3):
    """Write products of a model of MANY classes, of which a row keeps the ten most probable."""
    top = np.arange(num * 10).reshape(num, 10)
    columns = {
        "product_id": np.arange(num),
        "split": ["test"] * num,
        "group_id": np.arange(num),
        "class_index": top[:, 0],
        "predicted": top[:, 0],
        "num_images": np.ones(num, np.int8),
        "conflicted": np.zeros(num, bool),
        "top_classes": list(top),
        "probabilities": [[0.5, *[0.05] * 9]] * num,
        "probability_of_label": np.full(num, 0.5),
        **{name: np.full(num, 0.5) for name in ("squared_error", "confidence", "confidence_in_label")},
    }
    parquet.write_table(path, columns, schemas.prediction_schema(MANY, by_image=False))
    return top


def test_judged_products_are_those_of_test_by_id(tmp_path):
    write_predictions(tmp_path / PREDICTIONS, right=[True, False], first_id=100)

    judged = read_judged(tmp_path)

    assert judged.index.tolist() == [101, 102]
    assert judged["right"].tolist() == [True, False]
    assert judged["group_id"].tolist() == [100, 102]


def test_predictions_have_the_probability_of_the_class_predicted(tmp_path):
    write_predictions(tmp_path / PREDICTIONS, right=[True, False])

    products, top_classes = read_predictions(tmp_path, num_classes=2)

    assert products["probability"].tolist() == pytest.approx([0.9] * 3)
    assert top_classes[:, 0].tolist() == products["predicted"].tolist()
    assert top_classes.shape == (3, 2)


def test_of_many_classes_the_ten_that_were_kept_are_the_top_ones(tmp_path):
    top = write_many(tmp_path / PREDICTIONS)

    assert np.array_equal(read_predictions(tmp_path, MANY).top_classes, top)


def test_how_many_classes_a_model_has_need_not_be_known_to_read_what_was_right(tmp_path):
    write_many(tmp_path / PREDICTIONS)

    assert read_judged(tmp_path)["right"].all()


def test_predictions_of_another_number_of_classes_are_refused(tmp_path):
    write_predictions(tmp_path / PREDICTIONS, right=[True])

    with pytest.raises(DataError, match=r"predictions\.parquet: has the columns"):
        read_predictions(tmp_path, num_classes=3)


@pytest.mark.parametrize("read", [read_judged, lambda folder: read_image_predictions(folder, 2)])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(DataError, match=r"predictions\.parquet: is missing"):
        read(tmp_path)


def test_damaged_predictions_are_told(tmp_path):
    path = tmp_path / PREDICTIONS
    write_predictions(path, right=[True] * 100)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(1000) + whole[1100:])

    with pytest.raises(DataError, match="is damaged"):
        read_judged(tmp_path)


def test_a_column_that_is_missing_is_named(tmp_path):
    parquet.write_table(tmp_path / PREDICTIONS, {"product_id": [1]}, pa.schema([("product_id", pa.int64())]))

    with pytest.raises(DataError, match="expected split, group_id, class_index, predicted too"):
        read_judged(tmp_path)


IMAGES = {
    "product_id": [1, 1],
    "image_number": [0, 1],
    "split": ["test"] * 2,
    "group_id": [1, 1],
    "class_index": [0, 0],
    "predicted": [0, 1],
    "conflicted": [False] * 2,
    "probabilities": [[0.75, 0.25], [0.25, 0.75]],
    "probability_of_label": [0.75, 0.25],
}


def test_predictions_of_images_are_read_row_for_row(tmp_path):
    parquet.write_table(tmp_path / IMAGE_PREDICTIONS, IMAGES, schemas.prediction_schema(2, by_image=True))

    assert read_image_predictions(tmp_path, 2)["probability_of_label"].tolist() == [0.75, 0.25]


def test_probabilities_of_images_are_those_of_all_classes(tmp_path):
    parquet.write_table(tmp_path / IMAGE_PREDICTIONS, IMAGES, schemas.prediction_schema(2, by_image=True))

    found = read_image_probabilities(tmp_path, 2)
    assert found.classes.tolist() == [[0, 1], [0, 1]]
    assert found.probabilities.tolist() == IMAGES["probabilities"]
    assert found.images.to_dict("list") == {
        name: IMAGES[name] for name in ("product_id", "image_number", "split", "class_index")
    }


def test_probabilities_of_images_are_those_of_ten_of_many_classes(tmp_path):
    top = [list(range(290, 300)), list(range(10))]
    rows = {**IMAGES, "top_classes": top, "probabilities": [[0.1] * 10] * 2}
    parquet.write_table(tmp_path / IMAGE_PREDICTIONS, rows, schemas.prediction_schema(300, by_image=True))

    found = read_image_probabilities(tmp_path, 300)
    assert found.classes.tolist() == top
    assert found.probabilities.shape == (2, 10)


def test_answers_are_those_to_all_products_that_were_asked_about(tmp_path):
    write_predictions(tmp_path / PREDICTIONS, [True, False, True])
    found = read_answers(tmp_path)
    assert list(found.columns) == ["product_id", "split", "group_id", "class_index", "predicted"]
    assert found["split"].tolist() == ["validation", "test", "test", "test"]
    assert (found["class_index"] == found["predicted"]).tolist() == [True, True, False, True]


def test_answers_of_a_model_of_many_classes_are_read_like_those_of_a_few(tmp_path):
    top = write_many(tmp_path / PREDICTIONS)
    assert read_answers(tmp_path)["predicted"].tolist() == top[:, 0].tolist()
