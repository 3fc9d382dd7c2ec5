"""The head of the page: what everybody asks of the answers to a catalogue first, each in a sentence."""

from collections.abc import Mapping
from typing import Any

from cdiscount_tasks.pages.parts.words import count, of_no_class, percent, percent_interval, sentence
from cdiscount_tasks.pages.predictions.summary import headline, promise_of, where_new_belong
from cdiscount_tasks.pages.report.answers import Answer
from cdiscount_tasks.vocabulary import TEST, VALIDATION

KINDS = {
    "new": "that are new to the model",
    TEST: "of its own test split",
    VALIDATION: "of its own validation split",
}
"""The products that an accuracy is of."""

_WHY = {"new": "", TEST: ", which it did not learn from", VALIDATION: ", by which its training was ended"}


def _told(figure: Mapping[str, Any], of: str = "") -> str:
    """Return a share inside a sentence: `73.6 % of them (66.2 to 79.9)`."""
    said = f"{percent(figure['value'])}{of}"
    return said if figure["low"] is None else f"{said} ({percent_interval(figure)})"


def _left(counts: Mapping[str, Any]) -> str:
    rejected = counts["num_rejected"]
    without = f"{count(counts['num_abstained'])} without one"
    if not rejected:
        return f"{without}; no document was rejected"
    return f"{without}; {count(rejected, 'document was', 'documents were')} rejected"


def _answered(summary: Mapping[str, Any]) -> Answer:
    question, counts = "How many products have an answer?", summary["counts"]
    promise, num = promise_of(summary), counts["num_documents"]
    told = percent(counts["num_answered"] / num) if num else "none"
    if promise is None:
        rest = _left(counts).split("; ")[1]
        return Answer(
            "answered", question, None, f"{told}: the model answers whatever it can see",
            f"{count(counts['num_answered'])} of {count(num, 'document')} have a category, however unsure; {rest}.",
            "Without a promised precision no answer is held back: look at the confidence of each.",
        )  # fmt: skip
    wanted = percent(promise["target_precision"], 0)
    if promise["threshold"] is None:
        return Answer("answered", question, False, "None: no precision can be promised", promise["note"], "")
    return Answer(
        "answered", question, None, f"{told} at a promised precision of {wanted}",
        f"{count(counts['num_answered'])} of {count(num, 'document')} have a category, {_left(counts)}. The model "
        f"answers from a confidence of {percent(promise['threshold'])} on.",
        f"Of such answers {wanted} are right: promised with 95 % certainty, for products of the model's classes that "
        "are like those of its validation split.",
    )  # fmt: skip


def _kept(summary: Mapping[str, Any], kind: str) -> tuple[bool | None, str]:
    """Say whether the promise is kept on products whose category the file says."""
    promise = promise_of(summary)
    figure = promise["precision"][kind] if promise else None
    if promise is None or figure is None or figure["value"] is None:
        return None, ""
    wanted = percent(promise["target_precision"], 0)
    said = f"Of their {count(figure['n'])} answers at {wanted}, {_told(figure)} are right"
    if figure["high"] is not None and figure["high"] < promise["target_precision"]:
        return False, f"{said}: the promise is broken"
    if figure["value"] >= promise["target_precision"]:
        return True, f"{said}: the promise is kept"
    return None, f"{said}: less than promised, by no more than chance explains"


def _expected(summary: Mapping[str, Any]) -> Answer:
    found, question = summary["expected"], "How often is it right?"
    expected, on_test = found["expected"], found["on_test"]
    if expected["value"] is None:
        return Answer("right", question, None, "Not known", "The model learnt from every product of the file.", "")
    return Answer(
        "right", question, None, f"{percent(expected['value'])} are expected to be right",
        f"The file has no categories to compare with. This is the mean confidence over "
        f"{count(expected['n'], 'product')} that the model did not learn from. On its own test products the same sum "
        f"said {percent(on_test['expected']['value'])}, and {_told(on_test['accuracy'])} were right.",
        "It holds for products of the model's classes that are like its training data, and for no others.",
    )  # fmt: skip


def _num_unsaid(summary: Mapping[str, Any]) -> int:
    """Return of how many predicted products the file says no category."""
    counts = summary["counts"]
    return int(counts["num_predicted"] - counts["num_with_truth"])


