"""Labels -> features: what a frozen pretrained network sees in each picture, computed once for all that need it.

The head of a transfer, the label suspects, a mistake's nearest neighbours and the price of a leak are made from these.
"""

import logging
import time
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import pyarrow as pa

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures.inputs import hold_images
from cdiscount_tasks.machine.gpus import prepare_device
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.tables.parquet import TableWriter, read_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import LABEL_IMAGES, features_schema

logger = logging.getLogger(__name__)

VERSION = 4

_KNOBS = ("network", "image_size", "precision", "mirrored_features")
_PICTURES_AT_ONCE = 4096
_PROGRESS_S = 60.0
_ROWS_PER_GROUP = 4096


class FeaturesResult(TypedDict):
    """What was computed."""

    path: str
    network: str
    num_images: int
    num_features: int
    weights_xxh3_128: str
    device: str
    reused: bool


def _lists(vectors: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1])


def _check_finite(vectors: Sequence[np.ndarray], weights_path: Path, precision: str) -> None:
    num_bad = sum(int((~np.isfinite(some).all(axis=1)).sum()) for some in vectors)
    if num_bad:
        raise DataError(
            f"{weights_path}: with these weights the features of {num_bad} pictures are no finite numbers (precision "
            f"{precision}); get the file again, or set precision: float32"
        )


def _told_progress(started: float, told: float, done: int, total: int) -> float:
    """Log how far the network is, every minute; returns when that was last done."""
    now = time.monotonic()
    if now - told < _PROGRESS_S:
        return told
    rate = done / (now - started)
    logger.info("%d of %d pictures, %.0f pictures/s, %.0f s left", done, total, rate, (total - done) / rate)
    return now


def _write_features(
    sample_dir: Path, labels_dir: Path, weights_path: Path, config: TrainingConfig, part_dir: Path
) -> dict[str, Any]:
    device = prepare_device(config.seed, config.gpus, config.precision)
    from cdiscount_tasks.learning.networks.batches import run_network
    from cdiscount_tasks.learning.networks.build import build_extractor

    with device.scope():
        extractor = build_extractor(config.network, config.image_size, weights_path)
    num_features = int(extractor.output_shape[-1])
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES, ["product_id", "image_number"])
    keys = {name: images[name].to_numpy() for name in images.column_names}
    rows = rows_of(sample_dir, keys["product_id"], keys["image_number"])
    sides = (False, True) if config.mirrored_features else (False,)
    also = " and of its mirror image" if config.mirrored_features else ""
    logger.info("%d features of each of %d pictures%s, on %s", num_features, len(rows), also, device.name)
    schema = features_schema(num_features, config.mirrored_features)
    with TableWriter(part_dir / "features.parquet", schema, _ROWS_PER_GROUP) as writer:
        started = told = time.monotonic()
        for first in range(0, len(rows), _PICTURES_AT_ONCE):
            some = slice(first, first + _PICTURES_AT_ONCE)
            pictures = hold_images(partial(SampleImages, sample_dir), rows[some], config.image_size, part_dir)
            vectors = [run_network(extractor, pictures, mirrored) for mirrored in sides]
            _check_finite(vectors, weights_path, device.precision)
            columns = [images["product_id"][some].combine_chunks(), images["image_number"][some].combine_chunks()]
            writer.write(pa.table([*columns, *map(_lists, vectors)], schema=schema))
            told = _told_progress(started, told, min(first + _PICTURES_AT_ONCE, len(rows)), len(rows))
    write_json(part_dir / "weights.json", {"file": weights_path.name, "network": config.network})
    return {
        "network": config.network,
        "num_images": len(rows),
        "num_features": num_features,
        "weights_xxh3_128": hash_file(weights_path),
        "device": device.name,
    }


def features_recipe(sample_dir: Path, labels_dir: Path, weights_path: Path, config: TrainingConfig) -> Recipe:
    """Return what decides the features of a sample's pictures."""
    return Recipe(
        stage="features",
        version=VERSION,
        config={name: getattr(config, name) for name in _KNOBS},
        inputs={"sample": sample_dir, "labels": labels_dir},
        files={"weights": hash_file(weights_path)},
        libraries={name: metadata.version(name) for name in ("keras", "tensorflow", "pillow")},
    )


def extract_features(
    sample_dir: Path, labels_dir: Path, weights_path: Path, artifacts_dir: Path, config: TrainingConfig
) -> FeaturesResult:
    """Run a frozen pretrained network over every picture that the labels keep.

    Args:
        sample_dir: Finished sample artifact: the pictures.
        labels_dir: Finished labels artifact: which of them are kept.
        weights_path: The network's ImageNet weights.
        artifacts_dir: Where the features artifact will stand, named by its key.
        config: The preset: network, image size, precision and mirrored_features count; the rest does not.

    Returns:
        The artifact's path and counts. `features.parquet` has a row an image, row for row as labels' `images.parquet`.

    Raises:
        ConfigError: If the weights are not this network's.
        DataError: If a picture no longer decodes, or a feature is not finite.
    """
    recipe = features_recipe(sample_dir, labels_dir, weights_path, config)
    write = partial(_write_features, sample_dir, labels_dir, weights_path, config)
    return cast(FeaturesResult, build_artifact(recipe.dir_in(artifacts_dir), recipe, write))
