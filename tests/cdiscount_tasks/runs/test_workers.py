import shutil
from contextlib import suppress

import h5py
import pytest

from cdiscount_tasks.artifacts.data_root import Mount, mark_root
from cdiscount_tasks.errors import ConfigError, RunNotHereError, StepLeftOut
from cdiscount_tasks.runs import comparison_steps, index_steps, prediction_steps, steps, workers
from cdiscount_tasks.runs.comparison import start_comparison
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.settings.environment import read_environment
from tests.material.weights_files import write_weights

WEIGHTS = "mobilenet_v2_notop.h5"


@pytest.fixture
def elsewhere(monkeypatch):
    """Be a different machine from now on: another name, another start."""

    def go(host="gpu-1"):
        monkeypatch.setattr(workers.socket, "gethostname", lambda: host)
        monkeypatch.setattr(workers, "boot_id", lambda: f"the start of {host}")

    return go


@pytest.fixture
def begun(place, monkeypatch, elsewhere):
    """Return a run that began on a machine called `web-1`; the test goes on on `gpu-1`."""
    elsewhere("web-1")
    run = start_run("colours", "r1")
    elsewhere("gpu-1")
    return run


def refusal(run, **options):
    with pytest.raises(ConfigError) as caught:
        open_run("colours", run.config.run_id).check_worker(**options)
    return str(caught.value)


def test_a_worker_like_the_first_is_let_through(begun):
    open_run("colours", "r1").check_worker(by_network=True)
    open_run("colours", "r1").check_worker()


def test_a_run_freezes_what_its_workers_are_compared_with(begun, place):
    began = begun.config.began_on
    assert (began.host, began.data_root, began.weights) == ("web-1", mark_root(place.data_dir), None)


def test_a_run_that_an_older_version_began_is_compared_with_nothing(begun, monkeypatch):
    monkeypatch.setattr(workers, "_installed", lambda _: "0")
    old = begun.config.model_copy(update={"began_on": None})
    workers.check_worker(old.began_on, old.versions, begun.environment, begun.run_dir, by_network=True)
    assert "began_on" not in old.model_dump()


def test_another_lock_of_packages_is_refused_with_both_versions(begun, monkeypatch):
    version = workers._installed
    monkeypatch.setattr(workers, "_installed", lambda name: "1.26.0" if name == "numpy" else version(name))
    said = refusal(begun)
    assert "the packages of this machine (gpu-1) are not those" in said
    assert f"on web-1: numpy 1.26.0 (began with {version('numpy')})" in said
    assert "install the same lock on every worker" in said


def test_a_package_that_is_missing_is_refused_but_not_the_network_of_a_task_without_one(begun, monkeypatch):
    version = workers._installed
    monkeypatch.setattr(workers, "_installed", lambda name: "missing" if name == "tensorflow" else version(name))
    assert "tensorflow missing (began with" in refusal(begun, by_network=True)
    open_run("colours", "r1").check_worker()


def test_another_version_of_airflow_or_of_the_code_makes_no_other_results(begun, monkeypatch):
    version = workers._installed
    monkeypatch.setattr(workers, "_installed", lambda name: "9" if name == "apache-airflow" else version(name))
    open_run("colours", "r1").check_worker()


def test_another_commit_is_told(begun, monkeypatch, caplog):
    begun_with = begun.config.versions["code"]
    open_run("colours", "r1").check_worker()
    assert not caplog.text
    monkeypatch.setattr(workers, "code_version", lambda _: "0123456789ab")
    open_run("colours", "r1").check_worker()
    told = f"this machine (gpu-1) runs the project's commit 0123456789ab, and the run began with {begun_with} on web-1"
    assert told in caplog.text


