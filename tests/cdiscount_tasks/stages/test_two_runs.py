import json
import re

import numpy as np
import pytest

from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.stages.two_runs import write_two_runs
from tests.material.compared_runs import make_run
from tests.material.html_page import HOSTILE, Page
from tests.material.paired_reports import CLASSES, write_pair

NUM = 200
FIRST, SECOND = np.arange(NUM) % 4 > 0, np.arange(NUM) % 10 > 0


def page_of(out_dir):
    return (out_dir / "compare.html").read_text("utf-8")


@pytest.fixture
def out_dir(tmp_path):
    folder = tmp_path / "wine" / "compare" / "first--second"
    folder.parent.mkdir(parents=True)
    return folder


def test_the_page_has_the_answer_both_reports_and_every_category(tmp_path, out_dir):
    result = write_two_runs(write_pair(tmp_path, FIRST, SECOND), out_dir)

    page = page_of(out_dir)
    facts = json.loads((out_dir / "compare.json").read_text("utf-8"))
    assert verify_artifact(out_dir) == 2
    assert result["answer"] == facts["answer"] and result["answer"] in page
    assert result["title"] == "smoke (2026-09-21 14:13 UTC) and smoke (2026-09-22 14:13 UTC)"
    for link in ("../../first/report.html", "../../second/report.html"):
        assert (out_dir / link).resolve().is_file() and f'href="{link}"' in page
    assert all(one["level3"] in page for one in CLASSES)


def test_without_the_artifacts_there_are_ids_and_a_sentence(tmp_path, out_dir):
    write_two_runs(write_pair(tmp_path, FIRST, SECOND), out_dir)

    page = page_of(out_dir)
    assert "not on this machine" in page
    assert "<img" not in page
    assert len(re.findall(r">product \d+<", page)) == 12 + 10  # A alone is right about ten


def test_a_page_of_the_same_reports_is_kept(tmp_path, out_dir):
    pair = write_pair(tmp_path, FIRST, SECOND)
    write_two_runs(pair, out_dir)
    made = (out_dir / "manifest.json").stat().st_ino

    assert write_two_runs(pair, out_dir)["answer"].startswith("B is better")
    assert (out_dir / "manifest.json").stat().st_ino == made


def test_a_report_with_other_predictions_makes_the_page_anew(tmp_path, out_dir):
    write_two_runs(write_pair(tmp_path, FIRST, SECOND), out_dir)

    result = write_two_runs(write_pair(tmp_path, SECOND, FIRST), out_dir)

    assert result["answer"].startswith("A is better")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_outside_open_no_element(tmp_path, out_dir, name):
    classes = [{**one, "level3": name} for one in CLASSES]
    write_two_runs(write_pair(tmp_path, FIRST, SECOND, classes=classes, title=name, run_id=name, preset=name), out_dir)

    page = Page(page_of(out_dir))

    assert not page.all("script") and not page.all("img")


@pytest.fixture(scope="module")
def made_runs(tmp_path_factory):
    """Return two runs of one sample whose networks are right about 60 and 90 % of the same products."""
    folder = tmp_path_factory.mktemp("runs")
    return [make_run(folder / f"{accuracy}", "wine", accuracy=accuracy, apart=None) for accuracy in (0.6, 0.9)]


def test_products_that_one_run_alone_gets_right_are_shown_as_pictures(made_runs, out_dir):
    worse, better = made_runs
    dirs = {"sample": better.sample_dir, "labels": better.labels_dir}

    result = write_two_runs((worse.report_dir, better.report_dir), out_dir, dirs)

    facts = json.loads((out_dir / "compare.json").read_text("utf-8"))
    pictures = {attrs["alt"] for attrs in Page(page_of(out_dir)).all("img")}
    shown = [one["product_id"] for side in ("only_first", "only_second") for one in facts[side]["shown"]]
    assert result["answer"].startswith("B is better than A by ")
    assert len(shown) > 8
    assert all(any(alt.endswith(f"of product {product_id}") for alt in pictures) for product_id in shown)
    assert (out_dir / "compare.html").stat().st_size < 5_000_000


def test_a_sample_that_keeps_pictures_out_of_its_reports_keeps_them_out_of_this_page(tmp_path, made_runs, out_dir):
    better = made_runs[1]
    config = {"sample": {"embed_pictures": False}}
    lineage = {"overrides": {}, "artifacts": {}, "files": {"predictions.parquet": "0"}, "config": config}
    pair = write_pair(tmp_path, [False] * 30, [True] * 30, lineage=lineage)

    write_two_runs(pair, out_dir, {"sample": better.sample_dir, "labels": better.labels_dir})

    assert "embed_pictures is false" in page_of(out_dir) and "<img" not in page_of(out_dir)
