from cdiscount_tasks.runs.finished import finished_runs
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.settings.environment import read_environment


def test_a_run_whose_artifacts_are_gone_does_not_count(runs):
    import shutil

    runs.finish("colours", "old")
    gone = runs.finish("colours", "new")
    shutil.rmtree(gone.folders()["evaluation"])
    assert [run.config.run_id for run in finished_runs(read_environment(), "colours")] == ["old"]


def test_a_run_without_a_report_is_not_finished(runs):
    start_run("colours", "going on")
    assert finished_runs(read_environment(), "colours") == []
