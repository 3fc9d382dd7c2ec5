"""The trials of a search, one training after another; what a kill cuts off goes on from its checkpoint."""

import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.artifacts.training_folder import fetch_states, remove_states
from cdiscount_tasks.errors import DataError, DivergedError
from cdiscount_tasks.learning.networks.knob_trials import Proposal, State, Trial, propose
from cdiscount_tasks.settings.search import Space, space_of, value_in
from cdiscount_tasks.settings.training import TrainingConfig, knobs_in_effect
from cdiscount_tasks.stages.one_training import Material, carry_through, set_up
from cdiscount_tasks.stages.trial_journal import EndedTrial, TrialJournal
from cdiscount_tasks.vocabulary import FINE_TUNE, FROM_SCRATCH, HEAD

if TYPE_CHECKING:  # Keras
    from cdiscount_tasks.learning.networks.phases import Places, Training
    from cdiscount_tasks.learning.networks.state import Epoch

logger = logging.getLogger(__name__)

EndedBy = Literal["trials", "budget"]


class _CutShort(Exception):  # noqa: N818 - an answer, not a fault
    """The running trial is worse by now than the middle one of those trained to their end."""


class _BudgetOver(Exception):  # noqa: N818 - an answer, not a fault
    """The time of the whole search is over."""


def _deciding_phase(preset: TrainingConfig, space: Space) -> tuple[str, int | None]:
    """Return the phase, as in history.parquet, by whose epochs trials are compared, and how many it has in all of them.

    None: the search tries several numbers of epochs.
    """
    if preset.weights == "imagenet" and ("fine_tune_epochs" in space or preset.fine_tune_epochs):
        return FINE_TUNE, None if "fine_tune_epochs" in space else preset.fine_tune_epochs
    return HEAD if preset.weights == "imagenet" else FROM_SCRATCH, None if "epochs" in space else preset.epochs


class _Running:
    """The trial that is being trained."""

    def __init__(self, journal: TrialJournal, proposal: Proposal, phase: str, ends_at: float) -> None:
        self.journal, self.proposal, self.phase, self._ends_at = journal, proposal, phase, ends_at
        for epoch, accuracy in journal.by_epoch(self.phase).items():
            proposal.is_worth_going_on(epoch, accuracy)

    def listen(self, phase: str, epoch: "Epoch") -> None:
        """Keep an epoch that is over, and end the trial where it is not worth going on or the time is over."""
        self.journal.note_epoch(phase, epoch.epoch, epoch.validation_accuracy)
        if time.monotonic() >= self._ends_at:
            raise _BudgetOver
        if phase == self.phase and not self.proposal.is_worth_going_on(epoch.epoch, epoch.validation_accuracy):
            raise _CutShort

    def ended(self, number: int, state: State, accuracy: float | None, loss: float | None, began: float) -> EndedTrial:
        """Return the trial as it is kept."""
        trial = Trial(self.proposal.knobs, state, accuracy, self.journal.by_epoch(self.phase))
        return EndedTrial(number, trial, self.journal.num_epochs, loss, round(time.monotonic() - began, 3))


def _places(training_dir: Path, running: _Running) -> "Places":
    from cdiscount_tasks.learning.networks.phases import Places

    return Places(training_dir, None, listen=running.listen)


def _train(
    material: Material, config: TrainingConfig, training_dir: Path, running: _Running
) -> tuple["Training", npt.NDArray[np.bool_]]:
    """Train a trial to its end; returns the training, and which products of validation it judges right."""
    fetch_states(training_dir)
    training, validation = set_up(material, config, partial(_places, training_dir, running))
    from cdiscount_tasks.learning.networks.training import right_products

    network = carry_through(training, material.start, training_dir)
    return training, right_products(network, validation.pictures())


class Trials:
    """The trials of a search.

    Attributes:
        journal: What is over of it.
    """

    def __init__(self, material: Material, preset: TrainingConfig, folder: Path) -> None:
        """Take what is learnt from, a preset with a search, and where what is over is kept."""
        if preset.search is None:
            raise ValueError("the preset has no search")
        self._material, self._preset, self._search, self._folder = material, preset, preset.search, folder
        self._space = space_of(preset.search, TrainingConfig)
        self.journal = TrialJournal(folder)

    def run(self) -> EndedBy:
        """Try until all trials or the time are over; returns which of the two ended it.

        Raises:
            DataError: If no trial was trained to its end.
        """
        ended = self.journal.ended
        if ended:
            logger.info("the search goes on: %d of %d trials are over", len(ended), self._search.trials)
        # The time of what a killed process had done of its last trial is not known.
        ends_at = time.monotonic() + 60 * self._search.budget_minutes - self.journal.seconds
        ended_by: EndedBy = "trials"
        while len(ended) < self._search.trials:
            try:
                self._try_next(ends_at)
            except _BudgetOver:
                ended_by = "budget"
                break
        self._check_any_complete(ended_by)
        return ended_by

    def _try_next(self, ends_at: float) -> None:
        began, number = time.monotonic(), len(self.journal.ended) + 1
        if began >= ends_at:
            raise _BudgetOver
        running, config = self._begin(ends_at)
        logger.info("trial %d of %d: %s", number, self._search.trials, running.proposal.knobs)
        training_dir, right = self._folder / f"trial-{number:03d}", None
        try:
            training, right = _train(self._material, config, training_dir, running)
            figures = training.figures()
            kept = figures["validation_accuracy"], figures["validation_loss"]
            ended = running.ended(number, "complete", *kept, began)
        except _CutShort:
            highest = max(self.journal.by_epoch(running.phase).values())
            ended = running.ended(number, "pruned", highest, None, began)
        except DivergedError as error:
            logger.warning("trial %d: %s", number, error)
            ended = running.ended(number, "diverged", None, None, began)
        self.journal.note_trial(ended, right)
        remove_states(training_dir)
        logger.info("trial %d: %s, validation accuracy %s", number, ended.trial.state, ended.trial.accuracy)

    def _begin(self, ends_at: float) -> tuple[_Running, TrainingConfig]:
        knobs = knobs_in_effect(self._preset)
        own = {name: value_in(one, knobs[name]) for name, one in self._space.items()}
        past = [one.trial for one in self.journal.ended]
        phase, num_epochs = _deciding_phase(self._preset, self._space)
        proposal = propose(self._space, own, past, self._search.trials, num_epochs, self._preset.seed)
        return _Running(self.journal, proposal, phase, ends_at), self._preset.with_knobs(proposal.knobs)

    def _check_any_complete(self, ended_by: EndedBy) -> None:
        ended = self.journal.ended
        if any(one.trial.state == "complete" for one in ended):
            return
        remove_states(self._folder)  # a second try would find nothing better in it
        if ended_by == "budget":
            done = f"after {len(ended)} that diverged" if ended else "in its first one"
            raise DataError(
                f"the search's budget of {self._search.budget_minutes:g} minutes was over before a trial was trained "
                f"to its end ({done}); raise search.budget_minutes, or lower the preset's epochs"
            )
        phase, _ = _deciding_phase(self._preset, self._space)
        rate = "fine_tune_learning_rate" if phase == FINE_TUNE else "learning_rate"
        raise DataError(
            f"none of the search's {len(ended)} trials was trained to its end, since all diverged; lower the upper "
            f"bound of {rate}, or the {rate} of the preset"
        )
