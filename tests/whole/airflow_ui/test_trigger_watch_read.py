"""A data scientist's way through Airflow's UI, in a browser, against a real Airflow: trigger, watch, read."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest

from cdiscount_tasks.runs.folders import run_folder
from tests.whole.airflow_ui.running_airflow import running_airflow
from tests.whole.airflow_ui.visitor import PICTURES_DIR, WAIT_MS, Visitor, sign_in
from tools.airflow.api import ApiError

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

NUM_PRODUCTS = 4000 if PICTURES_DIR else 1000
EPOCHS = 12
"""More than the preset's 8, and enough that a training can be watched."""
DAG_ID = "cdiscount_wine"
MISTAKEN_DAG_ID, MISTAKEN_RUN_ID = "cdiscount_mixed_bag", "manual__mistaken"


@pytest.fixture(scope="module")
def airflow(browser, tmp_path_factory, give_database):
    root = tmp_path_factory.mktemp("airflow_ui")
    give_database(root / "airflow")
    with running_airflow(root, NUM_PRODUCTS) as running:
        yield running


@pytest.fixture(scope="module")
def admin(browser, airflow):
    return Visitor(browser, airflow, "admin")


@pytest.fixture(scope="module")
def viewer(browser, airflow):
    return Visitor(browser, airflow, "viewer")


class Triggered(NamedTuple):
    """A run that was triggered in the form, and what the form showed: before a section was opened, and after."""

    run_id: str
    closed_form: str
    open_form: str


@pytest.fixture(scope="module")
def triggered(admin):
    """Trigger wine with a preset and a knob that were chosen in the form."""
    form = admin.open_form(DAG_ID)
    closed_form = form.inner_text()
    admin.picture("form", height=1080)
    form.get_by_role("combobox", name="Preset").click()
    admin.page.get_by_role("option", name=re.compile("^smoke")).click()
    form.get_by_role("button", name="Learning").click()
    form.get_by_role("spinbutton", name="Epochs").fill(str(EPOCHS))
    admin.picture("form_open", height=1080)
    open_form = form.inner_text()
    form.get_by_role("button", name="Trigger", exact=True).click()
    admin.page.wait_for_url(re.compile("/runs/manual"))
    return Triggered(unquote(admin.page.url.rsplit("/", 1)[1]), closed_form, open_form)


@pytest.fixture(scope="module")
def mistaken_log(admin, airflow, triggered):
    """Trigger a run with a key that is no knob, beside the other one; return the log of its first task."""
    api = airflow.api("admin")
    api.trigger(MISTAKEN_DAG_ID, MISTAKEN_RUN_ID, {"epoch": EPOCHS}, "")
    api.set_paused(MISTAKEN_DAG_ID, paused=False)
    admin.open(f"/dags/{MISTAKEN_DAG_ID}/runs/{MISTAKEN_RUN_ID}/tasks/resolve_run")
    return admin.wait_for_log("not a setting of this run")


class Watched(NamedTuple):
    """What a task's page showed at one moment."""

    state: str
    log: str


@pytest.fixture(scope="module")
def training(admin, triggered, mistaken_log):
    """Open the log of the training and wait for what it says of an epoch."""
    admin.open(f"/dags/{DAG_ID}/runs/{triggered.run_id}/tasks/train_model")
    log = admin.wait_for_log(rf"epoch \d+ of {EPOCHS}:")
    state = admin.wait_for_state("Running|Success|Failed")
    if PICTURES_DIR:
        admin.wait_for_log(f"epoch 5 of {EPOCHS}:")
        admin.page.reload()  # Airflow shows the duration that a task had when its page was opened
        admin.wait_for_log(f"epoch 6 of {EPOCHS}:")
        admin.picture("log")
    return Watched(state, log)


class Finished(NamedTuple):
    """A run that has ended, and where its report stands."""

    run_id: str
    state: str
    report_dir: Path

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.report_dir / "metrics.json").read_text())

    @property
    def accuracy(self) -> str:
        """Return the headline's figure as pages and lists write it."""
        return f"{100 * self.metrics['test']['product']['accuracy']['value']:.1f} %"


