"""The head of the report: five questions that every reader has, each answered in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cdiscount_tasks.learning.measuring.confusion import MAX_CLASSES_IN_MATRIX
from cdiscount_tasks.learning.measuring.looks import interval_percent
from cdiscount_tasks.pages.parts.words import VERDICTS, ClassName, count, percent, points
from cdiscount_tasks.pages.report.seeds import how_far
from cdiscount_tasks.vocabulary import TEST

_MOSTLY = 0.5
"""From this share of the wrong answers on, a cause is named as one that may explain most of them."""
_MANY = 0.25
"""From this share of the wrong answers on, people should look at the labels before anything else."""
_PLAUSIBLE = 0.1
"""Where more of all labels than this look wrong, look-alikes are the reason: in the drawn wine 17.5 % of the labels are
suspects, and 6 of 100 that are listed are wrong (docs/measurements.md)."""
_FEWEST_OF_A_PATTERN = 5
"""Fewer products than this, confused in the same way, may be chance."""
_MOST_NAMED = 3

STILL_TO_AGREE = " (a person had still to agree when this report was written)"
"""Of a promotion that needs a person's consent: the answer comes after the report, which is sealed."""


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
        return f"A careless split would have reported about as much here: {points(by_image)} by a simple classifier."
    return (
        "A careless split, with copies of test pictures in training, would have reported more: "
        f"{points(by_image)} by a simple classifier."
    )


def _num_left_out(metrics: Mapping[str, Any]) -> int:
    """Return how many test products no accuracy counts, since the champion that the training began with knew them."""
    if not metrics["model"].get("num_left_out"):
        return 0
    num_all: int = metrics["split_certificate"]["num_products"][TEST]
    return num_all - int(metrics["test"]["product"]["accuracy"]["n"])


def _left_out(metrics: Mapping[str, Any]) -> str:
    """Say how many test products are left out, and why."""
    num_left_out, num_tested = _num_left_out(metrics), metrics["test"]["product"]["accuracy"]["n"]
    if num_left_out == 0:
        return ""
    are = "is" if num_left_out == 1 else "are"
    them = "it" if num_left_out == 1 else "them"
    return (
        f"{num_left_out:,} of {count(num_left_out + num_tested, 'test product')} {are} left out: the champion that the "
        f"training began with knew {them}. "
    )


def _lookalikes(metrics: Mapping[str, Any]) -> str:
    """Say how many test products look nearly like one of train: the split lets these in, where the YAML lets it."""
    near = metrics["split_certificate"].get("near_duplicates")
    if not near or near["mode"] == "group" or not near["num_test_products"]:
        return ""
    num, num_left_out = near["num_test_products"], _num_left_out(metrics)
    look = f"{count(num, 'test product looks', 'test products look')} nearly like one of train"
    easier = "if these are the same photos, the test is easier than it seems (see the label page). "
    if not num_left_out:
        return f"{look} ({percent(near['share_of_test_products'])}): {easier}"
    remaining = metrics["test"].get("num_near_train")
    num_tested = metrics["test"]["product"]["accuracy"]["n"]
    if remaining == 0:
        return f"None of the {num_tested:,} that remain looks nearly like one of train. "
    if remaining is not None:
        looks = "looks" if remaining == 1 else "look"
        return f"Of the {num_tested:,} that remain, {remaining:,} {looks} nearly like one of train: {easier}"
    least, most = max(0, num - num_left_out), min(num, num_tested)
    return f"{look}, of which at least {least:,} and at most {most:,} remain: {easier}"


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
        "trust", question, True, "Yes, for products like these",
        f"No test picture was used in training. The accuracy on products like these is very likely between "
        f"{percent(accuracy['low'])} and {percent(accuracy['high'])}.",
        f"{_left_out(metrics)}{_lookalikes(metrics)}"
        f"{_careless(metrics['leak'])} The interval covers the choice of test products, not "
        f"retraining: {how_far(metrics)}.",
    )  # fmt: skip


