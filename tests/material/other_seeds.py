"""A seeds artifact made up for a test: what trainings with other seeds judge right of the products of an evaluation."""

from pathlib import Path

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.stages import seeds
from cdiscount_tasks.stages.seed_outcomes import SeedOutcome, diverged
from cdiscount_tasks.stages.seed_trainings import JudgedImages


def read_tested(evaluation_dir: Path) -> JudgedImages:
    """Return the images of the test products of an evaluation."""
    rows = pd.read_parquet(evaluation_dir / "image_predictions.parquet").query("split == 'test'")
    columns = (rows[name].to_numpy() for name in ("product_id", "image_number", "class_index"))
    return JudgedImages(*columns, pd.factorize(rows["product_id"])[0])


def draw_outcome(tested: JudgedImages, seed: int, state: str = "complete", accuracy: float = 0.8) -> SeedOutcome:
    """Return a training that judges products right at random."""
    if state == "diverged":
        return diverged(seed, 3.5)
    random = np.random.default_rng(seed)
    rights = (random.random(len(rows)) < accuracy for rows in (tested.firsts, tested.product))
    return SeedOutcome(seed, state, 8, 6, 0.78, 0.61, 62.0, *rights)


def write_seeds(parent: Path, tested: JudgedImages, outcomes: list[SeedOutcome]) -> Path:
    """Write the artifact."""
    recipe = Recipe("seeds", 1, {"seeds": [[one.seed, one.state] for one in outcomes]})

    def write(part_dir: Path) -> Made:
        return Made({"device": "cpu", **seeds._write(part_dir, outcomes, tested)})

    build_artifact(recipe.dir_in(parent), recipe, write)
    return recipe.dir_in(parent)
