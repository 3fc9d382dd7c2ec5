"""Who else claims the sample's pictures: products anywhere in the catalogue that show the same one."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.tables import parquet


def find_elsewhere(index_dir: Path, images: pd.DataFrame, sample_products: pd.Series) -> pd.DataFrame:
    """Find the sample's pictures in products outside it, anywhere in the catalogue, one row group at a time.

    Args:
        index_dir: Finished index artifact.
        images: The sample's readable images: content_hash, image (a number of the picture).
        sample_products: product_id of the sample's products.

    Returns:
        Columns image, product_id, category_id (Int64). The same picture is known by its bytes: nothing else of a
        product outside the sample is decoded.
    """
    known = images[["content_hash", "image"]].drop_duplicates()
    wanted = pa.array(known["content_hash"], pa.binary(16))
    inside = pa.array(sample_products.to_numpy())
    found = []
    columns = ["product_id", "category_id", "content_hash"]
    for rows in parquet.iter_row_groups(index_dir / "images.parquet", columns):
        same = rows.filter(pc.is_in(rows["content_hash"], value_set=wanted))
        found.append(same.filter(pc.invert(pc.is_in(same["product_id"], value_set=inside))))
    same_bytes = parquet.exact_frame(pa.concat_tables(found), "category_id").merge(known, on="content_hash")
    return same_bytes[["image", "product_id", "category_id"]]


def claims_of_others(outside: pd.DataFrame, images: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return who else claims the pictures that stay: products outside the sample, and those that left it.

    Args:
        outside: What `find_elsewhere` gave.
        images: The sample's readable images: product_id, category_id, image.
        products: The products that stay: product_id.

    Returns:
        Columns image, product_id, category_id. What left the sample is known by its pixels, whatever its bytes.
    """
    stays = images["product_id"].isin(products["product_id"])
    others = pd.concat([outside, images.loc[~stays, outside.columns]])
    return others[others["image"].isin(images.loc[stays, "image"])]
