"""What summary.json of a predictions page holds, and what the lists of reports say of it."""

from collections.abc import Callable, Mapping
from typing import Any

from cdiscount_tasks.learning.measuring.intervals import Figure
from cdiscount_tasks.learning.measuring.predicted import used_promise
from cdiscount_tasks.pages.parts.words import count

SCHEMA_VERSION = 1
"""Of summary.json, which docs/data.md describes."""

RUN_FACTS = (
    "sample", "title", "catalogue", "run_id", "model_run_id", "preset", "decision", "since", "report",
    "model_origin",
)  # fmt: skip

_LISTED = ("sample", "title", "catalogue", "origin", "model_origin", "target_precision")
_PICTURES = {"drawn": "drawn pictures", "file": "photographs"}


def summarise(
    measured: Mapping[str, Any],
    facts: Mapping[str, Any],
    origin: str,
    asked: Mapping[str, Any],
    rejected: Mapping[str, int],
    name_of: Callable[[int], str],
) -> dict[str, Any]:
    """Return what summary.json holds.

    Args:
        measured: What `measure_answers` gave, and `drift`.
        facts: What the run knows; what it lacks of RUN_FACTS is null.
        origin: Of the catalogue: `drawn` or `file`.
        asked: What the predictions artifact says of itself: target_precision, at which the run answers (None: it
            answers every product), and num_damaged_images, of all products.
        rejected: Documents and products without an answer, by reason.
        name_of: What a category is called.
    """
    num_rejected = sum(rejected.values())
    counts = {
        "num_documents": measured["counts"]["num_predicted"] + num_rejected,
        **measured["counts"],
        "num_damaged_images": asked["num_damaged_images"],
        "num_rejected": num_rejected,
        "rejected": dict(rejected),
    }
    strange = [{**one, "name": name_of(one["category_id"])} for one in measured["strangers"]["categories"]]
    return {
        "schema_version": SCHEMA_VERSION,
        **{name: facts.get(name) for name in RUN_FACTS},
        "origin": origin,
        "target_precision": asked["target_precision"],
        **measured,
        "counts": counts,
        "strangers": {**measured["strangers"], "categories": strange},
    }


def mixed_origins(summary: Mapping[str, Any]) -> str | None:
    """Say that the model learnt from pictures of another kind than the file's; None: of the same, or it is not known.

    A run is allowed that on purpose (`allow_drawn`), but whoever reads its page need not know.
    """
    learnt, asked = summary["model_origin"], summary["origin"]
    if learnt in (None, asked):
        return None
    return (
        f"The model learnt from {_PICTURES[learnt]} and this file holds {_PICTURES[asked]}: the answers mean nothing."
    )


def where_new_belong(summary: Mapping[str, Any]) -> str:
    """Say that drift compares products of other categories alone; empty: some are of the model's, or may be."""
    new = summary["known"]["new"]
    if not new or summary["strangers"]["num_new"] < new:
        return ""
    if new == 1:
        return "The one product that is new to the model is of another category."
    return f"All {count(new, 'product')} that are new to the model are of other categories."


def headline(summary: Mapping[str, Any]) -> Figure | None:
    """Return the accuracy that is told first; None: the file does not say what is right of any product not learnt."""
    truth = summary["truth"]
    if truth is None or truth["headline"] is None:
        return None
    figure: Figure = truth["accuracy"][truth["headline"]]
    return figure


def promise_of(summary: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the promise at which the run answers; None: it answers every product."""
    return used_promise(summary["promises"], summary["target_precision"])


def listed(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the lists of reports say of a page: strings and numbers.

    Where the file has categories, an expected accuracy would count products that the model does not know.
    """
    counts, accuracy = summary["counts"], headline(summary)
    return {
        **{name: summary[name] for name in _LISTED},
        **{f"num_{what}": counts[f"num_{what}"] for what in ("documents", "predicted", "answered", "rejected")},
        "num_with_truth": counts["num_with_truth"],
        "num_of_classes": summary["truth"]["num_of_classes"] if summary["truth"] is not None else None,
        "accuracy": accuracy["value"] if accuracy else None,
        "accuracy_low": accuracy["low"] if accuracy else None,
        "accuracy_high": accuracy["high"] if accuracy else None,
        "accuracy_of": summary["truth"]["headline"] if accuracy else None,
        "expected_accuracy": summary["expected"]["expected"]["value"] if summary["truth"] is None else None,
        "num_alarms": len(summary["drift"]["alarms"]),
    }
