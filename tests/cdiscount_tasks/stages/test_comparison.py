import json
import shutil

import pytest

from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.pages.parts.words import MINUS
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.stages.comparison import write_comparison
from tests.material.compared_runs import artifact, make_run
from tests.material.html_page import HOSTILE, Page

pytestmark = pytest.mark.slow

NO_WEIGHTS = "no file with pretrained weights stands in CDISCOUNT_WEIGHTS; put one there"
NO_RANDOM_CHOICES = "no level-2 name has 5 categories"


def compare(place, runs, random_choices_dir=None, no_features="", no_random_choices=NO_RANDOM_CHOICES):
    out_dir = place / "reports" / "comparison" / "-".join(run.sample for run in runs)
    result = write_comparison(runs, random_choices_dir, out_dir, no_features, no_random_choices)
    write_reports_index(place / "reports")
    return out_dir, result, json.loads((out_dir / "comparison.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def runs(place):
    return [
        make_run(place, "wine", apart=1.2),
        make_run(place, "bag", accuracy=0.9, apart=5.0, seed=1, num_products=300),
    ]


@pytest.fixture(scope="module")
def written(place, runs):
    return compare(place, runs)


@pytest.fixture(scope="module")
def page(written):
    return Page((written[0] / "comparison.html").read_text("utf-8"))


def test_a_comparison_holds_its_files_and_a_manifest_that_verifies(written):
    out_dir, _, _ = written
    assert sorted(path.name for path in out_dir.iterdir()) == ["comparison.html", "comparison.json", "manifest.json"]
    assert verify_artifact(out_dir) == 2


def test_the_answer_says_which_is_harder_and_of_whom_it_tells(written):
    _, result, facts = written
    assert result["answer"] == facts["answer"]
    assert facts["answer"].startswith("At equal size, the five categories of Wine are ")
    assert "harder than those of Bag" in facts["answer"]
    assert facts["answer"].endswith("This holds for these two samples only.")


def test_the_page_opens_with_the_answer_and_says_why_there_is_no_random_choices(page, written):
    assert written[2]["answer"] in page.text
    assert NO_RANDOM_CHOICES in page.text
    assert not page.all("script")


def test_pairs_have_equal_numbers_and_hold_every_class_once(written):
    pairs = written[2]["pairs"]
    for place in (0, 1):
        assert sorted(pair["classes"][place]["class_index"] for pair in pairs) == [0, 1, 2, 3, 4]
    for pair in pairs:
        assert pair["num_groups"] == min(one["num_groups"] for one in pair["classes"])


def test_the_networks_stand_beside_labelled_as_one_run_each(page, written, runs):
    assert "one run each" in page.text
    links = [attrs["href"] for attrs in page.all("a")]
    for run in runs:
        assert f"../../{run.sample}/{run.report_dir.name}/report.html" in links
    networks = written[2]["differences"][0]["networks"]
    assert networks["value"] < 0


def test_a_sample_whose_reports_hold_no_pictures_shows_none_here_either(place, runs, tmp_path):
    metrics_path = tmp_path / "report" / "metrics.json"
    shutil.copytree(runs[0].report_dir, metrics_path.parent)
    metrics = json.loads(metrics_path.read_text("utf-8"))
    metrics["lineage"]["config"]["sample"]["embed_pictures"] = False
    metrics_path.write_text(json.dumps(metrics), encoding="utf-8")
    shared = [run._replace(report_dir=metrics_path.parent, sample=f"shared{n}") for n, run in enumerate([runs[0]] * 2)]
    some, none = (compare(tmp_path, pair)[0] / "comparison.html" for pair in ([shared[0], runs[1]], shared))
    assert "embed_pictures is false" in some.read_text("utf-8") and "data:image/jpeg" in some.read_text("utf-8")
    assert "data:image/jpeg" not in none.read_text("utf-8")
    assert "This file contains no picture of the catalogue" in none.read_text("utf-8")


def test_every_category_is_shown_with_pictures_and_their_text(page):
    pictures = page.all("img")
    assert len(pictures) >= 10
    assert all(picture["alt"].startswith("Product ") for picture in pictures)


def test_the_same_runs_give_the_same_bytes(place, runs, written):
    before = {path.name: path.read_bytes() for path in written[0].iterdir() if path.name != "manifest.json"}
    (written[0] / "manifest.json").unlink()
    compare(place, runs)
    assert {name: (written[0] / name).read_bytes() for name in before} == before


def test_what_was_made_from_the_same_runs_is_kept(place, runs, written):
    before = (written[0] / "manifest.json").stat().st_ino
    _, again, _ = compare(place, runs)
    assert (written[0] / "manifest.json").stat().st_ino == before
    assert again == written[1]


def test_a_page_that_is_damaged_or_of_another_reason_is_made_anew(place, runs, tmp_path):
    both = [run._replace(features_dir=None) for run in runs]
    out_dir, _, _ = compare(tmp_path, both, no_features=NO_WEIGHTS)
    whole = (out_dir / "comparison.html").read_bytes()
    (out_dir / "comparison.html").write_bytes(whole[:-1] + b"x")
    compare(tmp_path, both, no_features=NO_WEIGHTS)
    assert (out_dir / "comparison.html").read_bytes() == whole
    _, _, facts = compare(tmp_path, both, no_features="another reason")
    assert facts["no_features"] == "another reason"


def test_the_index_lists_the_comparison_with_its_answer(place, written):
    index = Page((place / "reports" / "index.html").read_text("utf-8"))
    assert "comparison/wine-bag/comparison.html" in [attrs["href"] for attrs in index.all("a")]
    assert written[2]["answer"] in index.text


def test_without_features_the_page_has_the_networks_and_says_what_is_missing(place, runs):
    bare = [run._replace(features_dir=None) for run in runs]
    out_dir, _, facts = compare(place, [bare[1], bare[0]], no_features=NO_WEIGHTS)
    page = Page((out_dir / "comparison.html").read_text("utf-8"))
    assert facts["features"] is None and facts["differences"][0]["matched"] is None
    assert facts["answer"].startswith("The networks, one run each: ")
    assert facts["answer"].endswith(f" Not answered at equal size: {NO_WEIGHTS}.")
    assert "What is missing:" in page.text and "one run each" in page.text


def test_three_samples_are_compared_in_pairs(place, runs):
    third = make_run(place, "tea", apart=3.0, seed=2, num_products=300, names=("A", "B", "C"))
    _, _, facts = compare(place, [*runs, third])
    assert len(facts["differences"]) == 3 and len(facts["pairs"]) == 3
    assert facts["num_classes_without_pair"] == 4
    assert "Wine is the hardest and Bag the easiest" in facts["answer"]


def test_hostile_names_open_no_element(place):
    names = [HOSTILE[number % len(HOSTILE)] + str(number) for number in range(5)]
    both = [
        make_run(place, f"hostile{number}", title=HOSTILE[number], seed=number, num_products=200, names=names)
        for number in range(2)
    ]
    out_dir, _, _ = compare(place, both)
    page = Page((out_dir / "comparison.html").read_text("utf-8"))
    assert not page.all("script")
    assert all("onerror" not in attrs for _, attrs in page.elements)


def test_where_the_random_choices_was_skipped_with_the_features_their_reason_is_told(runs, tmp_path):
    out_dir, _, facts = compare(tmp_path, runs, no_features="no weights stand here", no_random_choices="")

    assert facts["no_random_choices"] == "no weights stand here"
    assert "no weights stand here" in (out_dir / "comparison.html").read_text("utf-8")


def test_a_random_choices_is_shown_with_the_samples_in_it(place, runs, tmp_path):
    def figure(value):
        return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 60, "num_groups": 60}

    def draw(value):
        return {
            "category_ids": [1, 2, 3, 4, 5],
            "accuracy": figure(value),
            "nearest": figure(value),
            "families": [["D", "F"]],
        }

    choices = {
        "alike": [draw(0.5 + 0.01 * number) for number in range(30)],
        "unlike": [draw(0.7 + 0.01 * number) for number in range(30)],
        "samples": {"wine": draw(0.62), "bag": draw(0.905)},
        "gap": {"value": 0.2, "low": 0.15, "high": 0.25, "n": 60, "num_groups": 60},
        "notes": ["a note"],
        "num_products_per_category": 60,
        "num_groups": 40,
        "num_test_groups": 12,
    }
    random_choices_dir = artifact(
        tmp_path,
        "random_choices",
        lambda part_dir: (part_dir / "random_choices.json").write_text(json.dumps(choices)) and {},
    )
    out_dir, _, facts = compare(place, runs, random_choices_dir, no_random_choices="")
    page = Page((out_dir / "comparison.html").read_text("utf-8"))
    assert "five random categories of one level-2 name are 20.0 points (15.0 to 25.0) harder" in facts["answer"]
    assert "12 of 30 alike choices are harder" in page.text
    assert "alike choices are harder, 0 of 30 unlike ones. It is harder than every random unlike choice." in page.text
    assert "30 of 30 alike choices are harder, 21 of 30 unlike ones. It is easier than every random alike" in page.text
    assert MINUS not in facts["answer"]


def test_a_report_of_another_schema_is_refused(place, runs, tmp_path):
    torn = tmp_path / "report"
    shutil.copytree(runs[0].report_dir, torn)
    metrics = json.loads((torn / "metrics.json").read_text("utf-8"))
    (torn / "metrics.json").write_text(json.dumps({**metrics, "schema_version": 0}))
    with pytest.raises(
        DataError,
        match=r"metrics.json is of an older schema \(0, .* clear the task write_report",
    ):
        compare(place, [runs[0]._replace(report_dir=torn), runs[1]])


def test_a_comparison_that_stands_is_not_made_again(place, runs, written):
    out_dir, result, _ = compare(place, runs)
    before = (out_dir / "manifest.json").stat()

    again = compare(place, runs)[1]

    assert again == result
    assert (out_dir / "manifest.json").stat().st_mtime_ns == before.st_mtime_ns


def test_a_comparison_that_lacks_a_byte_is_made_again(place, runs, written):
    page_path = compare(place, runs)[0] / "comparison.html"
    whole = page_path.read_bytes()
    page_path.write_bytes(whole[:-1])

    compare(place, runs)

    assert page_path.read_bytes() == whole
