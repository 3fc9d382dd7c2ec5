"""Who else claims the sample's pictures: products anywhere in the catalogue that show the same one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.tables import parquet
from cdiscount_tasks.tables.numbers import numpy_numbers


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
    inside = np.sort(sample_products.to_numpy())
    wanted: pa.Array | None = None
    found = []
    columns = ["product_id", "category_id", "content_hash"]
    for rows in parquet.iter_row_groups(index_dir / "images.parquet", columns):
        product_ids = numpy_numbers(rows["product_id"])
        place = np.minimum(np.searchsorted(inside, product_ids), len(inside) - 1)
        others = rows.filter(pa.array(inside[place] != product_ids))
        # A sample of every category has all products inside: its millions of hashes are looked up by none.
        if others.num_rows and wanted is None:
            wanted = pa.array(known["content_hash"], pa.binary(16))
        if others.num_rows:
            others = others.filter(pc.is_in(others["content_hash"], value_set=wanted))
        found.append(others)
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
