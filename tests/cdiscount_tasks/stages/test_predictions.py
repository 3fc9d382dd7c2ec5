from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.tables.predicted import read_predicted, read_rejected
from cdiscount_tasks.tables.predictions import read_predictions
from cdiscount_tasks.vocabulary import TEST
from tests.material.predicted_catalogues import predict_catalogue
from tests.material.tiny_catalogue import CATEGORIES

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def model(model_dir, evaluation_dir, labels_dir, sample_dir):
    return PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir)


@pytest.fixture(scope="module")
def made(index_dir, tiny_path, model, tmp_path_factory):
    """Return the result of predicting the catalogue that the model comes from."""
    return predict_catalogue(index_dir, tiny_path, model, tmp_path_factory.mktemp("predictions"))


@pytest.fixture(scope="module")
def predicted(made):
    return read_predicted(Path(made["path"])).to_pandas().set_index("product_id", drop=False)


@pytest.fixture(scope="module")
def rejected(made):
    return read_rejected(Path(made["path"])).to_pandas()


def test_every_document_is_predicted_or_rejected(made, predicted, rejected, tiny_index, tiny):
    assert made["num_predicted"] + made["num_rejected"] == made["num_documents"] == tiny_index["num_documents"]
    assert (len(predicted), len(rejected)) == (made["num_predicted"], made["num_rejected"])
    assert len(tiny.documents) == made["num_documents"]


def test_answers_to_the_models_own_products_are_those_of_its_evaluation(predicted, evaluation_dir):
    evaluated = read_predictions(evaluation_dir, len(CATEGORIES)).products.set_index("product_id")
    evaluated = evaluated[evaluated["split"] == TEST]
    answers = predicted.loc[evaluated.index]
    assert len(answers) > 4
    best = np.array([ids[0] for ids in answers["top_category_ids"]])
    assert best.tolist() == np.array(CATEGORIES)[evaluated["predicted"]].tolist()
    assert np.abs(answers["probability"] - evaluated["confidence"]).max() < 1e-5
    assert (answers["known_split"] == TEST).all()
    assert answers["num_images"].tolist() == evaluated["num_images"].tolist()


def test_the_summary_holds_the_counts_alone(made):
    summary = read_json(Path(made["path"]) / "summary.json")
    assert summary == {name: value for name, value in made.items() if name not in ("path", "reused")}
