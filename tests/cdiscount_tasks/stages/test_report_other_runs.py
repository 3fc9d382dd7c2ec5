"""Reports of runs unlike the usual one: a poor model, a leak, hostile names, many classes, a knob set by hand."""

import json
import re

import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tests.material.html_page import HOSTILE, Page
from tests.material.report_inputs import make_inputs
from tests.material.sealing import seal
from tests.material.written_reports import read_metrics, write


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    """Write the report of a model below the baseline, on pictures that are not drawn."""
    folder = tmp_path_factory.mktemp("poor")
    return write(make_inputs(folder / "in", accuracy=0.3, origin="file"), folder / "reports")


def test_a_precision_that_validation_does_not_reach_is_null_and_a_sentence(poor):
    out_dir, _ = poor
    thresholds = read_metrics(out_dir)["test"]["product"]["selective"]["thresholds"]
    assert [one["threshold"] for one in thresholds] == [None, None]
    assert all(one["precision"]["value"] is one["coverage"]["value"] is None for one in thresholds)
    for sentence in (one["note"] for one in thresholds):
        assert sentence in Page((out_dir / "report.html").read_text("utf-8")).text


def test_a_model_below_the_baseline_is_told_so_and_real_pictures_carry_no_drawn_banner(poor):
    out_dir, result = poor
    text = Page((out_dir / "report.html").read_text("utf-8")).text
    assert result["product_accuracy_low"] < result["majority_baseline"]
    assert "Above the baseline" not in text
    assert DRAWN_WARNING not in text and "share it only where you may share the catalogue" in text


def test_a_split_that_shares_pictures_is_not_certified(tmp_path):
    out_dir, _ = write(make_inputs(tmp_path / "in", num_products=200, shared=3), tmp_path / "reports")
    assert read_metrics(out_dir)["verdict"]["certified"] is False
    assert "No: the split leaks" in Page((out_dir / "report.html").read_text("utf-8")).text


def test_hostile_category_names_stay_text_in_the_page_and_in_the_model_card(tmp_path, page):
    out_dir, _ = write(make_inputs(tmp_path / "in", names=HOSTILE), tmp_path / "reports")
    hostile = Page((out_dir / "report.html").read_text("utf-8"))
    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in page.elements}
    assert not any(name.startswith("on") for _, attrs in hostile.elements for name in attrs)
    assert HOSTILE[0] in hostile.text and "{{ 7*7 }}" in hostile.text
    card = (out_dir / "MODEL_CARD.md").read_text("utf-8")
    assert "<script>" not in card and "](javascript" not in card
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in {3, 5, 7} for row in rows)


def test_300_classes_give_a_small_page_with_pairs_instead_of_a_matrix(tmp_path):
    names = [f"CATEGORIE {number}" for number in range(300)]
    out_dir, _ = write(make_inputs(tmp_path / "in", num_products=2_500, names=names), tmp_path / "reports")
    text = (out_dir / "report.html").read_text("utf-8")
    assert read_metrics(out_dir)["test"]["product"]["confusion"]["matrix"] is None
    assert "classes.csv" in text and 'class="heat dense"' not in text and 'class="heat blocks"' in text
    assert len(text) < 2_000_000


def test_a_knob_set_for_the_run_is_marked_and_stands_in_the_command(tmp_path):
    out_dir, _ = write(make_inputs(tmp_path / "in", num_products=200, epochs=3), tmp_path / "reports")
    lineage = read_metrics(out_dir)["lineage"]
    assert lineage["overrides"] == {"epochs": 3}
    assert lineage["command"] == "make run SAMPLE=wine PRESET=smoke CONF='{\"epochs\": 3}'"
    assert "overridden" in (out_dir / "report.html").read_text("utf-8")


@pytest.mark.parametrize(("left_out", "sentence"), [
    (None, "No product of validation or test is one that it knew"),
    (3, "Left out of every accuracy here: 3 products of validation and test that it knew already"),
])  # fmt: skip
def test_a_model_that_began_with_the_champion_says_whose_weights_these_were(tmp_path, left_out, sentence):
    inputs = make_inputs(tmp_path / "in", num_products=200)
    contract = json.loads((inputs.dirs["model"] / "input.json").read_text())
    champion = {
        "trained_on": "champion",
        "run_id": "week <7>",
        "decision": 4,
        "xxh3_128": "ab" * 16,
        "began_with": None,
    }
    write_json(inputs.dirs["model"] / "input.json", {**contract, "weights": champion})
    seal(inputs.dirs["model"])
    if left_out:
        seal(inputs.dirs["evaluation"], num_left_out=left_out)
    out_dir, _ = write(inputs, tmp_path / "reports")
    text = Page((out_dir / "report.html").read_text("utf-8")).text
    assert "the weights of the champion of then: run week <7>, decision 4" in text and sentence in text
    assert "the weights of the champion of then" in (out_dir / "MODEL_CARD.md").read_text("utf-8")


def test_what_the_gpu_did_stands_where_the_training_and_the_stages_are_told(tmp_path):
    inputs = make_inputs(tmp_path / "in", num_products=200)
    out_dir, _ = write(inputs, tmp_path / "unknown")
    text = Page((out_dir / "report.html").read_text("utf-8")).text
    assert "The device was" not in text and "waited for" not in text
    unknown = dict.fromkeys(("gpu_busy_share", "gpu_memory_peak_gib", "input_wait_share"))
    assert unknown.items() <= read_metrics(out_dir)["model"].items()

    known = {"gpu_busy_share": 0.62, "gpu_memory_peak_gib": 3.1, "input_wait_share": 0.35}
    seal(inputs.dirs["model"], device="GPU, 1 x made-up", **known)
    out_dir, _ = write(inputs, tmp_path / "known")
    page = Page((out_dir / "report.html").read_text("utf-8"))
    used = "busy 62 % of the time, 3.1 GiB at most"
    assert f"The device was {used}, 35 % of the time waited for input" in page.text
    assert f"GPU, 1 x made-up {used}" in page.text
    assert "The training waited for its input 35 % of the time, more than 20 %" in page.text
    assert known.items() <= read_metrics(out_dir)["model"].items()
