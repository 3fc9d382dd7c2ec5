"""The plugin's pages in a browser: what a report's script can do, and how the lists look on a desk and a telephone."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
import uvicorn
from cdiscount_airflow.reports import app
from cdiscount_airflow.reports.airflow_runs import AirflowRun, AirflowTask
from cdiscount_airflow.reports.bar import Download, with_bar
from cdiscount_airflow.reports.causes import Causes
from cdiscount_airflow.reports.pages import bar_of, list_page, pair_choice_page, refusal_page, state_page
from cdiscount_airflow.reports.progress import RunningTraining
from fastapi import Response
from fastapi.responses import HTMLResponse

from cdiscount_tasks.artifacts.training_folder import STOP, write_progress
from cdiscount_tasks.runs.folders import pair_folder, run_folder
from tests.cdiscount_tasks.pages.test_in_browser import LOOKS, look
from tests.material.finished_reports import write_finished
from tests.material.training_progress import PROGRESS_OF_EPOCH_8
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, PREFIX, RUNNING, SCRIPT, write_page
from tools.airflow.api import wait_until
from tools.airflow.processes import free_port

pytestmark = pytest.mark.browser

FRAME = (
    "<!DOCTYPE html><title>Airflow</title>"
    '<iframe sandbox="allow-scripts allow-same-origin allow-forms allow-downloads" src="{src}">'
)
REPORT = f"<!DOCTYPE html><title>Odd</title><h1>Report</h1>{SCRIPT}<img src='data:,' onerror='parent.document.title=1'>"
ODD = f"{PREFIX}/files/wine/odd/labels.html"


@pytest.fixture
def served(root_app, reports_dir):
    """Serve the app, a frame like that of Airflow's UI, and the same report without the policy."""
    write_page(reports_dir / "wine" / "odd", "report", "report.html", {}, labels_dot_html=REPORT)

    @root_app.get("/frame")
    def frame(src: str) -> HTMLResponse:
        return HTMLResponse(FRAME.format(src=src))

    @root_app.get("/unguarded")
    def unguarded() -> Response:
        return HTMLResponse(REPORT)

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(root_app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: server.started, timeout_s=60)
    yield SimpleNamespace(url=f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(20)


@pytest.mark.parametrize(("src", "runs"), [(ODD, False), ("/unguarded", True)])
def test_a_script_in_a_report_is_not_run(browser, served, token_of, src, runs):
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": token_of("admin"), "url": served.url}])
    tab = context.new_page()
    tab.goto(f"{served.url}/frame?src={src}")
    frame = tab.frame_locator("iframe")

    frame.get_by_role("heading", name="Report").wait_for()
    owned = tab.evaluate("[document.documentElement.dataset.owned, document.title]")
    context.close()
    assert owned == (["yes", "1"] if runs else [None, "Airflow"])


def test_a_file_is_saved_from_the_frame_and_the_report_stays(browser, served, token_of):
    context = browser.new_context(accept_downloads=True)
    context.add_cookies([{"name": "_token", "value": token_of("viewer"), "url": served.url}])
    tab = context.new_page()
    tab.goto(f"{served.url}/frame?src={PREFIX}/files/catalogue/0123abcd/catalogue.html")
    frame = tab.frame_locator("iframe")
    frame.get_by_text("Download").click()
    with tab.expect_download() as saved:
        frame.get_by_role("link", name="categories.csv").click()

    assert saved.value.path().read_text() == "category_id\n1\n"
    assert frame.get_by_role("link", name="All reports", exact=True).is_visible()
    context.close()


def test_two_runs_are_ticked_in_the_frame_and_their_page_is_shown(browser, served, reports_dir, token_of):
    write_finished(reports_dir, "second", "wine", run_id="manual__second")
    folder = pair_folder(run_folder(FINISHED), "second")
    facts = {"title": "smoke and smoke", "answer": "No difference."}
    write_page(reports_dir / "wine" / "compare" / folder, "two_runs", "compare.html", facts)
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": token_of("viewer"), "url": served.url}])
    tab = context.new_page()
    tab.goto(f"{served.url}/frame?src={PREFIX}/dags/cdiscount_wine/")
    frame = tab.frame_locator("iframe")

    frame.get_by_role("link", name="Put two runs side by side").click()
    frame.locator("input[name=a]").first.check()
    frame.locator("input[name=b]").last.check()
    frame.get_by_role("button", name="Show").click()

    tab.frames[1].wait_for_url(f"**/{folder}/**", timeout=10_000)
    context.close()


def test_in_airflows_frame_the_tab_renews_itself_and_its_button_stops_the_training(
    browser, served, token_of, training_dir, monkeypatch
):
    monkeypatch.setitem(app._RENEWED, "Refresh", "1")
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": token_of("admin"), "url": served.url}])
    tab = context.new_page()
    tab.goto(f"{served.url}/frame?src={PREFIX}/dags/cdiscount_wine/runs/{quote(RUNNING, safe='')}/")
    frame = tab.frame_locator("iframe")
    frame.get_by_text("Epoch 8 of 30").wait_for()
    write_progress(training_dir, {**PROGRESS_OF_EPOCH_8, "epoch": 9})
    frame.get_by_text("Epoch 9 of 30").wait_for()
    monkeypatch.setitem(app._RENEWED, "Refresh", "60")
    frame.get_by_role("button", name="Stop and keep").click()
    frame.get_by_text("Somebody stopped this training").wait_for()
    context.close()
    assert (training_dir / STOP).is_file()


def make_pages(reports_dir, database):
    from cdiscount_airflow.reports.listing import list_all, list_dag

    database.add_run("cdiscount_wine", "manual__2026-11-25T16:00:00+00:00", "running")
    database.add_run("cdiscount_mixed_bag", "manual__failed", "failed")
    run = AirflowRun("cdiscount_wine", FINISHED, "failed", None, None, None)
    tasks = [AirflowTask("train_model", "Train the model", "failed", 4, None, None)]
    going = replace(run, state="running", started=datetime(2026, 11, 26, 9, 7, tzinfo=UTC))
    training = RunningTraining(PROGRESS_OF_EPOCH_8, going.started, Path("model-0.training/stop"), ends=False)
    at_work = [AirflowTask("train_model", "Train the model", "running", 1, going.started, None)]
    tasks += [AirflowTask("index_catalogue.scan_range", "Scan (0 to 268,435,456)", "up_for_retry", 1, None, None)]
    files = [Download("label_suspects.csv", "label_suspects.csv", "labels to look at", 12_000)]
    address = f"http://127.0.0.1:8080/dags/cdiscount_wine/runs/{FINISHED}/plugin/evaluation-report"
    bar = bar_of(address=address, link="../", dag_id="cdiscount_wine", downloads=files)
    write_finished(reports_dir, "second", "wine", run_id="manual__second")
    runs = list_dag(reports_dir, "cdiscount_wine", lambda _: True).samples[0].reports.rows
    refusal = refusal_page(403, "You may not read the runs of the DAG cdiscount_wine.")
    return {
        "below a bar": with_bar(refusal.encode(), bar.replace("<details>", "<details open>")).decode(),
        "two runs to tick": pair_choice_page(
            sample="wine", dag_id="cdiscount_wine", runs=runs, a="second", b=runs[1].folder, chosen=True
        ),
        "list": list_page(list_all(reports_dir, lambda _: True), root=""),
        "state": state_page(run, tasks, writes_reports=True, causes=Causes(run, name_person=True)),
        "training": state_page(going, at_work, writes_reports=True, training=training, stop_token="0" * 64),
        "refusal": refusal,
        "login": refusal_page(401, "Not authenticated", "../api/v2/auth/login?next=x"),
    }


@pytest.mark.parametrize("name", ["below a bar", "list", "two runs to tick", "state", "training", "refusal", "login"])
def test_a_page_is_fit_for_everyone_at_every_width_by_day_and_by_night(
    browser,
    reports_dir,
    database,
    tmp_path,
    name,
):
    path = tmp_path / f"{name}.html"
    path.write_text(make_pages(reports_dir, database)[name], encoding="utf-8")
    tab = browser.new_page()
    tab.goto(path.as_uri())
    looks = {one: look(tab, *one) for one in LOOKS}
    tab.close()

    assert {one: found.violations for one, found in looks.items()} == {one: [] for one in LOOKS}
    assert all(found.scroll_width <= width for (width, _), found in looks.items())
