"""Where a training is between two batches: kept now and then, and taken up again when its process has died."""

import logging
import statistics
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np

from cdiscount_tasks.learning.networks.averaging import Average
from cdiscount_tasks.learning.networks.checkpoints import Checkpoints

logger = logging.getLogger(__name__)


_SMOOTHED_EPOCHS = 3
"""One epoch's figures of a few hundred products are chance as well: the mean of so many is less so."""


class Epoch(NamedTuple):
    """What an epoch achieved; the fields are columns of history.parquet."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float
    images_per_s: float
    num_resumes: int


@dataclass
class TrainingState:
    """What a training has achieved, beside the network's and the optimiser's variables.

    Attributes:
        best_weights: Of the epoch that is the best by validation; the first ones before there is any.
        history: The epochs that are over.
        best_epoch: The number of the best one; 0: none yet.
        step: Batches of the running epoch that are learnt from.
        sums: Of the running epoch: loss and accuracy times examples, examples, seconds.
        num_resumes: How often the running epoch was continued.
        started: When this process began or took up the training, by its monotonic clock; not kept.
    """

    best_weights: list[np.ndarray]
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    num_resumes: int = 0
    started: float = field(default_factory=time.monotonic)

    def end_epoch(self, epoch: Epoch, network: keras.Model, chosen_by: str = "loss") -> None:
        """Add the running epoch to the history, and hold the network's weights if it is the best so far.

        Args:
            epoch: What it achieved.
            network: With its weights.
            chosen_by: As the knob `chosen_epoch`.
        """
        self.history.append(epoch)
        badness = [_badness(self.history[:end], chosen_by) for end in range(1, len(self.history) + 1)]
        if all(badness[-1] < past for past in badness[:-1]):
            self.best_weights, self.best_epoch = network.get_weights(), epoch.epoch
        self.step, self.sums, self.num_resumes = 0, [0.0] * 4, 0


def _badness(history: list[Epoch], chosen_by: str) -> float:
    """Return by what the last of some epochs is compared with those before: the lowest is the best."""
    if chosen_by == "last":
        return -len(history)
    if chosen_by == "loss":
        return history[-1].validation_loss
    some = history[-_SMOOTHED_EPOCHS:]
    if chosen_by == "smoothed_loss":
        return statistics.fmean(one.validation_loss for one in some)
    return -statistics.fmean(one.validation_accuracy for one in some)


def _all_variables(network: keras.Model, average: Average) -> list[Any]:
    """Return all that training changes: weights, batch statistics, states of seeds, the optimiser's slots, averages."""
    return [*network.variables, *network.optimizer.variables, *average.variables]


def keep_state(checkpoints: Checkpoints, network: keras.Model, average: Average, state: TrainingState) -> None:
    """Write a checkpoint: what `take_up` needs to go on as if nothing had happened."""
    facts = {"history": state.history, "best_epoch": state.best_epoch, "step": state.step, "sums": state.sums,
             "num_resumes": state.num_resumes}  # fmt: skip
    now = {f"now_{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_all_variables(network, average))}
    best = {f"best_{i}": weight for i, weight in enumerate(state.best_weights)}
    checkpoints.save(facts, now | best)


def take_up(checkpoints: Checkpoints, network: keras.Model, average: Average) -> TrainingState:
    """Put a compiled network, its optimiser and average into the newest state that was kept; without one, begin."""
    state = TrainingState(network.get_weights())
    kept = checkpoints.newest()
    if kept is None:
        return state
    for number, variable in enumerate(_all_variables(network, average)):
        variable.assign(kept.arrays[f"now_{number}"])
    state.best_weights = [kept.arrays[f"best_{number}"] for number in range(len(state.best_weights))]
    state.history = [Epoch(*row) for row in kept.facts["history"]]
    state.best_epoch, state.step, state.sums = (kept.facts[name] for name in ("best_epoch", "step", "sums"))
    state.num_resumes = kept.facts["num_resumes"] + 1
    logger.info("resumed after %d epochs and %d steps", len(state.history), state.step)
    return state
