import re
from dataclasses import replace

from cdiscount_tasks.pages.overview.page import render_index
from cdiscount_tasks.pages.overview.ranking import rank_runs
from tests.cdiscount_tasks.pages.overview.test_page import make_report


def make_run(number, value, low=None, high=None, n=200, predictions=None, **more):
    figure = {"value": value, "low": low, "high": high, "n": n, "num_groups": n}
    run = make_report(day=number + 1, link=f"wine/{number}/report.html")
    return replace(run, accuracy=figure, predictions_hash=predictions or str(number), **more)


def test_runs_are_ordered_by_accuracy_and_the_best_is_marked():
    ranking = rank_runs([make_run(number, value) for number, value in enumerate((0.7, 0.9, 0.8, None, 0.9))])

    assert [run.accuracy["value"] for run in ranking.rows] == [0.9, 0.9, 0.8, 0.7]
    assert [ranking.is_best(run) for run in ranking.rows] == [True, True, False, False]


def test_one_run_is_no_choice():
    assert rank_runs([make_run(0, 0.8), make_run(1, None)]) is None


def test_the_caution_says_how_much_better_the_best_of_ten_looks():
    runs = [make_run(number, 0.8, 0.761, 0.839) for number in range(10)]  # a standard error of 0.0199

    (caution,) = rank_runs(runs).cautions

    assert "The best of 10 looks better than it is" in caution
    assert "about 3.1 points too high" in caution


def test_runs_with_the_same_predictions_are_one_draw():
    same = [make_run(number, 0.8, 0.761, 0.839, predictions="a") for number in range(5)]
    assert rank_runs(same).cautions == []
    assert "The best of 2 looks" in rank_runs([*same, make_run(6, 0.7, 0.66, 0.74)]).cautions[0]


def test_runs_with_other_test_products_are_no_ranking():
    (caution,) = rank_runs([make_run(0, 0.8), make_run(1, 0.7, n=99)]).cautions
    assert "Not all were tested on the same products" in caution


def test_the_table_by_accuracy_has_knobs_time_and_cost():
    runs = [make_run(0, 0.7, overrides={"epochs": 3}, cost="0.42 EUR"), make_run(1, 0.8)]

    page = render_index(runs)

    (table,) = re.findall('<details class="ranking">.*?</details>', page, flags=re.DOTALL)
    assert "All 2 runs by accuracy" in table
    assert re.findall('href="(.*?)"', table) == ["wine/1/report.html", "wine/0/report.html"]
    assert table.count(">best</span>") == 1
    assert "<td>smoke with epochs 3</td><td>5 min 12 s</td><td>0.42 EUR</td>" in table