@pytest.fixture(scope="module")
def finished(admin, airflow, triggered, training):
    """Wait for the run's end on its own page."""
    admin.open(f"/dags/{DAG_ID}/runs/{triggered.run_id}")
    state = admin.wait_for_state("Success|Failed")
    admin.page.get_by_test_id("expand-all-button").click()
    admin.page.get_by_text("Merge the index").first.wait_for()
    admin.picture("grid")
    return Finished(triggered.run_id, state, airflow.reports_dir / "wine" / run_folder(triggered.run_id))


@pytest.fixture(scope="module")
def all_ran(airflow, finished):
    """Where pictures are wanted, run the other DAGs too: lists with something to show."""
    if PICTURES_DIR:
        airflow.run_dag(MISTAKEN_DAG_ID, {"preset": "smoke", "epochs": EPOCHS})
        airflow.run_dag("cdiscount_catalogue", {})
        airflow.run_dag("cdiscount_sample_comparison", {})


def accuracy_shown(visitor):
    """Return the accuracy that the report in the visitor's window opens with."""
    return visitor.report.locator("#trust .headline strong").inner_text()


def test_the_form_says_what_each_preset_means_and_keeps_the_knobs_closed(triggered):
    assert re.search(r"smoke: Does everything work\?.*\(small_cnn, 64 px, up to 8 epochs\)", triggered.closed_form)
    assert "Batch size" not in triggered.closed_form


def test_an_open_section_says_what_a_knob_takes_and_what_it_is_in_each_preset(triggered):
    assert re.search(r"Expected: 1 to 500\..*smoke 8, original 20", triggered.open_form)


def test_the_log_tells_of_each_epoch_while_the_training_goes_on(training):
    assert training.state == "Running"
    assert re.search(rf"epoch 1 of {EPOCHS}: train loss [\d.]+, accuracy", training.log)


def test_the_run_turns_green(finished):
    assert finished.state == "Success"


def test_the_dags_are_listed_by_what_they_are_about(all_ran, admin):
    admin.open("/dags")
    admin.page.get_by_role("link", name="Cdiscount: Wine").wait_for()
    admin.picture("dags", height=830)
    listed = admin.main.inner_text()
    for title in ("Wine", "Mixed bag", "the catalogue", "samples compared"):
        assert f"Cdiscount: {title}" in listed


def test_the_run_trains_with_the_knob_that_the_form_set(finished):
    assert finished.metrics["preset"] == "smoke"
    assert finished.metrics["lineage"]["config"]["training"]["epochs"] == EPOCHS


def test_the_tab_of_the_run_shows_the_accuracy_of_its_metrics(finished, admin):
    admin.open(f"/dags/{DAG_ID}/runs/{finished.run_id}")
    admin.main.get_by_role("link", name="Report", exact=True).click()
    assert accuracy_shown(admin) == finished.accuracy
    admin.picture("report_tab", height=900)


def test_the_page_in_the_navigation_lists_the_run_and_leads_to_its_report(finished, all_ran, admin):
    admin.open("/")
    admin.page.get_by_test_id("nav-sidebar").get_by_role("link", name="Reports").click()
    row = admin.report.get_by_role("row").filter(has_text=finished.run_id)
    assert finished.accuracy in row.inner_text()
    admin.picture("reports", height=1300)
    row.get_by_role("link").click()
    assert accuracy_shown(admin) == finished.accuracy


def test_the_tab_of_the_dag_lists_its_runs_and_no_other_dags(finished, admin):
    admin.open(f"/dags/{DAG_ID}")
    admin.main.get_by_role("link", name="Reports", exact=True).click()
    text = admin.read()
    assert finished.run_id in text
    assert MISTAKEN_RUN_ID not in text


def test_the_task_that_writes_the_report_leads_to_it(finished, admin):
    admin.open(f"/dags/{DAG_ID}/runs/{finished.run_id}/tasks/write_report/details")
    admin.main.get_by_role("link", name="Report", exact=True).click()
    assert accuracy_shown(admin) == finished.accuracy


def test_a_key_that_is_no_knob_fails_the_first_task_with_the_one_that_was_meant(mistaken_log):
    assert "'epoch' is not a setting of this run; did you mean epochs" in mistaken_log


