"""The plugin's pages of reports in a bucket: as on a disk, from a cache that begins empty."""

import logging
import shutil

import pytest
from cdiscount_airflow.reports import from_bucket, listing
from cdiscount_airflow.reports.files import find_file

from cdiscount_tasks.artifacts import refresh
from cdiscount_tasks.artifacts.documents import replace_document
from cdiscount_tasks.artifacts.local_manifest import MANIFEST
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.pushing import push_page
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.settings.environment import read_environment
from tests.material.fault_proxy import Fault
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, MIXED_BAG, PAGES, PREFIX, SECRET, WINE

FOLDER = run_folder(FINISHED)
POLICY = "sandbox allow-same-origin allow-downloads; default-src 'none'"


def put_into_bucket(reports_dir, monkeypatch, cache_dir, url):
    """Write finished reports into a bucket, as the workers' machines do."""
    monkeypatch.setenv("CDISCOUNT_CACHE", str(cache_dir))
    monkeypatch.setenv("CDISCOUNT_REPORTS", f"{url}/reports")
    mirror = read_environment().reports_dir
    for path in sorted(reports_dir.rglob(MANIFEST)):
        folder = mirror / path.parent.relative_to(reports_dir)
        shutil.copytree(path.parent, folder)
        push_page(folder)
    return mirror


@pytest.fixture
def worker(reports_dir, tmp_path, monkeypatch, proxied_bucket):
    """Return the reports folder of a worker that has written into a bucket; the settings are those of an API server."""
    folder = put_into_bucket(reports_dir, monkeypatch, tmp_path / "cache of a worker", proxied_bucket)
    monkeypatch.setattr(from_bucket, "_seen", {})
    monkeypatch.setattr(from_bucket, "WITHIN_S", 0.0)
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "cache of the server"))
    return folder


@pytest.fixture
def beside_disk(root_app, client, monkeypatch):
    """Return the answers that the app gives of the same reports on a disk, asked for before they are in a bucket."""
    return {path: client().get(path) for path in [*PAGES, f"{WINE}/metrics.json", f"{WINE}/report.html?download=1"]}


def test_every_page_is_as_on_a_disk(beside_disk, worker, client):
    assert {answer.status_code for answer in beside_disk.values()} == {200}
    for path, answer in beside_disk.items():
        found = client().get(path)
        assert found.text == answer.text, path
        for name in ("content-security-policy", "etag", "content-disposition", "cache-control"):
            assert found.headers.get(name) == answer.headers.get(name), path


def test_a_list_fetches_figures_and_a_page_its_own_file(root_app, worker, client):
    client().get(f"{PREFIX}/")
    mirror = read_environment().reports_dir
    here = {path.relative_to(mirror).as_posix() for path in mirror.glob("wine/*/*")}
    assert here == {f"wine/{FOLDER}/{MANIFEST}", f"wine/{FOLDER}/metrics.json"}

    assert client().get(f"{WINE}/report.html").status_code == 200
    assert (mirror / "wine" / FOLDER / "report.html").is_file()
    assert not (mirror / "wine" / FOLDER / "predictions.parquet").exists()


def test_what_no_manifest_names_is_not_served(root_app, worker, client):
    for name in (f"reports/wine/{FOLDER}/notes.html", "reports/wine/other/report.html"):
        open_store(read_environment().reports_url.removesuffix("/reports")).put(name, SECRET.encode())

    for path in (f"{WINE}/notes.html", f"{WINE}/{MANIFEST}", f"{PREFIX}/files/wine/other/report.html"):
        answer = client("admin").get(path)
        assert answer.status_code == 404, path
        assert SECRET not in answer.text


def test_rights_are_those_of_the_dag(no_mixed_bag, worker, client):
    assert client().get(f"{MIXED_BAG}/report.html").status_code == 403
    assert client().get(f"{PREFIX}/files/comparison/wine-mixed_bag/comparison.html").status_code == 403
    assert "Mixed bag" not in client().get(f"{PREFIX}/").text
    assert client("admin").get(f"{MIXED_BAG}/report.html").status_code == 200


def test_who_is_not_signed_in_asks_nothing_of_the_bucket(root_app, worker, client, object_proxy):
    object_proxy.begin()
    assert client(None).get(f"{PREFIX}/").status_code == 401
    assert object_proxy.seen == []


