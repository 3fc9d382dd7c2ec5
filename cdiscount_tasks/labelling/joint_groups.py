"""Two labels artifacts beside each other: groups across both, and which products are compared."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cdiscount_tasks.labelling.groups import group_products
from cdiscount_tasks.vocabulary import TEST, TRAIN


def join_groups(before: pd.DataFrame, now: pd.DataFrame) -> pd.Series:
    """Tie the products of two labels artifacts together.

    A product that both have is one product. Two products are of one group where either artifact has them in one, or
    where they share a picture, by its pixels, across the two.

    Args:
        before: Columns product_id, group_id, pixel_hash; a row an image.
        now: The same of the other artifact.

    Returns:
        The joint group of each product of either, by product_id: the smallest product_id of the group.
    """
    product_ids = np.unique(np.concatenate([before["product_id"], now["product_id"]]))
    both = pd.concat([before.assign(side=0), now.assign(side=1)], ignore_index=True)
    product = np.searchsorted(product_ids, both["product_id"])
    picture = pd.factorize(both["pixel_hash"])[0]
    group = both.groupby(["side", "group_id"], sort=False).ngroup().to_numpy()
    joint = group_products(product_ids, product, picture.astype(np.int64), group.astype(np.int64))
    return pd.Series(joint, index=pd.Index(product_ids, name="product_id"))


def compared_products(before: pd.DataFrame, now: pd.DataFrame, joint: pd.Series, changed: np.ndarray) -> pd.DataFrame:
    """Choose what a model learnt from, and what is new since then.

    Learnt from are the products of train and validation. New are those that the earlier labels lack, and those whose
    pictures are no longer the same. Groups with a product of the earlier test split are left out on both sides: else
    new copies of a test product would speak without the old ones.

    Args:
        before: Columns product_id, category_id, split; a row a product.
        now: Columns product_id, category_id.
        joint: What `join_groups` gave.
        changed: int64, product_id of those whose pictures are others now.

    Returns:
        Columns product_id, category_id, is_now, group; a changed product twice.
    """
    is_test = before["split"] == TEST
    return _without(is_test, before, now, joint, changed)


def unseen_products(before: pd.DataFrame, now: pd.DataFrame, joint: pd.Series, changed: np.ndarray) -> pd.DataFrame:
    """Choose products that a model did not learn from: of validation and test, and what is new since then.

    Groups with a product of the earlier train split are left out on both sides: a model is surer about what it learnt
    from, and about copies of it. The arguments and the columns are those of `compared_products`.
    """
    return _without(before["split"] == TRAIN, before, now, joint, changed)


def _without(
    is_left_out: pd.Series, before: pd.DataFrame, now: pd.DataFrame, joint: pd.Series, changed: np.ndarray
) -> pd.DataFrame:
    """Put the earlier products and the new ones under each other, without the groups of some earlier ones."""
    left_out = joint.reindex(before.loc[is_left_out, "product_id"])
    is_new = ~now["product_id"].isin(before["product_id"]) | now["product_id"].isin(changed)
    sides = [before.loc[~is_left_out, ["product_id", "category_id"]], now.loc[is_new, ["product_id", "category_id"]]]
    both = pd.concat([side.assign(is_now=bool(number)) for number, side in enumerate(sides)], ignore_index=True)
    both["group"] = joint.reindex(both["product_id"]).to_numpy()
    return both[~both["group"].isin(left_out)].reset_index(drop=True)


def join_file_groups(
    now: pd.DataFrame, before: pd.DataFrame, images: pd.DataFrame, copies: tuple[np.ndarray, Sequence[bytes]]
) -> tuple[np.ndarray, np.ndarray]:
    """Tie the products of a file to those of a labels artifact.

    They are of one group where either has them in one, where they are one product, or where they share a picture, byte
    by byte.

    Args:
        now: product_id, group_id of each product of the file, and is_known: whether it is a product that the
            labels have, if these still have one of this id.
        before: product_id, group_id of each product of the labels.
        images: product_id, content_hash of the labels' images.
        copies: product_id and content hash of each image of the file that is among them, one or several a product.

    Returns:
        int64, the joint group of each row of `now` and of `before`; numbers from 0 that mean nothing.
    """
    old_group = before.set_index("product_id")["group_id"]
    owner = images.drop_duplicates("content_hash").set_index("content_hash")["product_id"]
    place = pd.Index(now["product_id"]).get_indexer(pd.Index(copies[0]))
    is_here = place >= 0  # a product of which nothing could be answered is not
    copied = old_group.reindex(owner.reindex(pd.Index(copies[1], dtype=object))).to_numpy()[is_here]
    known = now[now["is_known"] & now["product_id"].isin(old_group.index)]
    ends = [
        (now["group_id"].to_numpy()[place[is_here]], copied),
        (known["group_id"].to_numpy(), old_group.reindex(known["product_id"]).to_numpy()),
    ]
    own, theirs = (np.concatenate(side).astype(np.int64) for side in zip(*ends, strict=True))
    (own_groups, own_place), (their_groups, their_place) = (
        np.unique(side["group_id"].to_numpy(), return_inverse=True) for side in (now, before)
    )
    tie, num = np.arange(len(own)), len(own_groups)
    nodes = np.concatenate([np.searchsorted(own_groups, own), num + np.searchsorted(their_groups, theirs)])
    joint = group_products(np.arange(num + len(their_groups)), nodes, np.concatenate([tie, tie]))
    return joint[:num][own_place], joint[num:][their_place]
