import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.model_in_use import read_in_use
from tests.material.answering_models import NOTE, THRESHOLD, write_answering_model
from tests.material.sealing import seal
from tests.material.tiny_catalogue import CATEGORIES


@pytest.fixture
def model(labels_dir, sample_dir, tmp_path):
    return write_answering_model(tmp_path, labels_dir, sample_dir, temperature=1.5)


def test_what_decides_the_answers_is_read(model, labels_dir):
    found = read_in_use(model)
    assert found.category_ids.tolist() == list(CATEGORIES)
    assert found.temperature == 1.5
    classes = pq.read_table(labels_dir / "classes.parquet").to_pandas()
    assert found.commonest_category_id == classes["category_id"][classes["num_products_train"].idxmax()]


def test_a_promise_has_a_threshold_or_a_reason(model):
    found = read_in_use(model)
    assert found.threshold_of(0.95) == (THRESHOLD, None)
    assert found.threshold_of(0.99) == (None, NOTE)
    assert found.threshold_of(None) == (None, None)
    with pytest.raises(ValueError, match=r"target_precision is 0.5, expected one of 0.99, 0.95, or None"):
        found.threshold_of(0.5)


def test_an_evaluation_of_another_model_is_refused(model):
    manifest = read_json(model.model_dir / "manifest.json")
    write_json(model.model_dir / "manifest.json", {**manifest, "identity": "another"})
    seal(model.model_dir)
    with pytest.raises(DataError, match=r"is of model .*, expected another; run again from evaluate_model"):
        read_in_use(model)


def test_labels_of_other_classes_are_refused(model):
    path = model.model_dir / "classes.parquet"
    table = pq.read_table(path)
    others = pa.array([1, 2, 3, 4], pa.int64())
    pq.write_table(table.set_column(1, table.schema.field(1), others), path)
    seal(model.model_dir)
    with pytest.raises(DataError, match=r"was trained for other classes than .* has; train it again"):
        read_in_use(model)


def test_a_damaged_evaluation_is_refused(model):
    path = model.evaluation_dir / "calibration.json"
    path.write_bytes(path.read_bytes().replace(b"1.5", b"1.6"))
    with pytest.raises(DataError, match=r"calibration\.json: its hash is"):
        read_in_use(model)
