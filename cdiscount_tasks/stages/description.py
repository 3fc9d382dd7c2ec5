"""Labels -> features, where no pretrained network can be had: each picture's shapes and colours.

The same artifact as `features.py` makes, for the same readers; its config says which of the two it is.
"""

import logging
from functools import partial
from pathlib import Path

import numpy as np

from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.learning.features import descriptor
from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.machine.cores import map_ahead
from cdiscount_tasks.settings.networks import DESCRIPTOR
from cdiscount_tasks.tables.features import write_features
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import LABEL_IMAGES, features_schema

logger = logging.getLogger(__name__)

VERSION = 2

_PICTURES_AT_ONCE = 4096
_PICTURES_WORTH_PROCESSES = 8000


class DescriptionResult(Result):
    """What was described; `network` is the descriptor, which has no weights."""

    network: str
    num_images: int
    num_features: int
    weights_xxh3_128: None
    device: str


def _describe_rows(sample_dir: Path, rows: np.ndarray) -> np.ndarray:
    return descriptor.describe(load_images(SampleImages(sample_dir), rows, descriptor.IMAGE_SIDE))


def _write_description(sample_dir: Path, labels_dir: Path, part_dir: Path) -> Made:
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES, ["product_id", "image_number"])
    keys = {name: images[name].to_numpy() for name in images.column_names}
    rows = rows_of(sample_dir, keys["product_id"], keys["image_number"])
    logger.info(
        "%s numbers of shapes and colours of each of %s pictures",
        *(f"{num:,}" for num in (descriptor.NUM_FEATURES, len(rows))),
    )
    schema = features_schema(descriptor.NUM_FEATURES, mirrored=False)
    pieces = (rows[first : first + _PICTURES_AT_ONCE] for first in range(0, len(rows), _PICTURES_AT_ONCE))
    described = map_ahead(partial(_describe_rows, sample_dir), pieces, worth_it=len(rows) > _PICTURES_WORTH_PROCESSES)
    write_features(part_dir / "features.parquet", schema, images, ([vectors] for vectors in described), DESCRIPTOR)
    counts = {"network": DESCRIPTOR, "num_images": len(rows), "num_features": descriptor.NUM_FEATURES}
    return Made({**counts, "weights_xxh3_128": None, "device": "CPU"})


def description_recipe(sample_dir: Path, labels_dir: Path) -> Recipe:
    """Return what decides the description of a sample's pictures."""
    return Recipe(
        stage="features",
        version=VERSION,
        config={
            "network": DESCRIPTOR,
            "image_size": descriptor.IMAGE_SIDE,
            "descriptor_version": descriptor.VERSION,
            **descriptor.PARAMETERS,
        },
        inputs={"sample": sample_dir, "labels": labels_dir},
        files={},
        libraries=versions("numpy", "pillow"),
    )


def describe_pictures(sample_dir: Path, labels_dir: Path, artifacts_dir: Path) -> DescriptionResult:
    """Describe every picture that the labels keep by its shapes and colours; needs no file, and learns nothing.

    Args:
        sample_dir: Finished sample artifact: the pictures.
        labels_dir: Finished labels artifact: which of them are kept.
        artifacts_dir: Where the features artifact will be, named by its key.

    Returns:
        The artifact's path and counts. `features.parquet` has a row an image, row for row as labels' `images.parquet`.

    Raises:
        DataError: If a picture no longer decodes.
    """
    recipe = description_recipe(sample_dir, labels_dir)
    write = partial(_write_description, sample_dir, labels_dir)
    return make(DescriptionResult, recipe, artifacts_dir, write)
