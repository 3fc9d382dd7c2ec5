"""What a run's model is trained with: its frozen knobs, or those that its search has chosen."""

from collections.abc import Mapping
from pathlib import Path

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.settings.training import TrainingConfig


def trained_with(config: RunConfig, at: Mapping[str, Path]) -> TrainingConfig:
    """Return the knobs of a run's training.

    Args:
        config: The run's.
        at: Where its artifacts are, by step.

    Raises:
        DataError: If its preset has a search that is not over.
    """
    training = config.training
    if training.search is None:
        return training
    if "search" not in at:
        raise DataError(f"run {config.run_id} has not searched for its knobs yet; clear its task search_knobs")
    from cdiscount_tasks.stages.search import chosen_knobs  # here: it takes pandas and SciPy

    return training.with_knobs(chosen_knobs(at["search"]))
