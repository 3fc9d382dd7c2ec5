"""The nearest of many feature vectors by cosine similarity, batch by batch: what is held does not grow with them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_AT_ONCE = 512
"""Products that are compared with a batch at once: their similarities to 4,000 vectors are some 20 MB."""

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


def find_nearest_one(queries: Floats, product_of_query: Ints, batches: Iterable[Candidates]) -> tuple[Ints, Floats]:
    """Find the one nearest vector of each of many products.

    It is the first that `find_nearest` finds, without its loop over products.

    Args:
        queries: As for `find_nearest`.
        product_of_query: As for `find_nearest`.
        batches: All vectors among which to seek, in pieces, by row.

    Returns:
        Its row, int64, [num_products], -1 where nothing was sought among; its similarity, float32, [num_products].
    """
    unit = _unit(queries)
    starts = np.append(np.flatnonzero(np.diff(product_of_query, prepend=-1)), len(unit))
    num_products = len(starts) - 1
    nearest, best = np.full(num_products, -1, np.int64), np.full(num_products, -np.inf, np.float32)
    if not num_products:
        return nearest, best
    for row, _, vectors in batches:
        candidates = _unit(vectors).T
        for first in range(0, num_products, _AT_ONCE):
            last = min(first + _AT_ONCE, num_products)
            begin = starts[first]
            similarity = np.maximum.reduceat(
                unit[begin : starts[last]] @ candidates, starts[first:last] - begin, axis=0
            )
            place = similarity.argmax(axis=1)
            value = similarity[np.arange(last - first), place]
            nearer = value > best[first:last]  # of equals the first row stays
            nearest[first:last][nearer], best[first:last][nearer] = row[place[nearer]], value[nearer]
    return nearest, best
