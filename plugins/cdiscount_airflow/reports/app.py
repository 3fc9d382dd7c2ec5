"""The app that Airflow's API server mounts: its routes, who may use them, and the headers of every answer.

Airflow signs no one in for a plugin: every route depends on the signed-in user, and asks for the right to the DAG.
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from cdiscount_airflow.reports import airflow_runs, listing, pages
from cdiscount_airflow.reports.access import ReaderDep
from cdiscount_airflow.reports.files import find_file
from cdiscount_airflow.reports.judging import router as judging
from cdiscount_airflow.reports.judging import with_forms
from cdiscount_airflow.reports.owners import CATALOGUE_DAG, COMPARISON_DAG, dags_of_folder, sample_of
from cdiscount_tasks.environment import read_environment
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.run import run_folder

logger = logging.getLogger(__name__)

CONTENT_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Airflow shows a plugin's pages in a frame that may run scripts beside the user's session token; these may not."""

_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, Authorization",
}
_PAGE_OF_RUN = {
    CATALOGUE_DAG: ("catalogue", "catalogue.html", "write_catalogue_page"),
    COMPARISON_DAG: ("comparison", "comparison.html", "write_comparison"),
}
"""Of the DAGs that write a page: its folder's parent, its name, and the task whose result tells its folder."""

app = FastAPI(
    title="Evaluation reports",
    dependencies=[Depends(get_user)],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    redirect_slashes=False,
)
app.include_router(judging)


@app.middleware("http")
async def show_fault(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Say what is wrong with the machine's settings, and of another fault where to look, as a page like the others."""
    try:
        return await call_next(request)
    except ConfigError as error:
        sentence = str(error)
        logger.warning("%s", sentence)
    except Exception:
        sentence = "The page could not be made: the log of Airflow's API server says why."
        logger.exception("%s", request.url.path)
    return HTMLResponse(pages.refusal_page(500, sentence), 500)


@app.middleware("http")
async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Add the content policy to every answer; what says nothing of caching is not kept."""
    response = await call_next(request)
    response.headers.update(_HEADERS)
    if getattr(request.state, "shows_form", False):
        response.headers["Content-Security-Policy"] = with_forms(CONTENT_POLICY)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@app.exception_handler(StarletteHTTPException)
async def show_refusal(_: Request, error: StarletteHTTPException) -> HTMLResponse:
    """Say what was refused, as a page: it stands in a frame of Airflow's UI."""
    sentence = "No page has this address." if error.detail == "Not Found" else error.detail
    return HTMLResponse(pages.refusal_page(error.status_code, sentence), error.status_code, error.headers)


def _reports_dir() -> Path:
    return read_environment().reports_dir


@app.get("/", response_class=HTMLResponse)
def list_everything(reader: ReaderDep) -> str:
    """List all that the user may read."""
    return pages.list_page(listing.list_all(_reports_dir(), reader.may_read), root="", may_edit=reader.may_edit)


@app.get("/files/index.html", response_class=HTMLResponse)
def list_where_pages_link_to(reader: ReaderDep) -> str:
    """List the same where a comparison's link leads; the file itself names every sample, so it is not served."""
    return pages.list_page(listing.list_all(_reports_dir(), reader.may_read), root="../", may_edit=reader.may_edit)


@app.get("/dags/{dag_id}/", response_class=HTMLResponse)
def list_dag(dag_id: str, reader: ReaderDep) -> str:
    """List what a DAG has written and has going."""
    reader.require(dag_id)
    lists = listing.list_dag(_reports_dir(), dag_id, reader.may_read)
    return pages.list_page(lists, root="../../", dag_id=dag_id, may_edit=reader.may_edit)


@app.get("/dags/{dag_id}/runs/{run_id}/")
def show_run(dag_id: str, run_id: str, reader: ReaderDep) -> Response:
    """Lead to a run's report, or say how far the run is."""
    reader.require(dag_id)
    report = _report_of(dag_id, run_id)
    if report is not None:
        return RedirectResponse(f"../../../../files/{quote(report)}")
    run = airflow_runs.run_of(dag_id, run_id)
    if run is None:
        raise HTTPException(404, f"Airflow knows no run {run_id} of the DAG {dag_id}, and no report of it stands.")
    tasks = airflow_runs.tasks_of(dag_id, run_id) if reader.may_read_tasks(dag_id) else None
    writes_reports = sample_of(dag_id) is not None or dag_id in _PAGE_OF_RUN
    return HTMLResponse(pages.state_page(run, tasks, writes_reports))


def _report_of(dag_id: str, run_id: str) -> str | None:
    """Return where a run's page stands below the reports folder; None: it does not."""
    sample = sample_of(dag_id)
    if sample is not None:
        place = sample, run_folder(run_id), "report.html"
    elif dag_id in _PAGE_OF_RUN:
        group, name, task_id = _PAGE_OF_RUN[dag_id]
        path = airflow_runs.result_path_of(dag_id, run_id, [task_id])
        place = group, Path(path or "").name, name
    else:
        return None
    return "/".join(place) if find_file(_reports_dir(), *place) else None


@app.get("/files/{group}/{folder}/{name}")
def serve_file(group: str, folder: str, name: str, request: Request, reader: ReaderDep) -> Response:
    """Serve a file that a manifest names."""
    reader.require(*dags_of_folder(group, folder))
    file = find_file(_reports_dir(), group, folder, name)
    if file is None:
        raise HTTPException(404, "No finished report names this file. Reports are made whole: it may be written anew.")
    # A report stays as it is until its task is cleared; whether the user may still read it is asked each time.
    tag = f'"{file.content_hash}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    shown = "inline" if file.media_type != "application/octet-stream" else "attachment"
    return FileResponse(
        file.path, media_type=file.media_type, filename=name, headers=headers, content_disposition_type=shown
    )
