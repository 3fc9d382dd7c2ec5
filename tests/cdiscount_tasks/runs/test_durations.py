import json
from types import SimpleNamespace

import pytest

from cdiscount_tasks.runs.durations import durations_of, note_duration, roughly
from cdiscount_tasks.settings.environment import read_environment
from tests.material.finished_reports import write_finished


@pytest.fixture
def environment(tmp_path):
    return read_environment({"CDISCOUNT_DATA": str(tmp_path), "CDISCOUNT_CATALOGUE": str(tmp_path / "train.bson")})


def finished(tmp_path, environment, preset, seconds, overrides=None, **more):
    """Return a run that has its report, with as much of it as the note reads."""
    lineage = {"overrides": overrides or {}}
    report_dir = write_finished(
        tmp_path / "reports", preset, preset=preset, durations_s={"total": seconds}, lineage=lineage, **more
    )
    (environment.work_dir / "samples" / "wine").mkdir(parents=True, exist_ok=True)
    config = SimpleNamespace(preset=preset, sample=SimpleNamespace(name="wine"))
    return SimpleNamespace(report_dir=report_dir, environment=environment, config=config)


def test_the_last_run_of_each_preset_is_remembered(tmp_path, environment):
    for preset, seconds in (("smoke", 90.0), ("baseline", 1200.0), ("smoke", 120.5)):
        note_duration(finished(tmp_path, environment, preset, seconds))

    assert durations_of(environment, "wine") == {"smoke": 120.5, "baseline": 1200.0}


def test_a_run_with_knobs_of_its_own_says_nothing_of_its_preset(tmp_path, environment):
    note_duration(finished(tmp_path, environment, "smoke", 9.0, {"epochs": 1}))

    assert durations_of(environment, "wine") == {}


def test_a_run_that_was_stopped_by_hand_says_nothing_of_its_preset(tmp_path, environment):
    note_duration(finished(tmp_path, environment, "smoke", 9.0, model={"stopped": {"after_epoch": 1, "of": 5}}))

    assert durations_of(environment, "wine") == {}


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({"smoke": "long"})])
def test_a_damaged_note_is_told_and_counts_as_none(tmp_path, environment, text, caplog):
    (environment.work_dir / "samples" / "wine").mkdir(parents=True)
    (environment.work_dir / "samples" / "wine" / "durations.json").write_text(text, encoding="utf-8")

    assert durations_of(environment, "wine") == {}
    assert "how long presets took cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "about a minute"), (89, "about a minute"), (100, "about 2 minutes"), (1190, "about 20 minutes"),
     (5399, "about 90 minutes"), (5400, "about 2 hours"), (8999, "about 2 hours"), (40_000, "about 11 hours")],
)  # fmt: skip
def test_a_duration_is_told_in_round_words(seconds, words):
    assert roughly(seconds) == words