def _then(judged: Mapping[str, Any], *, needs_consent: bool) -> str:
    """Say what follows from a judgement, as far as it was known when the report was written."""
    has_champion = judged["champion"] is not None
    if judged["promotes"]:
        takes = "by this verdict it takes the champion's place" if has_champion else "this model is to be the first"
        return f"{takes}{STILL_TO_AGREE if needs_consent else ''}"
    stays = "the champion stays" if has_champion else "there is still none"
    if judged["blocked"] and judged["evidence"]:
        blocks = "a gate blocks" if len(judged["blocked"]) == 1 else "gates block"
        return f"{blocks} this model{': ' if has_champion else ', so '}{stays}"
    return f"by this verdict {stays}"


def _against_champion(judged: Mapping[str, Any] | None, *, needs_consent: bool) -> str:
    """Say in a sentence what the judgement says."""
    if judged is None:
        return "There was no champion to compare it with."
    if judged["verdict"] == "not_comparable":
        return f"{VERDICTS['not_comparable']}: {judged['reasons'][-1]}"
    then = _then(judged, needs_consent=needs_consent)
    if judged["champion"] is None:
        return f"There was no champion: {then}."
    if not judged["comparisons"]:
        return f"{VERDICTS[judged['verdict']]}: {then}."
    first = judged["comparisons"][0]
    found = points({"value": first["test"]["value"], "low": first["low"], "high": first["high"]})
    look = f"look {first['look']} at these test products, {interval_percent(first['level'])} interval"
    return f"{VERDICTS[judged['verdict']]}: {found}, {look}; {then}."


def _needs_consent(metrics: Mapping[str, Any]) -> bool:
    """Tell whether the sample's YAML wants a person to agree to a promotion; reports of older versions do not say."""
    sample = (metrics.get("lineage", {}).get("config") or {}).get("sample") or {}
    return (sample.get("promotion") or {}).get("approval") == "required"


