"""Judging as a person does it: click through a page, save, look at the file, and read what the next report says."""

import os
import re
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from cdiscount_tasks.labelling.fix_rows import read_fix_rows
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.inputs import Reviews
from cdiscount_tasks.stages.report import write_report
from cdiscount_tasks.tables.csv_text import read_csv
from tests.cdiscount_tasks.pages.test_in_browser import look
from tests.material.audit_inputs import make_features
from tests.material.html_page import Page
from tests.material.report_inputs import make_inputs
from tests.plugins.cdiscount_airflow.reports.conftest import PREFIX

pytestmark = pytest.mark.browser
PICTURES_DIR = os.environ.get("CDISCOUNT_PICTURES_OF_JUDGING")


@pytest.fixture
def wine(tmp_path, reports_dir, monkeypatch):
    """Write a report with a list, and say where the fixes go."""
    inputs = make_inputs(tmp_path / "wine")
    odd = inputs.products.iloc[10:190:5]
    looks_like = dict(zip(odd["product_id"], (odd["class_index"] + 1) % 5, strict=True))
    fixes_dir = tmp_path / "label_fixes"
    fixes_dir.mkdir()
    monkeypatch.setenv("CDISCOUNT_LABEL_FIXES", str(fixes_dir))

    def write(folder, reviews):
        features_dir = make_features(inputs.dirs["labels"], tmp_path / "wine", looks_like)
        audit = audit_labels(inputs.dirs["labels"], features_dir, reviews, tmp_path / "wine", inputs.config.labels)
        out_dir = reports_dir / "wine" / folder
        write_report({**inputs.dirs, "features": features_dir, "audit": Path(audit["path"])}, out_dir, inputs.config)
        return out_dir, Path(audit["path"])

    return inputs, fixes_dir / "wine.csv", write


@pytest.fixture
def address(root_app):
    """Serve the plugin's app as Airflow's API server mounts it; returns its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(root_app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def picture(page, name):
    if PICTURES_DIR:
        page.screenshot(path=Path(PICTURES_DIR) / f"{name}.png", full_page=True)


def test_a_person_clicks_through_a_page_and_the_next_report_counts_it(wine, address, browser, token_of, reports_dir):
    inputs, fixes_path, write = wine
    folder = run_folder(inputs.config.run_id)
    out_dir, audit_dir = write(folder, Reviews())
    listed = [row.product_id for row in read_fix_rows(out_dir / "label_suspects.csv")]
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.add_cookies([{"name": "_token", "value": token_of("user"), "url": address}])
    page = context.new_page()
    requests, refused = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)

    page.goto(f"{address}{PREFIX}/dags/cdiscount_wine/")
    page.get_by_role("link", name="Judge label suspects").click()
    page.get_by_role("link", name=folder).click()
    picture(page, "1100-before")
    assert page.locator("figure img").count() >= 25
    assert page.locator("input[type=radio][value='']:checked").count() == 25
    cards = page.locator("figure")
    for place, verdict in enumerate(["catalogue", "suggested", "unsure", "other"]):
        cards.nth(place).locator(f"input[type=radio][value={verdict}]").check()
    cards.nth(3).locator("select").select_option("none")
    cards.nth(4).get_by_text("the catalogue is right").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved: 5 verdicts.").wait_for()
    assert page.get_by_text(f"5 of {len(listed)} looked at").is_visible()
    assert cards.nth(1).locator("input[type=radio][value=suggested]").is_checked()
    picture(page, "1100-saved")
    page.set_viewport_size({"width": 360, "height": 800})
    picture(page, "360-saved")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    copy = context.new_page()  # without the policy, under which axe's own script would never end
    copy.set_content(page.content())
    for width, scheme in ((1100, "light"), (360, "light"), (1100, "dark")):
        assert look(copy, width, scheme).violations == []
    page.get_by_role("button", name="Save, next page").click()
    page.get_by_text("page 2 of 2").wait_for()
    assert all(url.startswith((address, "data:")) for url in requests)
    assert [url for url in refused if not url.endswith("/favicon.ico")] == []

    table = read_csv(fixes_path, ["verdict"], "fixes")
    assert [table.named(row)["verdict"] for row in table.rows] == [
        "catalogue",
        "suggested",
        "unsure",
        "other",
        "catalogue",
    ]
    listed_copy = fixes_path.with_name(f"reviewed-{audit_dir.name[6:]}.parquet")
    listed_copy.write_bytes((audit_dir / "suspects.parquet").read_bytes())
    again, _ = write("next", Reviews(fixes_path, (listed_copy,)))
    text = Page((again / "report.html").read_text("utf-8")).text
    assert re.search(rf"5 of {len(listed)}; {len(listed) - 5} not looked at\s+1\s", text)
    offered = {row.product_id for row in read_fix_rows(again / "label_suspects.csv")}
    assert set(listed[5:]) <= offered and offered.isdisjoint(listed[:5])
    page.set_viewport_size({"width": 1100, "height": 900})
    page.goto(f"{address}{PREFIX}/files/wine/next/report.html")
    picture(page, "report")
    context.close()