def test_the_tab_of_a_failed_run_says_why_and_leads_to_the_log(mistaken_log, admin):
    admin.open(f"/dags/{MISTAKEN_DAG_ID}/runs/{MISTAKEN_RUN_ID}")
    admin.main.get_by_role("link", name="Report", exact=True).click()
    text = admin.read()
    assert "Resolve the run failed" in text
    assert "'epoch' is not a setting of this run; did you mean epochs?" in text
    admin.report.get_by_role("link", name="the log of Resolve the run").click()
    admin.report.get_by_test_id("virtualized-list").filter(has_text="did you mean epochs").wait_for()


def test_a_run_that_a_person_stopped_is_told_as_stopped(finished, all_ran, airflow, admin):
    api, run_id = airflow.api("admin"), "manual__stopped"
    api.set_paused(DAG_ID, paused=True)
    api.trigger(DAG_ID, run_id, {"preset": "smoke"}, "")
    api.fail_run(DAG_ID, run_id)
    admin.open(f"/dags/{DAG_ID}/runs/{run_id}/plugin/evaluation-report")
    assert "Stopped by admin" in admin.read()


def test_a_file_of_the_report_is_saved_and_the_report_stays(finished, viewer):
    viewer.open(f"/dags/{DAG_ID}/runs/{finished.run_id}/plugin/evaluation-report")
    viewer.report.get_by_text("Download", exact=True).click()
    for name in ("predictions.parquet", "model.keras"):
        with viewer.page.expect_download() as saved:
            viewer.report.get_by_role("link", name=name).click()
        assert saved.value.suggested_filename == name
        assert saved.value.path().stat().st_size > 1000
    assert accuracy_shown(viewer) == finished.accuracy


def test_a_link_to_a_report_leads_who_is_not_signed_in_to_the_login_and_back(finished, browser, airflow):
    tab = browser.new_context().new_page()
    link = f"{airflow.url}/evaluation_reports/files/wine/{run_folder(finished.run_id)}/report.html"
    assert tab.goto(link).status == 401
    tab.get_by_role("link", name="Sign in to Airflow").click()
    sign_in(tab, "viewer")
    tab.locator("#trust").wait_for(timeout=WAIT_MS)
    assert tab.url == link
    tab.context.close()


def test_the_home_page_says_where_to_begin_and_its_lamps_are_green(airflow, admin):
    admin.open("/")
    admin.page.get_by_role("heading", name="Cdiscount classifiers").wait_for()
    steps = admin.page.get_by_role("listitem").filter(has_text="press Trigger and choose a preset")
    assert steps.get_by_role("link", name="Cdiscount: Wine").get_attribute("href").endswith("dags/cdiscount_wine")
    health = admin.page.request.get(f"{airflow.url}/api/v2/monitor/health").json()
    assert {name: part["status"] for name, part in health.items()} == dict.fromkeys(health, "healthy")
    assert "triggerer" in health


def test_the_page_of_a_dag_says_first_what_it_makes_and_what_to_press(admin):
    admin.open(f"/dags/{DAG_ID}")
    admin.page.get_by_role("button", name="Dag Docs").click()
    text = admin.page.get_by_role("dialog").inner_text()
    assert text.index("Trains a classifier") < text.index("Press Trigger") < text.index("Demo data")


def test_a_viewer_reads_the_report(finished, viewer):
    viewer.open(f"/dags/{DAG_ID}/runs/{finished.run_id}/plugin/evaluation-report")
    assert accuracy_shown(viewer) == finished.accuracy


def num_runs(airflow):
    return airflow.api("admin").call("GET", f"/dags/{DAG_ID}/dagRuns")["total_entries"]


def test_a_viewer_who_presses_trigger_is_refused(triggered, viewer, airflow):
    before = num_runs(airflow)
    form = viewer.open_form(DAG_ID)
    form.get_by_role("button", name="Trigger", exact=True).click()
    form.get_by_text("403").wait_for()
    assert num_runs(airflow) == before


def test_a_viewers_request_for_a_run_is_refused(airflow):
    with pytest.raises(ApiError, match="403"):
        airflow.api("viewer").trigger(DAG_ID, "manual__viewer", {}, "")
