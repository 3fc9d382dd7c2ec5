"""One line about what a stage left, for the grid's XCom and as a task's last line in the log.

Each function takes the stage's result, whose counts it reports.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cdiscount_tasks.pages.parts.words import of_no_class, percent, points
from cdiscount_tasks.reports.headline import accuracy_in_words

Result = Mapping[str, Any]

_CUT = {"pruned": "cut short", "diverged": "diverged"}
_NOT_COMPLETE = {"diverged": "diverged", "stopped": "stopped by hand"}
_PLURALS = {"category": "categories", "class": "classes"}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else _PLURALS.get(noun, f'{noun}s')}"


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"


def _again(result: Result) -> str:
    return " (reused)" if result["reused"] else ""


def byte_range(start: int, stop: int) -> str:
    """Name a byte range of the catalogue: ranges are multiples of 64 MiB, so that no two share a name."""
    return f"{start / 1e6:,.1f} to {_megabytes(stop)}"


def of_ranges(ranges: Sequence[Mapping[str, int]]) -> str:
    """Tell what plan_ranges planned."""
    if not ranges:
        return "the catalogue is indexed already"
    return f"{_megabytes(ranges[-1]['stop'])} to scan in {_count(len(ranges), 'range')}"


def of_range(result: Result) -> str:
    """Tell what scan_range found."""
    found = f"{_count(result['num_images'], 'image')} of {_count(result['num_products'], 'product')}"
    return f"{found}; {result['num_rejected']:,} rejected{_again(result)}"


def of_index(result: Result) -> str:
    """Tell what the index holds."""
    found = f"{_count(result['num_images'], 'image')} of {_count(result['num_products'], 'product')}"
    rejected = (
        f"{_count(result['num_rejected_documents'], 'document')} and {_count(result['num_rejected_images'], 'image')}"
    )
    num_without = result["num_without_category"]
    unlabelled = f"; {num_without:,} without a category" if 0 < num_without < result["num_products"] else ""
    return f"{found} in {_count(result['num_categories'], 'category')}; {rejected} rejected{unlabelled}{_again(result)}"


def of_sample(result: Result) -> str:
    """Tell what was drawn."""
    drawn = f"{_count(result['num_images'], 'image')} of {_count(result['num_products'], 'product')}"
    left = " left in the catalogue" if result.get("pictures") == "in_catalogue" else ""
    size = _megabytes(result["num_bytes"]) + left
    return f"{drawn} in {_count(result['num_categories'], 'category')}, {size}{_again(result)}"


def of_labels(result: Result) -> str:
    """Tell what can be learnt from and measured on."""
    kept = f"{_count(result['num_images'], 'image')} of {_count(result['num_products'], 'product')}"
    splits = [f"{result[f'num_{split}_products']:,} {split}" for split in ("train", "validation", "test")]
    faults = (
        f"{_count(result['num_rejected_images'], 'image')} rejected, {result['num_conflicting_images']:,} conflicting"
    )
    return (
        f"{kept} in {_count(result['num_classes'], 'class')} and {_count(result['num_groups'], 'group')}: "
        f"{', '.join(splits)}; {faults}{_again(result)}"
    )


def of_features(result: Result) -> str:
    """Tell what the frozen network, or the descriptor, computed."""
    vectors = f"{_count(result['num_features'], 'feature')} of {_count(result['num_images'], 'image')}"
    return f"{vectors} by {result['network']} on {result['device']}{_again(result)}"


def of_search(result: Result) -> str:
    """Tell what the search chose, and what is expected of it."""
    ends = [f"{result[f'num_{end}']:,} {word}" for end, word in _CUT.items() if result[f"num_{end}"]]
    ended = f" ({', '.join(ends)})" if ends else ""
    over = "; its time was over" if result["ended_by"] == "budget" else ""
    best = f"trial {result['best_trial']} of {result['num_trials']:,}{ended}{over}"
    figures = f"{percent(result['best_accuracy'])}, of which {percent(result['expected_accuracy'])} are expected anew"
    return f"best validation accuracy {figures}: {best}{_again(result)}"


def of_model(result: Result) -> str:
    """Tell how the training went."""
    judged = f"validation accuracy {percent(result['validation_accuracy'])} (loss {result['validation_loss']:.3f})"
    epochs = f"kept epoch {result['best_epoch']} of {result['num_epochs']}"
    if "stopped_after_epoch" in result:
        epochs += f", stopped by hand after epoch {result['stopped_after_epoch']} of {result['num_epochs_planned']}"
    learnt = f"{result['network']} learnt from {_count(result['num_train_images'], 'image')} on {result['device']}"
    return f"{judged} in {epochs}; {learnt}{_again(result)}"


def of_seeds(result: Result) -> str:
    """Tell how far other seeds move the accuracy."""
    ends = [f"{result[f'num_{end}']:,} {word}" for end, word in _NOT_COMPLETE.items() if result[f"num_{end}"]]
    ended = f" ({', '.join(ends)})" if ends else ""
    seeds = "another seed" if result["num_seeds"] == 1 else "other seeds"
    trained = f"{_count(result['num_seeds'], 'training')} with {seeds}{ended}"
    if result["lowest_accuracy"] is None:
        return f"{trained}: none was trained to its end{_again(result)}"
    lowest, highest = percent(result["lowest_accuracy"]), percent(result["highest_accuracy"])
    accuracies = lowest if lowest == highest else f"{lowest} to {highest}"
    return f"{trained}: test accuracy {accuracies}{_again(result)}"


def of_evaluation(result: Result) -> str:
    """Tell a first look at the test products; the report has figures with intervals."""
    tested = f"{_count(result['num_test_products'], 'product')} with {_count(result['num_test_images'], 'image')}"
    return f"test accuracy {percent(result['test_product_accuracy'])}: {tested}{_again(result)}"


def of_audit(result: Result) -> str:
    """Tell how many labels other products contradict, and what careless splits would have added."""
    suspects = f"{_count(result['num_suspects'], 'suspect')} among {_count(result['num_products_judged'], 'product')}"
    leaks = {"product": result["leak_by_product"], "image": result["leak_by_image"]}
    changes = [
        f"{points({'value': leak, 'low': None, 'high': None})} (by {split})"
        for split, leak in leaks.items()
        if leak is not None
    ]
    leak = f"; a leaky split would change the accuracy by {' and '.join(changes)}" if changes else ""
    return f"{suspects}{leak}{_again(result)}"


def of_report(result: Result) -> str:
    """Tell the headline."""
    return (
        f"product accuracy {accuracy_in_words(result)}, on {_count(result['num_test_products'], 'test product')}; "
        "always answering the largest class: "
        f"{percent(result['majority_baseline'])}"
    )


def of_catalogue_page(result: Result) -> str:
    """Tell what the catalogue's page shows."""
    held = f"{_count(result['num_images'], 'image')} of {_count(result['num_products'], 'product')}"
    copies = f"{result['num_copies']:,} copies, {result['num_conflicts']:,} with several categories"
    return f"{held} in {_count(result['num_categories'], 'category')}; {copies}"


