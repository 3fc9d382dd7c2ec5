"""An Airflow home for tests that parse DAG files: set before Airflow is imported, since it reads its settings then."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parents[2]

# A test run must leave nothing in the home of the person who starts it.
if "AIRFLOW_HOME" not in os.environ:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-tests-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"


@pytest.fixture(scope="session")
def project_dir():
    return PROJECT_DIR


@pytest.fixture
def read_dags(monkeypatch):
    """Read the DAG files with the given samples folder; returns Airflow's DAGs by id and its import errors."""

    def read(samples_dir=None, **settings):
        from airflow.dag_processing.dagbag import DagBag

        monkeypatch.delenv("CDISCOUNT_CATALOGUE", raising=False)
        if samples_dir is not None:
            settings["CDISCOUNT_SAMPLES"] = str(samples_dir)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        bag = DagBag(PROJECT_DIR / "dags")
        return bag.dags, bag.import_errors

    return read


@pytest.fixture(scope="session")
def project_dags():
    """Return the DAGs of the project's own samples."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(PROJECT_DIR / "dags")
    assert bag.import_errors == {}
    return bag.dags


@pytest.fixture
def write_sample(tmp_path):
    """Write a sample's YAML into a folder of its own; returns the folder."""

    def write(name, **settings):
        import yaml

        whole = {
            "name": name,
            "title": name.title(),
            "categories": [1000003400, 1000003402],
            "default_preset": "smoke",
            "presets": {"smoke": {"image_size": 64, "epochs": 2}},
            **settings,
        }
        folder = tmp_path / "samples"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(whole))
        return folder

    return write
