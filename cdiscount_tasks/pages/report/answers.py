"""The head of the report: five questions that every reader has, each answered in a sentence."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cdiscount_tasks.pages.parts.words import ClassName, count, percent, points

_MOSTLY = 0.5
"""From this share of the wrong answers on, a cause is named as one that may explain most of them."""


class Answer(NamedTuple):
    """A question of the reader and its answer.

    Attributes:
        name: Names the answer in the page's addresses, and the picture beside it.
        question: As the reader would ask it.
        good: Whether the answer is good news; None: neither.
        short: The answer in a few words.
        sentence: The figure that says so.
        more: What qualifies it, in smaller print; may be empty.
    """

    name: str
    question: str
    good: bool | None
    short: str
    sentence: str
    more: str


def _careless(leak: Mapping[str, Any]) -> str:
    """Say what a split that ignores copies would have reported."""
    if leak["reason"] is not None:
        return f"What a careless split would have reported is not computed: {leak['reason']}."
    by_image = leak["inflation"]["by_image"]
    if by_image["low"] is None or by_image["low"] <= 0:
        return (
            f"A careless split is not shown to report more here: {points(by_image)}, measured with a simple classifier."
        )
    return (
        f"A careless split, which puts copies on both sides, would have reported more: {points(by_image)}, measured "
        "with a simple classifier."
    )


def trust(metrics: Mapping[str, Any]) -> Answer:
    """May I trust the accuracy?"""
    accuracy, certificate = metrics["test"]["product"]["accuracy"], metrics["split_certificate"]
    question = "May I trust it?"
    if not metrics["verdict"]["certified"]:
        shared = certificate["shared_content_hashes"] + certificate["shared_pixel_hashes"]
        found = count(shared, "picture hash", "picture hashes")
        return Answer(
            "trust", question, False, "No: the split leaks",
            f"Splits share {found}, so the model was tested on pictures that it had learnt: the accuracy of "
            f"{percent(accuracy['value'])} is too high.", "",
        )  # fmt: skip
    if accuracy["low"] is None:
        return Answer("trust", question, None, "Too few products to say", "No interval can be given.", "")
    return Answer(
        "trust", question, True, "Yes, within its interval",
        f"No picture of test was learnt. With other test products the accuracy would lie between "
        f"{percent(accuracy['low'])} and {percent(accuracy['high'])}.", _careless(metrics["leak"]),
    )  # fmt: skip


def better(metrics: Mapping[str, Any]) -> Answer:
    """Is the model better than guessing, and than the champion?"""
    accuracy, baseline = metrics["test"]["product"]["accuracy"], metrics["test"]["baseline"]
    majority = baseline["majority"]["value"]
    question = "Is it better than guessing?"
    champion = "There is no champion yet that it could be compared with." if not metrics["verdict"]["champion"] else ""
    if majority is None or accuracy["low"] is None:
        return Answer("better", question, None, "Too few products to say", "No interval can be given.", champion)
    if metrics["verdict"]["above_baseline"]:
        return Answer(
            "better", question, True, "Yes",
            f"Always answering the largest class is right for {percent(majority)}; the model gains "
            f"{points(baseline['gain'])}.", champion,
        )  # fmt: skip
    if accuracy["low"] > majority:
        largest = percent(baseline["largest_in_test"]["value"])
        said = (
            "The class that is largest in train is rare in test, so its baseline is easy to beat. Always answering the "
            f"class that is largest in test gives {largest}, and the interval is not wholly above that."
        )
    elif accuracy["high"] is not None and accuracy["high"] < majority:
        said = f"Always answering the largest class would be better: it is right for {percent(majority)}."
    else:
        said = f"Always answering the largest class is right for {percent(majority)}; that may be as good."
    if metrics["model"]["num_classes_predicted"] == 1:
        said += " It answers one class for everything: it has learnt nothing useful."
    return Answer("better", question, False, "Not shown", said, champion)


def fails(metrics: Mapping[str, Any], names: list[ClassName]) -> Answer:
    """Where does the model fail?"""
    pairs, question = metrics["test"]["product"]["confusion"]["pairs"], "Where does it fail?"
    if not pairs:
        return Answer("fails", question, True, "Nowhere in this test", "Every test product was recognised.", "")
    worst = pairs[0]
    few = sum(one["too_few_to_judge"] for one in metrics["test"]["product"]["per_class"])
    return Answer(
        "fails", question, None, f"{names[worst['true']].short} taken for {names[worst['predicted']].short}",
        f"{count(worst['n'], 'test product')}, {percent(worst['share'])} of its class: no pair is confused more often.",
        f"{count(few, 'class has', 'classes have')} too few test products to be judged alone." if few else "",
    )  # fmt: skip


def cause(metrics: Mapping[str, Any]) -> Answer:
    """Is it the data or the model?"""
    product, suspects = metrics["test"]["product"], metrics["suspects"]
    question = "Is it the data or the model?"
    wrong, ceiling = 1 - (product["accuracy"]["value"] or 0), product["ceiling"]["value"]
    if product["accuracy"]["value"] is None or ceiling is None:
        return Answer("cause", question, None, "Too few products to say", "Nothing was measured on test.", "")
    unavoidable = 1 - ceiling
    share, more = 0.0, ""
    if suspects and suspects["num_products_judged"]:
        share = suspects["num_suspects"] / suspects["num_products_judged"]
        more = (
            f"{percent(share)} of the judged labels look wrong ({count(suspects['num_suspects'], 'product')}): that is "
            "suspicion, not proof."
        )
    if wrong <= 0:
        return Answer("cause", question, True, "Nothing is wrong here", "Every test product was recognised.", more)
    said = (
        f"{percent(wrong)} of the answers are wrong. {percent(unavoidable)} cannot be avoided: the same picture is "
        "filed under several categories."
    )
    if unavoidable >= _MOSTLY * wrong:
        mostly = "Mostly the data"
    elif share >= _MOSTLY * wrong:
        mostly = "Open: judge the label suspects first"
    else:
        mostly = "Mostly the model, as far as can be seen"
    return Answer("cause", question, None, mostly, said, more)


def answers(metrics: Mapping[str, Any], names: list[ClassName]) -> list[Answer]:
    """Answer the first four questions; the fifth, what to do next, is `next_steps`.

    Args:
        metrics: What metrics.json holds.
        names: Of the classes.
    """
    return [trust(metrics), better(metrics), fails(metrics, names), cause(metrics)]
