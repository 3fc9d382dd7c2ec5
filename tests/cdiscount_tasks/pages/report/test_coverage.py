import pytest

from cdiscount_tasks.pages.report import coverage


def accuracy(value, num_groups):
    return {"value": value, "low": 0.0, "high": 1.0, "n": 2 * num_groups, "num_groups": num_groups}


def test_few_groups_are_told_with_the_coverage_measured_at_the_next_fewer_groups_and_the_nearest_accuracy():
    least, most = coverage.MEASURED_COVERAGE[100, 0.90]
    said = coverage.few_groups(accuracy(0.88, 299))
    assert said.startswith("Few groups (299): in simulated test sets of 100 groups with an accuracy of 0.90")
    assert f"in {100 * least:.1f} to {100 * most:.1f} % of them." in said


@pytest.mark.parametrize(("num_groups", "is_told"), [(39, True), (40, False)])
def test_fewer_groups_than_were_ever_simulated_are_told_as_such(num_groups, is_told):
    assert ("not simulated" in coverage.few_groups(accuracy(0.8, num_groups))) == is_told


def test_nothing_is_said_of_enough_groups_or_of_no_accuracy():
    assert coverage.few_groups(accuracy(0.8, 300)) == ""
    assert coverage.few_groups(accuracy(None, 10)) == ""


def test_enough_groups_are_told_too_where_the_interval_was_measured_to_cover_too_little(monkeypatch):
    monkeypatch.setitem(coverage.MEASURED_COVERAGE, (300, 0.97), (0.91, 0.95))
    assert "in 91.0 to 95.0 % of them" in coverage.few_groups(accuracy(0.98, 400))
