import json
import os
import subprocess
import sys
from importlib import util

import pytest
from cdiscount_airflow import lineage

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import DataError
from tests.material.colours_sample import Place
from tests.material.gauged_run import write_gauged_run
from tests.material.real_task import RUN_ID, environ_of, run_task
from tools.airflow.home import PROJECT_DIR

VENV = PROJECT_DIR / ".venv-lineage"
DAG = f"""
from airflow.sdk import dag
from cdiscount_airflow.outside import tell_outside
from cdiscount_airflow.tasks.stage_task import stage_task

@stage_task(retries=0)
def made() -> str:
    for step in ("index", "sample", "model"):
        tell_outside(step, "colours", {RUN_ID!r})
    return "made"

@dag(dag_id="one", schedule=None)
def one():
    made()

one()
"""


def test_without_the_extra_nothing_is_looked_for(monkeypatch):
    monkeypatch.setattr(lineage, "find_spec", lambda _: None)
    lineage.emit_lineage(lambda: pytest.fail("looked for"))


def test_without_the_extra_nothing_of_it_is_imported():
    if util.find_spec("airflow.providers.openlineage"):
        pytest.skip("the extra is installed here")
    code = (
        "import sys; from cdiscount_airflow.lineage import emit_lineage; emit_lineage(lambda: 1 / 0);"
        "print(sorted(name for name in sys.modules if 'openlineage' in name))"
    )
    paths = os.pathsep.join(map(str, (PROJECT_DIR, PROJECT_DIR / "plugins")))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_lineage_that_cannot_be_sent_ends_no_task(monkeypatch):
    told = []
    monkeypatch.setattr(lineage, "find_spec", lambda _: True)
    monkeypatch.setattr(lineage.logger, "warning", lambda words, *of: told.append(words % of))

    def find():
        raise DataError("the run is gone")

    lineage.emit_lineage(find)
    assert told == ["no lineage was sent (DataError: the run is gone)"]


@pytest.fixture
def events(tmp_path, tiny_path, monkeypatch):
    """Return the events of a real task, as the provider's transport to a file writes them, and the run."""
    if not (VENV / "setup.stamp").exists():
        pytest.skip(f"{VENV} is absent: `make environments` makes it")
    Place(tmp_path, tiny_path).use(monkeypatch)
    run = write_gauged_run(RUN_ID)
    path = tmp_path / "dags" / "one.py"
    path.parent.mkdir()
    path.write_text(DAG)
    written = tmp_path / "lineage.jsonl"
    (packages,) = VENV.glob("lib/python3*/site-packages")
    transport = {"type": "file", "log_file_path": str(written), "append": True}
    environ = environ_of(tmp_path, AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport))
    # Behind those of .venv, which its packages are looked for in first.
    own = [folder for folder in sys.path if folder.endswith("site-packages")]
    environ["PYTHONPATH"] = os.pathsep.join([environ["PYTHONPATH"], *own, str(packages)])
    run_task(path, "one", "made", environ)
    return [json.loads(line) for line in written.read_text().splitlines()], run


@pytest.mark.beside
@pytest.mark.airflow
def test_catalogue_index_and_model_are_datasets_with_the_hashes_of_our_manifests(events):
    told, run = events
    ours = [event for event in told if event["outputs"]]
    made = {event["outputs"][0]["name"]: event for event in ours}
    assert list(made) == ["catalogue.index", "colours.sample", "colours.model"]

    def version(dataset):
        return dataset["facets"]["version"]["datasetVersion"]

    for name, event in made.items():
        manifest = read_manifest(run.folders()[name.partition(".")[2]])
        assert version(event["outputs"][0]) == manifest["identity"]
        read = {one["name"].rpartition(".")[2]: version(one) for one in event["inputs"]}
        assert read == (manifest["inputs"] or {"catalogue": "c0ffee"})
    statistics = made["colours.model"]["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (statistics["fileCount"], statistics["size"]) == (1, 100)


@pytest.mark.beside
@pytest.mark.airflow
def test_lineage_is_of_the_task_s_own_run(events):
    told, _ = events
    assert {event["job"]["name"] for event in told} == {"one.made"}
    assert len({event["run"]["runId"] for event in told}) == 1
    assert [told[0]["eventType"], told[-1]["eventType"]] == ["START", "COMPLETE"]
