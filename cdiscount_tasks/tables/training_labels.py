"""What a training takes of the labels: the images of a split with their classes, and what the classes are called."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES, LABEL_IMAGES, LABEL_PRODUCTS
from cdiscount_tasks.tables.seen_before import is_known
from cdiscount_tasks.vocabulary import TRAIN


class SplitRows(NamedTuple):
    """The images of a split, row by row: what is learnt from for train, every readable image for the others.

    Attributes:
        places: int64, [num_images], among all images of the labels.
        product_ids: int64, [num_images].
        image_numbers: int8, [num_images].
        class_index: int64, [num_images]: to be learnt for train, as given for the others.
    """

    places: np.ndarray
    product_ids: np.ndarray
    image_numbers: np.ndarray
    class_index: np.ndarray


_OF_IMAGE = ("product_id", "image_number", "split", "learnt")
_OF_PRODUCT = ("product_id", "group_id", "split")


def _read_frame(path: Path, schema: pa.Schema, columns: list[str]) -> pd.DataFrame:
    frame: pd.DataFrame = read_table(path, schema, columns).to_pandas()
    return frame


def read_split_rows(labels_dir: Path, split: str, seen_before: pd.DataFrame | None = None) -> SplitRows:
    """Read which images a split has for a training.

    Args:
        labels_dir: Finished labels artifact.
        split: train, validation or test.
        seen_before: What the model that the training begins with has seen, as `read_seen` gives it; products
            that it knows are left out of the other splits than train. None: it begins with no such model.

    Raises:
        DataError: If a file is missing or damaged.
    """
    # As objects of Python the hashes of a whole catalogue's images take 2 GB.
    hashes = [] if seen_before is None else ["content_hash", "pixel_hash"]
    class_index = "train_class_index" if split == TRAIN else "class_index"
    images = _read_frame(labels_dir / "images.parquet", LABEL_IMAGES, [*_OF_IMAGE, *hashes])
    products = _read_frame(labels_dir / "products.parquet", LABEL_PRODUCTS, [*_OF_PRODUCT, class_index])
    is_wanted = images["learnt"] if split == TRAIN else images["split"] == split
    if seen_before is not None:
        known = products.loc[is_known(products, images, seen_before), "product_id"]
        is_wanted &= ~images["product_id"].isin(known)
    places = np.flatnonzero(is_wanted)
    chosen = images.iloc[places]
    classes = products.set_index("product_id")[class_index]
    return SplitRows(
        places=places,
        product_ids=chosen["product_id"].to_numpy(),
        image_numbers=chosen["image_number"].to_numpy(),
        class_index=chosen["product_id"].map(classes).to_numpy(np.int64),
    )


def read_class_names(labels_dir: Path) -> list[str]:
    """Return what each class is called, by class index; its id stands behind a name, which others may share."""
    classes = read_table(labels_dir / "classes.parquet", CLASSES).to_pylist()
    named = [(str(row["level3"]).strip(), str(row["category_id"])) for row in classes]
    return [f"{name} ({category_id})" if name not in ("", category_id) else category_id for name, category_id in named]
