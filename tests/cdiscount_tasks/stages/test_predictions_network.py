import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages import predictions
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.tables.predictions import read_predictions
from cdiscount_tasks.vocabulary import TEST
from tests.material.answering_models import write_answering_model
from tests.material.predicted_catalogues import bytes_of, predict_catalogue, rows_of
from tests.material.tiny_catalogue import CATEGORIES

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def real_model(model_dir, evaluation_dir, labels_dir, sample_dir):
    return PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir)


@pytest.fixture
def answered(index_dir, tiny_path, real_model, tmp_path):
    return rows_of(predict_catalogue(index_dir, tiny_path, real_model, tmp_path))


def test_answers_to_the_models_own_products_are_those_of_its_evaluation(answered, evaluation_dir):
    evaluated = read_predictions(evaluation_dir, len(CATEGORIES)).products.set_index("product_id")
    evaluated = evaluated[evaluated["split"] == TEST]
    answers = answered.loc[evaluated.index]
    assert len(answers) > 4
    best = np.array([ids[0] for ids in answers["top_category_ids"]])
    assert best.tolist() == np.array(CATEGORIES)[evaluated["predicted"]].tolist()
    assert np.abs(answers["probability"] - evaluated["confidence"]).max() < 1e-5
    assert (answers["known_split"] == TEST).all()
    assert answers["num_images"].tolist() == evaluated["num_images"].tolist()


def test_a_network_gives_the_same_bytes_again(index_dir, tiny_path, real_model, tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "images_at_once", lambda _: 20)
    made = [predict_catalogue(index_dir, tiny_path, real_model, tmp_path / name) for name in "ab"]
    assert bytes_of(made[0]) == bytes_of(made[1])


def test_a_model_whose_file_changed_is_refused(index_dir, tiny_path, labels_dir, sample_dir, tmp_path):
    model = write_answering_model(tmp_path, labels_dir, sample_dir)
    (model.model_dir / "model.keras").write_bytes(b"the weightz")
    (byte_range,) = predictions.plan_answers(index_dir, tiny_path)
    with pytest.raises(
        DataError, match=r"model\.keras: its hash is .* the model in use is damaged: put its folder back"
    ):
        predictions.answer_range(index_dir, tiny_path, byte_range, model, tmp_path)
