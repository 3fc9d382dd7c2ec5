import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cdiscount_tasks.pages.overview.page import render_index
from cdiscount_tasks.pages.overview.rows import FinishedPage, FinishedReport
from tests.material.html_page import Page


def make_report(sample="wine", day=23, link="wine/a/report.html", drawn=False):
    figure = {"value": 0.8, "low": 0.75, "high": 0.84, "n": 200, "num_groups": 180}
    return FinishedReport(
        sample=sample,
        title=f"<b>{sample}</b>",
        link=link,
        finished=datetime(2026, 11, day, 17, tzinfo=UTC),
        run_id="manual__1",
        preset="smoke",
        accuracy=figure,
        baseline=0.556,
        above_baseline=True,
        certified=True,
        drawn=drawn,
        total_s=312.0,
        overrides={},
        artifacts={"features": "features-a"},
        predictions_hash="0",
    )


def links(page):
    """Return where a page leads, less the tables that list the same runs a second time, by accuracy."""
    page = re.sub(r'<details class="ranking">.*?</details>', "", page, flags=re.DOTALL)
    return [link for link in re.findall(r'href="([^"]+)"', page) if not link.startswith("#")]


def test_the_index_groups_by_sample_with_the_newest_first():
    reports = [
        make_report(day=22, link="wine/old/report.html"),
        make_report(sample="bag", link="bag/a/report.html"),
        make_report(day=23, link="wine/new/report.html"),
    ]
    assert links(render_index(reports)) == ["bag/a/report.html", "wine/new/report.html", "wine/old/report.html"]


def test_the_index_marks_drawn_runs_and_escapes_titles():
    page = render_index([make_report(drawn=True)])
    assert ">drawn</span>" in page
    assert "<b>wine</b>" not in page and "&lt;b&gt;wine&lt;/b&gt;" in page


def test_the_line_has_axis_numbers_and_the_times_of_its_first_and_last_run():
    page = render_index([make_report(day=22), make_report(day=23, link="wine/b/report.html")])

    assert "Line: the accuracy of 2 runs, with 95 % intervals; their settings: smoke. Axis: 74 % to 85 %." in page
    assert "<span>2026-11-22 17:00</span><span>2026-11-23 17:00</span>" in page
    assert "<span>85 %</span><span>74 %</span>" in page


def test_an_index_without_runs_says_how_to_get_one():
    page = render_index([])
    assert "No run has finished yet" in page and "drawn" not in page


def test_comparisons_stand_first_with_their_answer():
    facts = {"title": "Wine and Mixed bag", "answer": "Wine is <harder>.", "origin": "file"}
    page = render_index(
        [make_report()], comparisons=[FinishedPage("comparison/x/comparison.html", make_report().finished, facts)]
    )
    assert links(page)[0] == "comparison/x/comparison.html"
    assert "Wine is &lt;harder&gt;." in page


STOPPED = {
    "overrides": {"epochs": 30, "batch_size": 8},
    "settings": {"training": {"epochs": 30, "batch_size": 8, "stopped_after_epoch": 4}},
}


def test_the_order_is_said_as_it_is():
    page = render_index([make_report(day=23), make_report(sample="bag", day=22, link="bag/a/report.html")])
    assert "2 finished runs of 2 samples, of each sample the newest first." in page


def test_a_row_of_a_run_that_was_stopped_says_so_beside_its_preset():
    text = Page(render_index([replace(make_report(), **STOPPED)])).text
    assert "smoke with epochs 30, batch size 8 stopped by hand after epoch 4" in text


def test_the_caption_of_a_line_can_be_read_with_long_settings():
    runs = [make_report(day=22), replace(make_report(link="wine/b/report.html"), **STOPPED)]
    text = Page(render_index(runs)).text
    assert (
        "Dot: the accuracy of the newest run; its settings: smoke with epochs 30, batch size 8, stopped by hand after "
        "epoch 4. Axis: 74 % to 85 %. Squares: 1 run with other settings."
    ) in text


def predicted(**changes):
    facts = {
        "sample": "wine", "title": "Wine", "catalogue": "test.bson", "origin": "drawn", "num_documents": 200,
        "num_answered": 150, "target_precision": 0.95, "accuracy": 0.8, "accuracy_low": 0.75, "accuracy_high": 0.85,
        "expected_accuracy": 0.7, "num_alarms": 2, **changes,
    }  # fmt: skip
    return FinishedPage("predictions/wine/a/predictions.html", datetime(2026, 11, 23, tzinfo=UTC), facts)


def test_predictions_have_a_section_with_a_row_each():
    page = Page(render_index([], predictions=[predicted()]))
    assert "predictions/wine/a/predictions.html" in [one["href"] for one in page.all("a")]
    assert "Wine wine test.bson 200 75.0 % at 95 % promised 80.0 % 75.0 to 85.0 drift: 2 alarms" in page.text
    assert "drawn" in page.text


def test_predictions_of_a_model_of_other_pictures_are_marked():
    of_drawn = Page(render_index([], predictions=[predicted(origin="file", model_origin="drawn")])).text
    assert "the model learnt from drawn pictures, the file holds photographs: the answers mean nothing" in of_drawn
    of_file = Page(render_index([], predictions=[predicted(origin="drawn", model_origin="file")])).text
    assert "the model learnt from photographs, the file holds drawn pictures: the answers mean nothing" in of_file
    for origin in ("file", "drawn"):
        text = Page(render_index([], predictions=[predicted(origin=origin, model_origin=origin)])).text
        assert "mean nothing" not in text and ("drawn" in text) == (origin == "drawn")


@pytest.mark.parametrize(
    ("origin", "model_origin", "is_told"),
    [("file", "drawn", True), ("drawn", "file", True), ("drawn", None, True), ("file", "file", False)],
)
def test_predictions_of_drawn_pictures_or_by_a_model_of_them_are_told_at_the_head(origin, model_origin, is_told):
    page = Page(render_index([make_report()], predictions=[predicted(origin=origin, model_origin=model_origin)])).text
    assert ("Some runs are marked “drawn”." in page) == is_told


def test_predictions_without_truth_say_what_is_expected():
    page = Page(render_index([], predictions=[predicted(accuracy=None, target_precision=None, num_alarms=0)]))
    assert "75.0 % all 70.0 % expected" in page.text


def test_predictions_of_a_file_of_other_categories_say_that_none_is_right():
    facts = {"accuracy": None, "expected_accuracy": None, "num_of_classes": 0}
    assert "none right no product is of the model" in Page(render_index([], predictions=[predicted(**facts)])).text


def test_an_index_without_predictions_does_not_name_them():
    assert "Predictions" not in render_index([make_report()])
