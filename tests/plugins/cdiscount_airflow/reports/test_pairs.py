import re
from urllib.parse import urljoin

import pytest

from cdiscount_tasks.runs.folders import run_folder
from tests.material.finished_reports import write_finished
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, PREFIX, SECRET, write_page


@pytest.fixture
def pair(reports_dir):
    """Return what gives the address of a page of two runs of a sample."""
    for sample in ("wine", "mixed_bag"):
        facts = {"title": "smoke and baseline", "answer": f"B is better than A in {sample}."}
        out_dir = reports_dir / sample / "compare" / "a--b"
        write_page(out_dir, "two_runs", "compare.html", facts, compare_dot_json="{}")
    return f"{PREFIX}/files/{{}}/compare/a--b/compare.html".format


def test_a_page_of_two_runs_is_listed_under_its_sample_and_opens_from_there(client, pair):
    for page in (f"{PREFIX}/", f"{PREFIX}/files/index.html", f"{PREFIX}/dags/cdiscount_wine/"):
        (link,) = re.findall('href="([^"]*wine/compare[^"]*)"', client().get(page).text)
        assert urljoin(page, link) == pair("wine")
    assert client().get(pair("wine")).status_code == 200
    assert "better than A in mixed_bag" not in client().get(f"{PREFIX}/dags/cdiscount_wine/").text


@pytest.fixture
def two_runs(reports_dir):
    """Return the folders of two runs of wine."""
    write_finished(reports_dir, "second", "wine", right=(True, True, True, True), run_id="manual__second")
    return run_folder(FINISHED), "second"


def choose(client, folders):
    one, other = folders
    return client("viewer").get(f"{PREFIX}/pairs/wine/", params={"a": one, "b": other})


def test_of_two_runs_that_are_ticked_the_page_is_shown_in_whichever_order(client, reports_dir, two_runs):
    facts = {"title": "smoke and smoke", "answer": "No difference."}
    folder = f"{two_runs[0]}--{two_runs[1]}"
    write_page(reports_dir / "wine" / "compare" / folder, "two_runs", "compare.html", facts)

    for folders in (two_runs, two_runs[::-1]):
        answer = choose(client, folders)
        shown = urljoin(f"{PREFIX}/pairs/wine/", answer.headers["location"])
        assert (answer.status_code, shown) == (303, f"{PREFIX}/files/wine/compare/{folder}/compare.html")


def test_of_two_runs_without_a_page_the_command_is_said(client, two_runs):
    answer = choose(client, two_runs)

    assert f'make compare-runs SAMPLE=wine RUNS="{" ".join(two_runs)}"' in answer.text
    assert len(re.findall('<input type="radio"[^>]* checked>', answer.text)) == 2


@pytest.mark.parametrize("folders", [("second", "second"), ("second", ""), ('"; reboot #', "second"), ("..", "second")])
def test_anything_but_two_runs_of_the_sample_gives_no_command(client, two_runs, folders):
    answer = choose(client, folders)

    assert answer.status_code == 200
    assert "make compare-runs" not in answer.text and "Choose two different runs" in answer.text


def test_the_page_to_tick_two_runs_is_linked_from_the_list_and_may_send_its_form(client, two_runs):
    link = re.search('href="([^"]*pairs[^"]*)"', client().get(f"{PREFIX}/dags/cdiscount_wine/").text)[1]
    answer = client().get(urljoin(f"{PREFIX}/dags/cdiscount_wine/", link))

    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert answer.text.count('type="radio"') == 4


def test_two_runs_are_ticked_by_those_who_may_read_the_sample(no_mixed_bag, client):
    assert [client(role).get(f"{PREFIX}/pairs/mixed_bag/").status_code for role in ("viewer", "admin")] == [403, 200]
    assert client(None).get(f"{PREFIX}/pairs/wine/").status_code == 401
    assert client("admin").get(f"{PREFIX}/pairs/catalogue/").status_code == 404


def test_the_bar_above_a_page_of_two_runs_leads_to_the_sample_and_to_its_figures(client, pair):
    page = client().get(pair("wine")).text
    links = [urljoin(pair("wine"), link) for link in re.findall('href="([^"]*)"', page)]

    assert f"{PREFIX}/dags/cdiscount_wine/" in links
    assert pair("wine").replace(".html", ".json") in links
    saved = client().get(f"{pair('wine')}?download=1")
    assert saved.headers["content-disposition"] == 'attachment; filename="compare.html"'


def test_a_page_of_two_runs_is_for_those_who_may_read_its_sample(no_mixed_bag, client, pair):
    assert [client("viewer").get(pair(sample)).status_code for sample in ("wine", "mixed_bag")] == [200, 403]
    assert client(None).get(pair("wine")).status_code == 401
    assert "mixed_bag" not in client("viewer").get(f"{PREFIX}/").text


@pytest.mark.parametrize(
    "name", ["secret.txt", "manifest.json", "..%2Fsecret.txt", "%2e%2e/%2e%2e/index.html", "there_is_none.html"]
)
def test_only_what_the_manifest_of_a_page_of_two_runs_names_is_served(client, reports_dir, pair, name):
    (reports_dir / "wine" / "compare" / "a--b" / "secret.txt").write_text(SECRET)
    answer = client().get(pair("wine").replace("compare.html", name))
    assert answer.status_code == 404 and SECRET not in answer.text


def test_a_folder_of_pages_of_two_runs_that_is_a_link_is_not_followed(client, reports_dir, pair):
    (reports_dir / "wine" / "compare").rename(reports_dir.parent / "elsewhere")
    (reports_dir / "wine" / "compare").symlink_to(reports_dir.parent / "elsewhere")

    assert client().get(pair("wine")).status_code == 404
    assert "better than A in wine" not in client().get(f"{PREFIX}/").text
