"""What features and their audit add to a report, and what it says where they are missing."""

import csv
import json
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.labelling.fix_rows import read_fix_rows
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.inputs import Reviews
from cdiscount_tasks.stages.report import write_report
from tests.material.audit_inputs import make_features
from tests.material.html_page import Page
from tests.material.written_reports import read_metrics


@pytest.fixture(scope="module")
def audited(inputs, tmp_path_factory):
    """Write the report with an audit in which some products look like another class; returns its folder."""
    folder = tmp_path_factory.mktemp("audited")
    odd = inputs.products.iloc[10:130:5]
    looks_like = dict(zip(odd["product_id"], (odd["class_index"] + 1) % 5, strict=True))
    features_dir = make_features(inputs.dirs["labels"], folder, looks_like)
    audit = audit_labels(inputs.dirs["labels"], features_dir, Reviews(), folder, inputs.config.labels)
    out_dir = folder / "reports" / "wine" / "one"
    write_report({**inputs.dirs, "features": features_dir, "audit": Path(audit["path"])}, out_dir, inputs.config)
    return out_dir


def test_a_report_prices_the_leak(audited):
    metrics = read_metrics(audited)
    told = (audited / "report.html").read_text("utf-8")
    assert metrics["leak"]["reason"] is None
    for kind, figure in metrics["leak"]["accuracy"].items():
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert f"{100 * figure['value']:.1f} %" in told, kind
    assert {"features", "audit"} <= set(metrics["durations_s"])
    assert "Not computed" not in told


def test_a_report_lists_suspects_as_a_fixes_file_and_shows_ten(audited):
    fixes = read_fix_rows(audited / "label_suspects.csv")
    suspects = read_metrics(audited)["suspects"]
    assert len(fixes) == suspects["num_listed"] > suspects["num_suspects_listed"] >= 10
    assert [str(row.proposal.suggested) for row in fixes] == [row.category for row in fixes]
    cards = json.loads((audited / "suspects.json").read_text("utf-8"))
    said = [(row["product_id"], row["category_id"], row["suggested_category_id"]) for row in cards["rows"]]
    assert said == [(row.product_id, row.proposal.given, row.proposal.suggested) for row in fixes]
    assert all(row["pictures"] for row in cards["rows"])
    text = (audited / "report.html").read_text("utf-8")
    assert {"label_suspects.csv", "suspects.html"} <= {attrs["href"] for attrs in Page(text).all("a")}
    assert text.count("<dt>suggested</dt>") == 10


def test_the_page_to_judge_the_list_by_shows_every_picture_of_every_row(audited, inputs):
    fixes = read_fix_rows(audited / "label_suspects.csv")
    page = Page((audited / "suspects.html").read_text("utf-8"))
    num_images = inputs.products.set_index("product_id")["num_images"]
    assert len(page.all("img")) == num_images[[row.product_id for row in fixes]].sum()
    assert (audited / "suspects.html").read_text("utf-8").count("<dt>suggested</dt>") == len(fixes)
    assert "suspects.html" in read_manifest(audited)["files"]


def test_a_report_without_an_audit_says_why_and_has_no_list(report):
    out_dir, _ = report
    assert not (out_dir / "label_suspects.csv").exists()
    metrics = read_metrics(out_dir)
    assert (metrics["suspects"], metrics["leak"]["inflation"]["by_image"]["value"]) == (None, None)
    assert metrics["leak"]["reason"] in (out_dir / "report.html").read_text("utf-8").replace("&#39;", "'")


def read_mistakes(out_dir):
    with (out_dir / "mistakes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_mistakes_csv_has_every_mistake_on_test(inputs, report):
    test = inputs.products[inputs.products["split"] == "test"]
    wrong = test[test["class_index"] != test["predicted"]]
    rows = read_mistakes(report[0])
    assert sorted(int(row["product_id"]) for row in rows) == sorted(wrong["product_id"])
    assert all(row["category_id"] != row["predicted_category_id"] for row in rows)
    assert not any(row["nearest_train_product_id"] for row in rows)
    assert [float(row["confidence"]) for row in rows] == sorted(
        (float(row["confidence"]) for row in rows), reverse=True
    )


def test_with_features_every_mistake_has_its_nearest_train_product(inputs, audited):
    split = dict(zip(inputs.products["product_id"], inputs.products["split"], strict=True))
    rows = read_mistakes(audited)
    assert rows and {split[int(row["nearest_train_product_id"])] for row in rows} == {"train"}


def test_what_an_older_evaluation_and_a_run_without_features_lack_is_said(page):
    assert "No activation maps: The evaluation was made by an older version" in page.text
    assert "Nearest train products were not computed." in page.text and "the run has no features" in page.text


def test_why_a_run_has_no_features_is_said_wherever_they_are_missed(inputs, tmp_path):
    reason = "pretrained weights cannot be used: /w/mobilenet_v2_notop.h5: does not open as the HDF5 file"
    out_dir = tmp_path / "reports" / "wine" / "run"
    write_report(inputs.dirs, out_dir, inputs.config, no_features=reason)
    assert read_metrics(out_dir)["leak"]["reason"] == reason
    assert Page((out_dir / "report.html").read_text("utf-8")).text.count("/w/mobilenet_v2_notop.h5: does not open") == 4
