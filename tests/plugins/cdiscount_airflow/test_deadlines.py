import logging
from datetime import timedelta

from cdiscount_airflow import deadlines

from cdiscount_tasks.settings.sample import SampleConfig, ScheduleConfig
from cdiscount_tasks.settings.training import TrainingConfig


def sample_due(hours):
    return SampleConfig(
        name="tea",
        title="Tea",
        categories=(1, 2),
        default_preset="quick",
        presets={"quick": TrainingConfig(epochs=1)},
        schedule=ScheduleConfig(deadline_hours=hours),
    )


def test_a_sample_without_deadline_hours_has_no_deadline():
    assert deadlines.deadline_of(sample_due(None)) is None


def test_a_deadline_counts_from_when_the_run_was_queued():
    alert = deadlines.deadline_of(sample_due(1.5))
    assert alert.interval == timedelta(minutes=90)
    assert type(alert.reference).__name__ == "DagRunQueuedAtDeadline"
    assert alert.callback.path == "cdiscount_airflow.deadlines.tell_late"


def test_a_late_run_is_told_with_its_id_and_what_to_look_for(caplog, monkeypatch):
    monkeypatch.delenv("CDISCOUNT_NOTIFY", raising=False)
    context = {"dag_run": {"dag_run_id": "manual__1"}}
    with caplog.at_level(logging.WARNING):
        deadlines.tell_late("Tea", 1.5, context=context)
    assert "Tea: run manual__1 has not finished 1.5 hours after it was queued" in caplog.text
    assert "schedule.deadline_hours" in caplog.text


def test_a_late_run_is_told_by_e_mail_where_that_is_wanted(monkeypatch):
    sent = []
    monkeypatch.setenv("CDISCOUNT_NOTIFY", "log, email:ml-team@example.org")
    monkeypatch.setattr(
        deadlines.EmailNotifier, "notify", lambda self, context: sent.append((self.to, self.compose(context)))
    )
    deadlines.tell_late("Tea", 12, context={"dag_run": {"dag_run_id": "manual__1"}})
    ((to, message),) = sent
    assert to == ["ml-team@example.org"]
    assert message.subject == "Tea: run manual__1 has not finished 12 hours after it was queued"
    assert "schedule.deadline_hours" in message.lines[0]
