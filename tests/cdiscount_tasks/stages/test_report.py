import csv
import dataclasses
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.artifacts.publish import Made, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.labelling.fix_rows import read_fix_rows
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.inputs import Reviews
from cdiscount_tasks.stages.report import write_report
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tests.material.audit_inputs import make_features
from tests.material.html_page import HOSTILE, Page
from tests.material.report_inputs import make_inputs


def write(inputs, reports_dir, run_id=None):
    config = inputs.config.model_copy(update={"run_id": run_id}) if run_id else inputs.config
    out_dir = reports_dir / config.sample.name / run_folder(config.run_id)
    written = write_report(inputs.dirs, out_dir, config)
    write_reports_index(reports_dir)
    return out_dir, written


def read_metrics(out_dir):
    return json.loads((out_dir / "metrics.json").read_text("utf-8"))


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


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("wine"), num_products=600)


@pytest.fixture(scope="module")
def report(inputs, tmp_path_factory):
    return write(inputs, tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def page(report):
    return Page((report[0] / "report.html").read_text("utf-8"))


@pytest.fixture
def standing(report, tmp_path):
    """Return a copy of the report in a reports folder of the test's own, which the test may change."""
    return shutil.copytree(report[0], tmp_path / report[0].parent.name / report[0].name)


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    """Write the report of a model below the baseline, on pictures that are not drawn."""
    folder = tmp_path_factory.mktemp("poor")
    return write(make_inputs(folder / "in", accuracy=0.3, origin="file"), folder / "reports")


def test_the_report_counts_what_people_found_right_and_what_they_could_not_tell(page):
    assert "2 products given a different category by people, 4 confirmed as right, 0 taken out of learning" in page.text
    assert "1 not learnt from because people were unsure" in page.text


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


def test_a_precision_that_validation_does_not_reach_is_null_and_a_sentence(poor):
    out_dir, _ = poor
    thresholds = read_metrics(out_dir)["test"]["product"]["selective"]["thresholds"]
    assert [one["threshold"] for one in thresholds] == [None, None]
    assert all(one["precision"]["value"] is one["coverage"]["value"] is None for one in thresholds)
    for sentence in (one["note"] for one in thresholds):
        assert sentence in Page((out_dir / "report.html").read_text("utf-8")).text


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
        "answers classes confusion pairs mistakes uncertain random "
        "labels suspects certificate figures confidence curves next data resources lineage glossary"
    )
    assert sections == expected.split()


def test_a_report_with_few_groups_says_on_page_and_card_how_often_its_interval_covered(report, page):
    out_dir, _ = report
    figure = read_metrics(out_dir)["test"]["product"]["accuracy"]
    said = f"{figure['num_groups']} independent groups: the interval "
    assert figure["num_groups"] < 300
    assert said in page.text and said in (out_dir / "MODEL_CARD.md").read_text("utf-8")


def test_the_page_says_what_intervals_do_not_cover_and_that_pictures_are_drawn(page):
    assert "The interval covers the choice of test products, not retraining" in page.text
    assert DRAWN_WARNING in page.text
    assert "no champion yet" in page.text


def pictures_by_product(text):
    """Return how many pictures each product of a piece of the page has."""
    shown = {}
    for attrs in Page(text).all("img"):
        product_id = int(re.search(r"of product (\d+)", attrs["alt"])[1])
        shown[product_id] = shown.get(product_id, 0) + 1
    return shown


def section_of(out_dir, name):
    text = (out_dir / "report.html").read_text("utf-8")
    return re.search(rf'<section id="{name}".*?</section>', text, flags=re.DOTALL)[0]


@pytest.mark.parametrize("name", ["mistakes", "uncertain", "random"])
def test_a_gallery_shows_24_products_with_all_their_pictures(inputs, report, name):
    shown = pictures_by_product(section_of(report[0], name))
    test = inputs.products[inputs.products["split"] == "test"].set_index("product_id")
    num_mistakes = (test["class_index"] != test["predicted"]).sum()
    assert 0 < len(shown) <= min(24, num_mistakes) if name == "mistakes" else len(shown) == 24
    assert shown == test.loc[list(shown), "num_images"].to_dict()


def test_a_mistake_gallery_holds_mistakes_alone(inputs, report):
    products = inputs.products.set_index("product_id")
    shown = products.loc[list(pictures_by_product(section_of(report[0], "mistakes")))]
    assert (shown["class_index"] != shown["predicted"]).all()


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


@pytest.fixture(scope="module")
def shared(inputs, tmp_path_factory):
    """Write the report without pictures; returns its folder."""
    sample = inputs.config.sample.model_copy(update={"embed_pictures": False})
    config = inputs.config.model_copy(update={"sample": sample})
    return write(dataclasses.replace(inputs, config=config), tmp_path_factory.mktemp("shared"))[0]


def test_without_embedded_pictures_no_page_holds_one_and_each_says_so(shared):
    for name in ("report.html", "labels.html"):
        text = (shared / name).read_text("utf-8")
        assert "data:image/jpeg" not in text and "<img" not in text
        assert "This file contains no picture of the catalogue" in Page(text).text
        assert "embed_pictures is false" in Page(text).text
    assert "<svg" in (shared / "report.html").read_text("utf-8")


