"""How pictures of train look, and those of the test products that a model is measured on: to count look-alikes anew."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures.check import check_images
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import LABEL_IMAGES
from cdiscount_tasks.vocabulary import TRAIN

logger = logging.getLogger(__name__)


class HashedImages(NamedTuple):
    """Rows of the labels' images.parquet, and the perceptual hash of each: uint64, [num_images]."""

    images: pd.DataFrame
    hashes: npt.NDArray[np.uint64]


def hash_looks(dirs: Mapping[str, Path], product_ids: pd.Series) -> HashedImages | None:
    """Hash the pictures of train and of some products, each distinct one once; None: they cannot be read.

    The labels keep no perceptual hashes: this decodes as the step `labels` does, as fast, and only where a model began
    with a champion that knew some of today's test products.

    Args:
        dirs: Finished artifacts: sample, labels.
        product_ids: Of the test products that are measured.
    """
    images = read_table(dirs["labels"] / "images.parquet", LABEL_IMAGES).to_pandas()
    images = images[(images["split"] == TRAIN) | images["product_id"].isin(product_ids)]
    first = images[~images["pixel_hash"].duplicated()]
    try:
        rows = rows_of(dirs["sample"], first["product_id"].to_numpy(), first["image_number"].to_numpy())
        order = np.argsort(rows, kind="stable")
        checked = check_images(partial(SampleImages, dirs["sample"]), rows[order], perceptual=True)
    except DataError as error:
        logger.warning("test products that look nearly like one of train are not counted anew: %s", error)
        return None
    readable = np.array([one is not None for one in checked.pixel_hashes], bool)
    found = pd.Series(checked.perceptual_hashes[readable], index=first["pixel_hash"].iloc[order[readable]])
    images = images[images["pixel_hash"].isin(found.index)].reset_index(drop=True)
    return HashedImages(images, found.loc[images["pixel_hash"]].to_numpy(np.uint64))
