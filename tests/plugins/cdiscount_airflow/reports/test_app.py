import json
import re
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import quote, urljoin

import pytest
from cdiscount_airflow.reports import listing
from fastapi import FastAPI

from cdiscount_tasks.reports.folders import SKIP_NOTE
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.comparison import comparison_folder
from cdiscount_tasks.runs.folders import run_folder
from tests.material.finished_reports import finish_at, write_finished
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, OTHER, PREFIX, SCRIPT, SECRET, write_page

WINE = f"{PREFIX}/files/wine/{run_folder(FINISHED)}"
MIXED_BAG = f"{PREFIX}/files/mixed_bag/{run_folder(OTHER)}"
RUN = f"{PREFIX}/dags/cdiscount_wine/runs/{quote(FINISHED, safe='')}/"
PAGES = [
    f"{PREFIX}/",
    f"{PREFIX}/files/index.html",
    f"{PREFIX}/dags/cdiscount_wine/",
    f"{PREFIX}/dags/cdiscount_sample_comparison/",
    f"{PREFIX}/dags/cdiscount_catalogue/",
    f"{WINE}/report.html",
    f"{PREFIX}/files/comparison/wine-mixed_bag/comparison.html",
    f"{PREFIX}/files/catalogue/0123abcd/catalogue.html",
]
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