def test_another_backend_is_refused_with_its_variable_and_both_values(begun, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    said = refusal(begun, by_network=True)
    assert "KERAS_BACKEND is jax on this machine (gpu-1), and the run began with tensorflow (on web-1)" in said
    open_run("colours", "r1").check_worker()


@pytest.mark.parametrize("ahead_s", [61, -3600])
def test_another_clock_is_refused_with_both_times(begun, monkeypatch, ahead_s):
    monkeypatch.setattr(workers, "clock_ahead_s", lambda _: ahead_s)
    said = refusal(begun)
    assert "the clock of this machine (gpu-1) says" in said
    assert f"dates files {abs(ahead_s)} s {'earlier' if ahead_s > 0 else 'later'}, expected at most 60 s" in said


def test_a_clock_within_a_minute_is_let_through(begun, monkeypatch):
    monkeypatch.setattr(workers, "clock_ahead_s", lambda _: 59)
    open_run("colours", "r1").check_worker()


def test_a_clock_before_the_runs_own_beginning_is_refused(begun):
    """Some file systems date files by the clock of who writes them."""
    late = begun.config.began_on.model_copy(update={"at": "2099-01-01T00:00:00+00:00"})
    with pytest.raises(ConfigError, match=r"but the run began at 2099-01-01T00:00:00\+00:00 by the clock of web-1"):
        workers.check_worker(late, {}, begun.environment, begun.run_dir, by_network=False)


NFS = Mount("nfs", frozenset({"nolock"}))


def test_locks_that_stay_on_a_machine_are_told_when_a_run_begins_and_refused_on_the_second_machine(
    place, elsewhere, monkeypatch, caplog
):
    monkeypatch.setattr(workers, "mount_of", lambda _: NFS)
    elsewhere("web-1")
    run = start_run("colours", "r1")
    assert "on this file system (nfs, mounted with nolock) locks hold between the tasks of one machine" in caplog.text
    open_run("colours", "r1").check_worker()
    elsewhere("gpu-1")
    said = refusal(run)
    assert (
        "this task runs on gpu-1 and the run began on web-1, but on this file system (nfs, mounted with nolock)" in said
    )


def test_locks_that_do_not_hold_end_a_run_in_its_first_task(place, monkeypatch):
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    with pytest.raises(ConfigError, match="locks do not hold"):
        start_run("colours", "r1")
    assert not (place.data_dir / "samples").exists()


@pytest.fixture
def with_weights(place, monkeypatch, elsewhere):
    """Return a run that began on `web-1` with weights; the test goes on on `gpu-1`, with the same setting."""
    write_weights(place.folder / "weights" / WEIGHTS)
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(place.folder / "weights"))
    monkeypatch.setenv("KERAS_HOME", str(place.folder / "keras"))
    elsewhere("web-1")
    run = start_run("colours", "r1")
    elsewhere("gpu-1")
    return run


def test_a_worker_finds_the_same_weights_wherever_it_has_them(with_weights, place, monkeypatch):
    moved = place.folder / "moved"
    (place.folder / "weights").rename(moved)
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(moved))
    backbone = open_run("colours", "r1").backbone
    assert (backbone.config.network, backbone.config.image_size) == ("mobilenet_v2", 128)
    assert backbone.weights_path == moved / WEIGHTS


def test_a_worker_without_the_weights_fails_with_the_variable_and_both_values(with_weights, monkeypatch):
    used = with_weights.config.began_on.weights
    monkeypatch.delenv("CDISCOUNT_WEIGHTS")
    with pytest.raises(ConfigError) as caught:
        _ = open_run("colours", "r1").backbone
    said = str(caught.value)
    assert "CDISCOUNT_WEIGHTS is unset on this machine (gpu-1), which has no weights of mobilenet_v2" in said
    assert f"began on web-1 with the weights of mobilenet_v2 (xxh3-128 {used.xxh3_128})" in said


def test_a_worker_that_cannot_fetch_the_weights_of_a_transfer_says_what_the_run_began_with(with_weights, monkeypatch):
    def cannot(*_):
        raise ConfigError("could not be fetched")

    used = with_weights.config.began_on.weights
    monkeypatch.setattr(workers, "backbone_with", cannot)
    with pytest.raises(ConfigError) as caught:
        _ = open_run("colours", "r1").backbone
    assert str(caught.value).startswith("could not be fetched. This machine is gpu-1; the run began on web-1 with the ")
    assert f"xxh3-128 {used.xxh3_128}); put the same file into a folder on every worker" in str(caught.value)


