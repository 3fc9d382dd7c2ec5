"""The comparison of samples as a page, and its answer as a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from cdiscount_tasks.pages.comparison.random_choices_figure import draw_random_choices, letter
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import class_names, percent, points
from cdiscount_tasks.pages.report.coverage import of_difference

SCHEMA_VERSION = 1
"""Of comparison.json; docs/metrics-schema.md describes it."""

_SMALL_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _spoken(count: int) -> str:
    return _SMALL_NUMBERS[count] if count < len(_SMALL_NUMBERS) else f"{count:,}"


def _apart(facts: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], int]:
    """Return the hardest and the easiest sample, the figure of their difference, and its sign."""
    ordered = sorted(facts["samples"], key=lambda sample: sample["accuracy"]["value"])
    hardest, easiest = ordered[0], ordered[-1]
    for difference in facts["differences"]:
        if set(difference["samples"]) == {hardest["name"], easiest["name"]}:
            sign = 1 if difference["samples"][0] == easiest["name"] else -1
            return hardest, easiest, difference["matched"], sign
    raise ValueError("differences lacks the two samples")


def _in_general(facts: Mapping[str, Any]) -> str:
    """Say what random choices of categories show of look-alike categories, or what the answer is limited to."""
    gap = facts["random_choices"] and facts["random_choices"]["gap"]
    if not gap:
        return f"This holds for these {_spoken(len(facts['samples']))} samples only."
    if gap["low"] <= 0 <= gap["high"]:
        return (
            "In general, five random categories of one level-2 name are not shown to be harder or easier than five of "
            f"different level-1 names: {points(gap)}."
        )
    harder = "harder" if gap["value"] > 0 else "easier"
    sign = 1 if gap["value"] > 0 else -1
    return (
        f"In general, five random categories of one level-2 name are {points(gap, sign)} {harder} than five of "
        "different level-1 names."
    )


def answer(facts: Mapping[str, Any]) -> str:
    """Say in a sentence or two what a comparison found.

    Args:
        facts: What comparison.json holds.
    """
    samples = facts["samples"]
    if facts["features"] is None:
        networks = ", ".join(f"{one['title']} {percent(one['network_accuracy']['value'])}" for one in samples)
        return f"The networks, one run each: {networks}. Not answered at equal size: {facts['no_features']}."
    hardest, easiest, figure, sign = _apart(facts)
    values = f"{percent(hardest['accuracy']['value'])} against {percent(easiest['accuracy']['value'])}"
    num_pairs = _spoken(len(facts["pairs"]))
    if figure["low"] <= 0 <= figure["high"]:
        found = (
            f"At equal size, no difference is shown between {hardest['title']} and {easiest['title']}: {values}, "
            f"{points(figure, sign)} apart."
        )
    elif len(samples) > 2:
        found = (
            f"At equal size, {hardest['title']} is the hardest and {easiest['title']} the easiest: {values}, "
            f"{points(figure, sign)} apart."
        )
    else:
        found = (
            f"At equal size, the {num_pairs} categories of {hardest['title']} are {points(figure, sign)} harder than "
            f"those of {easiest['title']}: {values}."
        )
    return f"{found} {_in_general(facts)}"


def extremes(value: float, drawn: Mapping[str, Sequence[float]]) -> list[str]:
    """Say of which kinds of random choices a sample is harder, or easier, than every one.

    Args:
        value: The sample's accuracy.
        drawn: The accuracies of the choices, by kind.
    """
    said = []
    for kind, values in drawn.items():
        if values and not min(values) <= value <= max(values):
            said.append(f"It is {'harder' if value < min(values) else 'easier'} than every random {kind} choice.")
    return said


def _places_in_choices(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Count, for each sample that is marked, the draws that are harder, and say where it is outside all of them."""
    places = []
    for place, sample in enumerate(facts["samples"]):
        marked = facts["random_choices"]["samples"].get(sample["name"])
        if marked is not None:
            drawn = {
                kind: [one["accuracy"]["value"] for one in facts["random_choices"][kind]]
                for kind in ("alike", "unlike")
            }
            value = marked["accuracy"]["value"]
            harder = {kind: sum(one < value for one in values) for kind, values in drawn.items()}
            row = {
                "letter": letter(place),
                "title": sample["title"],
                "harder": harder,
                "extremes": extremes(value, drawn),
            }
            places.append({**marked, **row})
    return places


def render_comparison(facts: Mapping[str, Any], examples: Sequence[Mapping[int, Sequence[tuple[str, int]]]]) -> str:
    """Make the page: one file, no script, no network.

    Args:
        facts: What comparison.json holds.
        examples: Of each sample, by class index, pictures as data URIs with their products' ids.
    """
    names = [class_names([pair["classes"][place] for pair in facts["pairs"]]) for place in range(len(facts["samples"]))]
    choices = facts["random_choices"]
    has_draws = bool(choices and (choices["alike"] or choices["unlike"]))
    return render_page(
        "comparison/page.html",
        facts=facts,
        coverage_of_difference=of_difference(),
        names=names,
        titles={sample["name"]: sample["title"] for sample in facts["samples"]},
        examples=examples,
        choices_figure=draw_random_choices(choices, [sample["name"] for sample in facts["samples"]])
        if has_draws
        else None,
        choices_places=_places_in_choices(facts) if has_draws else [],
    )
