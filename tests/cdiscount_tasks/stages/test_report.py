import json
import shutil

import pytest
import yaml

from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages.report import write_report
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tests.material.written_reports import read_metrics, write


def figures_in(value, path=""):
    """Yield every figure of metrics.json with its path."""
    if isinstance(value, dict) and {"value", "n"} <= set(value):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from figures_in(child, f"{path}.{key}")
    elif isinstance(value, list):
        for child in value:
            yield from figures_in(child, path)


def test_the_report_counts_what_people_found_right_and_what_they_could_not_tell(page):
    assert "2 products given a different category by people, 4 confirmed as right, 0 taken out of learning" in page.text
    assert "1 not learnt from because people were unsure" in page.text


def test_products_of_the_catalogue_without_a_category_are_told_and_counted(page, report):
    assert "Without a category 7 Products of the whole catalogue that nothing can be learnt from" in page.text
    assert read_metrics(report[0])["catalogue"]["num_without_category"] == 7


def test_a_report_holds_its_files_and_a_manifest_that_verifies(report):
    out_dir, _ = report
    files = [
        "MODEL_CARD.md",
        "classes.csv",
        "labels.html",
        "manifest.json",
        "metrics.json",
        "mistakes.csv",
        "predictions.parquet",
        "report.html",
    ]
    assert sorted(path.name for path in out_dir.iterdir()) == files
    assert verify_artifact(out_dir) == 7


def test_the_result_repeats_the_headline_of_metrics_json(report):
    out_dir, result = report
    metrics = read_metrics(out_dir)
    accuracy = metrics["test"]["product"]["accuracy"]
    assert (result["product_accuracy"], result["product_accuracy_low"]) == (accuracy["value"], accuracy["low"])
    assert result["majority_baseline"] == metrics["test"]["baseline"]["majority"]["value"]
    assert result["num_test_products"] == accuracy["n"]
    assert json.loads(json.dumps(result)) == result


def test_the_accuracy_is_the_share_of_test_products_that_were_found(inputs, report):
    test = inputs.products[inputs.products["split"] == "test"]
    assert report[1]["product_accuracy"] == pytest.approx((test["class_index"] == test["predicted"]).mean(), abs=1e-6)
    assert report[1]["num_mistakes"] == (test["class_index"] != test["predicted"]).sum()


def test_every_figure_of_metrics_json_has_the_same_five_parts(report):
    figures = list(figures_in(read_metrics(report[0])["test"]))
    assert len(figures) > 30
    for path, figure in figures:
        assert set(figure) == {"value", "low", "high", "n", "num_groups"}, path
        if figure["low"] is not None:
            assert figure["low"] <= figure["value"] <= figure["high"], path


def test_products_taken_out_by_a_fix_are_not_in_the_corrected_accuracy(report):
    product = read_metrics(report[0])["test"]["product"]
    assert product["accuracy_corrected"]["n"] == product["accuracy"]["n"] - 1


def test_thresholds_are_those_of_the_evaluation_and_their_precision_is_counted_on_test(inputs, report):
    chosen = json.loads((inputs.dirs["evaluation"] / "calibration.json").read_text("utf-8"))
    schema = schemas.prediction_schema(5, by_image=False)
    rows = parquet.read_table(inputs.dirs["evaluation"] / "predictions.parquet", schema).to_pandas()
    rows = rows[rows["split"] == "test"]
    for one, found in zip(
        chosen["thresholds"], read_metrics(report[0])["test"]["product"]["selective"]["thresholds"], strict=True
    ):
        assert (found["threshold"], found["note"]) == (one["threshold"], one["note"])
        answered = rows[rows["confidence"] >= one["threshold"]] if one["threshold"] is not None else rows[:0]
        assert found["precision"]["n"] == len(answered)
        if len(answered):
            precision = (answered["predicted"] == answered["class_index"]).mean()
            assert found["precision"]["value"] == pytest.approx(precision, abs=1e-6)


def test_an_evaluation_without_its_calibration_is_told(inputs, tmp_path):
    copy = shutil.copytree(inputs.dirs["evaluation"], tmp_path / "evaluation-0")
    (copy / "calibration.json").unlink()
    with pytest.raises(DataError, match=r"evaluation-0.*calibration\.json"):
        write_report({**inputs.dirs, "evaluation": copy}, tmp_path / "reports" / "wine" / "run", inputs.config)


