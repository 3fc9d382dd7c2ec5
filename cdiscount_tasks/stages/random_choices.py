"""A pooled draw -> random choices: how hard choices of categories are, alike and unlike, and the samples among them.

Two samples tell of these two samples. Many random choices of the catalogue's own categories, all judged at one size,
tell what look-alike categories cost in general.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.index.profile_file import read_profile
from cdiscount_tasks.learning.features import random_choices as choosing
from cdiscount_tasks.learning.features.equal_size import (
    accuracy_figure,
    compare_neighbours,
    judge_samples,
    neighbour_figure,
)
from cdiscount_tasks.learning.features.matching import match_products, material_of, size_of
from cdiscount_tasks.learning.measuring.intervals import Figure
from cdiscount_tasks.settings.comparison import RandomChoicesConfig
from cdiscount_tasks.stages.inputs import ComparedRun, PooledDraw
from cdiscount_tasks.tables.compared_labels import keep_products, read_compared_labels
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES

logger = logging.getLogger(__name__)

VERSION = 1
NO_NAMES = "there is no names CSV (CDISCOUNT_CATEGORY_NAMES), and so no category tree to draw from"
_FEWEST_GROUPS_SHARE = 2 / 3
"""Of the products drawn of a category: so many groups must be left once those that share a picture are tied."""


class RandomChoicesResult(Result):
    """What was judged."""

    num_alike: int
    num_unlike: int


def _read_tree(index_dir: Path, names_path: Path) -> list[choosing.TreeCategory]:
    profile = read_profile(index_dir)
    names = read_category_names(names_path)
    return [
        choosing.TreeCategory(row["category_id"], *names[row["category_id"]][:2], row["num_products"])
        for row in profile["categories"]
    ]


def _categories_of(run: ComparedRun) -> list[int]:
    return sorted(read_table(run.labels_dir / "classes.parquet", CLASSES, ["category_id"])["category_id"].to_pylist())


def _some_categories(run: ComparedRun, seed: int) -> list[int]:
    """Return as many of a sample's categories as a draw has, at random where it has more."""
    ids = _categories_of(run)
    if len(ids) <= choosing.NUM_CATEGORIES:
        return ids
    return sorted(np.random.default_rng(seed).choice(ids, choosing.NUM_CATEGORIES, replace=False).tolist())


def choose_categories(
    index_dir: Path, names_path: Path | None, runs: Sequence[ComparedRun], config: RandomChoicesConfig
) -> choosing.Pool:
    """Choose the categories whose pictures the random choices needs, those of the samples included.

    Args:
        index_dir: Finished index artifact.
        names_path: The names CSV; None: there is no category tree, and so no random choices.
        runs: Of the compared samples.
        config: How many products a category has at least, and the seed.

    Returns:
        The pool; without a category where no random choices can be drawn, and then its notes say why.
    """
    if names_path is None:
        return choosing.Pool((), (NO_NAMES,))
    pool = choosing.choose_pool(_read_tree(index_dir, names_path), config.products_per_category, config.seed)
    if not pool.category_ids:
        return pool
    of_samples = {category_id for run in runs for category_id in _some_categories(run, config.seed)}
    return choosing.Pool(tuple(sorted({*pool.category_ids, *of_samples})), pool.notes)


class _Judge:
    """Judges choices of categories, each category cut to the same numbers of groups and pictures."""

    def __init__(self, draw: PooledDraw, products_per_category: int) -> None:
        self._labels = read_compared_labels(draw.labels_dir)
        self._features_dir = draw.features_dir
        ids = self._labels.classes["category_id"].tolist()
        self._class_of = {category_id: place for place, category_id in enumerate(ids)}
        self.size = size_of(max(4, int(products_per_category * _FEWEST_GROUPS_SHARE)))
        whole = material_of(self._labels.products, self._labels.images, None)
        self.num_groups = dict(zip(ids, whole.group_sizes(len(ids)).tolist(), strict=True))
        self._whole = whole

    def judge(self, category_ids: Sequence[int]) -> dict[str, Any] | None:
        """Return the accuracy and the nearest-neighbour accuracy of a choice; None: a category has too few groups."""
        if any(self.num_groups.get(category_id, 0) < self.size.num_groups for category_id in category_ids):
            return None
        classes = [self._class_of[category_id] for category_id in category_ids]
        ids = self._labels.products["product_id"].to_numpy()[match_products(self._whole, classes)]
        cut, features = keep_products(self._labels, self._features_dir, ids)
        material = material_of(cut.products, cut.images, features)
        pairs, sizes = [[one] for one in classes], [self.size] * len(classes)
        judged, _ = judge_samples([material], pairs, sizes, one_image_a_group=True)
        return {
            "category_ids": list(category_ids),
            "accuracy": accuracy_figure(judged[0], 0),
            "nearest": neighbour_figure(compare_neighbours([material], pairs, sizes)[0]),
        }


