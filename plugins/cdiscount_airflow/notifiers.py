"""Messages about finished reports and failed tasks: into the task's log, and by e-mail where that is wanted.

The tasks call them, so that the messages are in the task's log. Only if a task's process was lost does Airflow's
dag-processor call them: the message is then in the log of the dag-processor, and an e-mail comes as always.
"""

import html
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from cdiscount_airflow.failures import advice_of, reason_of
from cdiscount_airflow.links import RUN_VIEW
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import Environment

logger = logging.getLogger(__name__)

_LONGEST_SUBJECT = 150


class Message(NamedTuple):
    """A message.

    Attributes:
        subject: One line.
        lines: The rest; what begins with `http` becomes a link.
        level: Of the log.
    """

    subject: str
    lines: tuple[str, ...]
    level: int


def _report_page(context: Any) -> str:
    """Return the address of the run's tab with the report, which begins as Airflow's setting `[api] base_url` says."""
    return f"{str(context['ti'].log_url).partition('/tasks/')[0]}/plugin/{RUN_VIEW}"


def report_message(context: Any) -> Message:
    """Say what a report that was just written says, and where to read it.

    Args:
        context: Of the task that wrote it, in a sample's DAG.
    """
    from cdiscount_tasks.reports.headline import preset_in_words, read_headline, sentence  # noqa: PLC0415
    from cdiscount_tasks.runs.folders import report_dir_of  # noqa: PLC0415
    from cdiscount_tasks.settings.environment import read_environment  # noqa: PLC0415
    from cdiscount_tasks.vocabulary import DRAWN_WARNING  # noqa: PLC0415

    ti = context["ti"]
    report_dir = report_dir_of(read_environment(), ti.dag_id.removeprefix("cdiscount_"), ti.run_id)
    headline = read_headline(report_dir)
    lines = [
        f"{headline['verdict'].capitalize()}.",
        f"Run {headline['run_id']}, preset {preset_in_words(headline)}, training seed {headline['training_seed']}, "
        f"{headline['model']}.",
        *([DRAWN_WARNING] if headline["drawn"] else []),
        f"Report: {report_dir / 'report.html'}",
        _report_page(context),
    ]
    return Message(sentence(headline), tuple(lines), logging.INFO)


def failure_message(context: Any) -> Message:
    """Say which task failed, why, what to do, and where to read on.

    Args:
        context: Of the task that failed; without an exception where its process was lost.
    """
    ti, task, dag = context["ti"], context["task"], context["dag"]
    place = f" [{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
    error = context.get("exception")
    advice = "" if isinstance(error, AirflowFailException) else advice_of(task.doc_md or "")  # those say what to do
    lines = [
        reason_of(error, task.execution_timeout),
        *filter(None, [advice]),
        f"Run {ti.run_id}, task {ti.task_id}{place}, try {ti.try_number}. Its log:",
        str(ti.log_url),
    ]
    name = f"{dag.dag_display_name}: the task {task.task_display_name}{place} failed"
    return Message(name, tuple(lines), logging.ERROR)


class LogNotifier(BaseNotifier):
    """Writes the message into the log of the task that it is about."""

    def __init__(self, compose: Callable[[Any], Message]) -> None:
        super().__init__()
        self.compose = compose

    def notify(self, context: Any) -> None:
        """Write the message, a line of it in a line of the log."""
        message = self.compose(context)
        for line in (message.subject, *message.lines):
            logger.log(message.level, line)


def _as_html(message: Message) -> str:
    """Return the message as the body of an e-mail."""

    def shown(line: str) -> str:
        text = html.escape(line)
        return f'<a href="{text}">{text}</a>' if line.startswith("http") else text

    return "".join(f"<p>{shown(line)}</p>" for line in (message.subject, *message.lines))


class EmailNotifier(BaseNotifier):
    """Sends the message by e-mail, through Airflow's SMTP provider and its connection `smtp_default`."""

    def __init__(self, compose: Callable[[Any], Message], to: Sequence[str]) -> None:
        super().__init__()
        self.compose, self.to = compose, list(to)

    def notify(self, context: Any) -> None:
        """Send the message.

        Raises:
            ConfigError: If the mail server refuses or cannot be reached, with what to look at. Airflow logs this; the
                task's own state stays as it is.
        """
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier  # noqa: PLC0415

        message = self.compose(context)
        subject = " ".join(message.subject.split())[:_LONGEST_SUBJECT]
        # notify(), not a call of it, which would take an error's text for a template.
        mail = SmtpNotifier(to=self.to, subject=subject, html_content=_as_html(message))
        try:
            mail.notify(context)
        except (AirflowException, OSError, ValueError) as error:
            raise ConfigError(
                f"no e-mail could be sent to {', '.join(self.to)} ({type(error).__name__}: {error}); look at the "
                "connection smtp_default (AIRFLOW_CONN_SMTP_DEFAULT, with from_email), or remove email from "
                "CDISCOUNT_NOTIFY"
            ) from error


def notifiers(environment: Environment, compose: Callable[[Any], Message]) -> list[BaseNotifier]:
    """Return who sends what `compose` makes of a task's context, as the machine's settings want it.

    Args:
        environment: Its `notify` names the ways.
        compose: `report_message` for `on_success_callback`, `failure_message` for `on_failure_callback`.
    """
    to = [way.removeprefix("email:") for way in environment.notify if way.startswith("email:")]
    logs: list[BaseNotifier] = [LogNotifier(compose)] if "log" in environment.notify else []
    return logs + ([EmailNotifier(compose, to)] if to else [])
