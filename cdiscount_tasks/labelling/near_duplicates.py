"""Near-duplicates: images whose pixels differ and whose perceptual hashes hardly do.

MAX_DISTANCE was chosen by eye on all pairs among the 3,781 images of clothing-dataset-small and the 110 of the
catalogue's public example: of those at distance 0 both show the same thing, at distance 2 one of three (the others
are garments of one cut in one pose), at distance 4 none of 27. (The hash cuts at its median, so distances are even.)
Within 2 bits stay 99.6 % of these images when saved again at JPEG quality 60, 99.4 % after 120 x 120 and back to
JPEG, 96 % when 10 % brighter, 65 % when 2 pixels are cut from each edge: what is found is a lower bound, and a
image of the same kind may be among it.
"""

from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cdiscount_tasks.labelling.near_pairs import NearPairs, iter_near_pairs
from cdiscount_tasks.vocabulary import SPLITS, TEST, TRAIN

MAX_DISTANCE = 2
"""Bits of 64 that may differ between the hashes of two near-duplicates."""

NUM_EXAMPLES = 12

_TRAIN = SPLITS.index(TRAIN)
_ACROSS = [(one, other) for one in range(len(SPLITS)) for other in range(len(SPLITS)) if one != other]
_WITHIN = [(split, split) for split in range(len(SPLITS))]


def tie_near_duplicates(hashes: np.ndarray) -> np.ndarray:
    """Tie rows together whose hashes are within MAX_DISTANCE, directly or through others.

    Args:
        hashes: uint64, [num_rows].

    Returns:
        int64, [num_rows]: a number from 0 for each component.
    """
    looks, look = np.unique(hashes, return_inverse=True)
    component = np.arange(len(looks))
    for pairs in iter_near_pairs(looks, MAX_DISTANCE):
        edges = (component[pairs.first], component[pairs.second])
        graph = coo_array((np.ones(len(pairs.first), np.int8), edges), shape=(len(looks), len(looks)))
        component = connected_components(graph, directed=False)[1][component]
    return np.asarray(component[look], dtype=np.int64)


class _Looks(NamedTuple):
    """Distinct perceptual hashes, and the distinct images that share each.

    Attributes:
        hashes: uint64, [num_looks].
        num_images: int64, [num_looks, num_splits].
        first: int64, [num_looks, num_splits]: the place of its first image of a split.
        second: The same of its second.
    """

    hashes: np.ndarray
    num_images: np.ndarray
    first: np.ndarray
    second: np.ndarray


def _gather_looks(distinct: pd.DataFrame, hashes: np.ndarray) -> _Looks:
    looks, look = np.unique(hashes, return_inverse=True)
    cell = look * len(SPLITS) + distinct["split"].map({name: n for n, name in enumerate(SPLITS)}).to_numpy(np.int64)
    num_cells = len(looks) * len(SPLITS)
    counts = np.bincount(cell, minlength=num_cells)
    order = np.argsort(cell, kind="stable")
    begin = np.minimum(np.cumsum(counts) - counts, max(len(order) - 1, 0))
    after = np.minimum(begin + 1, max(len(order) - 1, 0))
    shape = (len(looks), len(SPLITS))
    return _Looks(looks, counts.reshape(shape), order[begin].reshape(shape), order[after].reshape(shape))


def _inner_pairs(looks: _Looks) -> NearPairs:
    """Return each look of several images as a pair with itself."""
    several = np.flatnonzero(looks.num_images.sum(axis=1) > 1)
    return NearPairs(several, several, np.zeros(len(several), np.int64))