def test_a_worker_with_other_weights_fails_with_both_hashes(with_weights, place, monkeypatch):
    used = with_weights.config.began_on.weights
    with h5py.File(write_weights(place.folder / "others" / WEIGHTS), "a") as file:
        file.attrs["trained"] = "by somebody else"
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(place.folder / "others"))
    with pytest.raises(ConfigError) as caught:
        _ = open_run("colours", "r1").backbone
    assert f"with the weights of mobilenet_v2 (xxh3-128 {used.xxh3_128})" in str(caught.value)
    assert f"{place.folder / 'others' / WEIGHTS}: has the xxh3-128 " in str(caught.value)


def test_a_run_that_began_without_weights_uses_none_that_a_worker_happens_to_have(place, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(place.folder / "keras"))
    start_run("colours", "r1")
    write_weights(place.folder / "weights" / WEIGHTS)
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(place.folder / "weights"))
    assert open_run("colours", "r1").backbone is None


def test_a_worker_of_another_data_root_names_both(begun, place, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_DATA", str(place.folder / "other"))
    there = mark_root(place.folder / "other")
    with pytest.raises(RunNotHereError, match="clear its task resolve_run first") as caught:
        open_run("colours", "r1")
    said = caught.value.seen_from(begun.config.began_on.data_root, f"{place.data_dir} on web-1")
    assert (
        f"CDISCOUNT_DATA leads this machine to {place.folder / 'other'} on gpu-1, which is the data root {there}"
        in said
    )
    assert f"froze its config in {place.data_dir} on web-1, the data root {begun.config.began_on.data_root}" in said


def test_a_run_whose_folder_was_removed_is_to_be_triggered_anew(begun):
    shutil.rmtree(begun.run_dir)
    with pytest.raises(RunNotHereError) as caught:
        open_run("colours", "r1")
    said = caught.value.seen_from(begun.config.began_on.data_root, "/data on web-1")
    assert "was removed since its task resolve_run, or CDISCOUNT_DATA leads this machine to a copy" in said
    assert said.endswith("and clear this task, or trigger a new run")


def test_a_worker_with_another_reports_folder_is_refused_by_who_writes_the_report(begun, place, monkeypatch):
    report = next(step for step in steps.STEPS if step.name == "report")
    steps._check_worker(report, open_run("colours", "r1"))
    monkeypatch.setenv("CDISCOUNT_REPORTS", str(place.folder / "of its own"))
    for step in steps.STEPS:
        if step is not report:
            steps._check_worker(step, open_run("colours", "r1"))
    both = rf"CDISCOUNT_REPORTS leads .*gpu-1.* without an id \(empty, .*\), .* {begun.config.began_on.reports}"
    with pytest.raises(ConfigError, match=both):
        steps._check_worker(report, open_run("colours", "r1"))


@pytest.fixture
def refused(monkeypatch):
    """Let every worker be refused."""

    def refuse(*_, **__):
        raise ConfigError("not like the first")

    def go():
        for module in ("run", "predictions", "comparison"):
            monkeypatch.setattr(f"cdiscount_tasks.runs.{module}.check_worker", refuse)

    return go


def test_every_step_looks_at_its_worker_before_it_works(begun, refused):
    refused()
    for step in steps.STEPS:
        if step.left_out(begun) is None:
            with pytest.raises(ConfigError, match="not like the first"):
                steps.make(step.name, "colours", "r1")
    for call in (
        lambda: index_steps.plan("colours", "r1"),
        lambda: index_steps.scan("colours", "r1", {"start": 0, "stop": 1}),
        lambda: index_steps.merge("colours", "r1"),
    ):
        with pytest.raises(ConfigError, match="not like the first"):
            call()


def test_every_step_of_a_comparison_looks_at_its_worker(runs, refused):
    runs.finish("colours", "c1")
    runs.finish("lights", "l1")
    start_comparison("compared", ("colours", "lights"))
    refused()
    for call in (
        lambda: comparison_steps.extract_features("compared", "colours"),
        lambda: comparison_steps.draw_categories("compared"),
        lambda: comparison_steps.tie_groups("compared"),
        lambda: comparison_steps.extract_pooled_features("compared"),
        lambda: comparison_steps.judge_choices("compared"),
        lambda: comparison_steps.write_comparison("compared"),
    ):
        with pytest.raises(ConfigError, match="not like the first"):
            call()


def test_every_step_of_predictions_looks_at_its_worker(monkeypatch):
    class Refusing:
        def check_worker(self, **_):
            raise ConfigError("not like the first")

    monkeypatch.setattr(prediction_steps, "open_predictions", lambda _: Refusing())
    monkeypatch.setattr(index_steps, "open_predictions", lambda _: Refusing())
    for call in (
        lambda: prediction_steps.plan("p"),
        lambda: prediction_steps.answer("p", {"start": 0, "stop": 1}),
        lambda: prediction_steps.join("p"),
        lambda: prediction_steps.write_page("p"),
        lambda: index_steps.plan(index_steps.PREDICTIONS, "p"),
        lambda: index_steps.merge(index_steps.PREDICTIONS, "p"),
    ):
        with pytest.raises(ConfigError, match="not like the first"):
            call()


@pytest.mark.training
def test_a_run_goes_on_where_the_data_root_has_another_path_and_nobody_names_the_catalogue(
    place, monkeypatch, elsewhere, tensorflow
):
    monkeypatch.setenv("CDISCOUNT_MAX_REJECTED_SHARE", "0.5")
    mounted = place.folder / "mounted"
    mounted.symlink_to(place.data_dir)
    first = {"CDISCOUNT_DATA": str(place.data_dir), "CDISCOUNT_CATALOGUE": str(place.catalogue_path)}
    by_network = ("features", "model", "evaluation")

    def go(host, data, catalogue):
        elsewhere(host)
        monkeypatch.setenv("CDISCOUNT_DATA", data)
        monkeypatch.setenv("CDISCOUNT_CATALOGUE", catalogue)

    elsewhere("web-1")
    start_run("colours", "r1")
    for byte_range in index_steps.plan("colours", "r1"):
        index_steps.scan("colours", "r1", byte_range)
    for step in steps.STEPS:
        go(*(("gpu-1", str(mounted), "") if step.name in by_network else ("web-1", *first.values())))
        with suppress(StepLeftOut):
            assert steps.make(step.name, "colours", "r1")

    go("web-1", *first.values())
    assert (open_run("colours", "r1").folders()["report"] / "report.html").is_file()


def test_another_place_for_reports_in_a_bucket_is_to_be_set_not_mounted(begun, bucket, tmp_path):
    environment = read_environment({"CDISCOUNT_REPORTS": f"{bucket}/reports", "CDISCOUNT_CACHE": str(tmp_path)})
    with pytest.raises(ConfigError) as told:
        workers.check_reports(begun.config.began_on, environment)
    assert f"leads this machine (gpu-1) to {bucket}/reports, the reports folder without an id" in str(told.value)
    assert str(told.value).endswith(
        ": set CDISCOUNT_REPORTS alike on every machine, the API server's too, and clear the task"
    )


def test_a_run_that_is_not_in_a_bucket_is_told_by_its_address():
    error = RunNotHereError(
        "s3://bucket/data/samples/wine/runs/r/config.json", "resolve_run", "a", "s3://bucket/data on gpu-1"
    )
    for root, words in (("a", "alike on every worker and clear this"), ("b", "alike on every worker, and clear this")):
        told = error.seen_from(root, "s3://other/data on web-1")
        assert words in told
        assert "mount" not in told