def test_a_report_that_is_replaced_or_removed_is_so_here(root_app, worker, client, monkeypatch):
    assert client().get(f"{WINE}/report.html").status_code == 200
    folder = worker / "wine" / FOLDER
    store = open_store(read_environment().reports_url)
    monkeypatch.setattr(refresh, "note_time", lambda _: 0.0)  # as if it had been fetched some time ago

    store.remove([found.name for found in store.list(f"wine/{FOLDER}")])

    assert client().get(f"{WINE}/report.html").status_code == 404
    assert FOLDER not in client().get(f"{PREFIX}/").text
    push_page(folder)
    assert client().get(f"{WINE}/report.html").status_code == 200


def test_a_note_beside_the_reports_is_read(root_app, worker, client):
    replace_document(
        worker / "wine" / "skipped.json",
        lambda aside: aside.write_text('{"at": "2026-11-25T15:00:00+00:00", "run_id": "r", "reason": "all the same"}'),
    )
    assert "all the same" in client().get(f"{PREFIX}/").text


def test_a_bucket_that_is_away_is_a_sentence_and_is_not_asked_by_everybody(
    root_app, worker, client, object_proxy, monkeypatch
):
    assert client().get(f"{WINE}/report.html").status_code == 200
    monkeypatch.setattr(from_bucket, "_PATIENCE_S", 0.0)
    object_proxy.begin(away_from=1, away_s=3600)

    for path in (f"{PREFIX}/", f"{WINE}/report.html", f"{WINE}/metrics.json"):
        answer = client().get(path)
        assert answer.status_code == 503
        assert "The bucket does not answer for now" in answer.text
        assert "Traceback" not in answer.text
        assert "clear this task" not in answer.text
        assert answer.headers["content-security-policy"].startswith(POLICY)
        assert answer.headers["retry-after"] == "60"
    assert object_proxy.num_requests == 1
    assert client().get(f"{PREFIX}/icon.svg").status_code == 200

    object_proxy.begin()
    monkeypatch.setattr(from_bucket, "_seen", {})
    assert client().get(f"{WINE}/report.html").status_code == 200


def test_a_file_that_does_not_come_is_a_sentence(root_app, worker, client, object_proxy, monkeypatch):
    client().get(f"{PREFIX}/")
    monkeypatch.setattr(from_bucket, "_PATIENCE_S", 0.0)
    object_proxy.begin(dict.fromkeys(range(1, 9), Fault.BUSY), only=lambda _, name: "report.html" in name)

    answer = client().get(f"{WINE}/report.html")

    assert answer.status_code == 503
    assert "503 SlowDown" in answer.text


def test_no_right_to_the_bucket_is_a_sentence(root_app, worker, client, object_proxy):
    object_proxy.begin(expired_from=1)
    answer = client().get(f"{PREFIX}/")
    assert answer.status_code == 503
    assert "the token expired" in answer.text


def test_a_damaged_object_is_not_served(root_app, worker, client, caplog):
    store = open_store(read_environment().reports_url)
    name = next(found.name for found in store.list(f"wine/{FOLDER}") if "/report.html." in found.name)
    store.put(name, b"<p>something else" + b" " * 100)

    assert client().get(f"{WINE}/report.html").status_code == 404


def test_the_cache_has_its_bound(root_app, worker, client, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_CACHE_GB", "0.001")
    mirror = read_environment().reports_dir
    monkeypatch.setattr("cdiscount_tasks.artifacts.cache.cache_bytes", lambda: 1)

    assert client().get(f"{WINE}/report.html").status_code == 200
    assert client().get(f"{MIXED_BAG}/report.html").status_code == 200

    assert not (mirror / "wine" / FOLDER / "report.html").exists()
    assert client().get(f"{WINE}/report.html").status_code == 200


def test_without_a_bucket_nothing_is_asked(reports_dir, monkeypatch):
    monkeypatch.setattr(from_bucket, "refresh", None)
    from_bucket.bring_up_to_date()
    assert find_file(reports_dir, "wine", FOLDER, "report.html")


def test_the_lists_of_a_second_server_are_the_same(root_app, worker, tmp_path, monkeypatch):
    def folders():
        from_bucket.bring_up_to_date()
        lists = listing.list_all(read_environment().reports_dir, lambda _: True)
        return [row.folder for section in lists.samples for row in section.reports.rows]

    first = folders()
    monkeypatch.setenv("CDISCOUNT_CACHE", str(tmp_path / "cache of another server"))
    assert folders() == first
    logging.getLogger(__name__).info("%s", first)
