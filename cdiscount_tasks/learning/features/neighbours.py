"""The nearest of many feature vectors by cosine similarity, batch by batch: what is held does not grow with them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Candidates(NamedTuple):
    """Some of the vectors among which neighbours are sought.

    Attributes:
        row: int64, [n]: what a neighbour is told by.
        group_id: int64, [n].
        vectors: float32, [n, num_features].
    """

    row: Ints
    group_id: Ints
    vectors: Floats


class Neighbour(NamedTuple):
    """A near vector."""

    row: int
    group_id: int
    similarity: float


def _unit(vectors: Floats) -> Floats:
    """Scale to length 1; a vector of zeros stays one, and is like nothing."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1), np.float32)


def _nearest_groups(row: Ints, group_id: Ints, similarity: Floats, num: int, floor: float) -> list[Neighbour]:
    """Return the nearest vector of each of the nearest groups, none below the floor."""
    near = np.flatnonzero(similarity >= floor)
    of_group: dict[int, Neighbour] = {}
    for one in near[np.lexsort((row[near], -similarity[near]))]:
        of_group.setdefault(int(group_id[one]), Neighbour(int(row[one]), int(group_id[one]), float(similarity[one])))
        if len(of_group) == num:
            break
    return list(of_group.values())


def _merge(held: list[Neighbour], new: list[Neighbour], num: int) -> list[Neighbour]:
    of_group: dict[int, Neighbour] = {}
    for one in sorted([*held, *new], key=lambda one: (-one.similarity, one.row)):
        of_group.setdefault(one.group_id, one)
    return list(of_group.values())[:num]


def find_nearest(
    queries: Floats, product_of_query: Ints, batches: Iterable[Candidates], num: int
) -> list[list[Neighbour]]:
    """Find the nearest vectors of products, each of another group.

    A vector is as near to a product as to the nearest of the product's own images. Vectors are not centred, as
    `equal_size.nearest_neighbours` says why: a twin's similarity means the same in every sample.

    Args:
        queries: float32, [num_queries, num_features].
        product_of_query: int64, [num_queries], ascending, each in [0, num_products), every product at least once.
        batches: All vectors among which to seek, in pieces.
        num: At most so many for each product.

    Returns:
        For each product the nearest first; ties by row.
    """
    if not len(queries):
        return []
    unit = _unit(queries)
    starts = np.flatnonzero(np.diff(product_of_query, prepend=-1))
    nearest: list[list[Neighbour]] = [[] for _ in starts]
    for row, group_id, vectors in batches:
        similarity = np.maximum.reduceat(unit @ _unit(vectors).T, starts, axis=0)
        for product, held in enumerate(nearest):
            floor = held[-1].similarity if len(held) == num else -np.inf
            new = _nearest_groups(row, group_id, similarity[product], num, floor)
            nearest[product] = _merge(held, new, num)
    return nearest
