"""Whatever can be none, all or one: from the evaluation to the report, the comparison and the catalogue's page."""

import json
import re

import pandas as pd
import pytest

from cdiscount_tasks.stages.catalogue_page import write_catalogue_page
from cdiscount_tasks.stages.comparison import write_comparison
from cdiscount_tasks.stages.inputs import SampleChoice
from tests.material.extreme_runs import Extreme, make_run
from tests.material.html_page import Page
from tests.material.tiny_catalogue import GREEN, RED

ONE_EACH = dict.fromkeys(range(3), (10, 1, 1))
ONE_PRODUCT = {0: (10, 1, 1), 1: (12, 0, 0), 2: (12, 0, 0)}
NO_TEST_OF_LAST = {0: (6, 3, 3), 1: (6, 3, 3), 2: (12, 0, 0)}
CASES = {
    "no mistake": Extreme("right"),
    "all wrong": Extreme("wrong"),
    "one class answered": Extreme("first"),
    "no answer sure": Extreme("unsure"),
    "every answer sure": Extreme("right", num_products=240, num_images=1),
    "no validation mistake but wrong": Extreme("wrong", num_products=240),
    "two classes, all right": Extreme("right", categories=(RED, GREEN)),
    "two classes, all wrong": Extreme("wrong", categories=(RED, GREEN)),
    "one product a split and class": Extreme("wrong", splits=ONE_EACH),
    "one product in test, right": Extreme("right", splits=ONE_PRODUCT),
    "one product in test, wrong": Extreme("wrong", splits=ONE_PRODUCT),
    "a class without test, right": Extreme("right", splits=NO_TEST_OF_LAST),
    "a class without test, always answered": Extreme("wrong", splits=NO_TEST_OF_LAST),
    "a class without test, one answer": Extreme("first", splits=NO_TEST_OF_LAST),
    "one name for all": Extreme("wrong", level_names=("A", "B", "C")),
    "one name for all, right": Extreme("right", level_names=("A", "B", "C")),
    "names that are empty": Extreme("first", level_names=("", "", "")),
    "a class of three pictures in all": Extreme("first", all_alike=True),
    "four images each": Extreme("wrong", num_images=4),
    "one conflict": Extreme("right", shared=True, splits=NO_TEST_OF_LAST),
    "half the products suspect": Extreme("right", looks_like=1),
    "features that tell nothing": Extreme("first", apart=0),
    "features all the same class": Extreme("right", looks_like=3),
    "no pictures on pages": Extreme("wrong", embed_pictures=False),
}


@pytest.fixture(scope="module", params=CASES)
def made(tensorflow, request, tmp_path_factory):
    """Return a case and its run."""
    place = tmp_path_factory.mktemp("extreme")
    return CASES[request.param], make_run(place, CASES[request.param])


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    """Return the run that each case is compared with."""
    return make_run(tmp_path_factory.mktemp("ordinary"), Extreme("right"), "ordinary")


def test_a_run_at_an_end_has_its_report(made):
    case, run = made
    metrics = json.loads((run.report_dir / "metrics.json").read_text("utf-8"))
    accuracy = metrics["test"]["product"]["accuracy"]
    expected = {"right": 1.0, "wrong": 0.0}.get(case.answers)
    if expected is not None:
        assert accuracy["value"] == expected
    predictions = pd.read_parquet(run.report_dir / "predictions.parquet")
    assert accuracy["n"] == (predictions["split"] == "test").sum()


def test_no_model_is_above_a_baseline_that_test_gives_away(made):
    case, run = made
    metrics = json.loads((run.report_dir / "metrics.json").read_text("utf-8"))
    predictions = pd.read_parquet(run.report_dir / "predictions.parquet").query("split == 'test'")
    largest = predictions["class_index"].value_counts(normalize=True).max()
    assert metrics["test"]["baseline"]["largest_in_test"]["value"] == pytest.approx(largest, abs=1e-6)
    low = metrics["test"]["product"]["accuracy"]["low"]
    assert metrics["verdict"]["above_baseline"] == (low > largest)
    if case.splits is ONE_PRODUCT and case.answers == "right":
        assert low > metrics["test"]["baseline"]["majority"]["value"] == 0
        assert "is easy to beat" in (run.report_dir / "report.html").read_text("utf-8")


def test_an_interval_that_nothing_is_known_of_is_none(made):
    metrics = json.loads((made[1].report_dir / "metrics.json").read_text("utf-8"))
    for figure in metrics["leak"]["accuracy"].values():
        assert figure["value"] is None or figure["low"] is None or figure["low"] < figure["high"]
    for figure in metrics["leak"]["inflation"].values():
        assert figure["low"] is None or figure["low"] < figure["high"]


PAGES = ("report.html", "labels.html", "suspects.html", "MODEL_CARD.md")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_at_an_end_shows_a_programs_word_for_nothing(made, name):
    text = (made[1].report_dir / name).read_text("utf-8")
    text = re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL)  # the config, as JSON
    text = re.sub(r"```python.*?```", "", text, flags=re.DOTALL)
    seen = Page(text).text if name.endswith("html") else text
    assert not re.findall(r"\b(?:nan|NaN|inf|None|undefined|null)\b", seen)
    assert not re.findall(r"\b1 (?:products|epochs|images|groups|pictures)\b|\b1 product are\b|\b1 epoch was\b", seen)


def test_an_arrow_of_the_head_leads_to_a_picture(made):
    text = (made[1].report_dir / "report.html").read_text("utf-8")
    assert text.count('<span aria-hidden="true">→</span>') == text.count("on the right a typical")


def test_runs_at_an_end_can_be_compared(made, ordinary, tmp_path):
    _, run = made
    runs = [run.compared(), ordinary.compared()]
    for number, some in enumerate((runs, [one._replace(features_dir=None) for one in runs])):
        out_dir = tmp_path / "reports" / "comparison" / str(number)
        write_comparison(some, None, out_dir, "no weights", "no random choices")
        assert "NaN" not in (out_dir / "comparison.json").read_text("utf-8")


def test_a_catalogue_at_an_end_has_its_page(made, tmp_path):
    case, run = made
    choice = SampleChoice("extreme", "Extreme", case.categories)
    out_dir = tmp_path / "reports" / "catalogue" / "one"
    write_catalogue_page(run.dirs["index"], run.catalogue_path, None, [choice], out_dir)
    assert list(out_dir.glob("*.html"))
