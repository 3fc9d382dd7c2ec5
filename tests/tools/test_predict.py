import pytest

from cdiscount_tasks.errors import ConfigError
from tools import predict
from tools.airflow.home import ToolError


@pytest.fixture
def place(tmp_path, tiny_path, monkeypatch):
    """Set a data root, a reports folder and a catalogue; the samples are the project's own."""
    for name, path in (("DATA", tmp_path / "data"), ("REPORTS", tmp_path / "reports"), ("CATALOGUE", tiny_path)):
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(path))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    for name in ("SAMPLE", "CATALOGUE", "MODEL", "PRECISION", "ALLOW_DRAWN", "CDISCOUNT_SAMPLES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_variables_set_is_what_the_form_takes(place, tiny_path, monkeypatch):
    (place / "tonight.bson").symlink_to(tiny_path)
    settings = {"SAMPLE": "wine", "CATALOGUE": "tonight.bson", "MODEL": "r 1", "PRECISION": "99", "ALLOW_DRAWN": "yes"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    asked = []
    monkeypatch.setattr(predict, "run_dag", lambda *given: asked.append(given) or "p 1")
    monkeypatch.setattr(predict, "say_predictions", asked.append)
    predict.predict()
    (dag_id, conf), run_id = asked
    assert (dag_id, run_id) == ("cdiscount_predictions", "p 1")
    assert conf == {
        "sample": "wine",
        "catalogue": str(place / "tonight.bson"),
        "model": "r 1",
        "precision": "99",
        "allow_drawn": "yes",
    }


@pytest.mark.parametrize("name", ["", "typo"])
def test_a_sample_that_does_not_exist_is_refused_with_those_that_do(place, monkeypatch, name):
    monkeypatch.setenv("SAMPLE", name)
    with pytest.raises(
        ToolError, match=f"SAMPLE is '{name}', expected one of: everything, mixed_bag, wine; as in `make predict"
    ):
        predict.predict()


@pytest.mark.parametrize(("variable", "value", "sentence"), [
    ("CATALOGUE", "nowhere.bson", "nowhere.bson: no such file; name the BSON file"),
    ("PRECISION", "0.95", "precision is '0.95', expected '95', '99' or 'none'"),
])  # fmt: skip
def test_what_the_first_task_would_refuse_is_refused_before_airflow_starts(
    place, monkeypatch, variable, value, sentence
):
    monkeypatch.setenv("SAMPLE", "wine")
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(predict, "run_dag", lambda *_: pytest.fail("Airflow was started"))
    with pytest.raises(ConfigError, match=sentence):
        predict.predict()
