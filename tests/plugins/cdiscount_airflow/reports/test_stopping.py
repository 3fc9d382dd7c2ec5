import re
from urllib.parse import quote, urlencode

import pytest

from cdiscount_tasks.artifacts.training_folder import STOP, write_progress
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.training_note import note_training
from tests.material.training_progress import PROGRESS_OF_EPOCH_8
from tests.plugins.cdiscount_airflow.reports.conftest import PREFIX, RUNNING, begin_training

TAB = f"{PREFIX}/dags/cdiscount_wine/runs/{quote(RUNNING, safe='')}/"


def token_in(page):
    return re.search('name="token" value="([0-9a-f]{64})"', page)[1]


def press(session, token, **headers):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return session.post(f"{TAB}stop", content=urlencode({"token": token}), headers={**kind, **headers})


def test_the_tab_tells_epoch_accuracies_and_time_left_while_the_model_is_trained(client, training_dir):
    answer = client().get(TAB)
    text = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", answer.text))
    assert "Epoch 8 of 30, image 1,200 of 4,000" in text
    assert "71.2 % (epoch 7)" in text and "72.0 % (epoch 5)" in text
    assert "at most 12 min 34 s" in text
    assert answer.headers["refresh"] == "15" and "renews itself every 15 seconds" in text


@pytest.mark.parametrize("role", ["user", "op", "admin"])
def test_who_may_edit_the_dag_stops_the_training_by_a_button(client, training_dir, role):
    session = client(role)
    page = session.get(TAB)
    assert "form-action 'self'" in page.headers["content-security-policy"]
    answer = press(session, token_in(page.text))
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    assert (training_dir / STOP).is_file()
    after = session.get(TAB)
    assert "Somebody stopped this training" in after.text and "<form" not in after.text
    assert "form-action 'none'" in after.headers["content-security-policy"]


def test_who_may_only_read_has_no_button_and_stops_nothing(client, training_dir):
    page = client("viewer").get(TAB)
    assert "Epoch 8 of 30" in page.text and "<form" not in page.text
    assert "form-action 'none'" in page.headers["content-security-policy"]
    token = token_in(client("admin").get(TAB).text)
    refused = press(client("viewer"), token)
    assert refused.status_code == 403 and "can stop its training; your account may not" in refused.text
    assert press(client(None), token).status_code == 401
    assert not (training_dir / STOP).exists()


def test_a_form_without_the_sessions_token_or_of_another_site_stops_nothing(client, training_dir):
    session, other = client("admin"), client("user")
    token = token_in(session.get(TAB).text)
    assert press(session, "").status_code == 403
    assert press(session, "0" * 64).status_code == 403
    assert press(other, token).status_code == 403
    assert press(session, token, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert session.post(f"{TAB}stop", json={"token": token}).status_code == 415
    assert session.get(f"{TAB}stop").status_code == 405
    assert not (training_dir / STOP).exists()


def test_a_training_that_is_over_is_told(client, training_dir):
    session = client("admin")
    token = token_in(session.get(TAB).text)
    for path in training_dir.iterdir():
        path.unlink()
    training_dir.rmdir()
    answer = press(session, token)
    assert answer.status_code == 409 and "no training that is under way" in answer.text
    assert "Epoch" not in session.get(TAB).text


@pytest.mark.parametrize("folder", ["../../other/model-0.training", "model-0", "/elsewhere/model-0.training", 7, None])
def test_a_note_that_names_another_folder_is_none(client, training_dir, folder):
    note = training_dir.parent / "runs" / run_folder(RUNNING) / "training.json"
    note.write_text(f'{{"folder": {folder!r}}}'.replace("'", '"').replace("None", "null"))
    page = client("admin").get(TAB)
    assert page.status_code == 200 and "Epoch" not in page.text


def test_the_tab_shows_no_training_of_a_run_whose_training_failed(client, database, tmp_path, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(tmp_path / "train.bson"))
    begin_training(tmp_path / "data", database, state="failed")
    assert "Epoch 8" not in client("admin").get(TAB).text


def test_what_is_noted_of_the_classifying_layer_says_that_tuning_follows(client, training_dir):
    write_progress(training_dir, {**PROGRESS_OF_EPOCH_8, "phase": "head", "is_last_phase": False, "num_images": 0,
                                  "last_epoch": None, "last_accuracy": None, "best_epoch": None,
                                  "best_accuracy": None, "seconds_left": None})  # fmt: skip
    note_training(training_dir.parent / "runs" / run_folder(RUNNING), training_dir)
    text = client().get(TAB).text
    assert "the classifying layer; then the network is tuned" in text
    assert text.count("not known yet") == 2 and "Kept so far" not in text
