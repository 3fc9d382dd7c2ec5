"""Which split a group goes to: by a hash of its id, so that it stays there as the catalogue grows."""

import difflib
from collections.abc import Mapping, Sequence, Sized
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xxhash

from cdiscount_tasks.errors import ClassError, DataError
from cdiscount_tasks.labelling.classes import first_of, its
from cdiscount_tasks.settings.sample import SplitConfig
from cdiscount_tasks.tables.csv_rows import read_csv_rows
from cdiscount_tasks.tables.csv_text import id_hint, is_whole_number
from cdiscount_tasks.vocabulary import BY_IMAGE, BY_PRODUCT, SPLITS, TEST, TRAIN, VALIDATION

GIANT_SHARE = 0.05
"""A group of several products that holds more than this share of a class goes to train."""

SPLIT_COLUMNS = ["product_id", "split"]

_MIN_GROUPS = len(SPLITS)
_NUM_TOLD = 10


class Split(NamedTuple):
    """The split of each product, and what had to be done to get there.

    Attributes:
        split: One of SPLITS by product, aligned with the table that was split.
        giant_groups: group_ids that went to train for their size.
        moved_groups: group_ids that left their place because a class would have lacked a split, or a file cut them.
        warnings: What a person should know.
    """

    split: pd.Series
    giant_groups: tuple[int, ...]
    moved_groups: tuple[int, ...]
    warnings: tuple[str, ...]


