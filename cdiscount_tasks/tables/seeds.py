"""The seeds artifact: trainings with other seeds, and which test products and images each judged right."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import RIGHT_IMAGES, RIGHT_PRODUCTS, SEEDS

SEEDS_FILE, RIGHT_PRODUCTS_FILE, RIGHT_IMAGES_FILE = "seeds.parquet", "right_products.parquet", "right_images.parquet"


class SeedTables(NamedTuple):
    """Trainings with other seeds.

    Attributes:
        seeds: The rows of seeds.parquet.
        product_ids: int64, [num_products], ascending: of test.
        right_products: bool, [num_products, num_complete]: what each complete training judged right, in the order of
            `seeds`.
        image_product_ids: int64, [num_images], ascending; the images of a product by their numbers.
        right_images: bool, [num_images, num_complete].
    """

    seeds: list[dict[str, Any]]
    product_ids: npt.NDArray[np.int64]
    right_products: npt.NDArray[np.bool_]
    image_product_ids: npt.NDArray[np.int64]
    right_images: npt.NDArray[np.bool_]


def _rights(column: Any, num_rows: int) -> npt.NDArray[np.bool_]:
    flat: npt.NDArray[np.bool_] = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.bool_)
    return flat.reshape(num_rows, -1)


def read_seeds(seeds_dir: Path) -> SeedTables:
    """Read a seeds artifact.

    Raises:
        DataError: If a file is missing or damaged.
    """
    products = read_table(seeds_dir / RIGHT_PRODUCTS_FILE, RIGHT_PRODUCTS)
    images = read_table(seeds_dir / RIGHT_IMAGES_FILE, RIGHT_IMAGES)
    return SeedTables(
        read_table(seeds_dir / SEEDS_FILE, SEEDS).to_pylist(),
        products["product_id"].to_numpy(),
        _rights(products["is_right"], len(products)),
        images["product_id"].to_numpy(),
        _rights(images["is_right"], len(images)),
    )
