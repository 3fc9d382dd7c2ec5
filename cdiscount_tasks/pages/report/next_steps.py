"""What to do next, from a report's figures: what has most to gain comes first."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cdiscount_tasks.pages.parts.words import ClassName, count, features_named, percent
from cdiscount_tasks.pages.report.answers import labels_first
from cdiscount_tasks.pages.report.coverage import ENOUGH_GROUPS
from cdiscount_tasks.pages.report.kept_epoch import is_last_chosen
from cdiscount_tasks.pages.report.seeds import rate_knob

_FEWEST_TO_CHOOSE = 100
"""Products of validation that choose an epoch of tuning: fewer chose badly (docs/measurements.md, *More pixels*)."""


class Step(NamedTuple):
    """A piece of advice.

    Attributes:
        what: To do, in few words.
        why: The figure that says so, as a sentence.
        link: To the part of the page, or the file beside it, that shows it.
        gain: What it may bring, in few words.
    """

    what: str
    why: str
    link: str
    gain: str


def _faults(metrics: Mapping[str, Any]) -> Iterator[Step]:
    """Yield what has to be mended before any figure is of use."""
    if not metrics["verdict"]["certified"]:
        yield Step(
            "Use none of these figures",
            "Splits share pictures, so the test asks about pictures that were learnt.",
            "#certificate",
            "figures that can be believed",
        )
    low, baseline = metrics["test"]["product"]["accuracy"]["low"], metrics["test"]["baseline"]["majority"]["value"]
    if not metrics["verdict"]["above_baseline"] and None not in (low, baseline) and low > baseline:
        yield Step(
            "Test on products like those of train",
            "The class that is largest in train is rare in test, so being better than always answering it shows "
            "nothing: give the split file a test with every class in about the shares of train.",
            "#certificate",
            "a baseline that means something",
        )
    elif not metrics["verdict"]["above_baseline"]:
        yield Step(
            "Do not use this model",
            "It is not shown to be better than always answering the largest class: train for more epochs, with a lower "
            "learning rate or with a different preset.",
            "#curves",
            "a model that is better than guessing",
        )


def _pretrained(metrics: Mapping[str, Any]) -> Iterator[Step]:
    """Yield what beginning with pretrained weights is known to bring."""
    leak, model, found = metrics["leak"], metrics["model"], metrics["test"]["image"]["accuracy"]["value"]
    if leak["reason"] is None and not model["input"]["weights"] and found is not None:
        certified = leak["accuracy"]["certified"]
        if certified["low"] is not None and certified["low"] > found:
            by_descriptor = leak["network"] == "descriptor"
            advice = (
                "it has not learnt enough: take a preset that trains longer, or one with weights"
                if by_descriptor
                else "take a preset with weights, such as transfer"
            )
            yield Step(
                "Train with a different preset" if by_descriptor else "Start from a pretrained network",
                f"A plain classifier on {features_named(leak['network'])} gets {percent(certified['value'])} of single "
                f"pictures right (mean of several splits), this network {percent(found)}: {advice}.",
                "#leak",
                f"about {100 * (certified['value'] - found):.0f} points",
            )


def _last_epoch(metrics: Mapping[str, Any]) -> Iterator[Step]:
    """Yield the last epoch of tuning, where validation is too small to choose one."""
    num_products = metrics["validation"]["product"]["accuracy"]["n"]
    if num_products < _FEWEST_TO_CHOOSE and _epochs_knob(metrics) == "fine_tune_epochs" and not is_last_chosen(metrics):
        yield Step(
            "Keep the last epoch",
            f"Validation has {count(num_products, 'product')}: which epoch did best on so few is mostly chance. Set "
            "chosen_epoch: last in the preset.",
            "#curves",
            "1 to 4 points, where it was measured",
        )


def _longer(metrics: Mapping[str, Any]) -> Iterator[Step]:
    """Yield a longer training, where validation says that the last epoch was the best."""
    model = metrics["model"]
    if model["best_epoch"] == model["num_epochs"] and not is_last_chosen(metrics):
        why = (
            "There was only one epoch, so nobody knows yet whether more would help."
            if model["num_epochs"] == 1
            else f"The last of {model['num_epochs']:,} epochs did best on validation, so more may help a "
            f"little: raise {_epochs_knob(metrics)} when you trigger the next run."
        )
        yield Step("Train for more epochs", why, "#curves", "gain not known")


def _steadier(metrics: Mapping[str, Any]) -> Iterator[Step]:
    """Yield a lower rate, where a training with another seed diverged."""
    found = metrics.get("other_seeds")
    if found and found["num_diverged"]:
        num, num_other = found["num_diverged"], len(found["seeds"]) - 1
        which = f"{num:,} of {num_other:,} trainings with other seeds" if num_other > 1 else "The one with another seed"
        yield Step(
            f"Lower the {rate_knob(metrics)}",
            f"{which} diverged: the next one may do so too.",
            "#seeds",
            "trainings that do not end in nothing",
        )


def _epochs_knob(metrics: Mapping[str, Any]) -> str:
    """Return the name of the knob that makes a training longer."""
    training = metrics["lineage"]["config"]["training"]
    return "fine_tune_epochs" if training["weights"] == "imagenet" and training["fine_tune_epochs"] else "epochs"


def _suspects(metrics: Mapping[str, Any]) -> Iterator[Step]:
    """Yield the list of labels that look wrong, until somebody has been through one."""
    suspects = metrics["suspects"]
    if suspects and suspects["num_listed"] and not suspects["reviews"]["lists"]:
        num_drawn = suspects["num_listed"] - suspects["num_suspects_listed"]
        drawn = f", and {num_drawn:,} drawn at random to estimate how many labels are wrong" if num_drawn else ""
        yield Step(
            "Judge the label suspects",
            f"Look at {count(suspects['num_suspects_listed'], 'label that looks', 'labels that look')} wrong{drawn}. "
            "Nobody has done so yet; the next run learns from your corrections.",
            "suspects.html",
            f"{count(suspects['num_listed'], 'label')} to look at",
        )


def _products(metrics: Mapping[str, Any], names: list[ClassName]) -> Iterator[Step]:
    """Yield what people can look at or add."""
    product = metrics["test"]["product"]
    pairs = product["confusion"]["pairs"]
    if pairs:
        worst = pairs[0]
        yield Step(
            "Look at the pair that is confused most",
            f"{names[worst['true']].short} is taken for {names[worst['predicted']].short} "
            f"{count(worst['n'], 'time')}, {percent(worst['share'])} of its test products.",
            "#pairs",
            f"at most {100 * worst['n'] / product['accuracy']['n']:.1f} points",
        )
    num_groups = product["accuracy"]["num_groups"]
    few = sum(one["too_few_to_judge"] for one in product["per_class"])
    if num_groups < ENOUGH_GROUPS or few:
        small = f", and {count(few, 'class', 'classes')} cannot be judged alone" if few else ""
        yield Step(
            "Measure on more products",
            f"Test has {count(num_groups, 'group')}{small}: four times as many would halve the intervals. Take more "
            "products of each category, where the catalogue has them, or a larger share for test.",
            "#classes",
            "intervals half as wide",
        )


def next_steps(metrics: Mapping[str, Any], names: list[ClassName]) -> list[Step]:
    """Return what a reader should do next, the most urgent first.

    Args:
        metrics: What metrics.json holds.
        names: Of the classes.
    """
    pretrained, suspects = list(_pretrained(metrics)), list(_suspects(metrics))
    first = [*suspects, *pretrained] if labels_first(metrics) else [*pretrained, *suspects]
    epochs = [*_last_epoch(metrics), *_longer(metrics)]
    return [*_faults(metrics), *first, *_steadier(metrics), *epochs, *_products(metrics, names)]
