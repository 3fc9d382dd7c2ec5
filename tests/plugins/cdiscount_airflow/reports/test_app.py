import re
from urllib.parse import urljoin

import pytest
from cdiscount_airflow.reports import listing
from fastapi import FastAPI

from tests.plugins.cdiscount_airflow.reports.conftest import PAGES, PREFIX, RUN, SCRIPT, SECRET, WINE, write_page


def test_a_wrong_setting_of_the_machine_is_told_on_a_page_with_the_policy(client, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_NOTIFY", "mail:x")

    answer = client("admin").get(f"{PREFIX}/")

    assert answer.status_code == 500
    assert "CDISCOUNT_NOTIFY has" in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_another_fault_is_logged_and_shows_nothing_of_itself(client, monkeypatch, caplog):
    def fail(*args):
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(listing, "list_all", fail)

    answer = client("admin").get(f"{PREFIX}/")

    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert SECRET in caplog.text
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_the_index_file_of_all_samples_is_never_served(client):
    assert SECRET not in client("admin").get(f"{PREFIX}/files/index.html").text


@pytest.mark.parametrize("path", [*PAGES, RUN, f"{WINE}/metrics.json", f"{PREFIX}/nothing"])
@pytest.mark.parametrize("role", [None, "viewer"])
def test_every_answer_carries_the_content_policy(client, role, path):
    headers = client(role).get(path).headers

    assert headers["content-security-policy"].startswith(
        "sandbox allow-same-origin allow-downloads; default-src 'none';"
    )
    assert "script" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_report_with_a_script_is_served_under_the_policy(client, reports_dir):
    write_page(reports_dir / "wine" / "odd", "report", "report.html", {}, labels_dot_html=SCRIPT)
    answer = client().get(f"{PREFIX}/files/wine/odd/labels.html")

    assert SCRIPT in answer.text
    assert "allow-scripts" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("report.html", "text/html; charset=utf-8"),
        ("metrics.json", "application/json"),
        ("predictions.parquet", "application/octet-stream"),
        ("report.html?download=1", "text/html; charset=utf-8"),
    ],
)
def test_a_file_has_the_type_that_its_name_says(client, name, media_type):
    assert client().get(f"{WINE}/{name}").headers["content-type"] == media_type


@pytest.mark.parametrize("name", ["metrics.json", "predictions.parquet", "report.html?download=1"])
def test_what_is_no_page_is_saved_and_leaves_the_page_where_it_is(client, name):
    answer = client().get(f"{WINE}/{name}")

    assert answer.headers["content-disposition"] == f'attachment; filename="{name.partition("?")[0]}"'


def test_a_csv_is_saved_as_it_is(client):
    answer = client().get(f"{PREFIX}/files/catalogue/0123abcd/categories.csv")

    assert answer.text == "category_id\n1\n"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_report_is_kept_by_the_browser_alone_and_asked_for_each_time(client):
    session = client()
    first = session.get(f"{WINE}/report.html")
    again = session.get(f"{WINE}/report.html", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere_behind_a_prefix_too(root_app, client, database, path):
    database.add_run("cdiscount_wine", "manual__2026-11-25T16:00:00+00:00", "failed")
    database.add_run("cdiscount_catalogue", "manual__c", "running")
    database.add_task("cdiscount_wine", "manual__2026-11-25T16:00:00+00:00", "train_model", "failed")
    outer = FastAPI()
    outer.mount("/airflow", root_app)
    session = client(app=outer)
    page = session.get(f"/airflow{path}")
    links = {urljoin(f"/airflow{path}", href) for href in re.findall(r'href="([^"#][^"]*)"', page.text)}

    assert links or path.endswith(("report.html", "catalogue_id"))
    own = {link for link in links if link.startswith(f"/airflow{PREFIX}/")}
    assert all(link.startswith(("/airflow/dags/", "/airflow/plugin/evaluation-reports/")) for link in links - own)
    assert {session.get(link).status_code for link in own} <= {200, 307}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written(client, method):
    assert client("admin").request(method, f"{WINE}/report.html").status_code == 405