def _right(summary: Mapping[str, Any]) -> Answer:
    truth, question = summary["truth"], "How often is it right?"
    if truth is None:
        return _expected(summary)
    figure = headline(summary)
    if figure is None:
        if none := of_no_class(summary["counts"], truth["num_of_classes"]):
            return Answer("right", question, False, "Never", sentence(none), "")
        why = "The model learnt from every product of the file that belongs to one of its classes."
        return Answer("right", question, None, "Not known", why, "")
    kind = truth["headline"]
    is_kept, kept = _kept(summary, kind)
    learnt = truth["num_learnt"]
    left_out = (
        f" {count(learnt, 'product')} that the model learnt from {'is' if learnt == 1 else 'are'} left out."
        if learnt
        else ""
    )
    if unsaid := _num_unsaid(summary):
        left_out += f" Of {count(unsaid, 'product')} the file says no category."
    return Answer(
        "right", question, is_kept, _told(figure),
        f"So many of the {count(figure['n'], 'product')} {KINDS[kind]}{_WHY[kind]}, are right, whatever the confidence."
        f"{left_out}",
        kept,
    )  # fmt: skip


def _strangers(summary: Mapping[str, Any]) -> Answer:
    question, num_classes = "Do the products belong to the model's classes?", len(summary["classes"])
    if summary["truth"] is None:
        return Answer(
            "strangers", question, None, "Not known: the file has no categories",
            f"The model knows {count(num_classes, 'class', 'classes')}. A product of any other category is given one "
            "of them all the same, or none if its confidence is too low.",
            "What is promised holds for products of these classes alone: ask about such products only.",
        )  # fmt: skip
    strange = summary["strangers"]
    if not strange["num_products"]:
        if unsaid := _num_unsaid(summary):
            more = f"Of {count(unsaid, 'product')} it says none: what is promised holds for products of these classes."
            return Answer("strangers", question, None, "Yes, where the file tells", "It names no other category.", more)
        return Answer("strangers", question, True, "Yes, all of them", "The file names no other category.", "")
    promise, told = promise_of(summary), summary["counts"]["num_with_truth"]
    answered = promise["strangers_answered"] if promise else None
    of_all = promise["precision_of_all"] if promise else None
    said = f"{percent(strange['num_answered'] / strange['num_products'])} of them"
    if answered and answered["value"] is not None:
        said = _told(answered, " of them")
    said = f"{said} have an answer all the same, and each such answer is wrong."
    if not strange["num_answered"]:
        others = strange["num_products"]
        said = f"None of the {count(others)} others is answered." if others > 1 else "It is not answered."
    more = ""
    if of_all and of_all["value"] is not None:
        more = f"With them, {_told(of_all)} of the answers to products that it did not learn from are right."
    return Answer(
        "strangers", question, False if strange["num_answered"] else None,
        "None of them does" if strange["num_products"] == told else f"{percent(strange['num_products'] / told)} do not",
        f"{count(strange['num_products'], 'product')} of {count(strange['num_categories'], 'category', 'categories')} "
        f"that the model does not know. {said}",
        more,
    )  # fmt: skip


def _alike(summary: Mapping[str, Any]) -> Answer:
    question, drift, known = "Are they like what it learnt from?", summary["drift"], summary["known"]
    num, strange = summary["counts"]["num_predicted"], where_new_belong(summary)
    copies = ""
    if known["copies_of_train"]:
        copies = f"{percent(known['copies_of_train'] / num)} of the products have a picture that it learnt from."
    if drift["reason"]:
        return Answer("alike", question, None, "Nothing to compare", sentence(drift["reason"]), copies)
    if not drift["alarms"]:
        return Answer(
            "alike", question, True, "Yes, as far as can be seen",
            f"Pictures and answers differ by no more than chance explains. {strange}".strip(), copies,
        )  # fmt: skip
    if strange:
        return Answer(
            "alike", question, None, "Its new products are not: all are of other categories",
            f"{strange} That they differ says nothing of products of its classes.", copies,
        )  # fmt: skip
    return Answer(
        "alike", question, False, "No: figures of its test need not hold here",
        " ".join(drift["alarms"][:3]), copies,
    )  # fmt: skip


def answers(summary: Mapping[str, Any]) -> list[Answer]:
    """Answer what a reader asks first.

    Args:
        summary: What summary.json holds.
    """
    return [_answered(summary), _right(summary), _strangers(summary), _alike(summary)]
