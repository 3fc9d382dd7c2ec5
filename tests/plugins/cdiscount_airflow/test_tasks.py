import pytest
from airflow.sdk.exceptions import AirflowFailException
from cdiscount_airflow.tasks import stage_task

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
