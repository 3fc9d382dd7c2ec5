"""A report over as many classes as the catalogue has categories: small, and of use."""

import csv
import json

import pytest

from tests.material.html_page import Page
from tests.material.judged_report import champion_of, judged_inputs, opponent_of
from tests.material.synthetic_evaluation import make_evaluation
from tests.material.synthetic_names import NUM_CATEGORIES, NUM_LEVEL1, NUM_LEVEL2, NUM_LEVEL3, make_names
from tests.material.written_reports import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_evaluation(tmp_path_factory.mktemp("in"), num_products=20_000)


@pytest.fixture(scope="module")
def out_dir(made, tmp_path_factory):
    return write(made, tmp_path_factory.mktemp("reports"))[0]


@pytest.fixture(scope="module")
def metrics(out_dir):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads((out_dir / "metrics.json").read_text("utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def page(out_dir):
    return Page((out_dir / "report.html").read_text("utf-8"))


def test_the_tree_of_categories_has_the_catalogues_shape():
    names = make_names()
    assert len(names) == NUM_CATEGORIES
    assert names[["level1", "level2", "level3"]].nunique().tolist() == [NUM_LEVEL1, NUM_LEVEL2, NUM_LEVEL3]


@pytest.mark.parametrize("name", ["report.html", "labels.html"])
def test_a_page_stays_small_however_many_classes_there_are(out_dir, name):
    assert (out_dir / name).stat().st_size < 2_000_000


def test_the_confusion_is_shown_by_level_1(page, metrics):
    assert len(metrics["test"]["product"]["confusion"]["blocks"]["blocks"]) == NUM_LEVEL1
    assert sum(attrs.get("class") == "heat blocks" for attrs in page.all("table")) == 1
    assert "49 categories of level 1" in page.text
    assert "In a cell the share of the row in whole per cent" in page.text


def test_metrics_json_has_no_spaces_that_only_people_need(out_dir):
    assert (out_dir / "metrics.json").read_text("utf-8").count("\n") == 1


def test_classes_with_most_mistakes_are_shown_before_those_by_f1(page, metrics):
    product = metrics["test"]["product"]
    num_wrong = round(product["accuracy"]["n"] * (1 - product["accuracy"]["value"]))
    assert page.text.index("The 25 classes with the most mistakes") < page.text.index(
        "The classes with 30 test products or more"
    )
    assert f"of {num_wrong:,} mistakes, with 95 % intervals" in page.text


def test_what_is_left_out_of_the_confused_pairs_is_said(page, metrics):
    assert f"The 30 most frequent of {metrics['test']['product']['confusion']['num_pairs']:,} pairs" in page.text


def test_only_groups_of_several_products_are_listed_as_the_largest_of_their_class(page, metrics):
    several = sum(one["num_products"] > 1 for one in metrics["split_certificate"]["largest_groups"])
    assert f"where it has several products: the {min(several, 20)} of {several:,} with the largest share" in page.text


def test_classes_that_few_products_judge_are_counted_together(page, metrics):
    few = [one for one in metrics["test"]["product"]["per_class"] if 0 < one["support"] < 30]
    assert any(one["support"] == 1 for one in few)
    assert f"{len(few):,} classes have fewer than 30 test products" in page.text


def test_classes_never_predicted_are_counted_and_some_of_them_named(page, metrics):
    never = [one for one in metrics["test"]["product"]["per_class"] if one["support"] and not one["num_predicted"]]
    assert f"Never predicted on test, though test has products of them: {len(never):,} classes" in page.text
    assert f"and {len(never) - 30:,} more" in page.text


def test_every_class_stands_in_the_csv(out_dir, metrics):
    with (out_dir / "classes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    supports = [str(one["support"]) for one in metrics["test"]["product"]["per_class"]]
    assert [row["support"] for row in rows] == supports
    assert len(rows) == NUM_CATEGORIES


def test_probabilities_of_exactly_0_and_1_give_finite_figures(metrics):
    product = metrics["test"]["product"]
    assert product["calibration"]["bins"][-1]["highest"] == 1
    assert 0 < product["log_loss"]["value"] < 20


def test_the_ids_of_all_categories_do_not_fill_the_page(page):
    assert f"and {NUM_CATEGORIES - 20:,} more: see metrics.json" in page.text


def test_of_many_changed_categories_the_clearest_falls_come_first_and_the_others_are_counted(made, tmp_path):
    def change(facts):
        for place, one in enumerate(facts["class_changes"][:100]):
            side, p = ("fallen", "p_worse") if place >= 60 else ("risen", "p_better")
            facts["class_changes"][place] = {**one, side: True, p: (100 - place) / 100}
        return facts

    champion = champion_of(made, tmp_path, 0.3, right=False)
    out_dir, _ = write(judged_inputs(made, tmp_path, opponent_of(champion), change=change), tmp_path / "reports")
    text = Page((out_dir / "report.html").read_text("utf-8")).text
    assert "100 categories are shown to have changed" in text
    assert (text.count("fallen (p = "), text.count("risen (p = ")) == (25, 25)
    assert text.index("fallen (p = 0.01)") < text.index("fallen (p = 0.25)") < text.index("risen (p = 0.41)")
    assert "and 50 more: champion.class_changes of metrics.json has all" in text
