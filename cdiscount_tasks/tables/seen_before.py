"""What a model that began with another model's weights has seen through it: seen_before.parquet, its one reader.

Images of then, with their products, by the split that they had there. A product of today that was among them, shares an
image with one of them (which need not be in the sample any more), or is in a group with such a product, is known to the
model: where its split comes later now, no accuracy may count it.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.hash_numbers import distinct_hashes, numbers_of
from cdiscount_tasks.vocabulary import TEST, TRAIN, VALIDATION

SEEN_BEFORE = "seen_before.parquet"
"""In a model artifact; missing where the model began with no other model of the sample."""

LEARNT_BEFORE = {TRAIN: (), VALIDATION: (TRAIN,), TEST: (TRAIN, VALIDATION)}
"""By the split that is judged: of which splits of then a model must have seen nothing."""

_HASHES = ("content_hash", "pixel_hash")
_COLUMNS = ["product_id", "split", *_HASHES]


def read_seen_before(model_dir: Path) -> pd.DataFrame:
    """Read what a model has seen through those that it began with; no rows where it began with none.

    Returns:
        product_id, split (of then), content_hash, pixel_hash; a row an image.
    """
    path = model_dir / SEEN_BEFORE
    if not path.exists():
        nothing: pd.DataFrame = schemas.SEEN_BEFORE.empty_table().to_pandas()
        return nothing
    seen: pd.DataFrame = parquet.read_table(path, schemas.SEEN_BEFORE).to_pandas()
    return seen


def _each_once(seen: pd.DataFrame) -> pd.DataFrame:
    """Sort by product_id, content_hash and split, and keep the first row of each image of a product.

    As pandas would, which takes a minute to sort the hashes of ten million images as Python's bytes.
    """
    high, low = np.frombuffer(b"".join(seen["content_hash"]), ">u8").reshape(-1, 2).T
    product_id = seen["product_id"].to_numpy(np.int64)
    split = pd.factorize(seen["split"], sort=True)[0]  # train is before validation in the alphabet
    order = np.lexsort((split, low, high, product_id))
    keys = np.stack([product_id[order].astype(np.uint64), high[order], low[order]])
    is_first = np.ones(len(order), bool)
    is_first[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    return seen.iloc[order[is_first]].reset_index(drop=True)


def read_seen(model_dir: Path, labels_dir: Path) -> pd.DataFrame:
    """Read what a model has learnt from or was chosen by, itself or through those that it began with.

    Args:
        model_dir: Finished model artifact.
        labels_dir: The labels that it was trained on.

    Returns:
        product_id ascending, split, content_hash, pixel_hash; a row an image of a product: in train, or in validation
        where it never was in train.
    """
    own = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES, _COLUMNS).to_pandas()
    return _each_once(pd.concat([own[own["split"] != TEST], read_seen_before(model_dir)]))


def is_known(products: pd.DataFrame, images: pd.DataFrame, seen: pd.DataFrame) -> pd.Series:
    """Tell which products a model knows from before, where their split of now must be unknown to it.

    Args:
        products: product_id, group_id and split (of now); all of the sample, since a group ties.
        images: product_id, content_hash and pixel_hash of theirs; or numbers in place of the hashes of both.
        seen: As `read_seen` gives it.

    Returns:
        bool, row for row: whether a product of its group, or an image of one, was seen in a split that comes before.
    """
    known = pd.Series(data=False, index=products.index)
    for split, before in LEARNT_BEFORE.items():
        old = seen[seen["split"].isin(before)]
        same = images["content_hash"].isin(old["content_hash"]) | images["pixel_hash"].isin(old["pixel_hash"])
        is_seen = products["product_id"].isin(old["product_id"])
        is_seen |= products["product_id"].isin(images.loc[same, "product_id"])
        known |= (products["split"] == split) & products["group_id"].isin(products.loc[is_seen, "group_id"])
    return known


def find_known(labels_dir: Path, products: pd.DataFrame, seen: pd.DataFrame) -> pd.Series:
    """Tell as `is_known` does, with the images of the labels that the products are of.

    Args:
        labels_dir: Finished labels artifact.
        products: product_id, group_id and split of all of its products.
        seen: As `read_seen` gives it.
    """
    if seen.empty:
        return pd.Series(data=False, index=products.index)
    columns = ["product_id", *_HASHES]
    images = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES, columns)
    of_images, of_seen = {}, {}
    for name in _HASHES:
        hashes = pa.chunked_array([pa.array(seen[name], schemas.SEEN_BEFORE.field(name).type)])
        known = distinct_hashes(hashes)
        of_images[name], of_seen[name] = numbers_of(images[name], known), numbers_of(hashes, known)
    numbered = images.select(["product_id"]).to_pandas().assign(**of_images)
    return is_known(products, numbered, seen.assign(**of_seen))


def write_seen_before(folder: Path, model_dir: Path, labels_dir: Path) -> None:
    """Write what a training knows of the products before it begins, given the model that it begins with.

    Args:
        folder: Of the model artifact that is being made.
        model_dir: The model that the training began with.
        labels_dir: The labels that that model was trained on.
    """
    seen = read_seen(model_dir, labels_dir)
    parquet.write_table(folder / SEEN_BEFORE, seen, schemas.SEEN_BEFORE)
