"""How the champion's own accuracy is shown over the judgements since it took its place."""

import pytest

from cdiscount_tasks.learning.measuring.intervals import figure_of, known_exactly
from cdiscount_tasks.pages.report.champion_figures import AskedAgain, Declined, render_champion_figures
from tests.material.html_page import Page


def figure(value, n=200):
    return figure_of(value, (value - 0.05, value + 0.05), n, n)


def asked(number, value, added=None):
    return AskedAgain(
        f"2026-0{number + 1}-03T04:05:06+00:00", f"run {number}" if number else None, figure(value), added
    )


@pytest.fixture
def page():
    rows = [asked(0, 0.73), asked(1, 0.7, known_exactly(None, 0, 0)), asked(3, 0.65, figure(0.5, 40)), asked(4, 0.66)]
    return Page(str(render_champion_figures(rows, 0)))


def test_each_judgement_has_its_day_its_figure_and_what_was_added(page):
    text = " ".join(page.text.split())
    assert "2026-01-03 its own report 200 73.0 %, 68.0 to 78.0 — —" in text
    assert "2026-02-03 run 1 200 70.0 %, 65.0 to 75.0 0 —" in text
    assert "2026-04-03 run 3 200 65.0 %, 60.0 to 70.0 40 50.0 %, 45.0 to 55.0" in text
    assert "2026-05-03 run 4 200 66.0 %, 61.0 to 71.0 unknown —" in text
    assert "no longer on disk" not in text


def test_the_line_has_a_point_a_judgement_and_says_the_same_in_words(page):
    (drawing,) = page.all("svg")
    assert len(page.all("circle")) == 4 and len(page.all("polygon")) == 1
    assert drawing["aria-label"] == (
        "The champion's product accuracy, asked 4 times: first 73.0 %, lowest 65.0 %, highest 73.0 %, last 66.0 %, "
        "61.0 to 71.0."
    )


@pytest.mark.parametrize(("num", "words"), [(1, "1 judgement is"), (3, "3 judgements are")])
def test_judgements_that_were_removed_are_counted(num, words):
    page = Page(str(render_champion_figures([asked(0, 0.73)], num)))
    assert f"{words} no longer on disk." in page.text
    assert page.all("svg") == []
    assert "no longer on disk" in Page(str(render_champion_figures([], num))).text


def test_of_many_judgements_the_table_has_the_newest_and_the_line_all():
    page = Page(str(render_champion_figures([asked(0, 0.73), *(asked(1, 0.7) for _ in range(29))], 0)))
    assert "The newest 12 of 30." in page.text
    assert page.text.count("run 1") == 12 and len(page.all("circle")) == 30


def test_a_run_id_is_no_html():
    row = asked(1, 0.7)._replace(run_id="<script>1</script>")
    assert "<script" not in str(render_champion_figures([row], 0))


def test_a_champion_that_was_asked_once_has_no_such_part():
    assert render_champion_figures([asked(0, 0.73)], 0) == ""
    assert render_champion_figures([], 0) == ""


def test_models_that_were_not_promoted_are_listed_with_why_the_newest_first():
    declined = [
        Declined(f"2026-02-0{day}T03:04:05", f"<b>{day}</b>", f"wine/run-{day}", f"why {day}.") for day in (1, 2)
    ]
    page = Page(str(render_champion_figures([asked(0, 0.73)], 0, declined)))
    assert page.text.index("2026-02-02 03:04") < page.text.index("2026-02-01 03:04") < page.text.index("why 1.")
    assert [one["href"] for one in page.all("a")] == ["../../wine/run-2/report.html", "../../wine/run-1/report.html"]
    assert "<b>1</b>" in page.text  # as text
    many = Page(str(render_champion_figures([], 0, declined * 10)))
    assert "The newest 12 of 20." in many.text and many.text.count("why 2.") == 6