def _closest(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the pairs to show: across splits first, then the closest, then by their places."""
    return table.sort_values(["within", "distance", "one", "other"]).head(NUM_EXAMPLES)


def _shown(looks: _Looks, pairs: NearPairs) -> pd.DataFrame:
    """Choose two images for each pair of looks, of two splits where there are such; keep the ones to show."""
    one, other = looks.num_images[pairs.first], looks.num_images[pairs.second]
    inner = pairs.first == pairs.second
    places = np.full((2, len(inner)), -1)
    across = np.zeros(len(inner), bool)
    for left, right in _ACROSS + _WITHIN:
        free = (places[0] < 0) & (one[:, left] > 0) & (other[:, right] > 0)
        if left == right:
            free &= ~inner | (one[:, left] > 1)
        partner = np.where(inner & (left == right), looks.second[pairs.second, right], looks.first[pairs.second, right])
        places[0, free] = looks.first[pairs.first, left][free]
        places[1, free] = partner[free]
        across |= free & (left != right)
    columns = {"within": ~across, "distance": pairs.distance, "one": places.min(axis=0), "other": places.max(axis=0)}
    return _closest(pd.DataFrame(columns))


def _num_pairs(looks: _Looks, pairs: NearPairs) -> tuple[int, int]:
    """Count the pairs of images, and those of two splits."""
    one, other = looks.num_images[pairs.first], looks.num_images[pairs.second]
    inner = (pairs.first == pairs.second)[:, None]
    same_split = np.where(inner, one * (one - 1) // 2, one * other).sum(axis=1)
    one, other, inner = one.sum(axis=1), other.sum(axis=1), inner[:, 0]
    num_all = np.where(inner, one * (one - 1) // 2, one * other)
    return int(num_all.sum()), int((num_all - same_split).sum())


def _image_at(distinct: pd.DataFrame, place: int) -> dict[str, Any]:
    row = distinct.iloc[place]
    numbers = {name: int(row[name]) for name in ("product_id", "image_number", "class_index")}
    return {**numbers, "split": str(row["split"])}


class _Found(NamedTuple):
    """The near-duplicates among distinct images.

    Attributes:
        num_pairs: All pairs.
        num_across: Those of two splits.
        near_train: bool, [num_looks]: an image of train has the look, or one that is near it.
        shown: The pairs to show: distance, and the places of the two.
    """

    num_pairs: int
    num_across: int
    near_train: np.ndarray
    shown: pd.DataFrame


def _find_pairs(looks: _Looks) -> _Found:
    in_train = looks.num_images[:, _TRAIN] > 0
    near_train = in_train.copy()
    num_pairs = num_across = 0
    shown: list[pd.DataFrame] = []
    for pairs in chain([_inner_pairs(looks)], iter_near_pairs(looks.hashes, MAX_DISTANCE)):
        near_train[pairs.first[in_train[pairs.second]]] = True
        near_train[pairs.second[in_train[pairs.first]]] = True
        more, more_across = _num_pairs(looks, pairs)
        num_pairs, num_across = num_pairs + more, num_across + more_across
        shown = [_closest(pd.concat([*shown, _shown(looks, pairs)]))]
    return _Found(num_pairs, num_across, near_train, pd.concat(shown))


def count_near_duplicates(images: pd.DataFrame, hashes: np.ndarray, mode: str) -> dict[str, Any]:
    """Count the near-duplicates that a split parts.

    Args:
        images: labels/images.parquet; all images with one pixel_hash are in one split.
        hashes: uint64, [num_images], the perceptual hash of each.
        mode: The config's `near_duplicates`.

    Returns:
        What certificate.json says of them; see docs/data.md. A pair is one of distinct images: copies count once.
    """
    is_first = ~images["pixel_hash"].duplicated().to_numpy()
    distinct = images[is_first].reset_index(drop=True)
    looks = _gather_looks(distinct, hashes[is_first])
    found = _find_pairs(looks)
    in_test = (images["split"] == TEST).to_numpy()
    touched = images["product_id"][in_test & found.near_train[np.searchsorted(looks.hashes, hashes)]].nunique()
    num_test = images["product_id"][in_test].nunique()
    return {
        "mode": mode,
        "max_distance": MAX_DISTANCE,
        "num_pairs": found.num_pairs,
        "num_pairs_across_splits": found.num_across,
        "num_test_products": touched,
        "share_of_test_products": round(touched / max(num_test, 1), 6),
        "examples": [
            {
                "distance": distance,
                "first": _image_at(distinct, one),
                "second": _image_at(distinct, other),
            }
            for distance, one, other in found.shown[["distance", "one", "other"]].to_numpy().tolist()
        ],
    }
