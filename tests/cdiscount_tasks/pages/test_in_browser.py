"""The pages as people meet them: in a browser, on a desk and on a telephone, by day and by night."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from cdiscount_tasks.pages.parts.templating import page_css
from cdiscount_tasks.reports.folders import CHAMPION_NOTE
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.catalogue_page import write_catalogue_page
from cdiscount_tasks.stages.comparison import write_comparison
from cdiscount_tasks.stages.inputs import Reviews
from cdiscount_tasks.stages.report import write_report
from cdiscount_tasks.stages.two_runs import write_two_runs
from tests.material.audit_inputs import make_features
from tests.material.compared_runs import make_run
from tests.material.hostile_names import hostile_names
from tests.material.judged_report import champion_of, judged_inputs, opponent_of
from tests.material.predicted_files import AskedFile
from tests.material.report_inputs import make_inputs
from tests.material.written_reports import write

pytestmark = pytest.mark.browser

PAGES = ["report", "labels", "suspects", "catalogue", "comparison", "two runs", "index", "many classes", "predictions"]
LOOKS = [(1100, "light"), (1100, "dark"), (360, "light"), (360, "dark")]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""All that can differ by night, which changes colours alone: a test below watches that."""


class Look(NamedTuple):
    """What was found at one width in one colour scheme."""

    violations: list[str]
    scroll_width: int


class Visit(NamedTuple):
    """What was found on a page."""

    looks: dict[tuple[int, str], Look]
    requests: list[str]
    complaints: list[str]


def write_audited(place, reports_dir):
    """Write a report that has everything: faults of labels, features, suspects, the price of a leak, a champion."""
    wine = make_inputs(place)
    wine = judged_inputs(wine, place, opponent_of(champion_of(wine, place, 0.35, right=False)))
    odd = wine.products.iloc[10:130:5]
    looks_like = dict(zip(odd["product_id"], (odd["class_index"] + 1) % 5, strict=True))
    features_dir = make_features(wine.dirs["labels"], place, looks_like)
    audit = audit_labels(wine.dirs["labels"], features_dir, Reviews(), place, wine.config.labels)
    out_dir = reports_dir / "wine" / run_folder(wine.config.run_id)
    write_report({**wine.dirs, "features": features_dir, "audit": Path(audit["path"])}, out_dir, wine.config)
    note = {"report": f"wine/{out_dir.name}", "run_id": "a", "since": "2026-01-02T03:04:05+00:00", "decision": 3}
    (out_dir.parent / CHAMPION_NOTE).write_text(json.dumps(note), encoding="utf-8")
    write_reports_index(out_dir.parents[1])
    return out_dir


@pytest.fixture(scope="module")
def paths(tmp_path_factory, index_dir, tiny_path):
    """Return each page as the stages write it."""
    place = tmp_path_factory.mktemp("pages")
    reports_dir = place / "reports"
    out_dir = write_audited(place / "wine", reports_dir)
    names = hostile_names(101)
    many = make_inputs(place / "many", num_products=800, names=names, families=names[:30])
    many_dir, _ = write(many, reports_dir, "manual__many")
    again = make_inputs(place / "again", accuracy=0.6)
    again_dir, _ = write(again, reports_dir, "manual__again")
    pair_dir = reports_dir / "wine" / "compare" / "audited--again"
    pair_dir.parent.mkdir()
    write_two_runs((out_dir, again_dir), pair_dir, {name: again.dirs[name] for name in ("sample", "labels")})
    catalogue_dir = reports_dir / "catalogue" / "tiny"
    write_catalogue_page(index_dir, tiny_path, None, [], catalogue_dir)
    runs = [make_run(place, "red", num_products=200), make_run(place, "bag", apart=5.0, seed=1, num_products=200)]
    comparison_dir = reports_dir / "comparison" / "red-bag"
    write_comparison(runs, None, comparison_dir, "", "no level-2 name has 5 categories")
    asked = AskedFile(place, make_inputs(place / "predicting", num_products=900, accuracy=0.93))
    asked.out_dir = reports_dir / "predictions" / "wine" / "asked"
    asked.write(report="../../../wine/audited/report.html")
    write_reports_index(reports_dir)
    return {
        "report": out_dir / "report.html",
        "labels": out_dir / "labels.html",
        "suspects": out_dir / "suspects.html",
        "catalogue": catalogue_dir / "catalogue.html",
        "comparison": comparison_dir / "comparison.html",
        "two runs": pair_dir / "compare.html",
        "index": reports_dir / "index.html",
        "many classes": many_dir / "report.html",
        "predictions": asked.out_dir / "predictions.html",
    }


