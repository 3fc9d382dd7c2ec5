import re
from dataclasses import replace

from cdiscount_tasks.pages.overview.page import render_index
from cdiscount_tasks.pages.overview.ranking import rank_runs
from cdiscount_tasks.pages.overview.rows import Change
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
    assert "at most about 3.1 points too high (less where they share test products)" in caution


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


def paired(low, high):
    return Change((low + high) / 2, low, high, "the same 200 test products")


def test_where_all_share_their_test_products_the_caution_allows_for_it():
    # Differences with a standard error of 1 point: E(best of 3) = 0.846 times 1 / sqrt(2).
    changes = [None, paired(-1.96, 1.96), paired(-4.96, -1.04)]
    runs = [make_run(number, 0.8, 0.761, 0.839, change=change) for number, change in enumerate(changes)]

    (caution,) = rank_runs(runs[::-1]).cautions

    assert "put the best about 0.6 points too high (all were tested on the same products" in caution
    assert "less where" not in caution


def test_one_run_on_other_products_leaves_the_bound():
    changes = [None, paired(-1.96, 1.96), Change(1.0, None, None, "other test products")]
    runs = [make_run(number, 0.8, 0.761, 0.839, change=change) for number, change in enumerate(changes)]
    assert "at most about 1.7 points too high (less where" in rank_runs(runs).cautions[0]


def test_why_fewer_runs_count_than_are_listed_is_said():
    runs = [make_run(number, 0.8, 0.761, 0.839, predictions="a" if number < 2 else None) for number in range(4)]
    assert rank_runs(runs).cautions[0].startswith("4 runs, but only 3 different sets of answers. The best of 3 looks")


def test_a_run_that_was_stopped_is_named_in_the_table():
    stopped = {"training": {"stopped_after_epoch": 4}}
    page = render_index([make_run(0, 0.7, overrides={"epochs": 30}, settings=stopped), make_run(1, 0.8)])
    assert "<td>smoke with epochs 30, stopped by hand after epoch 4</td>" in page