def test_embedding_pictures_or_not_changes_no_number(report, shared):
    assert read_metrics(shared)["test"] == read_metrics(report[0])["test"]


def damage_picture_file(inputs, folder):
    """Copy the sample with a byte changed amid its pictures, which sizes do not show and page checksums do."""
    copy = shutil.copytree(inputs.dirs["sample"], folder / inputs.dirs["sample"].name)
    path = copy / "images-00000.parquet"
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(3)
    assert column.path_in_schema == "jpeg"
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(content)
    return dataclasses.replace(inputs, dirs={**inputs.dirs, "sample": copy})


def test_pictures_that_cannot_be_read_are_told_and_the_figures_stand(inputs, report, tmp_path):
    out_dir, result = write(damage_picture_file(inputs, tmp_path), tmp_path / "reports")
    assert result["product_accuracy"] == report[1]["product_accuracy"]
    for name in ("report.html", "labels.html"):
        page = Page((out_dir / name).read_text("utf-8"))
        assert "The pictures cannot be read" in page.text and not page.all("img")


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


def test_a_report_that_stands_is_replaced_whole(inputs, standing, tmp_path):
    (standing / "report.html").write_text("old and damaged")
    (standing / "left_over.txt").write_text("old")
    out_dir, _ = write(inputs, tmp_path)
    assert out_dir == standing
    assert not (out_dir / "left_over.txt").exists()
    assert verify_artifact(out_dir) == 7
    assert [path.name for path in out_dir.parent.iterdir() if path.name.endswith(".part")] == []


def test_a_failing_write_leaves_the_old_report_standing(inputs, standing, tmp_path, monkeypatch):
    before = (standing / "manifest.json").read_bytes()
    monkeypatch.setattr("cdiscount_tasks.stages.report.render_model_card", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(inputs, tmp_path)
    assert (standing / "manifest.json").read_bytes() == before
    assert verify_artifact(standing) == 7


def test_who_reads_while_a_report_is_replaced_sees_the_old_one_or_the_new_one(tmp_path):
    recipe, out_dir = Recipe("report", 1, {}, {}, {}, {}), tmp_path / "run"

    def replace(number):
        rebuild_artifact(out_dir, recipe, lambda part_dir: Made({"size": (part_dir / "file").write_text(str(number))}))

    replace(0)
    with ThreadPoolExecutor() as threads:
        replacing = threads.submit(lambda: [replace(number) for number in range(30)])
        while not replacing.done():
            assert (out_dir / "file").read_text().isdigit()
    assert verify_artifact(out_dir) == 1


def test_where_folders_cannot_be_exchanged_a_report_is_replaced_all_the_same(inputs, standing, tmp_path, monkeypatch):
    monkeypatch.setattr("cdiscount_tasks.artifacts.publish.ctypes.CDLL", lambda _: None)
    (standing / "left_over.txt").write_text("old")
    out_dir, _ = write(inputs, tmp_path)
    assert out_dir == standing
    assert not (out_dir / "left_over.txt").exists()
    assert verify_artifact(out_dir) == 7


def test_the_index_lists_finished_reports_by_sample_with_relative_links(report, tmp_path):
    for run_id in ("manual__1", "manual__2"):
        shutil.copytree(report[0], tmp_path / "wine" / run_folder(run_id))
    write_reports_index(tmp_path)
    index = Page((tmp_path / "index.html").read_text("utf-8"))
    links = {attrs["href"] for attrs in index.all("a")}  # each by time and by accuracy
    assert len(links) == 2 and all((tmp_path / link).is_file() for link in links)
    assert "drawn" in index.text and "Wine" in index.text


def test_the_index_says_what_is_damaged_and_leaves_out_what_is_being_written(report, tmp_path):
    run_ids = [f"manual__{number}" for number in (1, 2, 3)]
    out_dir, broken, _ = (shutil.copytree(report[0], tmp_path / "wine" / run_folder(run_id)) for run_id in run_ids)
    (broken / "predictions.parquet").unlink()
    part_dir = out_dir.parent / f".{out_dir.name}.0123.part"
    shutil.copytree(out_dir, part_dir)
    (tmp_path / "comparison" / "x").mkdir(parents=True)
    (tmp_path / "comparison" / "x" / "metrics.json").write_text("{}")
    write_reports_index(tmp_path)
    index = Page((tmp_path / "index.html").read_text("utf-8"))
    links = {attrs["href"] for attrs in index.all("a")}
    assert [link.split("/")[1] for link in sorted(links)] == [run_folder(run_id) for run_id in run_ids]
    assert "cannot be read predictions.parquet: is missing" in index.text


def test_a_missing_artifact_is_told_before_anything_is_written(inputs, tmp_path):
    dirs = {**inputs.dirs, "model": tmp_path / "model-0000"}
    with pytest.raises(DataError, match=r"model-0000.*no finished artifact"):
        write_report(dirs, tmp_path / "reports" / "wine" / "run", inputs.config)
    assert not (tmp_path / "reports").exists()


def test_a_reports_folder_that_cannot_be_made_names_its_setting(inputs, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigError, match="CDISCOUNT_REPORTS"):
        write_report(inputs.dirs, tmp_path / "file" / "wine" / "run", inputs.config)


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
