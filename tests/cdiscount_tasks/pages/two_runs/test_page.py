import re

import pytest

from cdiscount_tasks.pages.two_runs.page import MOST_CLASSES, answer, render_two_runs

NO_PRODUCTS = {"only_first": [], "only_second": []}
NOTHING = {"num": 0, "num_groups": 0, "product_ids": [], "shown": []}


def figure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high, "n": 412, "num_groups": 400}


def facts_of(difference, num_common=412, alone=9, **more):
    runs = [
        {"run_id": name, "preset": "smoke", "finished": "2026-11-23 17:00 UTC", "report": f"../../{name}/report.html",
         "accuracy": figure(0.8, 0.7, 0.9), "accuracy_common": figure(0.8, 0.7, 0.9)}
        for name in ("a", "b")
    ]  # fmt: skip
    facts = {
        "title": "Wine", "sample": "wine", "origin": "file", "answer": "B.", "runs": runs, "differences": [],
        "only_seed_differs": False,
        "num_common": num_common, "num_left_out": 0, "num_both_right": 300, "num_both_wrong": 12,
        "difference": difference, "only_first": {**NOTHING, "num": alone}, "only_second": NOTHING,
        "fewest_to_judge": 30, "categories": [], "classes": [],
    }  # fmt: skip
    return {**facts, **more}


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (facts_of(figure(0.023, 0.005, 0.041)), "B is better than A by 2.3 points (0.5 to 4.1) on the same 412 test"),
        (facts_of(figure(-0.023, -0.041, -0.005)), "A is better than B by 2.3 points (0.5 to 4.1) on the same 412"),
        (facts_of(figure(0.005, -0.012, 0.021)), "No difference is shown: B is +0.5 points"),
        (facts_of(figure(0.02)), "B is +2.0 points against A on the same 412 test products; too few to say"),
        (facts_of(figure(0.0), alone=0), "No difference: A and B are right and wrong about the same of 412 test"),
        (facts_of(figure(None), num_common=0), "Not comparable: the two runs have no test product in common."),
    ],
)
def test_the_answer_is_a_sentence_that_says_what_the_interval_allows(facts, sentence):
    assert answer(facts).startswith(sentence)


def test_of_many_categories_those_that_changed_most_are_shown():
    categories = [{"category_id": number, "level3": f"CATEGORY {number}"} for number in range(60)]
    classes = [
        {"category_id": number, "n": 99, "first": 0.5, "second": 0.6, "only_first": 0, "only_second": number,
         "difference": figure(0.1)}
        for number in range(60)
    ]  # fmt: skip
    page = render_two_runs(facts_of(figure(0.1), categories=categories, classes=classes), NO_PRODUCTS, "None here.")

    rows = re.findall(r'<th scope="row" class="name"><bdi>CATEGORY (\d+)<', page)
    assert rows == [str(number) for number in range(59, 59 - MOST_CLASSES, -1)]
    assert "59 of 60 categories have products" in page
    assert "here are the 40 that changed most" in page


def test_runs_of_the_same_settings_are_said_to_be_so():
    page = render_two_runs(facts_of(figure(0.0), alone=0), NO_PRODUCTS, None)
    assert "Nothing: catalogue, label fixes, settings, weights and libraries are the same." in page


def test_two_runs_that_differ_only_in_their_seed_show_what_chance_does():
    facts = facts_of(figure(0.023, 0.005, 0.041), only_seed_differs=True)
    assert answer(facts).endswith("test products. The two differ only in their seed: this is what chance does.")

    page = render_two_runs(facts, NO_PRODUCTS, None)
    assert "not the chance of the training." in page and "can differ as much" not in page
    assert "can differ as much" in render_two_runs(facts_of(figure(0.1)), NO_PRODUCTS, None)


def products_of(num, num_groups, num_shown):
    row = {"product_id": 1, "category_id": 1, "other_answer": 2}
    return {"num": num, "num_groups": num_groups, "product_ids": [], "shown": [row] * num_shown}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (products_of(40, 12, 12), "Here is one of each of the 12 groups of products that share images."),
        (products_of(3, 1, 1), "Here is one of the 1 group of products that share images."),
        (products_of(40, 30, 12), "Here are 12 of them, drawn at random, each of a different group"),
    ],
)
def test_nothing_is_said_to_be_drawn_where_every_group_is_shown(part, words):
    assert words in render_two_runs(facts_of(figure(0.1), only_first=part), NO_PRODUCTS, None)
