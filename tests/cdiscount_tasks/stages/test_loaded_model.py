from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages import loaded_model
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.stages.loaded_model import LoadedModel
from cdiscount_tasks.tables.predictions import read_predictions
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.vocabulary import TEST
from tests.material.answering_models import THRESHOLD, ColourNetwork, write_answering_model
from tests.material.label_tables import read
from tests.material.tiny_catalogue import CATEGORIES, RED, YELLOW, draw_jpeg, undecodable

DAMAGED = undecodable(draw_jpeg(RED, 1))


@pytest.fixture
def model(labels_dir, sample_dir, tmp_path, monkeypatch):
    """Return a model that answers by colours, without TensorFlow."""
    monkeypatch.setattr(loaded_model, "_load", lambda *_: ColourNetwork())
    return LoadedModel(write_answering_model(tmp_path, labels_dir, sample_dir))


def test_a_product_is_answered_by_all_of_its_images_and_in_the_order_asked(model):
    answers = model.predict([[draw_jpeg(YELLOW, 1)], [draw_jpeg(RED, 1), draw_jpeg(RED, 2)]])
    assert answers["category_id"].tolist() == [YELLOW, RED]
    assert answers["num_images"].tolist() == [1, 2]
    assert answers["reason"].isna().all()
    assert not answers["abstained"].any()
    assert [len(ids) for ids in answers["top_category_ids"]] == [4, 4]
    for ids, probabilities, probability in answers[["top_category_ids", "top_probabilities", "probability"]].itertuples(
        index=False
    ):
        assert sorted(ids) == sorted(CATEGORIES)
        assert probabilities == sorted(probabilities, reverse=True)
        assert probabilities[0] == pytest.approx(probability)
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)


def test_the_name_is_that_of_the_category(model):
    (name,) = model.predict([[draw_jpeg(RED, 1)]])["name"]
    assert name == next(each.level3 for each in model.classes if each.category_id == RED)


def test_the_model_says_what_it_knows_and_takes(model):
    assert [each.category_id for each in model.classes] == list(CATEGORIES)
    assert (model.input_contract["image_size"], model.temperature) == (32, 2.0)
    assert model.thresholds == {0.99: None, 0.95: THRESHOLD}


def test_a_damaged_image_is_left_out_and_counted(model):
    alone, beside = draw_jpeg(YELLOW, 1), [b"", draw_jpeg(YELLOW, 1), DAMAGED]
    answers = model.predict([[alone], beside])
    assert answers["num_damaged_images"].tolist() == [0, 2]
    assert answers["probability"].nunique() == 1
    assert answers["reason"].isna().all()


def test_a_product_without_a_usable_image_has_a_reason(model):
    answers = model.predict([[DAMAGED, b""], [], [draw_jpeg(RED, 1)]])
    assert answers["category_id"].tolist() == [pd.NA, pd.NA, RED]
    assert answers["name"].isna().tolist() == [True, True, False]
    assert np.isnan(answers["probability"][:2]).all()
    assert answers["reason"][0].startswith("image 0: picture_damaged (")
    assert "; image 1: picture_empty (0 bytes)" in answers["reason"][0]
    assert answers["reason"][1] == "no image was given"
    assert answers["top_category_ids"].tolist()[:2] == [[], []]
    assert answers["num_damaged_images"].tolist() == [2, 0, 0]


def test_products_without_any_usable_image_alone_keep_the_columns_types(model):
    empty, full = model.predict([[DAMAGED]]), model.predict([[draw_jpeg(RED, 1)]])
    assert empty.dtypes.tolist() == full.dtypes.tolist()
    assert str(full["category_id"].dtype) == "Int64"


def test_below_the_threshold_of_a_promise_no_category_is_named(model):
    products = [[draw_jpeg(RED, 1)], [draw_jpeg(RED, 1), draw_jpeg(YELLOW, 1)]]
    asked, free = model.predict(products, target_precision=0.95), model.predict(products)
    assert asked["abstained"].tolist() == (free["probability"] < THRESHOLD).tolist() == [False, True]
    assert asked["category_id"].isna().tolist() == asked["name"].isna().tolist() == [False, True]
    assert asked["top_category_ids"].tolist() == free["top_category_ids"].tolist()


def test_where_no_threshold_keeps_a_promise_every_product_is_abstained(model):
    assert model.predict([[draw_jpeg(RED, 1)]], target_precision=0.99)["abstained"].tolist() == [True]


def test_chunks_change_no_answer(model, monkeypatch):
    products = [[draw_jpeg(RED, seed)] * (seed % 3) for seed in range(9)]
    whole = model.predict(products)
    monkeypatch.setattr(loaded_model, "images_at_once", lambda _: 2)
    pd.testing.assert_frame_equal(model.predict(products), whole)


@pytest.mark.parametrize(
    ("products", "told"),
    [
        ([], r"products is empty, expected a list with one list of JPEG bytes for each product"),
        (b"jpeg", r"products is bytes, expected a list"),
        (7, r"products is int, expected a list"),
        ([b"jpeg"], r"products\[0\] is bytes, expected a list"),
        ([["a.jpg"]], r"products\[0\]\[0\] is str, expected the bytes of a JPEG file; read the file first"),
        ([[b""], [b"", None]], r"products\[1\]\[1\] is NoneType, expected the bytes"),
    ],
)
def test_what_is_no_list_of_products_is_refused(model, products, told):
    with pytest.raises(ValueError, match=told):
        model.predict(products)


def test_a_precision_that_nothing_was_chosen_for_is_refused(model):
    with pytest.raises(ValueError, match=r"target_precision is 0\.9, expected one of 0\.99, 0\.95, or None"):
        model.predict([[b""]], target_precision=0.9)


def test_a_damaged_model_is_refused(labels_dir, sample_dir, tmp_path):
    made = write_answering_model(tmp_path, labels_dir, sample_dir)
    (made.model_dir / "model.keras").write_bytes(b"the weightz")
    with pytest.raises(DataError, match=r"model\.keras: its hash is .* the file is damaged"):
        LoadedModel(made)


@pytest.mark.training
def test_answers_to_the_test_products_are_those_of_the_evaluation(model_dir, evaluation_dir, labels_dir, sample_dir):
    evaluated = read_predictions(evaluation_dir, len(CATEGORIES)).products
    evaluated = evaluated[evaluated["split"] == TEST]
    images = read(labels_dir, "images").set_index("product_id")["image_number"]
    source = SampleImages(Path(sample_dir))
    products = []
    for product_id in evaluated["product_id"]:
        numbers = images.loc[[product_id]].to_numpy()
        products.append(source.read(rows_of(sample_dir, np.full(len(numbers), product_id), numbers).tolist()))
    answers = LoadedModel(PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir)).predict(products)
    assert len(answers) > 4
    assert answers["category_id"].tolist() == np.array(CATEGORIES)[evaluated["predicted"]].tolist()
    assert np.abs(answers["probability"].to_numpy() - evaluated["confidence"].to_numpy()).max() < 1e-5
    assert answers["num_images"].tolist() == evaluated["num_images"].tolist()
