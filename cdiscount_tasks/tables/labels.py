"""What label fixing decided, as tables in memory, and the pictures behind its rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.hash_numbers import distinct_hashes, numbers_of
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys, rows_of
from cdiscount_tasks.vocabulary import TRAIN

PictureKey = tuple[int, int]
"""product_id and image_number."""


class LabelTables(NamedTuple):
    """The tables of a labels artifact, with what the sample and the index know about their rows.

    Attributes:
        products: labels/products.parquet.
        images: labels/images.parquet, with numbers in place of hashes, which of millions of images would be gigabytes
            of Python's bytes: pixel_hash is the same number for the same pixels, content_hash that of `conflicts`, -1
            for what is in no conflict.
        conflicts: labels/conflicts.parquet: content_hash (a number), decision.
        claims: Who claims the conflicting pictures, a row each: content_hash (a number), product_id, category_id.
        rejected: What the sample's index and the labels rejected of these products, with picture_number (of a picture
            of it that the sample holds; missing: none) and that picture's content_hash.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    conflicts: pd.DataFrame
    claims: pd.DataFrame
    rejected: pd.DataFrame


def _read_claims(index_dir: Path, products: pd.DataFrame, conflicts: pa.Table) -> pd.DataFrame:
    """Join the products that claim a picture with their categories; those outside the labels come from the index."""
    hashes = conflicts["content_hash"].take(pc.list_parent_indices(conflicts["product_ids"]).cast(pa.int64()))
    claims = pd.DataFrame(
        {"content_hash": hashes.to_numpy(), "product_id": pc.list_flatten(conflicts["product_ids"]).to_numpy()}
    )
    category_of = products.set_index("product_id")["category_id"]
    if not claims["product_id"].isin(category_of.index).all():
        category_ids = sorted(set(pc.list_flatten(conflicts["category_ids"]).to_pylist()))
        index_path = index_dir / "products.parquet"
        found = parquet.read_rows(index_path, schemas.PRODUCTS, "category_id", category_ids)
        outside = found.select(["product_id", "category_id"]).to_pandas().set_index("product_id")["category_id"]
        outside = outside[outside.index.isin(claims["product_id"]) & ~outside.index.isin(category_of.index)]
        category_of = pd.concat([category_of, outside])
    claims["category_id"] = claims["product_id"].map(category_of)
    return claims.dropna().astype({"category_id": "int64"})


def _read_rejected(sample_dir: Path, labels_dir: Path) -> pd.DataFrame:
    """Join what was rejected with the pictures that can still be found in the sample."""
    paths = (sample_dir / "rejected.parquet", labels_dir / "rejected.parquet")
    rejected = pa.concat_tables([parquet.read_table(path, schemas.REJECTED) for path in paths]).to_pandas()
    rejected = rejected.astype({"product_id": "Int64", "image_number": "Int8"})
    found = read_image_keys(sample_dir, ["product_id", "image_number", "content_hash"])
    of_rejected = np.isin(found["product_id"], rejected["product_id"].dropna().to_numpy(np.int64))
    # Objects of the few that are wanted alone.
    keys = pd.DataFrame({name: values[of_rejected] for name, values in found.items()})
    keys["content_hash"] = found["content_hash"][of_rejected].astype(object)
    keys = keys.astype({"product_id": "Int64", "image_number": "Int8"})
    of_image: pd.DataFrame = rejected.merge(keys, on=["product_id", "image_number"], how="left")
    of_product = rejected[["product_id"]].merge(keys.drop_duplicates("product_id"), on="product_id", how="left")
    is_product = of_image["image_number"].isna()
    number = of_image["image_number"].where(of_image["content_hash"].notna())
    of_image["picture_number"] = number.where(~is_product, of_product["image_number"])
    of_image["content_hash"] = of_image["content_hash"].where(~is_product, of_product["content_hash"])
    return of_image


def _read_images(labels_dir: Path, conflicting: pa.Array) -> pd.DataFrame:
    """Read the labels' images, numbers in place of hashes."""
    table = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES)
    hashes = {
        "content_hash": numbers_of(table["content_hash"], conflicting),
        "pixel_hash": numbers_of(table["pixel_hash"], distinct_hashes(table["pixel_hash"])),
    }
    return cast(pd.DataFrame, table.drop_columns(list(hashes)).to_pandas()).assign(**hashes)


def read_label_tables(index_dir: Path, sample_dir: Path, labels_dir: Path) -> LabelTables:
    """Read what label fixing decided.

    Args:
        index_dir: Finished index artifact; opened only where products outside the sample claim a picture.
        sample_dir: Finished sample artifact.
        labels_dir: Finished labels artifact.

    Raises:
        DataError: If a file is missing or damaged.
    """
    rejected = _read_rejected(sample_dir, labels_dir)  # first, while nothing else is held: the keys of all images
    products = parquet.exact_frame(parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS), "label")
    conflicts = parquet.read_table(labels_dir / "conflicts.parquet", schemas.CONFLICTS)
    conflicting = distinct_hashes(conflicts["content_hash"])
    numbers = pa.array(numbers_of(conflicts["content_hash"], conflicting))
    conflicts = conflicts.set_column(conflicts.column_names.index("content_hash"), "content_hash", numbers)
    return LabelTables(
        products=products,
        images=_read_images(labels_dir, conflicting),
        conflicts=conflicts.select(["content_hash", "decision"]).to_pandas(),
        claims=_read_claims(index_dir, products, conflicts),
        rejected=rejected,
    )


def read_jpegs(sample_dir: Path, keys: Sequence[PictureKey]) -> dict[PictureKey, bytes]:
    """Read some of a sample's pictures, whether label fixing kept them or not.

    Raises:
        DataError: If a picture is not in the sample, or the sample is damaged.
    """
    wanted = pd.DataFrame(sorted(set(keys)), columns=["product_id", "image_number"], dtype="int64")
    if wanted.empty:
        return {}
    rows = rows_of(sample_dir, wanted["product_id"].to_numpy(), wanted["image_number"].to_numpy())
    pictures = SampleImages(sample_dir).read(rows.tolist())
    return dict(zip(wanted.itertuples(index=False, name=None), pictures, strict=True))


def read_y_values(labels_dir: Path) -> pd.DataFrame:
    """Rebuild the y-values from the labels artifact alone.

    Returns:
        product_id, image_number, category_id (as given), label (Int64, to learn from; missing: the product or, in
        train, this image is not learnt from), class_index (of the given category) and split; a row an image kept,
        sorted by product_id, image_number, row for row as `images.parquet` and, within a split, as the predictions.
    """
    products = parquet.exact_frame(parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS), "label")
    images = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    by_product = products.set_index("product_id")
    label = images["product_id"].map(by_product["label"])
    return pd.DataFrame(
        {
            "product_id": images["product_id"],
            "image_number": images["image_number"],
            "category_id": images["product_id"].map(by_product["category_id"]),
            "label": label.where(images["learnt"] | (images["split"] != TRAIN)),
            "class_index": images["class_index"],
            "split": images["split"],
        }
    )
