"""Nothing but what a manifest names is served, however it is asked for."""

import asyncio
import json
import random
import threading
from urllib.parse import quote, unquote

import pytest
from cdiscount_airflow.reports.files import find_file

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs.folders import run_folder
from tests.plugins.cdiscount_airflow.reports.conftest import FINISHED, OTHER, PREFIX, SECRET

FOLDER = run_folder(FINISHED)
NUM_PAYLOADS = 500


def tamper(report_dir, **files):
    """Let a report's manifest name other files too, with a hash of itself that is right."""
    manifest = json.loads((report_dir / "manifest.json").read_text("utf-8"))
    for name, size in files.items():
        manifest["files"][name] = {"size": size, "xxh3_128": "0" * 32}
    manifest["self_hash"] = None
    manifest["self_hash"] = hash_json(manifest)
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (report_dir / "manifest.json").write_text(text, encoding="utf-8")
    read_manifest(report_dir)  # a manifest that is believed


def place_links(reports_dir, secret_path):
    """Place links to what stands outside, as files and as folders, some of them named by a manifest."""
    report_dir = reports_dir / "wine" / FOLDER
    (report_dir / "link.txt").symlink_to(secret_path)
    (report_dir / "out").symlink_to(secret_path.parent)
    (reports_dir / "wine" / "linked").symlink_to(secret_path.parent)
    (reports_dir / "elsewhere").symlink_to(secret_path.parent)
    size = secret_path.stat().st_size
    names = ("link.txt", "../../../secret.txt", str(secret_path), "out/secret.txt")
    tamper(report_dir, **dict.fromkeys(names, size))


@pytest.mark.parametrize("name", ["link.txt", "../../../secret.txt", "out/secret.txt", "manifest.json", "", "."])
def test_a_manifest_that_names_what_is_elsewhere_is_not_followed(reports_dir, name):
    place_links(reports_dir, reports_dir.parent / "secret.txt")

    assert find_file(reports_dir, "wine", FOLDER, "report.html")
    assert find_file(reports_dir, "wine", FOLDER, name) is None


def test_a_file_that_the_manifest_does_not_name_is_not_served(reports_dir):
    (reports_dir / "wine" / FOLDER / "notes.html").write_text("mine")

    assert find_file(reports_dir, "wine", FOLDER, "notes.html") is None


def test_a_folder_whose_manifest_was_changed_is_not_served(reports_dir):
    path = reports_dir / "wine" / FOLDER / "manifest.json"
    path.write_text(path.read_text("utf-8").replace("report", "reporT", 1), "utf-8")

    assert find_file(reports_dir, "wine", FOLDER, "report.html") is None


def test_a_report_moved_in_as_a_link_is_not_served(reports_dir):
    (reports_dir / "wine" / "linked").symlink_to(reports_dir / "mixed_bag")
    (reports_dir / "tea").symlink_to(reports_dir / "wine")

    assert find_file(reports_dir, "tea", FOLDER, "report.html") is None


def test_the_reports_folder_itself_may_be_a_link(reports_dir, tmp_path):
    (tmp_path / "on_another_disk").symlink_to(reports_dir)

    assert find_file(tmp_path / "on_another_disk", "wine", FOLDER, "report.html")


