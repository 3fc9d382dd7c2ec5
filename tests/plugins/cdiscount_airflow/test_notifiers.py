import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from cdiscount_airflow import notifiers

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.settings.environment import read_environment
from tests.material.finished_reports import write_finished
from tests.material.mail_server import mail_server

WINE = DAG("cdiscount_wine", schedule=None, dag_display_name="Cdiscount: Wine")
LOG_URL = "http://127.0.0.1:8080/dags/cdiscount_wine/runs/manual__1/tasks/train_model?try_number=2"
DOC = """Train.

**Reads** pictures.
**Leaves** a model.
**If it fails** for lack of memory, trigger again
with a smaller batch size.
"""


def context_of(error=None, map_index=-1):
    """Return as much of a task's context as a message looks at."""
    ti = SimpleNamespace(
        dag_id="cdiscount_wine", task_id="train_model", run_id="manual__1", try_number=2, map_index=map_index,
        log_url=LOG_URL,
    )  # fmt: skip
    task = SimpleNamespace(task_display_name="Train the model", doc_md=DOC, execution_timeout=timedelta(hours=1))
    return {"ti": ti, "task": task, "dag": WINE, "exception": error}


def environment_with(notify):
    return read_environment({"CDISCOUNT_NOTIFY": notify})


def failed(error, **settings):
    return notifiers.failure_message(context_of(error, **settings))


def test_a_failure_tells_task_error_advice_and_where_to_read_on():
    message = failed(MemoryError("no 2 GiB are left"))

    assert message.subject == "Cdiscount: Wine: the task Train the model failed"
    assert message.lines == (
        "MemoryError: no 2 GiB are left",
        "If it fails for lack of memory, trigger again with a smaller batch size.",
        "Run manual__1, task train_model, try 2. Its log:",
        LOG_URL,
    )


def test_the_projects_own_sentence_says_what_to_do_by_itself():
    message = failed(AirflowFailException("wine.yaml: epochs is 0, expected 1 to 500"))

    assert message.lines[0] == "wine.yaml: epochs is 0, expected 1 to 500"
    assert not any(line.startswith("If it fails") for line in message.lines)


def test_an_error_that_is_not_the_projects_own_carries_its_name():
    assert failed(OSError("the disk was busy")).lines[0] == "OSError: the disk was busy"


def test_a_lost_process_is_told_as_such():
    assert "its process was killed" in failed(None).lines[0]


def test_a_mapped_task_tells_which_of_its_parts_failed():
    assert failed(None, map_index=0).subject.endswith("Train the model [0] failed")


def test_a_report_tells_accuracy_verdict_and_where_it_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_REPORTS", str(tmp_path))
    folder = write_finished(tmp_path, run_id="manual__1")
    folder = folder.rename(folder.with_name(run_folder("manual__1")))

    message = notifiers.report_message(context_of())

    assert message.subject.startswith("Wine: product accuracy 75.0 %, 65.0 to 85.0 (95 % interval, 4 test products)")
    assert message.lines[0].endswith("the split is certified.")
    assert f"Report: {folder / 'report.html'}" in message.lines
    assert message.lines[-1] == "http://127.0.0.1:8080/dags/cdiscount_wine/runs/manual__1/plugin/evaluation-report"


def test_the_log_alone_is_told_unless_more_is_wanted(caplog):
    (only,) = notifiers.notifiers(environment_with(""), notifiers.failure_message)

    with caplog.at_level(logging.INFO):
        only(context_of(AirflowFailException("{{ no template }}")))

    assert [record.levelname for record in caplog.records] == ["ERROR"] * 4
    assert "{{ no template }}" in caplog.messages


def test_none_tells_nobody():
    assert notifiers.notifiers(environment_with("none"), notifiers.failure_message) == []


def send(monkeypatch, connection, error):
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", connection)
    wanted = environment_with("email:ml-team@example.org, email:boss@example.org")
    (by_mail,) = notifiers.notifiers(wanted, notifiers.failure_message)
    by_mail(context_of(error))


def test_an_email_goes_through_the_connection_of_the_environment(monkeypatch):
    with mail_server() as (port, received):
        plain = f"smtp://127.0.0.1:{port}?from_email=airflow@example.org&disable_ssl=true&disable_tls=true"
        send(monkeypatch, plain, AirflowFailException("<b>{{ 1 + 1 }}</b> is no class"))

    ((envelope, message),) = received
    assert envelope == {"from": "airflow@example.org", "to": ["ml-team@example.org", "boss@example.org"]}
    assert message["Subject"] == "Cdiscount: Wine: the task Train the model failed"
    body = message.get_body(("html",)).get_content()
    assert "<p>&lt;b&gt;{{ 1 + 1 }}&lt;/b&gt; is no class</p>" in body
    assert f'<a href="{LOG_URL}">{LOG_URL}</a>' in body


@pytest.mark.parametrize(
    ("connection", "fault"),
    [
        ("smtp://127.0.0.1:1?from_email=a@example.org&disable_ssl=true&disable_tls=true", "ConnectionRefusedError"),
        ("smtp://127.0.0.1:{port}?disable_ssl=true&disable_tls=true", "from_email"),
    ],
)
def test_a_mail_that_cannot_be_sent_says_what_to_look_at(monkeypatch, connection, fault):
    with (
        mail_server() as (port, _),
        pytest.raises(ConfigError, match=rf"no e-mail could be sent to ml-team@.*{fault}.*AIRFLOW_CONN_SMTP_DEFAULT"),
    ):
        send(monkeypatch, connection.format(port=port), None)