def hash_shares(seed: int, ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return a number in [0, 1) for each id that depends on the seed and the id alone.

    Returns:
        float64, [num_ids].
    """
    return np.array([xxhash.xxh3_64_intdigest(f"split {seed} {i}".encode()) / 2**64 for i in ids])


def split_by_shares(shares: np.ndarray, config: SplitConfig) -> np.ndarray:
    """Cut [0, 1) by the cumulative shares of train, validation and test.

    Args:
        shares: float64, [num_ids], each in [0, 1).
        config: The three shares.

    Returns:
        Text, [num_ids], one of SPLITS each.
    """
    return np.array(SPLITS)[np.searchsorted([config.train, config.train + config.validation], shares, side="right")]


def small_classes(products: pd.DataFrame, class_ids: Sequence[int]) -> list[int]:
    """Return the category_ids with fewer groups than there are splits.

    Args:
        products: Columns category_id, group_id; one row a product.
        class_ids: The categories that there should be.
    """
    num_groups = products.groupby("category_id")["group_id"].nunique()
    return [category_id for category_id in class_ids if num_groups.get(category_id, 0) < _MIN_GROUPS]


def _giants(products: pd.DataFrame) -> tuple[int, ...]:
    sizes = products.groupby(["category_id", "group_id"]).size()
    of_class = sizes / sizes.groupby("category_id").transform("sum")
    group_sizes = products.groupby("group_id").size()
    found = of_class[of_class > GIANT_SHARE].index.get_level_values("group_id").unique()
    return tuple(sorted(int(group) for group in found if group_sizes[group] > 1))


def _distance(share: float, split: str, config: SplitConfig) -> float:
    """Return how far a group's share lies from a split's stretch of [0, 1)."""
    low = {"train": 0.0, "validation": config.train, "test": config.train + config.validation}[split]
    high = {"train": config.train, "validation": config.train + config.validation, "test": 1.0}[split]
    return max(low - share, share - high, 0.0)


def _lacking(split_of_class: Mapping[int, str]) -> ClassError:
    """Return the error that tells which classes can have no group in a split; named with the first: which split."""
    classes = list(split_of_class)
    return ClassError(
        f"{first_of(classes)} no group for the {split_of_class[classes[0]]} split: {its(classes)} groups are too few "
        f"or tied to other categories; take {'the category' if len(classes) == 1 else 'them'} out of the sample's "
        "categories, or set small_classes: reject",
        classes,
        "no group of its class is free for each of the splits: they are too few or tied to other categories",
    )


def _fill_gaps(
    split_of: dict[int, str], share_of: dict[int, float], classes_of: dict[int, list[int]], giants: set[int],
    class_ids: Sequence[int], config: SplitConfig,
) -> list[int]:  # fmt: skip
    """Move the groups nearest the threshold where a class would lack a split; changes `split_of`.

    A giant leaves train only where nothing else is left: in a class of twenty products every pair is one.
    """
    counts = {(c, s): 0 for c in class_ids for s in SPLITS}
    groups_of: dict[int, list[int]] = {c: [] for c in class_ids}
    for group, classes in classes_of.items():
        for c in classes:
            counts[c, split_of[group]] += 1
            groups_of[c].append(group)
    moved, lacking = [], {}
    for category_id, split in product(class_ids, SPLITS):
        if counts[category_id, split] or category_id in lacking:
            continue
        free = [g for g in groups_of[category_id] if all(counts[c, split_of[g]] > 1 for c in classes_of[g])]
        if not free:
            lacking[category_id] = split
            continue
        group = min(free, key=lambda g: (g in giants, _distance(share_of[g], split, config), g))
        for c in classes_of[group]:
            counts[c, split_of[group]] -= 1
            counts[c, split] += 1
        split_of[group] = split
        moved.append(group)
    if lacking:
        raise _lacking(lacking)
    return moved


def split_by_hash(products: pd.DataFrame, class_ids: Sequence[int], config: SplitConfig, seed: int) -> Split:
    """Split whole groups by the hash of (seed, group_id) against the cumulative shares.

    A group whose members did not change keeps its split, whatever else is added. Two exceptions, both told: a group of
    several products above 5 % of a class goes to train, and where a class would lack a split the groups nearest the
    threshold are moved.

    Args:
        products: Columns category_id, group_id; one row a product.
        class_ids: The categories, ascending, each with at least three groups.
        config: The three shares.
        seed: The sample's.

    Raises:
        ClassError: If classes cannot have all three splits.
    """
    groups = products.groupby("group_id")["category_id"].unique()
    shares = hash_shares(seed, groups.index.to_numpy())
    split_of = dict(zip(groups.index, split_by_shares(shares, config).tolist(), strict=True))
    giants = _giants(products)
    split_of.update(dict.fromkeys(giants, TRAIN))
    moved = _fill_gaps(
        split_of,
        dict(zip(groups.index, shares.tolist(), strict=True)),
        dict(zip(groups.index, map(sorted, groups), strict=True)),
        set(giants),
        class_ids,
        config,
    )
    giants_in_train = tuple(group for group in giants if split_of[group] == TRAIN)
    return Split(products["group_id"].map(split_of), giants_in_train, tuple(moved), ())


def split_images(products: pd.DataFrame, images: pd.DataFrame, kind: str, config: SplitConfig, seed: int) -> np.ndarray:
    """Split images anew under one of SPLIT_KINDS, to compare what each would have reported.

    Args:
        products: Columns product_id, category_id, group_id; each category has at least three groups.
        images: Column product_id, each among the products.
        kind: "certified" splits whole groups as `split_by_hash` does, "by_product" products, "by_image" images.
        config: The three shares.
        seed: Of the split.

    Returns:
        Text, [num_images], one of SPLITS each.

    Raises:
        DataError: If a class cannot have all three splits under a certified one.
    """
    if kind == BY_IMAGE:
        return split_by_shares(np.random.default_rng(seed).random(len(images)), config)
    if kind == BY_PRODUCT:
        split = split_by_shares(hash_shares(seed, products["product_id"].to_numpy()), config)
    else:
        class_ids = sorted(products["category_id"].unique().tolist())
        split = split_by_hash(products, class_ids, config, seed).split.to_numpy()
    of_product = dict(zip(products["product_id"], split, strict=True))
    return np.asarray(images["product_id"].map(of_product).to_numpy(str))


def read_split_file(path: Path) -> pd.Series:
    """Read a fixed split: product_id -> split.

    Raises:
        DataError: If a column is missing, a split is unknown or a product stands twice; names the line.
    """
    table = read_csv_rows(path, SPLIT_COLUMNS, "split")
    for product_id, split, line in table.itertuples(index=False):
        if not is_whole_number(product_id) or split not in SPLITS:
            close = difflib.get_close_matches(split.lower(), SPLITS, 1) if split not in SPLITS else []
            hint = id_hint(product_id) or (f"; did you mean {close[0]}?" if close else "")
            raise DataError(
                f"{path}: line {line} is {product_id!r}, {split!r}; expected a product_id and one of "
                f"{', '.join(SPLITS)}{hint}"
            )
    table["product_id"] = table["product_id"].astype("int64")
    twice = table[table["product_id"].duplicated()]
    if len(twice):
        raise DataError(
            f"{path}: line {twice['line'].iloc[0]} names product {twice['product_id'].iloc[0]} a second time"
        )
    return table.set_index("product_id")["split"]


def _counted(things: Sized, one: str, several: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else several}"


def _first_of(ids: Sequence[int]) -> str:
    more = len(ids) - _NUM_TOLD
    return f"{', '.join(map(str, ids[:_NUM_TOLD]))}{f' and {more} more such' if more > 0 else ''}"


def _which_are_cut(products: pd.DataFrame, split: pd.Series, cut: pd.Index, path: Path) -> str:
    """Say which groups a file cuts, the first ten of them with their products."""
    groups = list(products[products["group_id"].isin(cut)].groupby("group_id"))[:_NUM_TOLD]
    first = [
        f"{group} ({', '.join(f'{p}: {s}' for p, s in zip(rows['product_id'], split[rows.index], strict=True))})"
        for group, rows in groups
    ]
    return (
        f"{path}: cuts {_counted(cut, 'group', 'groups')} of products that share an image: {'; '.join(first)}"
        f"{' and more' if len(cut) > _NUM_TOLD else ''}; give each group one split, or set straddling: move_to_train"
    )


def _check_all_splits(products: pd.DataFrame, split: pd.Series, class_ids: Sequence[int], path: Path) -> None:
    """Refuse a file that leaves a split empty, or train without a class."""
    for name in SPLITS:
        if not (split == name).any():
            raise DataError(f"{path}: leaves the {name} split without a product of the sample")
    learnt = set(products.loc[split == TRAIN, "category_id"])
    lacking = [category_id for category_id in class_ids if category_id not in learnt]
    if lacking:
        raise DataError(
            f"{path}: leaves category {lacking[0]} without a product in train; nothing could be learnt of it"
        )


def _classes_that_lack(products: pd.DataFrame, split: pd.Series, class_ids: Sequence[int]) -> list[str]:
    """Say which classes have no product in validation, and in test."""
    warnings = []
    for name in (VALIDATION, TEST):
        present = set(products.loc[split == name, "category_id"])
        absent = [category_id for category_id in class_ids if category_id not in present]
        if absent:
            of = _counted(absent, "category", "categories")
            warnings.append(f"split file: the {name} split has no product of {of}: {_first_of(absent)}")
    return warnings


def split_by_file(
    products: pd.DataFrame, fixed: pd.Series, class_ids: Sequence[int], straddling: str, path: Path
) -> Split:
    """Take the split of each product from a file, and refuse one that cuts a group.

    Args:
        products: Columns product_id, category_id, group_id; every product is in the file.
        fixed: The file's splits, by product_id.
        class_ids: The categories.
        straddling: "error", or "move_to_train": a group that is cut goes whole to train.
        path: The file, for messages.

    Raises:
        DataError: If a group is cut (the first ten are listed), a split is empty or a class is missing from train.
    """
    split = products["product_id"].map(fixed)
    num_splits = split.groupby(products["group_id"]).nunique()
    cut = num_splits.index[num_splits > 1]
    if len(cut) and straddling == "error":
        raise DataError(_which_are_cut(products, split, cut, path))
    split = split.mask(products["group_id"].isin(cut), TRAIN)
    _check_all_splits(products, split, class_ids, path)
    unknown = fixed.index[~fixed.index.isin(products["product_id"])].tolist()
    is_not = f"{_counted(unknown, 'product is', 'products are')} not among the products that this sample keeps"
    warnings = [f"split file: {is_not}: {_first_of(unknown)}"] if unknown else []
    warnings += _classes_that_lack(products, split, class_ids)
    return Split(split, (), tuple(int(group) for group in cut), tuple(warnings))
