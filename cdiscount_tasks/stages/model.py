"""Labels -> model: a network trained on the train split, its best weights by the validation split."""

import logging
import shutil
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

import numpy as np
import pandas as pd

from cdiscount_tasks.config import TrainingConfig
from cdiscount_tasks.learning.devices import prepare_device
from cdiscount_tasks.learning.images import RESIZE_RULE, load_images
from cdiscount_tasks.records import TRAIN, VALIDATION
from cdiscount_tasks.storage.artifact import Recipe, build_artifact, write_json
from cdiscount_tasks.storage.sample_images import SampleImages, rows_of
from cdiscount_tasks.storage.tables import CLASSES, HISTORY, LABEL_IMAGES, LABEL_PRODUCTS, read_table, write_table

if TYPE_CHECKING:  # importing Keras takes ten seconds, for nothing where the model stands already
    from cdiscount_tasks.learning.training import Examples

logger = logging.getLogger(__name__)

VERSION = 1


class ModelResult(TypedDict):
    """What training achieved."""

    path: str
    network: str
    num_parameters: int
    num_train_images: int
    num_epochs: int
    best_epoch: int
    validation_loss: float
    validation_accuracy: float
    images_per_s: float
    device: str
    reused: bool


def _examples(sample_dir: Path, labels_dir: Path, split: str, image_size: int) -> "Examples":
    """Load a split: what is learnt from for train, every readable image with its given class for the others."""
    from cdiscount_tasks.learning.training import Examples

    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES).to_pandas()
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS).to_pandas().set_index("product_id")
    wanted = images[images["learnt"] if split == TRAIN else images["split"] == split]
    classes = products["train_class_index" if split == TRAIN else "class_index"]
    rows = rows_of(sample_dir, wanted["product_id"].to_numpy(), wanted["image_number"].to_numpy())
    return Examples(
        images=load_images(SampleImages(sample_dir), rows, image_size),
        class_index=wanted["product_id"].map(classes).to_numpy(np.int64),
        product=pd.factorize(wanted["product_id"])[0].astype(np.int64),
    )


def _write_model(sample_dir: Path, labels_dir: Path, config: TrainingConfig, part_dir: Path) -> dict[str, Any]:
    device = prepare_device(config.seed)
    from cdiscount_tasks.learning.networks import build_network
    from cdiscount_tasks.learning.training import Epoch, train

    num_classes = read_table(labels_dir / "classes.parquet", CLASSES).num_rows
    train_examples = _examples(sample_dir, labels_dir, TRAIN, config.image_size)
    validation_examples = _examples(sample_dir, labels_dir, VALIDATION, config.image_size)
    network = build_network(config.network, config.image_size, num_classes)
    logger.info(
        "training %s (%d parameters) on %d images of %d classes, %d images to validate, on %s",
        config.network, network.count_params(), len(train_examples.images), num_classes,
        len(validation_examples.images), device.name,
    )  # fmt: skip
    trained = train(network, train_examples, validation_examples, config, device)
    trained.network.save(part_dir / "model.keras")
    history = {name: [getattr(epoch, name) for epoch in trained.history] for name in Epoch._fields}
    write_table(part_dir / "history.parquet", history, HISTORY)
    shutil.copyfile(labels_dir / "classes.parquet", part_dir / "classes.parquet")
    contract = {"image_size": config.image_size, "channels": 3, "dtype": "uint8", "resize": RESIZE_RULE}
    write_json(part_dir / "input.json", contract)
    best = trained.history[trained.best_epoch - 1]
    return {
        "network": config.network,
        "num_parameters": int(network.count_params()),
        "num_train_images": len(train_examples.images),
        "num_epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "validation_loss": best.validation_loss,
        "validation_accuracy": best.validation_accuracy,
        "images_per_s": round(float(np.median(history["images_per_s"])), 1),
        "device": device.name,
    }


def train_model(sample_dir: Path, labels_dir: Path, artifacts_dir: Path, config: TrainingConfig) -> ModelResult:
    """Train a network on what the labels allow to be learnt from.

    Args:
        sample_dir: Finished sample artifact: the pictures.
        labels_dir: Finished labels artifact: splits and classes.
        artifacts_dir: Where the model artifact will stand, named by its key.
        config: The preset's knobs.

    Returns:
        The artifact's path and figures.

    Raises:
        DataError: If training diverges, or a picture no longer decodes.
    """
    recipe = Recipe(
        stage="model",
        version=VERSION,
        config=config.model_dump(mode="json"),
        inputs={"sample": sample_dir, "labels": labels_dir},
        files={},
        libraries={name: metadata.version(name) for name in ("keras", "tensorflow", "pillow")},
    )
    write = partial(_write_model, sample_dir, labels_dir, config)
    return cast(ModelResult, build_artifact(recipe.dir_in(artifacts_dir), recipe, write, every_byte=True))
