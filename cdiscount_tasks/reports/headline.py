"""What a report says, in few words: for messages, for the events of Airflow's assets, for the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.pages.parts.words import percent, share, spoken
from cdiscount_tasks.reports.metrics import read_metrics


class Headline(TypedDict):
    """A report's headline.

    Attributes:
        sample, title: Of the sample.
        run_id, preset, training_seed: As the run was started.
        overrides: The knobs that differ from the preset.
        stopped_after_epoch: Where somebody stopped the training; None: it ended by itself.
        model: Name of the model's artifact, which ends in its key.
        catalogue_id: Of the catalogue's content.
        product_accuracy, product_accuracy_low, product_accuracy_high: On test, in [0, 1], with its 95 % interval; None
            where it is undefined.
        num_test_products: So many products were judged.
        majority_baseline: Accuracy of always answering the largest class.
        verdict: As a sentence without its stop.
        drawn: The catalogue was drawn by the demo.
        report_path: Of the page, relative to the reports folder.
    """

    sample: str
    title: str
    run_id: str
    preset: str
    overrides: dict[str, Any]
    stopped_after_epoch: int | None
    training_seed: int
    model: str
    catalogue_id: str
    product_accuracy: float | None
    product_accuracy_low: float | None
    product_accuracy_high: float | None
    num_test_products: int
    majority_baseline: float | None
    verdict: str
    drawn: bool
    report_path: str


def _verdict(verdict: dict[str, Any]) -> str:
    above = (
        "above the majority baseline" if verdict["above_baseline"] else "not shown to be above the majority baseline"
    )
    return f"{above}, the split {'is certified' if verdict['certified'] else 'has leaks'}"


def read_headline(report_dir: Path) -> Headline:
    """Read a finished report's headline from its metrics.json.

    Raises:
        DataError: If it is missing, damaged or of another schema.
    """
    metrics = read_metrics(report_dir)
    try:
        accuracy, lineage = metrics["test"]["product"]["accuracy"], metrics["lineage"]
        return Headline(
            sample=metrics["sample"]["name"],
            title=metrics["sample"]["title"],
            run_id=metrics["run_id"],
            preset=metrics["preset"],
            overrides=lineage["overrides"],
            stopped_after_epoch=((metrics.get("model") or {}).get("stopped") or {}).get("after_epoch"),
            training_seed=lineage["seeds"]["training"],
            model=lineage["artifacts"]["model"]["name"],
            catalogue_id=metrics["catalogue"]["catalogue_id"],
            product_accuracy=accuracy["value"],
            product_accuracy_low=accuracy["low"],
            product_accuracy_high=accuracy["high"],
            num_test_products=accuracy["n"],
            majority_baseline=metrics["test"]["baseline"]["majority"]["value"],
            verdict=_verdict(metrics["verdict"]),
            drawn=metrics["catalogue"]["origin"] == "drawn",
            report_path="/".join((*report_dir.parts[-2:], "report.html")),
        )
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{report_dir}: metrics.json has no headline ({error!r}); clear the task write_report"
        ) from error


def preset_in_words(headline: Headline) -> str:
    """Say which settings were trained with, such as `smoke with epochs 2`, and whether the training was stopped."""
    knobs = ", ".join(f"{spoken(knob)} {value}" for knob, value in headline["overrides"].items())
    epoch = headline["stopped_after_epoch"]
    stopped = f", stopped by hand after epoch {epoch}" if epoch is not None else ""
    return headline["preset"] + (f" with {knobs}" if knobs else "") + stopped


def accuracy_in_words(result: Mapping[str, Any]) -> str:
    """Say a product accuracy with its interval, such as `73.6 %, 66.2 to 79.9`.

    Args:
        result: `product_accuracy`, `product_accuracy_low` and `product_accuracy_high`, in [0, 1]; None where undefined.
    """
    ends = {"value": "", "low": "_low", "high": "_high"}
    return share({part: result[f"product_accuracy{end}"] for part, end in ends.items()})


def sentence(headline: Headline) -> str:
    """Say what the model is worth, and what answering without looking would be worth."""
    return (
        f"{headline['title']}: product accuracy {accuracy_in_words(headline)} (95 % interval, "
        f"{headline['num_test_products']:,} test products); always answering the largest class: "
        f"{percent(headline['majority_baseline'])}"
    )