def _judge_samples(judge: _Judge, runs: Sequence[ComparedRun], seed: int) -> tuple[dict[str, Any], list[str]]:
    found, notes = {}, []
    for run in runs:
        judged = judge.judge(_some_categories(run, seed))
        if judged is None:
            few = f"one of its categories has fewer than {judge.size.num_groups} groups among the products drawn"
            notes.append(f"{run.title} is not marked: {few}")
        else:
            found[run.sample] = judged
    return found, notes


def _judge_draws(
    judge: _Judge, draws: choosing.ChoiceDraws, tree: Sequence[choosing.TreeCategory]
) -> dict[str, list[dict[str, Any]]]:
    """Return what was found of each choice, alike and unlike."""
    family = {category.category_id: category.family for category in tree}
    judged: dict[str, list[dict[str, Any]]] = {}
    for kind, chosen in (("alike", draws.alike), ("unlike", draws.unlike)):
        found = [one for one in map(judge.judge, chosen) if one is not None]
        judged[kind] = [{**one, "families": sorted({family[i] for i in one["category_ids"]})} for one in found]
        logger.info("%d draws of %s categories judged", len(found), kind)
    return judged


def _gap(judged: dict[str, list[dict[str, Any]]]) -> Figure | None:
    """Return how much more accurate choices of unlike categories are; None: one of the kinds has none."""
    values = {kind: [one["accuracy"]["value"] for one in found] for kind, found in judged.items()}
    return choosing.gap_figure(values["unlike"], values["alike"]) if all(values.values()) else None


def _judge_all(
    judge: _Judge, tree: Sequence[choosing.TreeCategory], runs: Sequence[ComparedRun], config: RandomChoicesConfig
) -> dict[str, Any]:
    """Return what random_choices.json holds."""
    known = [category for category in tree if category.category_id in judge.num_groups]
    draws = choosing.choose_draws(known, judge.num_groups, judge.size.num_groups, config.seed)
    judged = _judge_draws(judge, draws, tree)
    samples, unmarked = _judge_samples(judge, runs, config.seed)
    return {
        **judged,
        "samples": samples,
        "notes": [*draws.notes, *unmarked],
        "num_products_per_category": config.products_per_category,
        "num_groups": judge.size.num_groups,
        "num_test_groups": judge.size.num_test_groups,
        "gap": _gap(judged),
    }


def _recipe(
    names_path: Path, draw: PooledDraw, runs: Sequence[ComparedRun], config: RandomChoicesConfig, notes: Sequence[str]
) -> Recipe:
    samples = {run.sample: {"title": run.title, "categories": _some_categories(run, config.seed)} for run in runs}
    return Recipe(
        stage="random_choices",
        version=VERSION,
        config={"samples": samples, **config.model_dump(mode="json"), "notes": list(notes)},
        inputs={"labels": draw.labels_dir, "features": draw.features_dir},
        files={"category_names": hash_file(names_path)},
        libraries=versions("numpy", "scikit-learn", "scipy"),
    )


def judge_random_choices(
    index_dir: Path,
    names_path: Path | None,
    draw: PooledDraw,
    runs: Sequence[ComparedRun],
    artifacts_dir: Path,
    config: RandomChoicesConfig,
    notes: Sequence[str] = (),
) -> RandomChoicesResult:
    """Judge random choices of categories, and the samples' own, all at one size.

    Args:
        index_dir: Finished index artifact.
        names_path: The names CSV, which the pool was chosen by.
        draw: What was drawn of the pool's categories.
        runs: Of the compared samples, which are marked in the random choices.
        artifacts_dir: Where the random choices artifact will stand, named by its key.
        config: How many products of each category were drawn, and the seed.
        notes: What the pool could not offer.

    Returns:
        The artifact's path and counts. random_choices.json is described in docs/metrics-schema.md.
    """
    if names_path is None:
        raise ValueError(NO_NAMES)
    tree = _read_tree(index_dir, names_path)

    def write(part_dir: Path) -> Made:
        judge = _Judge(draw, config.products_per_category)
        choices = _judge_all(judge, tree, runs, config)
        choices["notes"] = [*notes, *choices["notes"]]
        write_json(part_dir / "random_choices.json", choices)
        return Made({f"num_{kind}": len(choices[kind]) for kind in ("alike", "unlike")})

    return make(RandomChoicesResult, _recipe(names_path, draw, runs, config, notes), artifacts_dir, write)
