import re
from urllib.parse import quote, urljoin

import pytest

from cdiscount_tasks.runs.folders import run_folder
from tests.plugins.cdiscount_airflow.reports.conftest import PREFIX, SECRET, write_page

RUN_ID = "manual__2026-11-26T10:00:00+00:00"
FACTS = {
    "sample": "wine", "title": "Wine", "catalogue": "test.bson", "origin": "file", "num_documents": 200,
    "num_predicted": 190, "num_answered": 150, "num_rejected": 10, "target_precision": 0.95, "accuracy": 0.8,
    "accuracy_low": 0.75, "accuracy_high": 0.85, "accuracy_of": "new", "expected_accuracy": 0.7, "num_alarms": 1,
}  # fmt: skip


@pytest.fixture
def address(reports_dir):
    """Write what was predicted by two samples' models; returns what says where each page is."""
    for sample in ("wine", "mixed_bag"):
        out_dir = reports_dir / "predictions" / sample / run_folder(RUN_ID)
        facts = {**FACTS, "sample": sample, "title": sample}
        write_page(out_dir, "predictions_page", "predictions.html", facts, summary_dot_json="{}")
    return f"{PREFIX}/files/predictions/{{}}/{run_folder(RUN_ID)}/predictions.html".format


@pytest.mark.parametrize("path", ["/", "/dags/cdiscount_wine/", "/dags/cdiscount_predictions/"])
def test_predictions_are_listed_and_open_from_there(client, address, path):
    page = f"{PREFIX}{path}"
    text = client().get(page).text
    links = {urljoin(page, link) for link in re.findall('href="([^"]*predictions.html)"', text)}
    assert address("wine") in links
    assert (address("mixed_bag") in links) == (path != "/dags/cdiscount_wine/")
    assert "80.0 %" in text and "at 95 % promised" in text
    assert client().get(address("wine")).status_code == 200


def test_predictions_of_a_model_that_learnt_from_drawn_pictures_are_marked_in_the_list(client, reports_dir):
    out_dir = reports_dir / "predictions" / "wine" / run_folder(RUN_ID)
    write_page(out_dir, "predictions_page", "predictions.html", {**FACTS, "model_origin": "drawn"})
    text = client().get(f"{PREFIX}/dags/cdiscount_predictions/").text
    assert "the model learnt from drawn pictures, the file holds photographs: the answers mean nothing" in text
    assert "Some runs are marked “drawn”." in text


def test_a_list_without_predictions_has_no_section_of_them(client):
    assert "Predictions" not in client().get(f"{PREFIX}/").text


def test_predictions_are_for_those_who_may_read_the_sample(no_mixed_bag, client, address):
    assert [client("viewer").get(address(sample)).status_code for sample in ("wine", "mixed_bag")] == [200, 403]
    assert "predictions/mixed_bag" not in client("viewer").get(f"{PREFIX}/").text
    assert client(None).get(address("wine")).status_code == 401


@pytest.mark.parametrize("name", ["secret.txt", "../predictions.html", "manifest.json"])
def test_only_what_the_manifest_names_is_served(client, reports_dir, address, name):
    (reports_dir / "predictions" / "wine" / run_folder(RUN_ID) / "secret.txt").write_text(SECRET)
    answer = client().get(address("wine").replace("predictions.html", name))
    assert answer.status_code == 404 and SECRET not in answer.text


def test_a_folder_that_is_a_link_is_not_followed(client, reports_dir, address):
    (reports_dir / "predictions" / "wine").rename(reports_dir.parent / "elsewhere")
    (reports_dir / "predictions" / "wine").symlink_to(reports_dir.parent / "elsewhere")
    assert client().get(address("wine")).status_code == 404


def test_a_run_leads_to_its_page(client, address):
    answer = client().get(f"{PREFIX}/dags/cdiscount_predictions/runs/{quote(RUN_ID, safe='')}/", follow_redirects=False)
    shown = urljoin(f"{PREFIX}/dags/cdiscount_predictions/runs/x/", answer.headers["location"])
    assert shown in (address("wine"), address("mixed_bag"))


def test_the_bar_above_the_page_has_its_files(client, address):
    page = client().get(address("wine")).text
    assert "summary.json" in page and "all figures, for programs" in page
    saved = client().get(address("wine").replace("predictions.html", "summary.json"))
    assert saved.headers["content-type"] == "application/json"