def of_random_choices(result: Result) -> str:
    """Tell how many random choices of categories were judged."""
    choices = f"{result['num_alike']:,} choices of alike and {result['num_unlike']:,} of unlike categories"
    return f"{choices} judged{_again(result)}"


def of_comparison(result: Result) -> str:
    """Tell the answer."""
    return f"{result['title']}: {result['answer']}"


def of_judgement(result: Result) -> str:
    """Tell what the judgement says."""
    verdict = result["verdict"].replace("_", " ")
    found = f", {100 * result['difference']:+.1f} points" if result["difference"] is not None else ""
    look = f" (look {result['look']})" if result["look"] else ""
    then = "is to become the champion" if result["promotes"] else "does not become the champion"
    why = f" ({result['reason']})" if result["verdict"] == "not_comparable" else ""
    return f"{verdict}{found}{look}: {then}{why}{_again(result)}"


def of_drift(result: Result) -> str:
    """Tell whether the catalogue has changed since the champion learnt."""
    found = f"{_count(result['num_new_products'], 'new product')}, {_count(result['num_alarms'], 'alarm')}"
    return f"{found}{_again(result)}"


def of_answers(result: Result) -> str:
    """Tell how many products of a range were answered, and how fast."""
    damaged = f", {_count(result['num_damaged_images'], 'damaged image')}" if result["num_damaged_images"] else ""
    rejected = f", {result['num_rejected']:,} without a usable image" if result["num_rejected"] else ""
    asked = f"{_count(result['num_products'], 'product')} with {_count(result['num_images'], 'image')}"
    return f"{asked}{damaged}{rejected}; {result['images_per_s']:,.0f} images/s on {result['device']}{_again(result)}"


_MEASURED_ON = {
    "new": "the products of its categories that are new to it",
    "test": "its own test products in the file",
    "validation": "its own validation products in the file",
}


def of_predictions_page(result: Result) -> str:
    """Tell how good the answers are, or are expected to be."""
    if result["accuracy"] is not None:
        low, high = result["accuracy_low"], result["accuracy_high"]
        interval = "" if low is None else f" (95 % interval {percent(low)} to {percent(high)})"
        return f"{percent(result['accuracy'])} right{interval} of {_MEASURED_ON[result['accuracy_of']]}"
    if none := of_no_class(result, result.get("num_of_classes")):  # a page of an older version does not say
        return none
    expected = result["expected_accuracy"]
    if expected is None:
        return "nothing can be said about the accuracy"
    return f"expected accuracy {percent(expected)}, if the products are of its categories: the file does not say"


def of_predictions(result: Result) -> str:
    """Tell what became of every document of the file."""
    share = result["num_answered"] / result["num_predicted"] if result["num_predicted"] else 0
    promise = "" if result["target_precision"] is None else f" at {percent(result['target_precision'], 0)} precision"
    note = f" ({result['note']})" if result["note"] else ""
    return (
        f"{_count(result['num_documents'], 'document')}: {result['num_predicted']:,} predicted, "
        f"{result['num_rejected']:,} rejected; {percent(share)} answered{promise}{note}{_again(result)}"
    )