def better(metrics: Mapping[str, Any], names: list[ClassName]) -> Answer:
    """Is the model better than guessing, and than the champion?"""
    accuracy, baseline = metrics["test"]["product"]["accuracy"], metrics["test"]["baseline"]
    majority = baseline["majority"]["value"]
    question = "Is it better than guessing?"
    champion = _against_champion(metrics["champion"], needs_consent=_needs_consent(metrics))
    if majority is None or accuracy["low"] is None:
        return Answer("better", question, None, "Too few products to say", "No interval can be given.", champion)
    if metrics["verdict"]["above_baseline"]:
        return Answer(
            "better", question, True, "Yes",
            f"Always answering {names[baseline['majority_class_index']].short}, the largest class of train, is right "
            f"for {percent(majority)}; the model gains {points(baseline['gain'])}.", champion,
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
    worst, accuracy = pairs[0], metrics["test"]["product"]["accuracy"]
    num_wrong = round(accuracy["n"] * (1 - accuracy["value"]))
    wrong = f"{num_wrong:,} of {count(accuracy['n'], 'answer')} {'is' if num_wrong == 1 else 'are'} wrong"
    also = [_taken(pair, names) for pair in pairs[1:] if pair["n"] == worst["n"]]
    as_often = f"; {also[0]} as often" if len(also) == 1 else f"; {len(also)} other pairs as often" if also else ""
    has_pattern = worst["n"] >= _FEWEST_OF_A_PATTERN
    no_pattern = f"{count(num_wrong, 'mistake')}: too few to show a pattern"
    return Answer(
        "fails", question, None, _taken(worst, names) if has_pattern else no_pattern,
        f"{wrong}; most often {_taken(worst, names)}: {worst['n']:,} of the "
        f"{count(round(worst['n'] / worst['share']), 'test product')} of {names[worst['true']].short}{as_often}.",
        _how_far_off(metrics["test"]["product"], names) + _too_few(metrics["test"]["product"]["per_class"], names),
    )  # fmt: skip


def _taken(pair: Mapping[str, Any], names: list[ClassName]) -> str:
    return f"{names[pair['true']].short} taken for {names[pair['predicted']].short}"


def _how_far_off(product: Mapping[str, Any], names: list[ClassName]) -> str:
    """Say of many classes how many mistakes are near ones; one pair of classes says little of the whole there."""
    within = product["levels"][0]["accuracy"]["value"] if len(names) > MAX_CLASSES_IN_MATRIX else None
    if within is None:
        return ""
    right: float = product["accuracy"]["value"]
    return f"{percent((within - right) / (1 - right))} of the mistakes stay within the right category of level 1. "


def _too_few(per_class: Sequence[Mapping[str, Any]], names: list[ClassName]) -> str:
    """Say which classes have too few test products; empty if none has."""
    few = [name.short for name, one in zip(names, per_class, strict=True) if one["too_few_to_judge"]]
    if not few:
        return ""
    if len(names) > MAX_CLASSES_IN_MATRIX:  # three names of thousands say nothing; how much of the test they are does
        num_of_few = sum(one["support"] for one in per_class if one["too_few_to_judge"])
        return (
            f"{len(few):,} of {len(names):,} classes have too few test products to be judged alone; together they have "
            f"{percent(num_of_few / sum(one['support'] for one in per_class))} of the test products."
        )
    listed = ", ".join(few[:_MOST_NAMED]) + (f" and {len(few) - _MOST_NAMED:,} more" if len(few) > _MOST_NAMED else "")
    classes = count(len(names), "class has", "classes have")
    return f"{len(few):,} of {classes} too few test products to be judged alone: {listed}."


def cause(metrics: Mapping[str, Any]) -> Answer:
    """Is it the data or the model?"""
    product, suspects = metrics["test"]["product"], metrics["suspects"]
    question = "Is it the data or the model?"
    wrong, ceiling = 1 - (product["accuracy"]["value"] or 0), product["ceiling"]["value"]
    if product["accuracy"]["value"] is None or ceiling is None:
        return Answer("cause", question, None, "Too few products to say", "Nothing was measured on test.", "")
    if wrong <= 0:
        return Answer("cause", question, True, "Nothing is wrong here", "Every test product was recognised.", "")
    unavoidable = 1 - ceiling
    said = f"{percent(wrong)} of the answers are wrong."
    if unavoidable > 0:
        said += f" {percent(unavoidable)} cannot be avoided: the same picture is filed under several categories."
    if unavoidable >= _MOSTLY * wrong:
        mostly = "Mostly the data"
    elif labels_first(metrics):
        mostly = (
            f"Open: {suspects['num_mistakes_suspect']:,} of {suspects['num_mistakes']:,} mistakes may be wrong labels"
        )
    else:
        mostly = "Mostly the model, as far as can be seen"
    return Answer("cause", question, None, mostly, said + _suspicion(suspects), "")


def labels_first(metrics: Mapping[str, Any]) -> bool:
    """Return whether many of the wrong answers are to products whose label may well be wrong itself."""
    suspects = metrics["suspects"]
    if not suspects or not suspects["num_mistakes"] or _is_doubtful(suspects):
        return False
    return bool(suspects["num_mistakes_suspect"] >= _MANY * suspects["num_mistakes"])


def _is_doubtful(suspects: Mapping[str, Any]) -> bool:
    """Return whether so many labels look wrong that most must be right: the categories look alike."""
    return bool(suspects["num_suspects"] > _PLAUSIBLE * suspects["num_products_judged"])


def _suspicion(suspects: Mapping[str, Any] | None) -> str:
    """Say how many of the wrong answers are to products whose label looks wrong."""
    if not suspects or not suspects["num_mistakes"]:
        return ""
    found, num_mistakes = suspects["num_mistakes_suspect"], suspects["num_mistakes"]
    said = (
        f" Of the {count(num_mistakes, 'wrong answer')}, {found:,} {'goes' if found == 1 else 'go'} to products whose "
        "label looks wrong itself: that is suspicion, not proof."
    )
    if _is_doubtful(suspects):
        share = suspects["num_suspects"] / suspects["num_products_judged"]
        said += (
            f" {percent(share)} of all labels look so: these categories look alike, and most of their labels are right."
        )
    return said


def answers(metrics: Mapping[str, Any], names: list[ClassName]) -> list[Answer]:
    """Answer the first four questions; the fifth, what to do next, is `next_steps`.

    Args:
        metrics: What metrics.json holds.
        names: Of the classes.
    """
    return [trust(metrics), better(metrics, names), fails(metrics, names), cause(metrics)]
