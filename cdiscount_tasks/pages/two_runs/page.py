"""Two runs of a sample side by side as a page, and what came of it as a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdiscount_tasks.pages.parts.gallery import ShownProduct
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import class_names, count, points

SCHEMA_VERSION = 1
"""Of compare.json; docs/metrics-schema.md describes it."""

MOST_CLASSES = 40
"""Rows of the table of categories: those that changed most."""


def _better(facts: Mapping[str, Any]) -> str:
    """Say which of two runs is better, as far as the interval allows it."""
    products, figure = count(facts["num_common"], "test product"), facts["difference"]
    if not facts["num_common"]:
        return "Not comparable: the two runs have no test product in common."
    if not facts["only_first"]["num"] and not facts["only_second"]["num"]:
        return f"No difference: A and B are right and wrong about the same of {products}."
    if figure["low"] is None:
        return f"B is {points(figure)} against A on the same {products}; too few to say how sure that is."
    if figure["low"] > 0:
        return f"B is better than A by {points(figure, 1)} on the same {products}."
    if figure["high"] < 0:
        return f"A is better than B by {points(figure, -1)} on the same {products}."
    return f"No difference is shown: B is {points(figure)} against A on the same {products}."


def answer(facts: Mapping[str, Any]) -> str:
    """Say in a sentence or two whether one of two runs is better.

    Args:
        facts: What compare.json holds.
    """
    if facts["only_seed_differs"] and facts["num_common"]:
        return f"{_better(facts)} The two differ only in their seed: this is what chance does."
    return _better(facts)


def run_in_words(run: Mapping[str, Any]) -> str:
    """Say which run it is, such as `smoke with epochs 2 (2026-11-23 17:00 UTC)`."""
    return f"{run['preset']} ({run['finished']})"


def title_of(facts: Mapping[str, Any]) -> str:
    """Say which two runs they are."""
    return " and ".join(map(run_in_words, facts["runs"]))


def render_two_runs(
    facts: Mapping[str, Any], shown: Mapping[str, Sequence[ShownProduct]], no_pictures: str | None
) -> str:
    """Make the page: one file, no script, no network.

    Args:
        facts: What compare.json holds.
        shown: Under `only_first` and `only_second`, the products with their pictures.
        no_pictures: Why there are none, as a sentence; None: there are.
    """
    classes = facts["categories"]
    name_of = dict(zip((one["category_id"] for one in classes), class_names(classes), strict=True))
    changed = [one for one in facts["classes"] if one["only_first"] or one["only_second"]]
    changed.sort(key=lambda one: (-abs(one["only_second"] - one["only_first"]), one["category_id"]))
    return render_page(
        "two_runs/page.html",
        facts=facts,
        shown=shown,
        no_pictures=no_pictures,
        name_of=name_of,
        changed=changed[:MOST_CLASSES],
        num_changed=len(changed),
    )
