import pytest

from cdiscount_tasks.runs import replay
from cdiscount_tasks.stages.replay import Replayed
from tests.material.colours_sample import Place
from tests.material.finished_reports import write_finished
from tests.material.judged_runs import SAMPLE, judge_and_decide, judged_run
from tools.demo.results import difference, headline


@pytest.fixture
def run(tmp_path, tiny_path, monkeypatch):
    """Return a run with a report, that was not judged yet."""
    Place(tmp_path, tiny_path).use(monkeypatch)
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    made = judged_run("first", 0.4)
    write_finished(made.environment.reports_dir, made.report_dir.name, sample=SAMPLE)
    return made


def test_the_headline_is_the_accuracy_and_where_the_report_is(run):
    accuracy, place = headline(run)
    assert "75.0 %" in accuracy
    assert place.strip() == str(run.report_dir / "report.html")


def test_a_run_that_was_decided_about_says_what_became_of_its_model(run):
    judge_and_decide(run)
    assert headline(run)[2:] == ["    decision 1: this model is the champion now (the rule)"]
    other = judged_run("second", 0.42, offset=1)
    write_finished(other.environment.reports_dir, other.report_dir.name, sample=SAMPLE)
    judge_and_decide(other)
    assert headline(other)[2:] == ["    decision 2: this model does not become the champion (the rule)"]
    assert headline(run)[2:] == ["    decision 1: this model is the champion now (the rule)"]


def test_the_difference_of_two_runs_has_its_interval(run):
    other = judged_run("second", 0.1)
    assert difference(other, run).startswith("Colours minus Colours: +30.0 points (+")
    assert difference(other, run).endswith("with the 95 % interval")
