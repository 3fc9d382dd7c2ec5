"""The plans of the steps that train: the search for knobs, the model, and the model's training with other seeds.

As in `steps.py`, stages are imported inside the plans.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from cdiscount_tasks.runs.plan import Folders, Plan
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.runs.searched import trained_with
from cdiscount_tasks.runs.training_note import note_training


def without_search(run: Run) -> str | None:
    """Say why a run searches for no knobs; None: it does."""
    return None if run.config.training.search else f"preset {run.config.preset} searches for no knobs"


def of_search(run: Run, at: Folders) -> Plan:
    """Plan the search for the knobs of the model."""
    from cdiscount_tasks.runs.warm_start import previous_model
    from cdiscount_tasks.stages import one_training, search

    inputs, preset = (at["sample"], at["labels"]), run.config.training
    previous = previous_model(run)
    features = at["features"] if preset.weights == "imagenet" else None

    def make() -> Mapping[str, Any]:
        start = previous or run.pretrained(features)
        return search.search_knobs(one_training.Material(*inputs, start), run.artifacts_dir, preset)

    starts_from = previous.model_dir if previous else features
    return Plan(partial(search.search_recipe, *inputs, starts_from, preset), make)


def of_model(run: Run, at: Folders) -> Plan:
    """Plan the training of the model."""
    from cdiscount_tasks.runs.promoted import check_champion_stands
    from cdiscount_tasks.runs.warm_start import previous_model
    from cdiscount_tasks.stages import model

    inputs, training = (at["sample"], at["labels"]), trained_with(run.config, at)
    previous = previous_model(run)
    features = at["features"] if training.weights == "imagenet" else None
    starts_from, stopped = previous.model_dir if previous else features, run.stopped_after_epoch

    def make() -> Mapping[str, Any]:
        model_dir = model.model_recipe(*inputs, starts_from, training, stopped).dir_in(run.artifacts_dir)
        check_champion_stands(run.config.sample.name, model_dir, run.environment)
        note_training(run.run_dir, model.training_folder(*inputs, starts_from, run.artifacts_dir, training))
        start, tensorboard_dir = previous or run.pretrained(features), run.environment.tensorboard_dir
        note = partial(run.record, "model")
        return model.train_model(*inputs, start, run.artifacts_dir, training, tensorboard_dir, stopped, note)

    return Plan(partial(model.model_recipe, *inputs, starts_from, training, stopped), make)


def without_other_seeds(run: Run) -> str | None:
    """Say why a run trains with no other seeds; None: it does."""
    return None if run.config.training.seeds > 1 else f"preset {run.config.preset} is trained with one seed"


def of_seeds(run: Run, at: Folders) -> Plan:
    """Plan the model's training with other seeds: as long as the model's at most, where that was stopped by hand."""
    from cdiscount_tasks.runs.warm_start import previous_model
    from cdiscount_tasks.stages import one_training, seeds

    inputs, training = (at["sample"], at["labels"]), trained_with(run.config, at)
    previous = previous_model(run)
    features = at["features"] if training.weights == "imagenet" else None
    stopped = run.stopped_after_epoch

    def make() -> Mapping[str, Any]:
        start = previous or run.pretrained(features)
        return seeds.train_other_seeds(one_training.Material(*inputs, start), run.artifacts_dir, training, stopped)

    starts_from = previous.model_dir if previous else features
    return Plan(partial(seeds.seeds_recipe, *inputs, starts_from, training, stopped), make)
