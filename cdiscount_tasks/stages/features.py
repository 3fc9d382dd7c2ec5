"""Labels -> features: what a frozen pretrained network sees in each picture, computed once for all that need it.

The head of a transfer, the label suspects, a mistake's nearest neighbours and the price of a leak are made from these.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.device_use import DeviceFigures, tell_device_use
from cdiscount_tasks.learning.pictures.in_order import ImagesInOrder
from cdiscount_tasks.learning.pictures.pass_progress import PassProgress
from cdiscount_tasks.machine.device import backend_packages, prepare_device
from cdiscount_tasks.machine.gpu_use import GpuWatch
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.tables.features import write_features
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import LABEL_IMAGES, features_schema

logger = logging.getLogger(__name__)

VERSION = 5

_KNOBS = ("network", "image_size", "precision", "mirrored_features")


class FeaturesResult(Result, DeviceFigures):
    """What was computed."""

    network: str
    num_images: int
    num_features: int
    weights_xxh3_128: str


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

    def look_at(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Return float32, [num_pictures, num_features], of pictures, and of their mirror images if so configured.

        Args:
            pixels: uint8, [num_pictures, image_size, image_size, 3], at least one.

        Raises:
            DataError: If one is no finite number.
        """
        from cdiscount_tasks.learning.networks.backend import answer_pixels

        vectors = [answer_pixels(self._network, pixels, mirrored) for mirrored in self._sides]
        num_bad = sum(int((~np.isfinite(side).all(axis=1)).sum()) for side in vectors)
        if num_bad:
            raise DataError(
                f"{self._weights_path}: with these weights the features of {num_bad} pictures are no finite numbers "
                f"(precision {self.device.precision}); get the file again, or set precision: float32"
            )
        return vectors


def _look_at_all(extractor: _Extractor, pictures: Iterable[np.ndarray], total: int) -> Iterator[list[np.ndarray]]:
    """Yield, by side, the features of some pictures after the other: decoded, all of them would not fit into memory."""
    progress = PassProgress(total)
    for pixels in pictures:
        yield extractor.look_at(pixels)
        progress.add(len(pixels))


def _speed(num_images: int, took_s: float, waited_s: float) -> dict[str, float]:
    """Return images per second, and the share of the time in which the network waited for pictures; logs the share."""
    share = waited_s / max(took_s, 1e-9)
    logger.info("the network waited for pictures %.0f %% of the time", 100 * share)
    return {"images_per_s": round(num_images / max(took_s, 1e-9), 1), "input_wait_share": round(share, 4)}


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

        pictures = ImagesInOrder(partial(SampleImages, sample_dir), rows, config.image_size)
        schema = features_schema(extractor.num_features, config.mirrored_features)
        seen, began = _look_at_all(extractor, pictures, len(rows)), time.monotonic()
        with GpuWatch() as gpus:
            write_features(part_dir / "features.parquet", schema, images, seen, str(weights_path))
        speed = _speed(len(rows), time.monotonic() - began, pictures.waited_s)
        device = {"device": extractor.device.name, "images_per_s": speed["images_per_s"]}
        figures = {**tell_device_use(device, gpus.use), **speed}
        write_json(part_dir / "weights.json", {"file": weights_path.name, "network": config.network})
        counts = {"network": config.network, "num_images": len(rows), "num_features": extractor.num_features}
        return Made({**counts, "weights_xxh3_128": hash_file(weights_path), **figures})

    return make(FeaturesResult, features_recipe(sample_dir, labels_dir, weights_path, config), artifacts_dir, write)
