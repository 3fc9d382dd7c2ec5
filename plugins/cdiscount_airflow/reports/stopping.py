"""Stopping a training by hand in its run's tab: it ends after the running epoch, and the best one is kept.

For those who may edit the sample's DAG, by a form without a script, as labels are judged.
"""

import hmac
import logging

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from cdiscount_airflow.reports import airflow_runs, judge_form
from cdiscount_airflow.reports.access import Reader, ReaderDep
from cdiscount_airflow.reports.progress import training_dir_of
from cdiscount_tasks.artifacts.training_folder import want_stop
from cdiscount_tasks.settings.environment import read_environment

logger = logging.getLogger(__name__)

router = APIRouter()


def stop_token(request: Request, dag_id: str, run_id: str) -> str:
    """Return the token of the form that stops a run's training, for the signed-in session."""
    return judge_form.token_of(request, f"stop {dag_id}/{run_id}")


@router.post("/dags/{dag_id}/runs/{run_id}/stop")
async def stop_training(dag_id: str, run_id: str, request: Request, reader: ReaderDep) -> Response:
    """Let a run's training end after its running epoch."""
    reader.require_edit(dag_id, "stop its training")
    if judge_form.comes_from_elsewhere(request):
        raise HTTPException(403, "Another site sent this form. Nothing was stopped.")
    body = await judge_form.read_body(request)
    return await run_in_threadpool(_stop, dag_id, run_id, request, reader, body)


def _stop(dag_id: str, run_id: str, request: Request, reader: Reader, body: bytes) -> Response:
    sent = judge_form.read_fields(body).get("token", "")
    if not hmac.compare_digest(stop_token(request, dag_id, run_id).encode(), sent.encode()):
        raise HTTPException(403, "Nothing was stopped, because you signed in again. Open the run's tab; press again.")
    run = airflow_runs.run_of(dag_id, run_id)
    training_dir = training_dir_of(read_environment().work_dir / "samples", run) if run else None
    try:
        wanted = training_dir is not None and want_stop(training_dir)
    except OSError as error:
        raise HTTPException(
            409,
            f"Nothing was stopped: {training_dir} cannot be written ({error.strerror}). Make the file `stop` there.",
        ) from error
    if not wanted:
        raise HTTPException(409, "Nothing was stopped: this run has no training that is under way.")
    logger.info("%s stopped the training of run %s of %s: %s", reader.name, run_id, dag_id, training_dir)
    return RedirectResponse("./", 303)
