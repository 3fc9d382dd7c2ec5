"""The app that Airflow's API server mounts: its routes, who may use them, and the headers of every answer.

Airflow signs no one in for a plugin: every route depends on the signed-in user, and asks for the right to the DAG.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from cdiscount_airflow.reports import airflow_runs, bar, listing, pages
from cdiscount_airflow.reports.access import Reader, ReaderDep
from cdiscount_airflow.reports.addresses import up_to_airflow
from cdiscount_airflow.reports.causes import Causes
from cdiscount_airflow.reports.files import (
    HTML,
    find_file,
    find_pair_file,
    find_predictions_file,
    has_file,
    names_in,
    zip_chunks,
)
from cdiscount_airflow.reports.from_bucket import bring_up_to_date, in_a_hurry, sentence_of
from cdiscount_airflow.reports.judging import router as judging
from cdiscount_airflow.reports.judging import with_forms
from cdiscount_airflow.reports.owners import (
    CATALOGUE_DAG,
    COMPARISON_DAG,
    PREDICTIONS_DAG,
    dags_of_folder,
    sample_dag_of,
    sample_of,
)
from cdiscount_airflow.reports.pairs import router as pairs
from cdiscount_airflow.reports.progress import training_of
from cdiscount_airflow.reports.questions import router as questions
from cdiscount_airflow.reports.serving import NO_FILE, answer_with
from cdiscount_airflow.reports.stopping import router as stopping
from cdiscount_airflow.reports.stopping import stop_token
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.reports.folders import prediction_pages
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.settings.environment import read_environment

logger = logging.getLogger(__name__)

CONTENT_POLICY = (
    "sandbox allow-same-origin allow-downloads; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Airflow shows a plugin's pages in a frame that may run scripts beside the user's session token; these may not. A
download needs a click on a link, since nothing else can start one."""

_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, Authorization",
}
_OTHER_SERVERS_TOKEN = "Invalid JWT token"
"""What Airflow says, with 403, of a session that it did not begin itself: its home was made anew, or it was ended."""

_PAGE_OF_RUN = {
    CATALOGUE_DAG: ("catalogue", "catalogue.html", "write_catalogue_page"),
    COMPARISON_DAG: ("comparison", "comparison.html", "write_comparison"),
}
"""Of the DAGs that write a page: its folder's parent, its name, and the task that notes its folder."""

_RENEWED = {"Refresh": str(pages.RENEWED_S)}
"""A page in a sandbox may not renew itself by a `meta` element; that its server asks for it is heeded."""

_ICON = "/icon.svg"


def _with_news(request: Request) -> None:
    """Let what is shown be as the bucket has it; the icon, which every page of Airflow shows, is no report."""
    if not request.url.path.endswith(_ICON):
        bring_up_to_date()


app = FastAPI(
    title="Evaluation reports",
    dependencies=[Depends(get_user), Depends(_with_news)],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    redirect_slashes=False,
)
app.include_router(judging)
app.include_router(pairs)
app.include_router(questions)
app.include_router(stopping)


