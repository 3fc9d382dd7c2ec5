"""The task that asks a person whether a model may become the champion."""

import inspect
import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.configuration import conf
from cdiscount_airflow.links import question_picture, run_tab
from cdiscount_airflow.tasks.stage_task import guard

logger = logging.getLogger(__name__)

PROMOTE, KEEP, DECLINE = "Promote", "Keep the champion", "Do not promote"
"""What can be answered: KEEP where there is a champion, DECLINE where there is none yet."""

PAGE = """
Ask a person whether the model may become the champion, where the sample's YAML says `approval: required` and the
judgement promotes it.

**Reads** the judgement, and who may answer and for how long: as frozen when the run began.
**Leaves** the answer in the run's `artifacts.json`; a time that ran out means no.
**If it fails**, clear the task: it asks again.
"""
"""What Airflow shows for the task."""


class AskApprover(HITLOperator):
    """Asks where the run's frozen config wants it, and waits without a worker and without a slot of a pool.

    A YAML that changes meanwhile changes nothing: who may answer and for how long was frozen when the run began. Where
    nobody is to be asked, or the evidence does not promote the model, the task ends at once.
    """

    template_fields = ()

    def __init__(self, *, sample_name: str, **kwargs: Any) -> None:
        super().__init__(
            subject="Is this model to become the champion?",
            options=[PROMOTE, KEEP, DECLINE],  # whichever was offered is taken; `execute` offers two
            defaults=KEEP,
            # Else the operator would wait for as long as a task may run; `execute` says how long, by the run's config.
            response_timeout=timedelta(days=365),
            doc_md=inspect.cleandoc(PAGE),
            **kwargs,
        )
        self.sample_name = sample_name
        self.can_ask = True
        """False where no UI is at hand: `make run`."""

    def execute(self, context: Any) -> str:
        """Ask, or say in a line why nobody is asked."""
        line: str = guard(self._ask, self.doc_md or "", self.execution_timeout)(context)
        return line

    def execute_complete(self, context: Any, event: dict[str, Any]) -> str:
        """Note who answered what; a time that ran out means no."""
        line: str = guard(self._note, self.doc_md or "", self.execution_timeout)(context, event)
        return line

    def _ask(self, context: Any) -> str:
        from cdiscount_tasks.runs import approval
        from cdiscount_tasks.runs.run import open_run

        dag_id, run_id = context["ti"].dag_id, context["run_id"]
        run = open_run(self.sample_name, run_id)
        if reason := approval.reason_not_to_ask(run):
            logger.info("nobody is asked: %s", reason)
            return reason
        if not self.can_ask:
            return approval.note_unasked(run)
        approval.note_question(run)
        prefix = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        question = approval.question_of(
            run, lambda name: f"{prefix}/{question_picture(self.sample_name, run.run_dir.name, name)}"
        )
        no = KEEP if approval.has_champion(run) else DECLINE
        self.options, self.defaults = [PROMOTE, no], [no]
        self.subject = question.subject
        self.body = f"{question.body}\n\n[The report]({prefix}/{run_tab(dag_id, run_id)})"
        approvers = run.config.sample.promotion.approvers
        self.assigned_users = [{"id": user, "name": user} for user in approvers] or None
        if approvers and conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
            logger.warning(
                "this Airflow takes everybody for an admin: whoever opens the question may answer it, not only %s",
                ", ".join(approvers),
            )
        self.response_timeout = timedelta(hours=run.config.sample.promotion.approval_hours)
        return str(super().execute(context))  # raises what makes the task wait

    def _note(self, context: Any, event: dict[str, Any]) -> str:
        from cdiscount_tasks.runs import approval
        from cdiscount_tasks.runs.run import open_run

        answer = super().execute_complete(context, event)
        user = answer["responded_by_user"]
        line: str = approval.note_answer(
            open_run(self.sample_name, context["run_id"]),
            approved=answer["chosen_options"] == [PROMOTE],
            who=str(user["name"] if user else ""),
            answer=", ".join(answer["chosen_options"]),
            at=answer["responded_at"].isoformat(timespec="seconds"),
        )
        logger.info("%s", line)
        return line
