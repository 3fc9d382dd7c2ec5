from types import SimpleNamespace

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from cdiscount_airflow.tasks import is_scheduled, skip_task, stage_task

from cdiscount_tasks.errors import ConfigError, DataError


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


def test_any_other_error_may_be_tried_again():
    with pytest.raises(OSError, match="the disk was busy"):
        task_that_raises(OSError("the disk was busy")).function()


@pytest.mark.parametrize("run_type", list(DagRunType))
def test_only_what_the_schedule_starts_is_scheduled(run_type):
    by_itself = run_type in (DagRunType.SCHEDULED, DagRunType.ASSET_TRIGGERED)
    assert is_scheduled(SimpleNamespace(run_type=run_type)) == by_itself


def test_a_task_is_skipped_with_its_reason():
    with pytest.raises(AirflowSkipException, match="nothing changed"):
        skip_task("nothing changed")
