import re

import pytest

from cdiscount_tasks.pages.two_runs.page import MOST_CLASSES, answer, render_two_runs

NO_PRODUCTS = {"only_first": [], "only_second": []}
NOTHING = {"num": 0, "product_ids": [], "shown": []}


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
