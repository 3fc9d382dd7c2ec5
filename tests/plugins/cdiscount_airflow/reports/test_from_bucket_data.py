"""What the plugin shows of a data root in a bucket: models, a training that is under way, a question's pictures."""

import re
from urllib.parse import quote, urlencode

import pytest
from cdiscount_airflow.reports import from_bucket

from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.artifacts.training_folder import is_stop_wanted
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.settings.environment import read_environment
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, PREFIX, RUNNING, WINE, begin_training

PICTURE = b"\xff\xd8 a small picture"
TAB = f"{PREFIX}/dags/cdiscount_wine/runs/{quote(RUNNING, safe='')}/"


@pytest.fixture
def data_dir(root_app, tmp_path, monkeypatch, proxied_bucket):
    """Return the data root of a worker, in a bucket; `of_the_server` lets the settings be those of an API server."""
    monkeypatch.setenv("CDISCOUNT_DATA", f"{proxied_bucket}/data")
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(tmp_path / "train.bson"))
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "cache of a worker"))
    return read_environment().data_dir


@pytest.fixture
def of_the_server(tmp_path, monkeypatch):
    return lambda: monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "cache of the server"))


def write_model(data_dir):
    """Write the model that the report of wine is about; returns its folder."""

    def write(part_dir):
        (part_dir / "history.parquet").write_text("figures")
        (part_dir / "model.keras").write_text("a network")
        return Made({})

    folder = data_dir / "samples" / "wine" / f"model-{run_folder(FINISHED)}"
    folder.parent.mkdir(parents=True)
    build_artifact(folder, Recipe("model", 1, {}, {}, {}, {}), write)
    return folder


def test_a_model_is_offered_by_its_manifest_and_fetched_when_it_is_wanted(data_dir, of_the_server, client):
    name = write_model(data_dir).name
    of_the_server()
    here = read_environment().data_dir / "samples" / "wine" / name

    link = f"models/wine/{name}/model.keras"
    assert link in client().get(f"{WINE}/report.html").text
    assert not (here / "model.keras").exists()
    answer = client().get(f"{PREFIX}/{link}")
    assert (answer.status_code, answer.content) == (200, b"a network")
    assert not (here / "history.parquet").exists()
    assert client().get(f"{PREFIX}/models/wine/model-other/model.keras").status_code == 404


def test_a_report_is_shown_while_the_bucket_of_the_data_is_away(
    data_dir, of_the_server, client, object_proxy, monkeypatch
):
    write_model(data_dir)
    of_the_server()
    monkeypatch.setattr(from_bucket, "_PATIENCE_S", 0.0)
    object_proxy.begin(away_from=1, away_s=3600)
    answer = client().get(f"{WINE}/report.html")
    assert answer.status_code == 200
    assert "models/wine/" not in answer.text
    object_proxy.begin()


def test_a_training_on_another_machine_is_watched_and_stopped(data_dir, of_the_server, database, client):
    training_dir = begin_training(data_dir, database)
    of_the_server()

    page = client("admin").get(TAB)
    assert "Epoch 8 of 30" in re.sub(r"\s+", " ", page.text)
    token = re.search('name="token" value="([0-9a-f]{64})"', page.text)[1]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    session = client("admin")
    token = re.search('name="token" value="([0-9a-f]{64})"', session.get(TAB).text)[1]
    answer = session.post(f"{TAB}stop", content=urlencode({"token": token}), headers=kind)

    assert answer.status_code == 303
    assert is_stop_wanted(training_dir)


def test_a_question_s_pictures_are_fetched(data_dir, of_the_server, client):
    folder = data_dir / "samples" / "mixed_bag" / "runs" / run_folder(FINISHED) / "question"
    folder.mkdir(parents=True)
    replace_file(folder / "7.jpg", lambda aside: aside.write_bytes(PICTURE))
    of_the_server()
    address = f"{PREFIX}/questions/mixed_bag/{run_folder(FINISHED)}"
    assert client().get(f"{address}/7.jpg").content == PICTURE
    assert client().get(f"{address}/8.jpg").status_code == 404
