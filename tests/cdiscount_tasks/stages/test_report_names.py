"""300 hostile names through everything that a report is made of: nothing but text may come of them."""

import re
from pathlib import Path

import html5lib
import pytest

from cdiscount_tasks.pages.parts.outside_text import without_marks
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.inputs import Reviews
from cdiscount_tasks.stages.report import write_report
from tests.material.audit_inputs import make_features
from tests.material.hostile_names import hostile_names, plain_names, skeleton
from tests.material.report_inputs import make_inputs

pytestmark = pytest.mark.slow

PAGES = ["report.html", "labels.html", "suspects.html"]
NUM_FAMILIES = 40


def make_report(parent, names, families, text):
    """Write a report whose names, titles and ids are all such."""
    inputs = make_inputs(parent / "in", num_products=1_500, names=names, families=families)
    odd = inputs.products.iloc[::3]
    looks_like = dict(zip(odd["product_id"], (odd["class_index"] + 1) % len(names), strict=True))
    features_dir = make_features(inputs.dirs["labels"], parent, looks_like)
    audit = audit_labels(inputs.dirs["labels"], features_dir, Reviews(), parent, inputs.config.labels)
    sample = inputs.config.sample.model_copy(update={"title": text, "description": text * 2})
    config = inputs.config.model_copy(update={"sample": sample, "catalogue_path": f"/data/{text}"})
    out_dir = parent / "reports" / "wine" / run_folder(config.run_id)
    write_report({**inputs.dirs, "features": features_dir, "audit": Path(audit["path"])}, out_dir, config)
    write_reports_index(out_dir.parents[1])
    return out_dir


@pytest.fixture(scope="module")
def hostile_dir(tmp_path_factory):
    title = "".join(hostile_names()[:12]) + "\u202e"
    return make_report(tmp_path_factory.mktemp("hostile"), hostile_names(), hostile_names(NUM_FAMILIES), title)


@pytest.fixture(scope="module")
def plain_dir(tmp_path_factory):
    return make_report(
        tmp_path_factory.mktemp("plain"), plain_names(), [f"FAMILLE {n}" for n in range(NUM_FAMILIES)], "Everything"
    )


def read_pages(out_dir):
    return {name: (out_dir / name).read_text("utf-8") for name in PAGES} | {
        "index.html": (out_dir.parents[1] / "index.html").read_text("utf-8")
    }


def test_there_are_300_different_names():
    assert len(set(hostile_names())) == 300


@pytest.mark.parametrize("name", [*PAGES, "index.html"])
def test_hostile_names_add_no_element_and_no_attribute(hostile_dir, plain_dir, name):
    assert skeleton(read_pages(hostile_dir)[name]) == skeleton(read_pages(plain_dir)[name])


@pytest.mark.parametrize("name", [*PAGES, "index.html"])
def test_a_page_of_hostile_names_is_valid_html(hostile_dir, name):
    html5lib.HTMLParser(strict=True).parse(read_pages(hostile_dir)[name])


@pytest.mark.parametrize("name", [*PAGES, "index.html", "MODEL_CARD.md"])
def test_nothing_that_moves_its_neighbours_reaches_what_people_read(hostile_dir, name):
    pages = read_pages(hostile_dir)
    text = pages.get(name) or (hostile_dir / name).read_text("utf-8")
    assert without_marks(text) == text


def test_hostile_names_keep_the_lines_and_cells_of_the_model_card(hostile_dir, plain_dir):
    def cells(out_dir):
        lines = (out_dir / "MODEL_CARD.md").read_text("utf-8").splitlines()
        return [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines]

    assert cells(hostile_dir) == cells(plain_dir)


def test_no_markup_of_a_name_is_alive_in_the_model_card(hostile_dir):
    card = (hostile_dir / "MODEL_CARD.md").read_text("utf-8")
    alive = re.findall(r"(?<!\\)(?:\\\\)*(<\w+|\]\(|!\[|\$)", card)
    assert alive == []


def test_the_csv_of_classes_holds_no_formula(hostile_dir):
    import csv

    with (hostile_dir / "classes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert not any(row[level].startswith(("=", "+", "-", "@")) for row in rows for level in ("level1", "level3"))