@app.middleware("http")
async def show_fault(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Say what is wrong with the machine's settings, and where to look for any other fault, as a page."""
    try:
        with in_a_hurry():
            return await call_next(request)
    except ConfigError as error:
        sentence = str(error)
        logger.warning("%s", sentence)
    except StoreAway as error:
        return HTMLResponse(pages.refusal_page(503, sentence_of(error)), 503, {"Retry-After": "60"})
    except Exception:
        sentence = "The page could not be made. The log of Airflow's API server says why."
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
async def show_refusal(request: Request, error: StarletteHTTPException) -> HTMLResponse:
    """Say what was refused, as a page for the frame of Airflow's UI; who is not signed in gets a link to do so."""
    sentence = "No page has this address." if error.detail == "Not Found" else error.detail
    login = _login(request) if error.status_code == 401 or error.detail == _OTHER_SERVERS_TOKEN else None
    return HTMLResponse(pages.refusal_page(error.status_code, sentence, login), error.status_code, error.headers)


def _login(request: Request) -> str:
    """Return the address of Airflow's login, whichever it is, which leads back to what was asked for."""
    asked = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    return f"{up_to_airflow(request)}api/v2/auth/login?next={quote(asked, safe='')}"


def _reports_dir() -> Path:
    return read_environment().reports_dir


@app.get(_ICON)
def show_icon() -> FileResponse:
    """Serve the icon of the page in the navigation."""
    return FileResponse(Path(__file__).parent / "templates" / "icon.svg", media_type="image/svg+xml")


def _causes(reader: Reader, run: airflow_runs.AirflowRun) -> Causes | None:
    """Return why a run's tasks ended as they did; None: the reader may not read their logs, which say it."""
    if not reader.may_read_logs(run.dag_id):
        return None
    return Causes(run, name_person=reader.may_read_actions(run.dag_id))


def _why_failed(reader: Reader, run: airflow_runs.AirflowRun) -> str:
    causes = _causes(reader, run) if reader.may_read_tasks(run.dag_id) else None
    return causes.of_failed_run(airflow_runs.tasks_of(run.dag_id, run.run_id)) if causes else ""


def _list_of_all(reader: Reader, root: str) -> str:
    lists = listing.list_all(_reports_dir(), reader.may_read)
    broken = {dag_id: sentence for dag_id, sentence in airflow_runs.faults().items() if reader.may_read(dag_id)}
    return pages.list_page(lists, root, broken=broken, may_edit=reader.may_edit, why=partial(_why_failed, reader))


@app.get("/", response_class=HTMLResponse)
def list_everything(reader: ReaderDep) -> str:
    """List all that the user may read."""
    return _list_of_all(reader, root="")


@app.get("/files/index.html", response_class=HTMLResponse)
def list_where_pages_link_to(reader: ReaderDep) -> str:
    """List the same where a comparison's link leads; the file itself names every sample, so it is not served."""
    return _list_of_all(reader, root="../")


@app.get("/dags/{dag_id}/", response_class=HTMLResponse)
def list_dag(dag_id: str, reader: ReaderDep) -> str:
    """List the finished and the running runs of a DAG."""
    reader.require(dag_id)
    lists = listing.list_dag(_reports_dir(), dag_id, reader.may_read)
    broken = {one: sentence for one, sentence in airflow_runs.faults().items() if one == dag_id}
    why = partial(_why_failed, reader)
    return pages.list_page(lists, root="../../", dag_id=dag_id, broken=broken, may_edit=reader.may_edit, why=why)


@app.get("/dags/{dag_id}/runs/{run_id}/")
def show_run(dag_id: str, run_id: str, request: Request, reader: ReaderDep) -> Response:
    """Lead to a run's report, or say how far the run is."""
    reader.require(dag_id)
    report = _report_of(dag_id, run_id)
    if report is not None:
        return RedirectResponse(f"../../../../files/{quote(report)}")
    run = airflow_runs.run_of(dag_id, run_id)
    if run is None:
        raise HTTPException(404, f"Airflow has no run {run_id} of the DAG {dag_id}, and there is no report of it.")
    tasks = airflow_runs.tasks_of(dag_id, run_id) if reader.may_read_tasks(dag_id) else None
    causes = _causes(reader, run)
    writes_reports = sample_of(dag_id) is not None or dag_id in (*_PAGE_OF_RUN, PREDICTIONS_DAG)
    training, token = training_of(_samples_dir(), run, tasks), None
    if training is not None and not training.ends and reader.may_edit(dag_id):
        request.state.shows_form, token = True, stop_token(request, dag_id, run_id)
    late_since = airflow_runs.missed_deadline(run)
    page = pages.state_page(run, tasks, writes_reports, causes, training, token, late_since)
    return HTMLResponse(page, headers=_RENEWED if run.state == "running" else None)


def _samples_dir() -> Path:
    return read_environment().work_dir / "samples"


def _report_of(dag_id: str, run_id: str) -> str | None:
    """Return where a run's page is below the reports folder; None: it has none."""
    sample = sample_of(dag_id)
    if sample is not None:
        place = sample, run_folder(run_id), "report.html"
    elif dag_id in _PAGE_OF_RUN:
        group, name, task_id = _PAGE_OF_RUN[dag_id]
        place = group, airflow_runs.page_of(dag_id, run_id, [task_id]) or "", name
    elif dag_id == PREDICTIONS_DAG:
        links = [page.link for page in prediction_pages(_reports_dir())]
        return next((link for link in links if link.split("/")[2] == run_folder(run_id)), None)
    else:
        return None
    return "/".join(place) if has_file(_reports_dir(), *place) else None


@app.get("/files/{group}/{folder}/{name}")
def serve_file(
    group: str, folder: str, name: str, request: Request, reader: ReaderDep, download: bool = False
) -> Response:
    """Serve a file that a manifest names: a page is shown below a bar; all else is saved, as a page is if wanted."""
    reports_dir = _reports_dir()
    reader.require(*dags_of_folder(reports_dir, group, folder))
    file = find_file(reports_dir, group, folder, name)
    if file is None:
        raise HTTPException(404, NO_FILE)
    above = None
    if file.media_type == HTML and not download:
        above = bar.bar(request, reports_dir, _samples_dir(), group, folder)
    return answer_with(request, file, above)


@app.get("/files/predictions/{sample}/{folder}/{name}")
def serve_predictions(
    sample: str, folder: str, name: str, request: Request, reader: ReaderDep, download: bool = False
) -> Response:
    """Serve a file of a page of predictions, to those who may read the reports of the sample whose model answered."""
    reader.require(sample_dag_of(sample))
    file = find_predictions_file(_reports_dir(), sample, folder, name)
    if file is None:
        raise HTTPException(404, NO_FILE)
    above = bar.bar_of_pair(request, sample, file) if file.media_type == HTML and not download else None
    return answer_with(request, file, above)


@app.get("/files/{sample}/compare/{folder}/{name}")
def serve_pair(
    sample: str, folder: str, name: str, request: Request, reader: ReaderDep, download: bool = False
) -> Response:
    """Serve a file of a page of two runs of a sample, to those who may read the sample's reports."""
    reader.require(sample_dag_of(sample))
    file = find_pair_file(_reports_dir(), sample, folder, name)
    if file is None:
        raise HTTPException(404, NO_FILE)
    above = bar.bar_of_pair(request, sample, file) if file.media_type == HTML and not download else None
    return answer_with(request, file, above)


@app.get("/zips/{group}/{folder}.zip")
def serve_zip(group: str, folder: str, reader: ReaderDep) -> Response:
    """Serve all files of a report in one."""
    reader.require(*dags_of_folder(_reports_dir(), group, folder))
    if not names_in(_reports_dir(), group, folder):
        raise HTTPException(404, NO_FILE)
    return StreamingResponse(
        zip_chunks(_reports_dir(), group, folder),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{folder}.zip"'},
    )


@app.get("/models/{sample}/{model}/{name}")
def serve_model(sample: str, model: str, name: str, request: Request, reader: ReaderDep) -> Response:
    """Serve a file of a sample's trained network; who may read the sample's reports may have it."""
    reader.require(sample_dag_of(sample))
    file = bar.find_model_file(_samples_dir(), sample, model, name)
    if file is None:
        raise HTTPException(404, "This file is not part of a finished model. The model was removed, or its run failed.")
    return answer_with(request, file)
