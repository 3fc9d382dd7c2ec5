"""Labels -> features: what a frozen pretrained network sees in each picture, computed once for all that need it.

The head of a transfer, the label suspects, a mistake's nearest neighbours and the price of a leak are made from these.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NotRequired

import numpy as np
import pyarrow as pa

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.device_use import tell_device_use
from cdiscount_tasks.learning.pictures.inputs import Inputs, hold_images
from cdiscount_tasks.machine.device import backend_packages, prepare_device
from cdiscount_tasks.machine.gpu_use import GpuWatch
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


class FeaturesResult(Result):
    """What was computed.

    Attributes:
        images_per_s: Decoding included; a picture and its mirror image are one image. Missing, as all below: nobody
            knows.
        gpu_busy_share: In [0, 1], of the time, the mean over the GPUs.
        gpu_memory_peak_gib: The most that was taken of one GPU's memory.
    """

    network: str
    num_images: int
    num_features: int
    weights_xxh3_128: str
    device: str
    images_per_s: NotRequired[float]
    gpu_busy_share: NotRequired[float]
    gpu_memory_peak_gib: NotRequired[float]


def _lists(vectors: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1])


class _Extractor:
    """A frozen network with the ImageNet weights of a file, on the device that the config asks for."""

    def __init__(self, weights_path: Path, config: TrainingConfig) -> None:
        self.device = prepare_device(config.seed, config.gpus, config.precision)
        self.device.check_batch(config.batch_size)  # of the training that follows
        from cdiscount_tasks.learning.networks.build import build_extractor  # after the device is set up

        self._network = build_extractor(config.network, config.image_size, weights_path)
        self._weights_path = weights_path
        self._sides = (False, True) if config.mirrored_features else (False,)
        self.num_features = int(self._network.output_shape[-1])

    def look_at(self, pictures: Inputs) -> list[np.ndarray]:
        """Return float32, [num_pictures, num_features], of the pictures, and of their mirror images if so configured.

        Raises:
            DataError: If one is no finite number.
        """
        from cdiscount_tasks.learning.networks.backend import run_network

        vectors = [run_network(self._network, pictures, mirrored) for mirrored in self._sides]
        num_bad = sum(int((~np.isfinite(side).all(axis=1)).sum()) for side in vectors)
        if num_bad:
            raise DataError(
                f"{self._weights_path}: with these weights the features of {num_bad} pictures are no finite numbers "
                f"(precision {self.device.precision}); get the file again, or set precision: float32"
            )
        return vectors


def _log_progress(started: float, logged: float, done: int, total: int) -> float:
    """Log how far the network is, every minute; returns when that was last done."""
    now = time.monotonic()
    if now - logged < _PROGRESS_S:
        return logged
    rate = done / (now - started)
    numbers = (f"{number:,.0f}" for number in (done, total, rate, (total - done) / rate))
    logger.info("%s of %s pictures, %s pictures/s, %s s left", *numbers)
    return now


def _write_vectors(
    path: Path, schema: pa.Schema, images: pa.Table, look_at: Callable[[slice], list[np.ndarray]]
) -> float:
    """Write the features of all images, some thousand at a time: decoded, all of them would not fit into memory.

    Returns:
        Images per second.
    """
    started = logged = time.monotonic()
    with TableWriter(path, schema, _ROWS_PER_GROUP) as writer:
        for first in range(0, len(images), _PICTURES_AT_ONCE):
            some = slice(first, first + _PICTURES_AT_ONCE)
            columns = [images[name][some].combine_chunks() for name in ("product_id", "image_number")]
            writer.write(pa.table([*columns, *map(_lists, look_at(some))], schema=schema))
            logged = _log_progress(started, logged, min(some.stop, len(images)), len(images))
    return len(images) / (time.monotonic() - started)


def features_recipe(sample_dir: Path, labels_dir: Path, weights_path: Path, config: TrainingConfig) -> Recipe:
    """Return what decides the features of a sample's pictures."""
    return Recipe(
        stage="features",
        version=VERSION,
        config={name: getattr(config, name) for name in _KNOBS},
        inputs={"sample": sample_dir, "labels": labels_dir},
        files={"weights": hash_file(weights_path)},
        libraries=versions(*backend_packages(), "pillow"),
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

    def write(part_dir: Path) -> Made:
        extractor = _Extractor(weights_path, config)
        images = read_table(labels_dir / "images.parquet", LABEL_IMAGES, ["product_id", "image_number"])
        rows = rows_of(sample_dir, images["product_id"].to_numpy(), images["image_number"].to_numpy())
        also = " and of its mirror image" if config.mirrored_features else ""
        of_each = f"{extractor.num_features:,}", f"{len(rows):,}", also, extractor.device.name
        logger.info("%s features of each of %s pictures%s, on %s", *of_each)

        def look_at(some: slice) -> list[np.ndarray]:
            source = partial(SampleImages, sample_dir)
            return extractor.look_at(hold_images(source, rows[some], config.image_size, part_dir))

        schema = features_schema(extractor.num_features, config.mirrored_features)
        with GpuWatch() as gpus:
            rate = _write_vectors(part_dir / "features.parquet", schema, images, look_at)
        figures = tell_device_use({"device": extractor.device.name, "images_per_s": round(rate, 1)}, gpus.use)
        write_json(part_dir / "weights.json", {"file": weights_path.name, "network": config.network})
        counts = {"network": config.network, "num_images": len(rows), "num_features": extractor.num_features}
        return Made({**counts, "weights_xxh3_128": hash_file(weights_path), **figures})

    return make(FeaturesResult, features_recipe(sample_dir, labels_dir, weights_path, config), artifacts_dir, write)
