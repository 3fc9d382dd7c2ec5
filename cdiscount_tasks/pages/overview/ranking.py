"""All runs of a sample by their accuracy, and what the best of many is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from cdiscount_tasks.learning.measuring.best_of_many import most_flattered, most_flattered_of_paired
from cdiscount_tasks.pages.overview.rows import FinishedReport
from cdiscount_tasks.pages.parts.words import distance


@dataclass(frozen=True)
class Ranking:
    """The runs of a sample by accuracy.

    Attributes:
        rows: The best first; of equal ones the newest first.
        cautions: What to keep in mind before the best one is chosen, as sentences.
    """

    rows: Sequence[FinishedReport]
    cautions: Sequence[str]

    def is_best(self, run: FinishedReport) -> bool:
        """Tell whether no run has a higher accuracy."""
        return bool(run.accuracy["value"] == self.rows[0].accuracy["value"])


def _paired_differences(rows: Sequence[FinishedReport]) -> list[tuple[float, float]]:
    """Return the intervals of paired differences, if they show that all runs were tested on the same products.

    Each run but the oldest was compared with an earlier one. Where all these pairs share their test products, all runs
    do. Empty: this is not known.
    """
    later = sorted(rows, key=lambda run: run.finished)[1:]
    ends = [(run.change.low, run.change.high) if run.change else (None, None) for run in later]
    paired = [(low / 100, high / 100) for low, high in ends if low is not None and high is not None]
    # Two runs of the same predictions have a difference of exactly 0: they are one draw.
    return [(low, high) for low, high in paired if low < high] if len(paired) == len(later) else []


def _flattery(rows: Sequence[FinishedReport], intervals: list[tuple[float, float]]) -> str:
    """Say by how much chance alone lifts the best."""
    if paired := _paired_differences(rows):
        lifted = most_flattered_of_paired(len(intervals), paired)
        return f"about {distance(lifted)} too high (all were tested on the same products, which is allowed for)"
    return f"at most about {distance(most_flattered(intervals))} too high (less where they share test products)"


def _counted(rows: Sequence[FinishedReport], num: int) -> str:
    """Say why fewer runs count than the list has; empty: all count."""
    if num == len(rows):
        return ""
    num_different = len({run.predictions_hash for run in rows})
    same = (
        f"{len(rows):,} runs, but only {num_different:,} different sets of answers. "
        if num_different < len(rows)
        else ""
    )
    return same + (f"Of these, {num:,} have an interval. " if num < num_different else "")


def _cautions(rows: Sequence[FinishedReport]) -> list[str]:
    # Runs that used one model and one test give the same predictions: such a run is no further draw.
    different = {run.predictions_hash: run.accuracy for run in rows}.values()
    intervals = [(one["low"], one["high"]) for one in different if None not in (one["low"], one["high"])]
    told = []
    if (num := len(intervals)) > 1:
        told.append(
            f"{_counted(rows, num)}The best of {num:,} looks better than it is: if all {num:,} were equally good, "
            f"chance alone would put the best {_flattery(rows, intervals)}. "
            "Only products that had no part in the choice show what it is worth."
        )
    if len({run.accuracy["n"] for run in rows}) > 1:
        told.append("Not all were tested on the same products: such accuracies do not say which run is better.")
    return told


def rank_runs(runs: Sequence[FinishedReport]) -> Ranking | None:
    """Order runs by accuracy; None: fewer than two have one.

    Args:
        runs: Of one sample, the newest first.
    """
    judged = [run for run in runs if run.accuracy["value"] is not None]
    if len(judged) < 2:
        return None
    rows = sorted(judged, key=lambda run: -run.accuracy["value"])
    return Ranking(rows, _cautions(rows))