def payloads(secret_path):
    """Make addresses that try to leave the folder: one seed, so that a failure can be had again."""
    draw = random.Random(20261125)
    ups = [
        "..",
        ".",
        "...",
        "%2e%2e",
        "%252e%252e",
        ".%2e",
        "..;",
        "..%00",
        "..%5c..",
        "%c0%ae%c0%ae",
        "..\\..",
        "%uff0e",
    ]
    seps = ["/", "//", "%2f", "%252f", "\\", "%5c", "/./", "%c0%af", "%00/", ";/"]
    targets = ["secret.txt", "index.html", "airflow.db", "manifest.json", "etc/passwd", "link.txt", "out/secret.txt"]
    starts = [
        "",
        "/",
        "//",
        "wine/",
        f"wine/{FOLDER}/",
        f"wine/{FOLDER}/out/",
        "wine/linked/",
        "elsewhere/",
        "catalogue/",
    ]
    starts += ["elsewhere/reports/wine/", f"{secret_path.parent}/", "%2f", "file:///", "C:\\", "~/", "%00"]
    for _ in range(NUM_PAYLOADS):
        middle = "".join(draw.choice(ups) + draw.choice(seps) for _ in range(draw.randrange(0, 7)))
        target = draw.choice([*targets, str(secret_path)])
        whole = draw.choice(starts) + middle + target + draw.choice(["", "", "%00", "%00.html", "/", "?x=.html", "%20"])
        places = ["files/", "files/", "", "dags/cdiscount_wine/runs/", "zips/", "models/", "models/wine/"]
        route = f"{PREFIX}/{draw.choice(places)}"
        yield route + draw.choice([whole, whole, quote(whole, safe="/%"), quote(whole, safe="")])


def ask(app, raw_path, token):
    """Ask an app as a server would that passes an address on as it came: clients would tidy it up."""
    path, _, query = raw_path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"testserver"), (b"cookie", f"_token={token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    sent = []
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():
        for message in received:
            return message
        return await asyncio.Event().wait()  # a client that stays on the line

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_500_ways_to_leave_the_folder_find_no_file(root_app, reports_dir, token_of):
    secret_path = reports_dir.parent / "secret.txt"
    place_links(reports_dir, secret_path)
    token = token_of("admin")
    answers = {path: ask(root_app, path, token) for path in payloads(secret_path)}

    found = [path for path, (_, body) in answers.items() if SECRET.encode() in body or b"SQLite format" in body]
    assert len(answers) > 0.95 * NUM_PAYLOADS
    assert found == []
    assert {status for status, _ in answers.values()} <= {200, 400, 403, 404}
    # What is answered with 200 are the lists, never a file.
    shown = [body for status, body in answers.values() if status == 200]
    assert all(b"Evaluation reports</h1>" in body or b">Reports</h1>" in body for body in shown)


def test_the_same_way_of_asking_does_find_a_report(root_app, reports_dir, token_of):
    status, body = ask(root_app, f"{PREFIX}/files/wine/{FOLDER}/report.html", token_of("viewer"))

    assert status == 200
    assert b"<p>report</p>" in body


def test_who_reads_a_page_while_it_is_replaced_sees_the_old_one_or_the_new_one(reports_dir, client):
    out_dir = reports_dir / "catalogue" / "0123abcd"
    texts = {f"<p>{size}</p>{'x' * size}<p>end</p>" for size in (10, 2_000_000)}
    ended = threading.Event()

    def replace_pages():
        recipe = Recipe("catalogue_page", 1, {}, {}, {}, {})
        while not ended.is_set():
            for text in texts:
                rebuild_artifact(
                    out_dir, recipe, lambda part, text=text: Made({"size": (part / "catalogue.html").write_text(text)})
                )

    replacing = threading.Thread(target=replace_pages)
    replacing.start()
    try:
        reader, found = client("admin"), []
        while len(found) < 60:
            answer = reader.get(f"{PREFIX}/files/catalogue/0123abcd/catalogue.html")
            if answer.status_code == 200 and "page" not in answer.text:
                found.append(answer.text)
    finally:
        ended.set()
        replacing.join()
    assert set(found) <= texts


def test_a_skip_note_and_a_manifest_nested_a_million_deep_are_told_and_the_list_is_shown(reports_dir, client):
    (reports_dir / "wine" / "skipped.json").write_text("[" * 1_000_000)
    (reports_dir / "mixed_bag" / run_folder(OTHER) / "manifest.json").write_text("[" * 1_000_000)
    answer = client("admin").get(f"{PREFIX}/")
    assert answer.status_code == 200
    assert "manifest.json: is damaged" in answer.text
