import errno
import logging
import traceback
from types import SimpleNamespace

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from cdiscount_airflow import failures
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, is_scheduled, skip_task, stage_task

from cdiscount_tasks.artifacts.data_root import mark_root
from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.errors import ConfigError, DataError, DivergedError, RunNotHereError, StepLeftOut
from tools.airflow.home import airflow_environ


def task_that_raises(error):
    @stage_task(retries=3)
    def body() -> dict:
        """What the body does."""
        raise error

    return body


@pytest.mark.parametrize("error", [ConfigError("set it right"), DataError("mend the file")])
def test_what_no_retry_mends_fails_at_once_with_its_sentence(error):
    with pytest.raises(AirflowFailException, match=str(error)):
        task_that_raises(error).function()


@pytest.mark.parametrize(
    "error",
    [
        OSError("the disk was busy"),
        TimeoutError("the file server does not answer"),
        MemoryError("no memory left"),
        RuntimeError("1 of this machine's 1 GPUs are wanted and 0 are free"),
    ],
)
def test_any_other_error_may_be_tried_again(error):
    with pytest.raises(type(error), match=str(error)):
        task_that_raises(error).function()


def test_a_training_that_diverged_is_not_tried_again():
    with pytest.raises(AirflowFailException, match="lower the learning_rate"):
        task_that_raises(DivergedError("training diverged in epoch 3: lower the learning_rate")).function()


def test_a_full_disk_fails_at_once_with_what_to_free(tmp_path):
    @stage_task(retries=3)
    def body() -> dict:
        """What the body does."""
        with disk_faults_told(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    with pytest.raises(AirflowFailException, match="the disk is full: free space there"):
        body.function()


def test_a_failure_shows_its_sentence_once():
    with pytest.raises(AirflowFailException) as caught:
        task_that_raises(DataError("mend the file")).function()
    told = traceback.format_exception(caught.value)
    assert (
        sum(line.endswith("Error: mend the file\n") or line.endswith("Exception: mend the file\n") for line in told)
        == 1
    )


class Left(dict):
    """Stands for the running task: keeps what is left for the run's page, and has what others left."""

    def __init__(self):
        super().__init__()
        self.of_others = {}

    def xcom_push(self, key, value):
        self[key] = value

    def xcom_pull(self, task_ids, key):
        return self.of_others.get((task_ids, key))


@pytest.fixture
def left(monkeypatch):
    """Return what a task leaves while it runs."""
    running = Left()
    monkeypatch.setattr(failures, "get_current_context", lambda: {"ti": running})
    return running


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DataError("mend the file"), "mend the file"),
        (MemoryError("no memory left"), "MemoryError: no memory left"),
        (AirflowTaskTimeout("Timeout, PID: 17"), "it took longer than its time limit of 1:00:00 and was ended"),
        (ZeroDivisionError("x" * 5000), f"ZeroDivisionError: {'x' * 1981} [...]"),
    ],
)
def test_a_failing_task_leaves_its_reason_for_the_runs_page(left, error, reason):
    with pytest.raises((type(error), AirflowFailException)):
        task_that_raises(error).function()

    assert left == {failures.REASON_KEY: {"reason": reason, "advice": ""}}


def test_a_task_leaves_the_advice_of_its_page_where_its_error_has_none(left):
    @stage_task(retries=3)
    def body() -> dict:
        """Train.

        **If it fails**, clear the task.
        """
        raise MemoryError

    with pytest.raises(MemoryError):
        body.function()

    assert left[failures.REASON_KEY]["advice"] == "If it fails, clear the task."


def test_a_skipped_task_leaves_its_reason(left):
    with pytest.raises(AirflowSkipException):
        skip_task("nothing changed")

    assert left[failures.REASON_KEY]["reason"] == "nothing changed"


def test_a_reason_that_cannot_be_left_hides_no_error(monkeypatch):
    monkeypatch.setattr(failures, "get_current_context", lambda: {"ti": None})

    with pytest.raises(AirflowFailException, match="mend the file"):
        task_that_raises(DataError("mend the file")).function()


def test_the_result_in_a_line_is_logged_last(caplog):
    @stage_task()
    def body() -> str:
        """What the body does."""
        logging.getLogger("cdiscount_tasks").info("work")
        return "9,812 images"

    with caplog.at_level(logging.INFO):
        assert body.function() == "9,812 images"
    assert caplog.messages == ["work", "9,812 images"]


def test_a_step_that_is_left_out_skips_its_task_with_the_reason():
    with pytest.raises(AirflowSkipException, match="no weights are here"):
        task_that_raises(StepLeftOut("no weights are here")).function()


@pytest.mark.parametrize("run_type", list(DagRunType))
def test_only_what_the_schedule_starts_is_scheduled(run_type):
    by_itself = run_type in (DagRunType.SCHEDULED, DagRunType.ASSET_TRIGGERED)
    assert is_scheduled(SimpleNamespace(run_type=run_type)) == by_itself


def test_a_task_is_skipped_with_its_reason():
    with pytest.raises(AirflowSkipException, match="nothing changed"):
        skip_task("nothing changed")


def test_the_task_that_freezes_a_run_leaves_in_which_data_root(left, tmp_path, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path))
    root = mark_root(tmp_path)

    @stage_task(freezes=True)
    def body() -> None:
        """What the body does."""

    body.function()

    assert left[failures.ROOT_KEY]["root"] == root
    assert left[failures.ROOT_KEY]["place"].startswith(f"{tmp_path} on ")


def test_a_run_that_is_not_here_is_told_with_where_its_first_task_froze_it(left):
    left.of_others = {("resolve_run", failures.ROOT_KEY): {"root": "b" * 32, "place": "/mnt/data on web-1"}}
    error = RunNotHereError("/data/samples/tea/runs/r1/config.json", "resolve_run", "a" * 32, "/data on gpu-1")
    both = f"leads this machine to /data on gpu-1, which is the data root {'a' * 32}, but .* in /mnt/data on web-1"
    with pytest.raises(AirflowFailException, match=both):
        task_that_raises(error).function()
    assert "mount the same folder on every worker" in left[failures.REASON_KEY]["reason"]


def test_a_run_that_was_never_frozen_is_told_to_be(left):
    error = RunNotHereError("/data/config.json", "resolve_run", "", "/data on gpu-1")
    with pytest.raises(AirflowFailException, match="has no frozen config; clear its task resolve_run first"):
        task_that_raises(error).function()


def test_a_task_whose_worker_was_killed_runs_again_within_three_minutes(tmp_path):
    wait_s = int(airflow_environ(tmp_path, environ={})["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])
    noticed_s = conf.getfloat("scheduler", "task_instance_heartbeat_timeout_detection_interval")

    assert wait_s + noticed_s + DEFAULT_ARGS["retry_delay"].total_seconds() < 180
    assert DEFAULT_ARGS["retries"] >= 1
