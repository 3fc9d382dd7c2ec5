"""Random choices of categories, alike and unlike: what two samples alone cannot tell, many random choices can."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.intervals import NUM_DRAWS, Figure, figure_of, percentiles

NUM_RANDOM_CHOICES = 30
NUM_CATEGORIES = 5
"""Of each draw: as many as the two samples of the project have."""

MOST_FAMILIES = 30
CATEGORIES_PER_FAMILY = 6
"""One more than a draw needs: some have too few groups once copies are tied."""


class TreeCategory(NamedTuple):
    """A category in the tree, and the products that the catalogue has of it."""

    category_id: int
    level1: str
    level2: str
    num_products: int

    @property
    def family(self) -> tuple[str, str]:
        """Return its path down to level 2: the name of level 2 alone may stand in several places."""
        return self.level1, self.level2


class Pool(NamedTuple):
    """The categories that draws are made of.

    Attributes:
        category_ids: Ascending; empty: no draw can be made.
        notes: What cannot be drawn and why, as sentences.
    """

    category_ids: tuple[int, ...]
    notes: tuple[str, ...]


class ChoiceDraws(NamedTuple):
    """The draws, each NUM_CATEGORIES ids, ascending; and what could not be drawn, as sentences."""

    alike: list[tuple[int, ...]]
    unlike: list[tuple[int, ...]]
    notes: list[str]


def _families(categories: Sequence[TreeCategory]) -> dict[tuple[str, str], list[int]]:
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    for category in sorted(categories):
        families[category.family].append(category.category_id)
    return {name: ids for name, ids in sorted(families.items()) if len(ids) >= NUM_CATEGORIES}


def _departments(categories: Sequence[TreeCategory]) -> dict[str, list[int]]:
    departments: dict[str, list[int]] = defaultdict(list)
    for category in sorted(categories):
        departments[category.level1].append(category.category_id)
    return dict(sorted(departments.items()))


def choose_pool(categories: Sequence[TreeCategory], fewest_products: int, seed: int) -> Pool:
    """Choose the categories whose images are looked at, few enough for minutes of two cores.

    Up to MOST_FAMILIES level-2 names that have NUM_CATEGORIES categories or more, up to CATEGORIES_PER_FAMILY of each;
    and one category of each level-1 name that these leave out.

    Args:
        categories: All of the catalogue.
        fewest_products: Smaller categories are left out.
        seed: Of the choice.
    """
    large = [category for category in categories if category.num_products >= fewest_products]
    families, departments = _families(large), _departments(large)
    random = np.random.default_rng([seed, 0])
    names = list(families)
    chosen: set[int] = set()
    for place in random.permutation(len(names))[:MOST_FAMILIES]:
        ids = families[names[place]]
        chosen.update(random.permutation(ids)[:CATEGORIES_PER_FAMILY].tolist())
    notes = []
    if not families:
        notes.append(
            f"no level-2 name has {NUM_CATEGORIES} categories of at least {fewest_products} products, so that no alike "
            "categories can be drawn"
        )
    if len(departments) < NUM_CATEGORIES:
        notes.append(
            f"only {len(departments)} of the level-1 names have a category of at least {fewest_products} products, "
            f"expected {NUM_CATEGORIES}, so that no unlike categories can be drawn"
        )
    else:
        for ids in departments.values():
            if not chosen.intersection(ids):
                chosen.add(int(random.choice(ids)))
    return Pool(tuple(sorted(chosen)), tuple(notes))


def _told(what: str, num_drawn: int, num_tries: int) -> list[str]:
    if num_drawn == NUM_RANDOM_CHOICES or not num_tries:
        return []
    return [f"only {num_drawn} different draws of {what} categories are possible, not {NUM_RANDOM_CHOICES}"]


def _draw_alike(
    families: Mapping[tuple[str, str], Sequence[int]], random: np.random.Generator
) -> list[tuple[int, ...]]:
    """Go round the families until there are enough draws, or none gives a new one."""
    drawn: dict[tuple[int, ...], None] = {}
    names = list(families)
    order = random.permutation(len(names)).tolist()
    idle_rounds = 0
    while names and len(drawn) < NUM_RANDOM_CHOICES and idle_rounds < NUM_RANDOM_CHOICES:
        before = len(drawn)
        for place in order:
            if len(drawn) < NUM_RANDOM_CHOICES:
                ids = random.choice(families[names[place]], NUM_CATEGORIES, replace=False)
                drawn.setdefault(tuple(sorted(ids.tolist())))
        idle_rounds = 0 if len(drawn) > before else idle_rounds + 1
    return list(drawn)


def _draw_unlike(departments: Mapping[str, Sequence[int]], random: np.random.Generator) -> list[tuple[int, ...]]:
    drawn: dict[tuple[int, ...], None] = {}
    names = list(departments)
    if len(names) < NUM_CATEGORIES:
        return []
    for _ in range(NUM_RANDOM_CHOICES * NUM_RANDOM_CHOICES):
        if len(drawn) == NUM_RANDOM_CHOICES:
            break
        places = random.choice(len(names), NUM_CATEGORIES, replace=False)
        drawn.setdefault(tuple(sorted(int(random.choice(departments[names[place]])) for place in places)))
    return list(drawn)


def choose_draws(
    categories: Sequence[TreeCategory], num_groups: Mapping[int, int], fewest_groups: int, seed: int
) -> ChoiceDraws:
    """Draw categories of one level-2 name, and categories of different level-1 names, from the same pool.

    Args:
        categories: Of the pool.
        num_groups: Groups of each category once its images were looked at.
        fewest_groups: Categories with fewer are left out.
        seed: Of the draws.
    """
    fit = [category for category in categories if num_groups.get(category.category_id, 0) >= fewest_groups]
    families, departments = _families(fit), _departments(fit)
    alike = _draw_alike(families, np.random.default_rng([seed, 1]))
    unlike = _draw_unlike(departments, np.random.default_rng([seed, 2]))
    notes = [*_told("alike", len(alike), len(families)), *_told("unlike", len(unlike), len(unlike))]
    if len(fit) < len(categories):
        notes.append(
            f"{len(categories) - len(fit)} of {len(categories)} categories have fewer than {fewest_groups} groups of "
            "products once those that share a picture are tied, and are left out"
        )
    return ChoiceDraws(alike, unlike, notes)


def gap_figure(unlike: npt.ArrayLike, alike: npt.ArrayLike) -> Figure:
    """Return the mean over unlike draws minus that over alike ones, with its interval over draws.

    Draws share categories, so that the interval, which takes them for independent, is somewhat narrow.

    Args:
        unlike: [num_draws], at least one.
        alike: [num_draws], at least one.
    """
    random = np.random.default_rng(0)
    sides = [np.asarray(values, np.float64) for values in (unlike, alike)]
    drawn = [values[random.integers(0, len(values), (NUM_DRAWS, len(values)))].mean(axis=1) for values in sides]
    value = float(sides[0].mean() - sides[1].mean())
    n = len(sides[0]) + len(sides[1])
    return figure_of(value, percentiles(drawn[0] - drawn[1]), n, n)
