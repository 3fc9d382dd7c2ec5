"""300 hostile names in every part of a comparison: its pages hold no other element than with usual names."""

import copy
import itertools

import html5lib
import pytest

from cdiscount_tasks.pages.comparison.page import answer, render_comparison
from cdiscount_tasks.pages.parts.outside_text import without_marks
from tests.material.hostile_names import hostile_names, plain_names, skeleton

NUM_PAIRS = 30
PLACES = range(len(hostile_names()) // (2 * NUM_PAIRS))
"""Pages that it takes to show each name once as a category's."""

PICTURE = "data:image/jpeg;base64,/9j/"


def figure(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 60, "num_groups": 60}


def draw(value, families):
    return {
        "category_ids": [1, 2, 3, 4, 5],
        "accuracy": figure(value),
        "nearest": figure(value),
        "families": [list(pair) for pair in families],
    }


def sample(name, title, accuracy):
    return {
        "name": name, "title": title, "run_id": "manual__1", "report": f"../../{name}/one/report.html",
        "embed_pictures": name != "tea", "preset": "smoke", "network": "small_cnn", "num_classes": NUM_PAIRS,
        "num_products": 500, "num_groups": 400, "network_accuracy": figure(0.8), "network_macro_f1": figure(0.7),
        "majority": figure(0.5), "accuracy": figure(accuracy), "accuracy_by_seed": [0.8] * 5, "nearest": figure(0.6),
    }  # fmt: skip


def category(class_index, name, family):
    return {
        "class_index": class_index, "category_id": 10**9 + class_index, "level1": family, "level2": family,
        "level3": name, "num_groups": 40, "accuracy": figure(0.8), "nearest": figure(0.7),
        "network_recall": figure(0.75),
    }  # fmt: skip


def facts_of(names, titles, families):
    """Return what comparison.json would hold of three samples: names of categories, titles, level names, notes."""
    samples = [sample(*one) for one in zip(("wine", "bag", "tea"), titles, (0.7, 0.9, 0.8), strict=True)]
    sides = [names[:NUM_PAIRS], names[NUM_PAIRS:], names[:NUM_PAIRS]]
    pairs = [
        {
            "num_groups": 40,
            "num_test_groups": 12,
            "num_train_pictures": {"fewest": 30, "most": 41},
            "classes": [category(place, side[place], families[place % len(families)]) for side in sides],
        }
        for place in range(NUM_PAIRS)
    ]
    both = list(itertools.pairwise(families))
    draws = [draw(0.5 + 0.01 * number, both[number : number + 5]) for number in range(20)]
    facts = {
        "catalogue": {"catalogue_id": families[0], "origin": "file"},
        "samples": samples,
        "pairs": pairs,
        "num_classes_without_pair": 2,
        "majority": 0.5,
        "differences": [
            {"samples": list(pair), "matched": figure(-0.1), "networks": figure(-0.1)}
            for pair in (("wine", "bag"), ("wine", "tea"), ("bag", "tea"))
        ],
        "features": {"network": "mobilenet_v2", "image_size": 128, "num_features": 1280},
        "no_features": None,
        "random_choices": {
            "alike": draws, "unlike": draws, "samples": {"wine": draws[3], "bag": draws[9]}, "gap": figure(0.2),
            "notes": [*titles, *families[:3]], "num_groups": 40, "num_test_groups": 12,
        },
        "no_random_choices": None,
        "seeds": [0, 1, 2, 3, 4],
    }  # fmt: skip
    return {**facts, "answer": answer(facts)}


def without_parts(facts):
    """Return the facts of a comparison without features and random choices, which says why in the samples' words."""
    bare = copy.deepcopy(facts) | {
        "features": None,
        "random_choices": None,
        "no_features": facts["samples"][0]["title"],
    }
    return {**bare, "no_random_choices": facts["samples"][1]["title"], "answer": answer(bare)}


def pages_of(names, families, title):
    for place in PLACES:
        some = names[2 * NUM_PAIRS * place : 2 * NUM_PAIRS * (place + 1)]
        facts = facts_of(some, [f"{title}{number}" for number in range(3)], families)
        examples = [{n: [(PICTURE, 7)] if n % 3 else [] for n in range(NUM_PAIRS)} for _ in facts["samples"]]
        yield render_comparison(facts, examples)
    yield render_comparison(without_parts(facts), examples)


@pytest.fixture(scope="module")
def hostile_pages():
    return list(pages_of(hostile_names(), hostile_names(40), "".join(hostile_names()[:12]) + "\u202e"))


@pytest.fixture(scope="module")
def plain_pages():
    return list(pages_of(plain_names(), [f"FAMILLE {n}" for n in range(40)], "Everything"))


def test_hostile_names_add_no_element_and_no_attribute(hostile_pages, plain_pages):
    assert [*map(skeleton, hostile_pages)] == [*map(skeleton, plain_pages)]


def test_the_pages_of_hostile_names_are_valid_html(hostile_pages):
    for page in hostile_pages:
        html5lib.HTMLParser(strict=True).parse(page)


def test_nothing_that_moves_its_neighbours_reaches_the_pages(hostile_pages):
    assert all(without_marks(page) == page for page in hostile_pages)
