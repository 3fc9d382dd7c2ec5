"""Labels (and features) -> search: trainings with other knobs, of which validation chooses the best.

Test products are never looked at. A search that is killed leaves its trials in `search-<key>.training/`; whoever makes
it next goes on after them, and tries what would have been tried. The folder goes when the search is published.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.artifacts.training_folder import remove_states
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.intervals import share_figure
from cdiscount_tasks.learning.measuring.knob_search import Tried, judge_search, knob_effects
from cdiscount_tasks.machine.device import backend_packages, prepare_device
from cdiscount_tasks.settings.search import check_optuna
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.one_training import Material, find_rows, product_of_image
from cdiscount_tasks.stages.starts import check_start, starts_from
from cdiscount_tasks.stages.trial_journal import EndedTrial
from cdiscount_tasks.stages.trials import Trials
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.schemas import LABEL_PRODUCTS, TRIALS
from cdiscount_tasks.tables.search import SEARCH, TRIALS_FILE, read_chosen
from cdiscount_tasks.vocabulary import VALIDATION

VERSION = 2

FEWEST_GROUPS = 50
"""Of validation. Of 50 groups that are right in 9 of 10 cases, one more or less is 2 points: differences between
trainings are seldom larger."""


class SearchResult(Result):
    """What the search found.

    Attributes:
        ended_by: What was over first: `trials` or `budget`.
        best_trial: From 1.
        best_accuracy: Its own, over products of validation.
        expected_accuracy: That, less what the best of so many owes to chance.
        trials_s: What the trials took together.
    """

    device: str
    num_trials: int
    num_pruned: int
    num_diverged: int
    ended_by: str
    best_trial: int
    best_accuracy: float
    expected_accuracy: float
    trials_s: float


def search_recipe(sample_dir: Path, labels_dir: Path, started_from: Path | None, preset: TrainingConfig) -> Recipe:
    """Return what decides a search.

    Args:
        sample_dir: Finished sample artifact.
        labels_dir: Finished labels artifact.
        started_from: The features of a transfer, or the champion's model; None: trials begin from scratch.
        preset: With its search.

    Raises:
        ConfigError: If Optuna is not installed.
    """
    check_optuna(preset.search)
    begins = {"champion" if preset.weights == "champion" else "features": started_from} if started_from else {}
    return Recipe(
        stage="search",
        version=VERSION,
        config=preset.of_model(),
        inputs={"sample": sample_dir, "labels": labels_dir, **begins},
        libraries=versions(*backend_packages(), "pillow", "optuna"),
    )


def chosen_knobs(search_dir: Path) -> dict[str, Any]:
    """Return the knobs of a search's best trial."""
    return read_chosen(search_dir)


def _groups_of_validation(material: Material) -> npt.NDArray[np.int64]:
    """Return int64, [num_products]: the group of each product that a trial is judged by.

    Raises:
        DataError: If they are too few to tell trials apart.
    """
    rows = find_rows(material, VALIDATION)
    products = read_table(material.labels_dir / "products.parquet", LABEL_PRODUCTS, ["product_id", "group_id"])
    group_of = products.to_pandas().set_index("product_id")["group_id"]
    ids = pd.Series(rows.product_ids).groupby(product_of_image(rows)).first()
    groups: npt.NDArray[np.int64] = group_of.loc[ids].to_numpy(np.int64)
    if (num_groups := len(np.unique(groups))) < FEWEST_GROUPS:
        raise DataError(
            f"{material.labels_dir}: validation has {num_groups} groups of products, and a search needs at least "
            f"{FEWEST_GROUPS} to tell its trials apart; take more products or a larger share for validation (split in "
            "the sample's YAML), or take `search` out of the preset"
        )
    return groups


def _row(ended: EndedTrial, trials: Trials, groups: npt.NDArray[np.int64]) -> dict[str, Any]:
    trial = ended.trial
    figure = share_figure(trials.journal.right(ended.number), groups) if trial.state == "complete" else None
    return {
        "number": ended.number,
        "knobs": json.dumps(dict(trial.knobs)),
        "state": trial.state,
        "num_epochs": ended.num_epochs,
        "accuracy": figure["value"] if figure else trial.accuracy,
        "low": figure["low"] if figure else None,
        "high": figure["high"] if figure else None,
        "loss": ended.loss,
        "seconds": ended.seconds,
    }


def _write(part_dir: Path, trials: Trials, groups: npt.NDArray[np.int64], ended_by: str) -> dict[str, Any]:
    ended = trials.journal.ended
    tried = [
        Tried(one.number, one.loss, trials.journal.right(one.number))
        for one in ended
        if one.trial.state == "complete" and one.loss is not None
    ]
    told = [one.trial for one in ended if one.trial.accuracy is not None]
    # As many as could have become the best: one that diverged could not.
    found = judge_search(tried, groups, num_draws=len(told))
    rows = [_row(one, trials, groups) for one in ended]
    write_table(part_dir / TRIALS_FILE, {name: [row[name] for row in rows] for name in TRIALS.names}, TRIALS)
    facts = {
        **found,
        "chosen": dict(ended[found["best"] - 1].trial.knobs),
        "effects": knob_effects([one.knobs for one in told], [one.accuracy or 0.0 for one in told]),
        "ended_by": ended_by,
    }
    write_json(part_dir / SEARCH, facts)
    states = [one.trial.state for one in ended]
    return {
        "num_trials": len(ended),
        "num_pruned": states.count("pruned"),
        "num_diverged": states.count("diverged"),
        "ended_by": ended_by,
        "best_trial": found["best"],
        "best_accuracy": found["accuracy"]["value"],
        "expected_accuracy": found["expected"],
        "trials_s": round(trials.journal.seconds, 1),
    }


def search_knobs(material: Material, artifacts_dir: Path, preset: TrainingConfig) -> SearchResult:
    """Try a preset with other knobs, and choose the best by the products of validation.

    Args:
        material: Finished artifacts that are learnt from, and what trainings begin with.
        artifacts_dir: Where the search artifact will stand, named by its key; its trials lie beside it meanwhile.
        preset: With its search.

    Returns:
        The artifact's path and figures. search.json has the chosen knobs, trials.parquet each trial.

    Raises:
        ConfigError: If Optuna is not installed, or the weights are not this network's.
        DataError: If validation is too small, or no trial was trained to its end.
    """
    check_start(material.start, material.sample_dir, material.labels_dir, preset)
    recipe = search_recipe(material.sample_dir, material.labels_dir, starts_from(material.start), preset)
    folder = recipe.dir_in(artifacts_dir).with_suffix(".training")

    def write(part_dir: Path) -> Made:
        groups = _groups_of_validation(material)
        device = prepare_device(preset.seed, preset.gpus, preset.precision).name
        trials = Trials(material, preset, folder)
        before_s = trials.journal.seconds
        made = _write(part_dir, trials, groups, trials.run())
        return Made({"device": device, **made}, seconds_before=before_s)

    result = make(SearchResult, recipe, artifacts_dir, write)
    remove_states(folder)
    return result
