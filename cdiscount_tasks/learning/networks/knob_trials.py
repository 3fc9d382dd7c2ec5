"""Which knobs a trial of a search has, by those before it, and whether it is worth going on. Loads no network.

What a trial gets follows from the seed, its number and the trials before it alone: a search that is taken up again
after a kill tries what it would have tried.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import xxhash

from cdiscount_tasks.settings.search import Choice, Range, Space, Value

State = Literal["complete", "pruned", "diverged"]

_FEWEST_TO_PRUNE = 4
"""Complete trials before one is cut short."""

_SHARE_UNSEEN = 1 / 3
"""Of a trial's epochs: before that none is cut short, for a low learning rate begins slowly."""

_FEWEST_AT_RANDOM = 4
_SHARE_AT_RANDOM = 1 / 3
"""Of the trials, which are drawn at random before the rest is drawn near good ones."""


class Trial(NamedTuple):
    """A trial that is over.

    Attributes:
        knobs: What it was tried with.
        state: How it ended.
        accuracy: Of its kept epoch, over products of validation; of a pruned one the highest until then; None of one
            that diverged.
        by_epoch: Accuracies by epoch of its last phase.
    """

    knobs: Mapping[str, Value]
    state: State
    accuracy: float | None
    by_epoch: Mapping[int, float]


def _distribution(one: Range | Choice) -> Any:
    from optuna import distributions

    if isinstance(one, Choice):
        return distributions.CategoricalDistribution(one.values)
    if one.is_whole:
        return distributions.IntDistribution(int(one.low), int(one.high), log=one.is_log)
    return distributions.FloatDistribution(float(one.low), float(one.high), log=one.is_log)


class Proposal:
    """A trial that is about to begin, or to go on.

    Attributes:
        knobs: What it is tried with.
    """

    def __init__(self, trial: Any, space: Space) -> None:
        """Take an Optuna trial."""
        self._trial, self._reported = trial, set[int]()
        self.knobs: dict[str, Value] = {name: trial.params[name] for name in space}

    def is_worth_going_on(self, epoch: int, accuracy: float) -> bool:
        """Tell whether a trial is no worse than the middle one of those trained to their end, as far as it has come.

        Args:
            epoch: Of its last phase, from 1; one that was told before is not counted again.
            accuracy: Over products of validation.
        """
        if epoch not in self._reported:
            self._reported.add(epoch)
            self._trial.report(accuracy, epoch)
        return not self._trial.should_prune()


def _frozen(trial: Trial, distributions: Mapping[str, Any]) -> Any:
    from optuna.trial import TrialState, create_trial

    state = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "diverged": TrialState.FAIL}[trial.state]
    return create_trial(
        state=state,
        value=trial.accuracy if trial.state == "complete" else None,
        params=dict(trial.knobs),
        distributions=dict(distributions),
        intermediate_values=dict(trial.by_epoch),
    )


def propose(
    space: Space, own: Mapping[str, Value], past: Sequence[Trial], num_trials: int, num_epochs: int | None, seed: int
) -> Proposal:
    """Return the next trial of a search.

    Args:
        space: What is tried, by knob.
        own: What the first trial has: the preset's own knobs, as near as the bounds allow.
        past: The trials before it, in their order.
        num_trials: Of the whole search.
        num_epochs: Of each trial's last phase; None: they differ, and no trial is cut short, for a long one whose rate
            is still high is no worse than a short one that is past it.
        seed: Of the search.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    at_random = max(_FEWEST_AT_RANDOM, round(num_trials * _SHARE_AT_RANDOM))
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if num_epochs is not None:
        pruner = optuna.pruners.MedianPruner(_FEWEST_TO_PRUNE, n_warmup_steps=round(num_epochs * _SHARE_UNSEEN))
    # Each trial draws anew, and the same after a kill.
    drawn = xxhash.xxh3_64_intdigest(json.dumps([seed, len(past)]).encode()) % 2**32
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(n_startup_trials=at_random, seed=drawn),
        pruner=pruner,
    )
    distributions = {name: _distribution(one) for name, one in space.items()}
    for trial in past:
        study.add_trial(_frozen(trial, distributions))
    if not past:
        study.enqueue_trial(dict(own))
    return Proposal(study.ask(distributions), space)
