"""What a search keeps of its trials while it runs: it is taken up again from there after a kill.

`trials.jsonl` has an epoch or a trial a line; beside it, by trial, which products it judged right.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.artifacts.documents import pull
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.journal import append_record, read_journal
from cdiscount_tasks.artifacts.training_folder import remove_states
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.networks.knob_trials import Trial

logger = logging.getLogger(__name__)

JOURNAL = "trials.jsonl"
_EPOCH, _TRIAL = "epoch", "trial"


class EndedTrial(NamedTuple):
    """A trial that is over.

    Attributes:
        number: From 1.
        trial: What it was tried with, and how it ended.
        num_epochs: Of all its phases.
        loss: Of its kept epoch, over products of validation; None: it was not trained to its end.
        seconds: It took, without what a killed process had done of it.
    """

    number: int
    trial: Trial
    num_epochs: int
    loss: float | None
    seconds: float


class TrialJournal:
    """The trials of a search that are over, and the epochs of the one that is not.

    Attributes:
        ended: In their order.
    """

    def __init__(self, folder: Path) -> None:
        """Read what is there of a search; one whose journal is damaged begins anew."""
        self._folder = folder
        self.ended: list[EndedTrial] = []
        self._running: dict[tuple[str, int], float] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for record in self._read():
            if record["kind"] == _EPOCH:
                self._running[record["phase"], record["epoch"]] = record["accuracy"]
            else:
                by_epoch = {int(epoch): accuracy for epoch, accuracy in record["by_epoch"]}
                trial = Trial(record["knobs"], record["state"], record["accuracy"], by_epoch)
                self._end(EndedTrial(record["number"], trial, record["num_epochs"], record["loss"], record["seconds"]))

    def _read(self) -> list[dict[str, Any]]:
        try:
            return [line.record for line in read_journal(self._folder / JOURNAL)]
        except DataError as error:
            logger.warning("the search begins anew: %s", error)
            remove_states(self._folder)
            self._folder.mkdir(parents=True, exist_ok=True)
            return []

    def _end(self, ended: EndedTrial) -> None:
        self.ended.append(ended)
        self._running = {}

    @property
    def seconds(self) -> float:
        """Return what the trials took that are over."""
        return sum(one.seconds for one in self.ended)

    @property
    def num_epochs(self) -> int:
        """Return how many epochs of the running trial are over, of all its phases."""
        return len(self._running)

    def by_epoch(self, phase: str) -> dict[int, float]:
        """Return the accuracies of the running trial's epochs of a phase."""
        return {epoch: accuracy for (of, epoch), accuracy in self._running.items() if of == phase}

    def note_epoch(self, phase: str, epoch: int, accuracy: float) -> None:
        """Keep an epoch of the running trial; one that is learnt a second time after a kill is not kept again."""
        if (phase, epoch) not in self._running:
            self._running[phase, epoch] = accuracy
            record = {"kind": _EPOCH, "phase": phase, "epoch": epoch, "accuracy": accuracy}
            append_record(self._folder / JOURNAL, record)

    def note_trial(self, ended: EndedTrial, right: npt.NDArray[np.bool_] | None) -> None:
        """Keep a trial that is over.

        Args:
            ended: It.
            right: bool, [num_products]: which products of validation it judged right; None: it was cut short.
        """
        if right is not None:
            replace_file(self._right_path(ended.number), lambda aside: _save(aside, right))
        trial = ended.trial
        record = {
            "kind": _TRIAL, "number": ended.number, "knobs": dict(trial.knobs), "state": trial.state,
            "accuracy": trial.accuracy, "by_epoch": sorted(trial.by_epoch.items()), "num_epochs": ended.num_epochs,
            "loss": ended.loss, "seconds": ended.seconds,
        }  # fmt: skip
        append_record(self._folder / JOURNAL, record)
        self._end(ended)

    def right(self, number: int) -> npt.NDArray[np.bool_]:
        """Return bool, [num_products]: which products of validation a complete trial judged right."""
        path = self._right_path(number)
        pull(path)
        found: npt.NDArray[np.bool_] = np.load(path, allow_pickle=False)
        return found

    def _right_path(self, number: int) -> Path:
        return self._folder / f"right-{number:03d}.npy"


def _save(path: Path, right: npt.NDArray[np.bool_]) -> None:
    with path.open("wb") as file:  # np.save adds a suffix to a name without one
        np.save(file, right, allow_pickle=False)
