import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import ConfigError, StepLeftOut
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.runs import changes, steps
from cdiscount_tasks.runs.clean_up import plan_clean_up
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.settings.environment import read_environment
from tests.cdiscount_tasks.runs.test_changes import SMOKE, Finished
from tests.material.whole_runs import begin_run, finish_run


@pytest.fixture
def colours(tmp_path, monkeypatch, tiny_path):
    """A sample with a preset of three seeds, and one of one seed."""
    made = Finished(tmp_path, tiny_path)
    made.write(presets={"smoke": SMOKE, "seeds": {**SMOKE, "seeds": 3}})
    made.use(monkeypatch)
    return made


@pytest.mark.slow
@pytest.mark.training
def test_other_seeds_leave_the_model_as_it_is_and_are_reported_beside_it(colours):
    alone, beside = finish_run("colours", "r1", preset="smoke"), finish_run("colours", "r2", preset="seeds")

    made = beside.folders()
    assert made["model"] == alone.folders()["model"]
    assert made["evaluation"] == alone.folders()["evaluation"]
    assert "seeds" not in alone.folders()
    assert read_manifest(made["seeds"])["config"]["seeds"] == 3
    assert [one["seed"] for one in read_metrics(beside.report_dir)["other_seeds"]["seeds"]] == [0, 1, 2]
    assert 'id="seeds"' in (beside.report_dir / "report.html").read_text("utf-8")
    assert 'id="seeds"' not in (alone.report_dir / "report.html").read_text("utf-8")
    assert changes.find_change(begin_run("colours", "r3", preset="seeds"), beside) is None

    plan = plan_clean_up(read_environment())
    (item,) = (item for item in plan.items if item.kind == "seeds")
    assert item.kept_for
    assert not plan.left_alone


@pytest.mark.slow
@pytest.mark.training
def test_a_run_may_have_more_seeds_than_its_preset(colours):
    run = finish_run("colours", "r1", preset="smoke", overrides={"seeds": 2})

    metrics = read_metrics(run.report_dir)
    assert metrics["lineage"]["overrides"] == {"seeds": 2}
    assert len(metrics["other_seeds"]["seeds"]) == 2


@pytest.mark.slow
@pytest.mark.training
def test_a_run_of_one_seed_trains_no_other_and_says_why(colours):
    begin_run("colours", "r1", preset="smoke")
    with pytest.raises(StepLeftOut, match="preset smoke is trained with one seed"):
        steps.make("seeds", "colours", "r1")


def test_a_sample_whose_presets_have_one_seed_has_no_task_for_more(colours):
    colours.write(presets={"smoke": SMOKE})
    with pytest.raises(ConfigError, match=r"seeds is 3, but its DAG has no task .* set seeds: 3 in a preset"):
        start_run("colours", "r1", preset="smoke", overrides={"seeds": 3})