def test_the_same_inputs_give_the_same_bytes(inputs, report, tmp_path):
    again, _ = write(inputs, tmp_path)
    for name in ("report.html", "labels.html", "metrics.json", "predictions.parquet", "MODEL_CARD.md"):
        assert (again / name).read_bytes() == (report[0] / name).read_bytes()


def test_the_page_is_one_file_without_script_or_network(report, page):
    text = (report[0] / "report.html").read_text("utf-8")
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    sources = [attrs["src"] for attrs in page.all("img")]
    assert sources and all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not any(":" in attrs["href"] or attrs["href"].startswith("/") for attrs in page.all("a"))
    assert "@import" not in text and "url(http" not in text
    assert len(text) < 5_000_000


def test_every_link_of_the_page_has_its_target_and_no_id_stands_twice(report, page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    files = {"../../index.html", *(path.name for path in report[0].iterdir())}
    assert {attrs["href"] for attrs in page.all("a")} <= files | {f"#{one}" for one in ids}


def test_pictures_have_alternative_texts_and_tables_captions_and_scopes(page):
    assert all("product" in attrs["alt"] for attrs in page.all("img"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attrs.get("scope") in {"row", "col"} for attrs in page.all("th"))


def test_the_sections_stand_in_the_order_in_which_trust_is_built(page):
    sections = [attrs["id"] for attrs in page.all("section")]
    expected = (
        "answers champion classes confusion pairs mistakes uncertain random "
        "labels suspects certificate figures confidence curves next data resources lineage glossary"
    )
    assert sections == expected.split()


def test_the_confusion_matrix_says_that_its_shares_are_rounded(page):
    assert "below it their share of the row in whole per cent" in page.text


def test_no_two_mistakes_of_a_pair_are_said_to_be_of_one_group(page):
    assert "the surest mistakes, no two of them of one group of products" in page.text


def test_a_report_with_few_groups_says_on_page_and_card_how_often_its_interval_covered(report, page):
    out_dir, _ = report
    figure = read_metrics(out_dir)["test"]["product"]["accuracy"]
    said = f"{figure['num_groups']} independent groups: the interval "
    assert figure["num_groups"] < 300
    assert said in page.text and said in (out_dir / "MODEL_CARD.md").read_text("utf-8")


def test_the_model_card_begins_with_the_head_of_the_hub_and_its_figures(report):
    out_dir, result = report
    empty, head, body = (out_dir / "MODEL_CARD.md").read_text("utf-8").split("---\n", 2)
    accuracy, f1 = yaml.safe_load(head)["model-index"][0]["results"][0]["metrics"]
    measured = read_metrics(out_dir)["test"]["product"]
    assert (empty, body.lstrip("\n").startswith("# Model card: ")) == ("", True)
    assert accuracy["value"] == pytest.approx(result["product_accuracy"], abs=1e-6)
    assert (accuracy["args"]["low"], accuracy["args"]["high"]) == (
        measured["accuracy"]["low"],
        measured["accuracy"]["high"],
    )
    assert f1["value"] == pytest.approx(measured["macro_f1"]["value"], abs=1e-6)
    assert "before you publish the model, write yours into the first lines of this file" in body


def test_the_page_says_what_intervals_do_not_cover_and_that_pictures_are_drawn(page):
    assert "The interval covers the choice of test products, not retraining" in page.text
    assert DRAWN_WARNING in page.text
    assert "There was no champion to compare it with" in page.text


def test_the_predictions_are_a_copy_of_the_evaluations(inputs, report):
    schema = schemas.prediction_schema(5, by_image=False)
    copy, source = (
        parquet.read_table(d / "predictions.parquet", schema) for d in (report[0], inputs.dirs["evaluation"])
    )
    assert copy.equals(source)
    assert (
        read_metrics(report[0])["lineage"]["files"]["predictions.parquet"]
        == (read_manifest(report[0])["files"]["predictions.parquet"]["xxh3_128"])
    )
