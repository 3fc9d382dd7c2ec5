"""All runs of a sample by their accuracy, and what the best of many is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

from cdiscount_tasks.learning.measuring.best_of_many import most_flattered
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


def _cautions(rows: Sequence[FinishedReport]) -> list[str]:
    # Runs that used one model and one test give the same predictions: such a run is no further draw.
    different = {run.predictions_hash: run.accuracy for run in rows}.values()
    intervals = [(one["low"], one["high"]) for one in different if None not in (one["low"], one["high"])]
    told = []
    if (num := len(intervals)) > 1:
        told.append(
            f"The best of {num:,} looks better than it is: if all {num:,} were equally good, chance alone would "
            f"put the best about {distance(most_flattered(intervals))} too high (less where they share test products). "
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