def look(tab, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    tab.evaluate("document.querySelectorAll('details.topic, details.ranking').forEach(topic => { topic.open = true })")
    rules = {"runOnly": {"type": "rule", "values": COLOUR_RULES}} if scheme == "dark" else {}
    found = Axe().run(tab, options={"resultTypes": ["violations"], **rules}).response["violations"]
    grave = [
        f"{rule['id']}: {rule['help']}: {rule['nodes'][0]['html'][:200]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    ]
    return Look(grave, tab.evaluate("document.documentElement.scrollWidth"))


@pytest.fixture(scope="module")
def visits(browser, paths):
    """Return a function that visits a page once and tells what was found."""
    known = {}

    def visit(name):
        if name not in known:
            requests, complaints, tab = [], [], browser.new_page()
            tab.on("request", lambda request: requests.append(request.url))
            tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            tab.on("pageerror", lambda error: complaints.append(str(error)))
            tab.goto(paths[name].as_uri())
            known[name] = Visit({one: look(tab, *one) for one in LOOKS}, requests, complaints)
            tab.close()
        return known[name]

    return visit


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(visits, name, width, scheme):
    assert visits(name).looks[width, scheme].violations == []


def test_the_night_changes_colours_alone():
    css = page_css()
    assert css.count("prefers-color-scheme") == 1
    (dark,) = re.findall(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{([^{}]*)\}\s*\}", css)
    declarations = [one.strip() for one in dark.split(";") if one.strip()]
    assert all(re.fullmatch(r"--[\w-]+: #[0-9a-f]{3,6}", one) for one in declarations)


@pytest.mark.parametrize("width", [1100, 360])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_its_window(visits, name, width):
    assert visits(name).looks[width, "light"].scroll_width <= width


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_but_itself(visits, paths, name):
    asked = [url for url in visits(name).requests if not url.startswith("data:")]
    assert asked == [paths[name].as_uri()]


@pytest.mark.parametrize("name", PAGES)
def test_the_browser_has_nothing_to_complain_of(visits, name):
    assert visits(name).complaints == []


def test_a_link_of_the_contents_opens_the_topic_that_holds_its_part(browser, paths):
    tab = browser.new_page()
    tab.goto(paths["report"].as_uri())
    part = tab.locator("#leak")
    assert not part.is_visible()
    tab.click("nav.contents a[href='#leak']")
    part.wait_for(state="visible", timeout=5000)
    tab.close()


def test_mistakes_are_filtered_sorted_and_shown_again_without_a_script(browser, paths):
    tab = browser.new_context(java_script_enabled=False).new_page()
    tab.goto(paths["report"].as_uri())
    tab.click("summary:has-text('Products in pictures')")
    tab.click("details.mistakes-table > summary")
    rows = tab.locator(".sift tbody tr:visible")
    num_all = rows.count()
    button = tab.locator("input[name='true']:not([value='all'])").first
    value = button.get_attribute("value")
    button.check()
    tab.keyboard.press("Enter")  # sends nothing, so the choice stays
    assert 0 < rows.count() < num_all
    assert {row.get_attribute("data-true") for row in rows.all()} == {value}
    tab.check("#sift-order-said")
    assert tab.locator("[data-order]:visible").get_attribute("data-order") == "said"
    assert 0 < rows.count() < num_all
    tab.click("button[type='reset']")
    assert rows.count() == num_all
    tab.context.close()


@pytest.mark.parametrize("name", ["report", "many classes"])
def test_axe_finds_nothing_serious_in_the_table_of_mistakes(browser, paths, name):
    tab = browser.new_page()
    tab.goto(paths[name].as_uri())
    tab.evaluate(
        "document.querySelectorAll('details').forEach(part => { part.open = part.matches('.topic, #mistakes *') })"
    )
    assert tab.locator("#mistakes table:visible").count() > 0
    for width, scheme in LOOKS:
        assert look(tab, width, scheme).violations == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()


def test_on_paper_every_topic_is_unfolded(browser, paths):
    tab = browser.new_page()
    tab.goto(paths["report"].as_uri())
    tab.emulate_media(media="print")
    assert tab.locator("#glossary").bounding_box()["height"] > 100
    tab.close()
