import pytest

from cdiscount_tasks.pages.report import coverage
from tests.material.drawn_test_sets import ACCURACIES, NUMS_GROUPS


def accuracy(value, num_groups):
    return {"value": value, "low": 0.0, "high": 1.0, "n": 2 * num_groups, "num_groups": num_groups}


def held(num_groups, near):
    cells = coverage.measured()["accuracy"]["cells"]
    return next(cell for cell in cells if (cell["num_groups"], cell["accuracy"]) == (num_groups, near))


@pytest.fixture
def changed(monkeypatch):
    """Return a function that replaces what was measured of one cell."""

    def change(num_groups, near, least, most):
        monkeypatch.setitem(held(num_groups, near), "least", least)
        monkeypatch.setitem(held(num_groups, near), "most", most)

    return change


def test_every_cell_that_is_simulated_was_measured():
    cells = [(cell["num_groups"], cell["accuracy"]) for cell in coverage.measured()["accuracy"]["cells"]]
    assert cells == [(groups, share) for groups in NUMS_GROUPS for share in ACCURACIES]


def test_few_groups_are_shown_with_what_was_measured_at_the_next_fewer_groups_and_the_nearest_accuracy():
    cell = held(100, 0.90)
    said = coverage.few_groups(accuracy(0.88, 299))
    assert said.startswith(
        "299 independent groups: the interval is as wide as it should be. In the nearest simulations, of 100 groups, "
    )
    assert f"accuracy in {100 * cell['least']:.1f} to {100 * cell['most']:.1f} % of the test sets." in said


def test_fewer_groups_than_were_ever_simulated_are_said_to_be_unchecked():
    assert coverage.few_groups(accuracy(0.8, 11)) == (
        "11 independent groups: take the interval as a rough guide. It was checked by simulations of 40 groups or more."
    )
    assert "rough guide" not in coverage.few_groups(accuracy(0.8, 40))


def test_nothing_is_said_of_enough_groups_or_of_no_accuracy():
    assert coverage.few_groups(accuracy(0.8, 300)) == ""
    assert coverage.few_groups(accuracy(None, 10)) == ""


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [(0.91, 0.95, "can be too narrow. In"), (0.95, 0.99, "can be wider than needed. In")],
)
def test_an_interval_that_was_measured_outside_the_goal_is_reported_with_any_number_of_groups(
    changed, least, most, said
):
    changed(300, 0.97, least, most)
    assert said in coverage.few_groups(accuracy(0.98, 400))
    assert f"in {100 * least:.1f} to {100 * most:.1f} % of" in coverage.few_groups(accuracy(0.98, 400))


def test_the_glossary_has_the_least_and_the_most_of_a_figure(monkeypatch):
    monkeypatch.setitem(coverage.measured()["figures"]["covered"], "log-loss", {"least": 0.81, "most": 0.93})
    assert coverage.of_figure("log-loss") == "81 to 93"


def test_a_comparison_says_how_often_the_interval_of_a_difference_covered(monkeypatch):
    cells = [{"num_groups": 150, "covered": 0.99}, {"num_groups": 150, "covered": 0.96}]
    monkeypatch.setitem(coverage.measured()["comparison"], "cells", cells)
    assert "samples of 150 groups" in coverage.of_difference()
    assert "96.0 to 99.0 % of the draws" in coverage.of_difference()
