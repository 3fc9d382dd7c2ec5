"""Two runs of a sample side by side: the page on which they are ticked, which leads to theirs or says how to make it.

The page itself is made outside the API server: pairing predictions needs pandas, which this process does not load.
"""

from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from cdiscount_airflow.reports import listing, pages
from cdiscount_airflow.reports.access import ReaderDep
from cdiscount_airflow.reports.files import has_pair_file
from cdiscount_airflow.reports.owners import sample_dag_of, sample_of
from cdiscount_tasks.pages.overview.rows import FinishedReport
from cdiscount_tasks.reports.folders import PAIR_PAGE, PAIRS
from cdiscount_tasks.runs.folders import pair_folder
from cdiscount_tasks.settings.environment import read_environment

router = APIRouter(prefix="/pairs/{sample}")


@router.get("/")
def choose_pair(sample: str, request: Request, reader: ReaderDep, a: str = "", b: str = "") -> Response:
    """Show a sample's runs to choose two from; of two that are chosen, lead to their page or say how to make it."""
    dag_id = sample_dag_of(sample)
    reader.require(dag_id)
    if sample_of(dag_id) is None:
        raise HTTPException(404, "No page has this address.")
    reports_dir = read_environment().reports_dir
    sections = listing.list_dag(reports_dir, dag_id, reader.may_read).samples
    rows = [row for section in sections if section.reports for row in section.reports.rows]
    runs = [row for row in rows if isinstance(row, FinishedReport)]
    chosen = a != b and {a, b} <= {run.folder for run in runs}
    if chosen:
        for folder in (pair_folder(a, b), pair_folder(b, a)):
            if has_pair_file(reports_dir, sample, folder, PAIR_PAGE):
                return RedirectResponse(f"../../files/{quote(sample)}/{PAIRS}/{quote(folder)}/{PAIR_PAGE}", 303)
    request.state.shows_form = True
    page = pages.pair_choice_page(sample=sample, dag_id=dag_id, runs=runs, a=a, b=b, chosen=chosen)
    return HTMLResponse(page)
