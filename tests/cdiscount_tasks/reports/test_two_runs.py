import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.two_runs import NUM_SHOWN, compare_sides, pair_products, read_side
from tests.material.finished_reports import change_metrics, write_finished
from tests.material.paired_reports import CLASSES, write_pair

NUM = 200


def judged(ids, groups, categories):
    columns = {"group_id": groups, "category_id": categories, "answer": categories, "right": [True] * len(ids)}
    return pd.DataFrame(columns, index=pd.Index(ids, name="product_id"))


def facts_of(reports_dir, first, second, **changed):
    return compare_sides(*map(read_side, write_pair(reports_dir, first, second, **changed)))


def test_a_better_run_is_named_with_its_interval_and_the_products_that_it_alone_gets_right(tmp_path):
    first, second = np.arange(NUM) % 4 > 0, np.arange(NUM) % 10 > 0

    facts = facts_of(tmp_path, first, second)

    figure = facts["difference"]
    assert 0 < figure["low"] < figure["value"] < figure["high"]
    assert figure["value"] == 0.15
    assert facts["answer"].startswith("B is better than A by 15.0 points (")
    assert facts["answer"].endswith("on the same 200 test products.")
    assert facts["only_second"]["num"] == int((second & ~first).sum())
    assert facts["only_first"]["num"] == int((first & ~second).sum())


def test_swapping_the_runs_turns_the_sign(tmp_path):
    first, second = np.arange(NUM) % 4 > 0, np.arange(NUM) % 10 > 0

    there = facts_of(tmp_path / "a", first, second)["difference"]
    back = facts_of(tmp_path / "b", second, first)

    assert (back["difference"]["low"], back["difference"]["high"]) == (-there["high"], -there["low"])
    assert back["answer"].startswith("A is better than B by 15.0 points (")


def test_a_difference_that_chance_explains_is_called_none(tmp_path):
    facts = facts_of(tmp_path, np.arange(NUM) % 10 > 0, (np.arange(NUM) + 1) % 10 > 0)

    assert facts["answer"].startswith("No difference is shown: B is 0.0 points")


def test_the_same_rights_and_wrongs_are_no_difference(tmp_path):
    facts = facts_of(tmp_path, [True, False] * 20, [True, False] * 20)

    assert facts["answer"] == "No difference: A and B are right and wrong about the same of 40 test products."
    assert (facts["num_both_right"], facts["num_both_wrong"], facts["difference"]["low"]) == (20, 20, None)


def test_counts_of_right_and_wrong_add_up(tmp_path):
    random = np.random.default_rng(3)
    facts = facts_of(tmp_path, random.random(NUM) < 0.7, random.random(NUM) < 0.8)

    alone = facts["only_first"]["num"] + facts["only_second"]["num"]
    assert alone + facts["num_both_right"] + facts["num_both_wrong"] == facts["num_common"] == NUM
    for side in ("only_first", "only_second"):
        assert facts[side]["num"] == len(facts[side]["product_ids"]) == sum(one[side] for one in facts["classes"])


def test_at_most_twelve_products_of_a_side_are_shown_each_of_a_different_group(tmp_path):
    facts = facts_of(tmp_path, [False] * NUM, [True] * NUM)

    shown = [one["product_id"] for one in facts["only_second"]["shown"]]
    assert len(shown) == NUM_SHOWN
    assert len({product_id // 2 for product_id in shown}) == NUM_SHOWN  # two products to a group
    assert facts["only_second"]["num_groups"] == 101  # product 101 has a group of its own
    assert facts["only_first"] == {"num": 0, "num_groups": 0, "product_ids": [], "shown": []}


def test_a_shown_product_has_its_category_and_the_wrong_answer(tmp_path):
    facts = facts_of(tmp_path, [False] * 10, [True] * 10)

    answers = {(one["category_id"], one["other_answer"]) for one in facts["only_second"]["shown"]}
    assert answers == {(1000, 1001), (1001, 1000)}


def test_products_that_one_run_alone_was_tested_on_are_left_out_and_counted(tmp_path):
    first = write_finished(tmp_path, "first", right=[True] * 40, classes=CLASSES)
    second = write_finished(tmp_path, "second", right=[False] * 40, first_id=110, classes=CLASSES)

    facts = compare_sides(read_side(first), read_side(second))

    assert (facts["num_common"], facts["num_left_out"]) == (30, 20)


def test_runs_without_a_common_test_product_are_not_compared(tmp_path):
    first = write_finished(tmp_path, "first", right=[True] * 4, classes=CLASSES)
    second = write_finished(tmp_path, "second", right=[False] * 4, first_id=900, classes=CLASSES)

    facts = compare_sides(read_side(first), read_side(second))

    assert facts["answer"] == "Not comparable: the two runs have no test product in common."
    assert (facts["num_common"], facts["difference"]["value"], facts["classes"]) == (0, None, [])


def test_a_category_with_few_products_has_no_interval(tmp_path):
    few = facts_of(tmp_path / "few", [False, False, True] * 8, [True] * 24)
    many = facts_of(tmp_path / "many", [False, False, True] * 40, [True] * 120)

    assert all(one["difference"]["low"] is None for one in few["classes"])
    assert all(one["difference"]["low"] is not None for one in many["classes"])


def test_products_of_another_category_are_not_paired():
    both = pair_products(judged([1, 2, 3], [1, 2, 3], [7, 7, 8]), judged([1, 2, 4], [1, 2, 4], [7, 9, 8]))
    assert both.index.tolist() == [1]


@pytest.mark.parametrize("turned", [False, True])
def test_products_that_one_of_the_runs_ties_are_one_group(turned):
    tied, apart = judged([1, 2, 3], [1, 1, 3], [7, 7, 7]), judged([1, 2, 3], [1, 2, 3], [7, 7, 7])
    both = pair_products(apart, tied) if turned else pair_products(tied, apart)
    assert both["group_id"].tolist() == [1, 1, 3]


@pytest.mark.parametrize("change", [lambda metrics: {**metrics, "classes": 3}, lambda metrics: {**metrics, "test": {}}])
def test_a_damaged_report_is_refused(tmp_path, change):
    folder = write_finished(tmp_path, classes=CLASSES)
    change_metrics(folder, change)
    with pytest.raises(DataError, match="damaged"):
        read_side(folder)
