import re
from urllib.parse import quote, urljoin

import pytest
from fastapi import FastAPI

from cdiscount_tasks.runs.comparison import comparison_folder
from cdiscount_tasks.runs.folders import run_folder
from tests.plugins.cdiscount_airflow.reports.conftest import MIXED_BAG, OTHER, PAGES, PREFIX, RUN, WINE, write_page

OF_MIXED_BAG = [
    f"{PREFIX}/dags/cdiscount_mixed_bag/",
    f"{PREFIX}/dags/cdiscount_mixed_bag/runs/{quote(OTHER, safe='')}/",
    f"{MIXED_BAG}/report.html",
    f"{MIXED_BAG}/metrics.json",
    f"{PREFIX}/zips/mixed_bag/{run_folder(OTHER)}.zip",
    f"{PREFIX}/models/mixed_bag/model-a/model.keras",
    f"{PREFIX}/files/mixed_bag/there_is_none/report.html",
    f"{PREFIX}/files/comparison/wine-mixed_bag/comparison.html",
]


@pytest.mark.parametrize("path", [*PAGES, RUN, f"{WINE}/metrics.json", f"{PREFIX}/nothing"])
def test_who_is_not_signed_in_sees_nothing(client, path):
    answer = client(role=None).get(path)

    assert answer.status_code == (404 if path.endswith("nothing") else 401)
    assert "wine" not in re.sub('next=[^"]*', "", answer.text).lower()


def test_who_is_not_signed_in_is_led_to_airflows_login_and_back_to_what_was_asked_for(root_app, client):
    outer = FastAPI()
    outer.mount("/airflow", root_app)
    asked = f"/airflow{WINE}/report.html?download=1"
    page = client(role=None, app=outer).get(asked).text
    link = re.search('<a href="([^"]*)">Sign in to Airflow</a>', page)[1]

    assert urljoin(asked, link) == f"/airflow/api/v2/auth/login?next={quote(asked, safe='')}"


@pytest.mark.parametrize("path", [*PAGES, RUN])
def test_a_bad_token_is_refused(client, path):
    answer = client(token="ey.bad.token").get(path)

    assert answer.status_code == 403
    assert "Sign in to Airflow" in answer.text  # a session of a home that was made anew


@pytest.mark.parametrize("role", ["viewer", "user", "op", "admin"])
@pytest.mark.parametrize("path", PAGES)
def test_who_may_read_the_dags_sees_every_page(client, role, path):
    assert client(role).get(path).status_code == 200


@pytest.mark.parametrize("path", OF_MIXED_BAG)
def test_what_belongs_to_a_dag_is_refused_to_those_who_may_not_read_it(no_mixed_bag, client, path):
    answer = client("viewer").get(path)

    assert answer.status_code == 403
    assert "1.000" not in answer.text


@pytest.mark.parametrize("path", OF_MIXED_BAG[:4])
def test_the_same_is_shown_to_those_who_may(no_mixed_bag, client, path):
    assert client("admin").get(path).status_code in (200, 307)


@pytest.mark.parametrize("path", PAGES[:2])
def test_a_list_is_silent_about_dags_that_the_user_may_not_read(no_mixed_bag, client, database, path):
    database.add_run("cdiscount_mixed_bag", "manual__new", "running")
    seen, whole = client("viewer").get(path).text, client("admin").get(path).text

    assert "Mixed bag" in whole
    assert "manual__new" in whole
    assert "mixed_bag" not in seen
    assert "Mixed bag" not in seen
    assert "cdiscount_wine" not in seen or "Wine" in seen


@pytest.mark.parametrize(
    "samples",
    [
        ["wine", "a_sample_with_a_name_so_long_that_no_folder_holds_it_and_its_two_fellows_beside_it", "c" * 60],
        ["wine", "tea_from_japan_in_tins-like"],
    ],
)
def test_a_comparison_is_shown_to_who_may_read_the_samples_that_its_manifest_names(
    no_mixed_bag, client, reports_dir, samples
):
    for names in (samples, [*samples, "mixed_bag"]):
        facts = {"title": " and ".join(names), "origin": "file", "answer": "Harder.", "samples": names}
        write_page(reports_dir / "comparison" / comparison_folder(names), "comparison", "comparison.html", facts)
    links = [
        f"{PREFIX}/files/comparison/{comparison_folder(names)}/comparison.html"
        for names in (samples, [*samples, "mixed_bag"])
    ]

    assert [client("viewer").get(link).status_code for link in links] == [200, 403]
    listed = client("viewer").get(f"{PREFIX}/").text
    assert comparison_folder(samples) in listed
    assert comparison_folder([*samples, "mixed_bag"]) not in listed


def test_what_the_browser_keeps_is_refused_once_the_right_is_gone(no_mixed_bag, client):
    kept = client("admin").get(f"{MIXED_BAG}/report.html").headers["etag"]

    assert client("viewer").get(f"{MIXED_BAG}/report.html", headers={"If-None-Match": kept}).status_code == 403
