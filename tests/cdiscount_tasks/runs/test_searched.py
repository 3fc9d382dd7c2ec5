import json

import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import ConfigError, DataError, StepLeftOut
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.runs import changes, steps
from cdiscount_tasks.runs.searched import trained_with
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.stages import search
from tests.cdiscount_tasks.runs.test_changes import SMOKE, Finished
from tests.material.whole_runs import begin_run, finish_run

pytest.importorskip("optuna", reason="optuna is absent: `make setup` installs it once it is locked")

SEARCH = {"trials": 2, "budget_minutes": 10, "knobs": {"learning_rate": [0.0001, 0.01], "mixing": ["mixup", "cutmix"]}}


@pytest.fixture
def colours(tmp_path, monkeypatch, tiny_path):
    """A sample with a preset that searches, and one that does not."""
    made = Finished(tmp_path, tiny_path)
    made.write(presets={"smoke": SMOKE, "searched": {**SMOKE, "search": SEARCH}})
    made.use(monkeypatch)
    monkeypatch.setattr(search, "FEWEST_GROUPS", 3)
    return made


@pytest.mark.slow
@pytest.mark.training
def test_a_run_with_a_search_trains_what_was_chosen_and_its_report_shows_the_trials(colours):
    run = finish_run("colours", "r1", preset="searched")

    made = run.folders()
    chosen = json.loads((made["search"] / "search.json").read_text())["chosen"]
    trained = read_manifest(made["model"])["config"]
    assert trained["learning_rate"] == chosen["learning_rate"]
    assert "search" not in trained
    metrics = read_metrics(run.report_dir)
    assert metrics["lineage"]["config"]["training"]["learning_rate"] == chosen["learning_rate"]
    assert trained["mixing"] == chosen["mixing"] != "none"  # of a knob that the preset does not name
    assert metrics["lineage"]["overrides"] == {}
    page = (run.report_dir / "report.html").read_text()
    assert 'id="search"' in page
    assert "chosen by the search" in page
    assert changes.find_change(begin_run("colours", "r2", preset="searched"), run) is None


@pytest.mark.slow
@pytest.mark.training
def test_a_run_without_a_search_has_none_and_says_why(colours):
    run = finish_run("colours", "r1", preset="smoke")

    assert "search" not in run.folders()
    assert "search" not in json.dumps(read_manifest(run.folders()["model"])["config"])
    assert 'id="search"' not in (run.report_dir / "report.html").read_text()
    with pytest.raises(StepLeftOut, match="preset smoke searches for no knobs"):
        steps.make("search", "colours", "r1")


def test_a_training_before_its_search_says_which_task_to_clear(colours):
    run = start_run("colours", "r1", preset="searched")
    with pytest.raises(DataError, match="run r1 has not searched for its knobs yet; clear its task search_knobs"):
        trained_with(run.config, run.folders())


def test_a_knob_that_the_search_chooses_cannot_be_set_beside_it(colours):
    with pytest.raises(ConfigError, match="learning_rate is set, but the preset's search chooses it; leave it out"):
        start_run("colours", "r1", preset="searched", overrides={"learning_rate": 0.001})


def test_a_run_whose_search_lacks_its_package_is_refused_when_it_starts(colours, monkeypatch):
    monkeypatch.setattr("cdiscount_tasks.settings.search.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="needs the package optuna"):
        start_run("colours", "r1", preset="searched")
    start_run("colours", "r2", preset="smoke")