@pytest.fixture
def no_mixed_bag(root_app, auth_manager):
    """Put an auth manager in force that lets viewers read every DAG but one."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    class RefusesOneDag(SimpleAuthManager):
        def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
            if details and details.id == "cdiscount_mixed_bag" and user.role == "viewer":
                return False
            return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)

    auth_manager(RefusesOneDag)


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


def test_of_the_same_samples_the_newest_comparison_is_listed(client, reports_dir):
    facts = {"title": "Wine and Mixed bag", "origin": "file", "answer": "Newer.", "samples": ["wine", "mixed_bag"]}
    old_dir = reports_dir / "comparison" / "wine-mixed_bag"
    write_page(old_dir, "comparison", "comparison.html", {**facts, "answer": "Older."})
    finish_at(old_dir, 1_790_000_000)
    write_page(
        reports_dir / "comparison" / comparison_folder(["wine", "mixed_bag"]), "comparison", "comparison.html", facts
    )

    listed = client("admin").get(f"{PREFIX}/").text

    assert "Newer." in listed and "Older." not in listed
    assert client("admin").get(f"{PREFIX}/files/comparison/wine-mixed_bag/comparison.html").status_code == 200


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


def test_the_list_says_of_a_change_what_the_file_says(client, reports_dir):
    for name, every, at in (("a", 4, 1_790_000_000), ("b", 10, 1_790_100_000)):
        right = [number % every > 0 for number in range(200)]
        write_finished(reports_dir, name, "tea", right=right, at=at, title="Tea")
    write_reports_index(reports_dir)
    told = "<b>+15.0</b>"

    shown, written = client("admin").get(f"{PREFIX}/").text, (reports_dir / "index.html").read_text("utf-8")

    cells = [re.search(f'<td class="change">{re.escape(told)}.*?</td>', page)[0] for page in (shown, written)]
    assert cells[0] == cells[1]
    assert "better" in cells[0] and "the same 200 test products" in cells[0]


def test_a_list_tells_who_triggered_a_run_its_note_and_how_long_it_took(client, database):
    from airflow.models.dagrun import DagRunNote

    ended = datetime(2026, 11, 25, 14, 4, 43, tzinfo=UTC)
    database.add_run("cdiscount_wine", FINISHED, "success", id=7, end_date=ended, triggering_user_name="ada")
    at = datetime(2026, 11, 25, tzinfo=UTC)
    database.add(DagRunNote, {"dag_run_id": 7, "content": f"two epochs? {SCRIPT}", "created_at": at, "updated_at": at})

    page = client().get(f"{PREFIX}/dags/cdiscount_wine/").text

    assert "triggered by ada" in page
    assert "two epochs? &lt;script&gt;" in page and SCRIPT not in page
    assert "this run took 2 min 43 s" in page
    assert "adds up all steps" in page


@pytest.mark.parametrize(
    ("state", "ended", "on_top"),
    [
        ("failed", datetime(2026, 1, 1, tzinfo=UTC), False),
        ("failed", datetime(2126, 1, 1, tzinfo=UTC), True),
        ("success", datetime(2126, 1, 1, tzinfo=UTC), False),
        ("running", None, True),
    ],
)
def test_only_a_run_that_is_news_stands_above_the_finished_ones(client, database, state, ended, on_top):
    database.add_run("cdiscount_wine", "manual__other", state, end_date=ended)

    page = client().get(f"{PREFIX}/dags/cdiscount_wine/").text

    assert (page.index("manual__other") < page.index("above the baseline")) is on_top
    assert ("1 earlier run without a report" in page) is not on_top


def test_a_list_tells_which_run_was_skipped_and_why(no_mixed_bag, client, database, reports_dir):
    for sample in ("wine", "mixed_bag"):
        note = {"run_id": "scheduled__1", "at": "2126-11-26T03:00:00+00:00", "reason": f"nothing changed in {sample}"}
        (reports_dir / sample / SKIP_NOTE).write_text(json.dumps(note), encoding="utf-8")

    page = client("viewer").get(f"{PREFIX}/").text

    assert "nothing changed in wine" in page
    assert "nothing changed in mixed_bag" not in page


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


def test_a_run_leads_to_its_report_though_its_id_holds_colons_and_a_plus(client):
    answer = client().get(RUN)

    assert answer.status_code == 307
    assert urljoin(RUN, answer.headers["location"]) == f"{WINE}/report.html"


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


def bar_above(client, path, **headers):
    """Return what stands above a report, from the marker that it is put behind."""
    return client().get(path, headers=headers).text.partition("</nav>")[0]


def test_a_report_begins_with_its_address_and_the_way_back(client):
    bar = bar_above(client, f"{WINE}/report.html")

    tab = f"dags/cdiscount_wine/runs/{quote(FINISHED, safe='')}/plugin/evaluation-report"
    assert f'href="../../../../{tab}">http://testserver/{tab}</a>' in bar
    assert '<a href="../../../dags/cdiscount_wine/">' in bar


def test_a_page_that_is_of_no_run_has_the_address_of_its_place_in_the_navigation(client):
    path = f"{PREFIX}/files/catalogue/0123abcd/catalogue.html"

    assert f">http://testserver/plugin/evaluation-reports{path}</a>" in bar_above(client, path)


def test_all_that_a_report_holds_can_be_saved_from_its_bar(client, model_dir):
    bar = bar_above(client, f"{WINE}/report.html")
    links = re.findall(r'<li><a href="([^"]+)"', bar)
    answers = [client().get(urljoin(f"{WINE}/report.html", link)) for link in links]

    names = ["metrics.json", "predictions.parquet", "report.html?download=1", "model.keras"]
    assert [link.rpartition("/")[2] for link in links] == [*names, f"{run_folder(FINISHED)}.zip"]
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.headers["content-disposition"].startswith("attachment") for answer in answers)


def test_the_zip_holds_every_file_that_the_manifest_names_and_no_other(client, reports_dir):
    (reports_dir / "wine" / run_folder(FINISHED) / "stray.txt").write_text(SECRET)
    answer = client().get(f"{PREFIX}/zips/wine/{run_folder(FINISHED)}.zip")

    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = {name.partition("/")[2] for name in archive.namelist()}
    assert names == {"metrics.json", "predictions.parquet", "report.html"}


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/zips/wine/nothing.zip",
        f"{PREFIX}/models/wine/model-0000000000000000/model.keras",
        f"{PREFIX}/models/wine/runs/config.json",
        f"{PREFIX}/models/wine/model-a/secret.txt",
        f"{PREFIX}/models/wine/..%2Fwine/model.keras",
    ],
)
def test_nothing_else_can_be_saved(client, model_dir, path):
    (model_dir / "secret.txt").write_text(SECRET)
    (model_dir.parent / "runs").mkdir()
    (model_dir.parent / "runs" / "config.json").write_text(SECRET)

    assert client("admin").get(path).status_code == 404


def test_a_report_is_kept_by_the_browser_alone_and_asked_for_each_time(client):
    session = client()
    first = session.get(f"{WINE}/report.html")
    again = session.get(f"{WINE}/report.html", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")


def test_what_the_browser_keeps_is_refused_once_the_right_is_gone(no_mixed_bag, client):
    kept = client("admin").get(f"{MIXED_BAG}/report.html").headers["etag"]

    assert client("viewer").get(f"{MIXED_BAG}/report.html", headers={"If-None-Match": kept}).status_code == 403


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


@pytest.mark.parametrize(
    ("dag_id", "words"),
    [
        ("their_dag", "This DAG writes no reports."),
        ("cdiscount_tea", "Press <b>Trigger</b> and choose a preset"),
        ("cdiscount_catalogue", "Press Trigger: the run writes a page of what the catalogue holds."),
        ("cdiscount_sample_comparison", "Let two samples finish a run of the same preset, then press Trigger."),
    ],
)
def test_an_empty_list_says_what_to_do(client, reports_dir, dag_id, words):
    for page in ("catalogue", "comparison"):
        shutil.rmtree(reports_dir / page)
    answer = client().get(f"{PREFIX}/dags/{dag_id}/")

    assert answer.status_code == 200
    assert words in answer.text


def test_the_list_of_a_broken_sample_begins_with_what_is_wrong_with_its_file(client, database):
    from airflow.models.dag import DagModel, DagTag

    sentence = "wine.yaml: titel is not a known setting; did you mean title?"
    row = {"is_paused": False, "is_stale": False, "max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0}
    row |= {"bundle_name": "dags", "has_task_concurrency_limits": False}
    database.add(DagModel, {**row, "dag_id": "cdiscount_wine", "description": sentence, "timetable_type": ""})
    database.add(DagTag, {"dag_id": "cdiscount_wine", "name": "broken"})
    for path in PAGES[:3]:
        page = client().get(path).text
        assert sentence in page
        assert page.index(sentence) < page.index(run_folder(FINISHED))
    assert sentence not in client().get(f"{PREFIX}/dags/cdiscount_mixed_bag/").text


def test_a_broken_sample_without_a_run_has_no_empty_heading(client, database):
    from airflow.models.dag import DagModel, DagTag

    row = {"is_paused": False, "is_stale": False, "max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0}
    row |= {"bundle_name": "dags", "has_task_concurrency_limits": False}
    database.add(DagModel, {**row, "dag_id": "cdiscount_tea", "description": "tea.yaml is odd", "timetable_type": ""})
    database.add(DagTag, {"dag_id": "cdiscount_tea", "name": "broken"})
    page = client().get(f"{PREFIX}/dags/cdiscount_tea/").text

    (heading,) = re.findall("<h2[^>]*>(.*?)</h2>", page)
    assert heading.endswith("file is broken")


def test_a_run_that_nobody_knows_is_told(client):
    answer = client().get(f"{PREFIX}/dags/cdiscount_wine/runs/manual__x/")

    assert answer.status_code == 404
    assert "Airflow has no run manual__x" in answer.text


def ask_state(client, database, state, *tasks, run_id="manual__2026-11-25T16:00:00+00:00"):
    database.add_run("cdiscount_wine", run_id, state)
    for task_id, name, of_task, columns in tasks:
        database.add_task("cdiscount_wine", run_id, task_id, of_task, task_display_name=name, **columns)
    return client().get(f"{PREFIX}/dags/cdiscount_wine/runs/{quote(run_id, safe='')}/")


def test_a_running_run_tells_which_task_runs(client, database):
    answer = ask_state(
        client,
        database,
        "running",
        ("fix_labels", "Fix the labels", "success", {}),
        ("train_model", "Train the model", "running", {"try_number": 2}),
        ("write_report", "Write the report", None, {"start_date": None}),
    )

    assert answer.status_code == 200
    assert "Running now: <b>Train the model</b> since 2026-11-25 14:02 UTC, try 2" in answer.text
    assert "1 of 3 tasks done" in answer.text


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "upstream_failed"])
def test_a_cleared_task_that_has_not_begun_again_shows_no_times_of_the_try_before(client, database, state):
    began, ended = datetime(2026, 11, 25, 9, 7, tzinfo=UTC), datetime(2026, 11, 25, 9, 9, tzinfo=UTC)
    times = {"start_date": began, "end_date": ended}
    answer = ask_state(
        client,
        database,
        "running",
        ("fix_labels", "Fix the labels", "success", {**times, "start_date": began - timedelta(hours=1)}),
        ("train_model", "Train the model", state, times),
    )

    assert "2026-11-25 08:07" in answer.text
    assert answer.text.count("2026-11-25 09:09") == 1
    assert "2026-11-25 09:07" not in answer.text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "Queued: no report yet"),
        ("success", "its report is not in the reports folder"),
        ("failed", "None of its tasks failed"),
    ],
)
def test_a_run_without_tasks_tells_its_state(client, database, state, words):
    assert words in ask_state(client, database, state).text


def test_names_from_outside_are_text(client, database):
    answer = ask_state(client, database, "running", ("odd", SCRIPT, "running", {}), run_id="manual__<b>")

    assert SCRIPT not in answer.text
    assert "manual__&lt;b&gt;" in answer.text


def test_a_run_of_the_catalogue_leads_to_the_page_that_its_task_noted(client, database):
    from airflow.models.xcom import XComModel

    database.add_run("cdiscount_catalogue", "manual__c", "success", id=7)
    row = {"dag_run_id": 7, "task_id": "write_catalogue_page", "key": "page", "map_index": -1}
    row |= {"dag_id": "cdiscount_catalogue", "run_id": "manual__c"}
    database.add(XComModel, {"value": "0123abcd", **row})
    answer = client().get(f"{PREFIX}/dags/cdiscount_catalogue/runs/manual__c/")

    assert answer.headers["location"] == "../../../../files/catalogue/0123abcd/catalogue.html"
