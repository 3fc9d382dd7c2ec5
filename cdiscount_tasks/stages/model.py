"""Labels (and features) -> model: a network trained on the train split, its best weights by the validation split.

A training that is killed leaves its states in `model-<key>.training/`; whoever trains that model next goes on from the
newest one that is whole, and the folder goes when the model is published.

A training that somebody stopped makes a different model, with a key of its own: the key of the complete one stays free.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import DataError, DivergedError
from cdiscount_tasks.learning.pictures.images import RESIZE_RULE
from cdiscount_tasks.learning.pictures.inputs import Inputs, hold_images
from cdiscount_tasks.machine.gpus import prepare_device
from cdiscount_tasks.machine.weights import PUBLISHED
from cdiscount_tasks.settings.environment import check_tensorboard
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import Pretrained
from cdiscount_tasks.tables.features import read_features
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import CLASSES, HISTORY, LABEL_IMAGES, LABEL_PRODUCTS
from cdiscount_tasks.vocabulary import CLASS_NAMES, TRAIN, VALIDATION

if TYPE_CHECKING:  # importing Keras takes ten seconds, for nothing where the model exists already
    import keras

    from cdiscount_tasks.learning.networks.phases import SplitImages, Training

logger = logging.getLogger(__name__)

VERSION = 5


class ModelResult(Result):
    """What training achieved.

    Attributes:
        stopped_after_epoch: The epoch after which it was stopped by hand; missing: it ended by itself.
        num_epochs_planned: How many epochs it would have had, at most; missing as well.
    """

    network: str
    num_parameters: int
    num_train_images: int
    num_epochs: int
    best_epoch: int
    validation_loss: float
    validation_accuracy: float
    num_classes_predicted: int
    images_per_s: float
    num_resumes: int
    device: str
    device_memory_gib: float
    precision: str
    stopped_after_epoch: NotRequired[int]
    num_epochs_planned: NotRequired[int]


class _Stopped(Exception):  # noqa: N818 - an answer, not a fault
    """The training ended after a different epoch than the artifact says that is being made; its own is published."""

    def __init__(self, result: ModelResult) -> None:
        self.result = result


def _read_split(sample_dir: Path, labels_dir: Path, split: str, image_size: int, spill_dir: Path) -> "SplitImages":
    """Read which images a split has; `spill_dir` takes the pixels that are too many for the memory."""
    from cdiscount_tasks.learning.networks.phases import SplitImages

    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES).to_pandas()
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS).to_pandas().set_index("product_id")
    places = np.flatnonzero(images["learnt"] if split == TRAIN else images["split"] == split)
    chosen = images.iloc[places]
    classes = products["train_class_index" if split == TRAIN else "class_index"]

    def hold() -> Inputs:
        rows = rows_of(sample_dir, chosen["product_id"].to_numpy(), chosen["image_number"].to_numpy())
        return hold_images(partial(SampleImages, sample_dir), rows, image_size, spill_dir)

    return SplitImages(
        places=places,
        class_index=chosen["product_id"].map(classes).to_numpy(np.int64),
        product=pd.factorize(chosen["product_id"])[0].astype(np.int64),
        hold=hold,
    )


def _class_names(labels_dir: Path) -> list[str]:
    """Return what each class is called, by class index; its id stands behind a name, which others may share."""
    classes = read_table(labels_dir / "classes.parquet", CLASSES).to_pylist()
    named = [(str(row["level3"]).strip(), str(row["category_id"])) for row in classes]
    return [f"{name} ({category_id})" if name not in ("", category_id) else category_id for name, category_id in named]


def _set_up(
    sample_dir: Path,
    labels_dir: Path,
    config: TrainingConfig,
    training_dir: Path,
    tensorboard_dir: Path | None,
    ends_after: int | None,
) -> "Training":
    device = prepare_device(config.seed, config.gpus, config.precision)
    from cdiscount_tasks.learning.networks.phases import Places, Training  # after the device is set up

    num_classes = read_table(labels_dir / "classes.parquet", CLASSES).num_rows
    learnt, judged = (
        _read_split(sample_dir, labels_dir, split, config.image_size, training_dir) for split in (TRAIN, VALIDATION)
    )
    return Training((learnt, judged), num_classes, config, device, Places(training_dir, tensorboard_dir, ends_after))


def _train(training: "Training", pretrained: Pretrained | None) -> "keras.Model":
    if pretrained is None:
        return training.from_scratch()
    return training.transfer(pretrained.weights_path, partial(read_features, pretrained.features_dir))


def _write_model(
    part_dir: Path,
    training: "Training",
    network: "keras.Model",
    labels_dir: Path,
    pretrained: Pretrained | None,
    config: TrainingConfig,
) -> Made:
    from cdiscount_tasks.learning.networks.build import without_training

    without_training(network).save(part_dir / "model.keras")
    write_table(part_dir / "history.parquet", training.history(), HISTORY)
    shutil.copyfile(labels_dir / "classes.parquet", part_dir / "classes.parquet")
    write_json(part_dir / CLASS_NAMES, _class_names(labels_dir))
    contract = {"image_size": config.image_size, "channels": 3, "dtype": "uint8", "resize": RESIZE_RULE}
    write_json(part_dir / "input.json", {**contract, "weights": _origin_of(config, pretrained)})
    return Made({"network": config.network, "num_parameters": int(network.count_params()), **training.figures()})


@contextmanager
def _removed_when_over(training_dir: Path) -> Iterator[None]:
    """Remove the states of a training that has ended; one that was cut off is continued from them."""
    try:
        yield
    except DivergedError:  # it would diverge again, and a different learning rate has a different key
        shutil.rmtree(training_dir, ignore_errors=True)
        raise
    shutil.rmtree(training_dir, ignore_errors=True)


def _origin_of(config: TrainingConfig, pretrained: Pretrained | None) -> dict[str, str] | None:
    """Return whose weights a model began with."""
    if pretrained is None:
        return None
    published = PUBLISHED[config.network]
    return {
        "trained_on": "ImageNet",
        "file": pretrained.weights_path.name,
        "xxh3_128": hash_file(pretrained.weights_path),
        "source": published.source,
        "licence": published.licence,
    }


def _check_pretrained(
    pretrained: Pretrained | None, sample_dir: Path, labels_dir: Path, config: TrainingConfig
) -> None:
    """Refuse features of other pictures or weights: a head learnt on them fits another network than it is put on."""
    if (config.weights != "none") != (pretrained is not None):
        raise ValueError(f"weights is {config.weights!r} and pretrained is {pretrained}: one goes with the other")
    if pretrained is None:
        return
    manifest = read_manifest(pretrained.features_dir)
    found = {**manifest["config"], **manifest["inputs"], "weights": manifest["result"]["weights_xxh3_128"]}
    wanted = {
        **{knob: getattr(config, knob) for knob in manifest["config"]},
        **{name: read_manifest(path)["identity"] for name, path in (("sample", sample_dir), ("labels", labels_dir))},
        "weights": hash_file(pretrained.weights_path),
    }
    others = [name for name in wanted if found.get(name) != wanted[name]]
    if others:
        raise DataError(
            f"{pretrained.features_dir}: was extracted with another {', '.join(others)} than this training has (its "
            f"weights: {pretrained.weights_path}); clear the task extract_features and run on from there"
        )


def model_recipe(
    sample_dir: Path,
    labels_dir: Path,
    features_dir: Path | None,
    config: TrainingConfig,
    stopped_after_epoch: int | None = None,
) -> Recipe:
    """Return what decides a model.

    Args:
        sample_dir: Finished sample artifact.
        labels_dir: Finished labels artifact.
        features_dir: What a transfer starts from; None: it is trained from scratch.
        config: The preset's knobs.
        stopped_after_epoch: The epoch after which it is stopped; None: it ends by itself.
    """
    stopped = {} if stopped_after_epoch is None else {"stopped_after_epoch": stopped_after_epoch}
    return Recipe(
        stage="model",
        version=VERSION,
        config=config.model_dump(mode="json") | stopped,
        inputs={"sample": sample_dir, "labels": labels_dir} | ({"features": features_dir} if features_dir else {}),
        libraries=versions("keras", "tensorflow", "pillow"),
    )


def training_folder(
    sample_dir: Path, labels_dir: Path, features_dir: Path | None, artifacts_dir: Path, config: TrainingConfig
) -> Path:
    """Return where a training's checkpoints are while it runs, and how far it is; the file `stop` there ends it."""
    return model_recipe(sample_dir, labels_dir, features_dir, config).dir_in(artifacts_dir).with_suffix(".training")


def train_model(
    sample_dir: Path,
    labels_dir: Path,
    pretrained: Pretrained | None,
    artifacts_dir: Path,
    config: TrainingConfig,
    tensorboard_dir: Path | None = None,
    stopped_after_epoch: int | None = None,
    note: Callable[[ModelResult], object] = lambda _: None,
) -> ModelResult:
    """Train a network on what the labels allow to be learnt from.

    Args:
        sample_dir: Finished sample artifact: the pictures.
        labels_dir: Finished labels artifact: splits and classes.
        pretrained: What a transfer starts from; None: the network is trained from scratch.
        artifacts_dir: Where the model artifact will stand, named by its key; its checkpoints lie beside it meanwhile.
        config: The preset's knobs.
        tensorboard_dir: Where TensorBoard's logs go; None: nowhere.
        stopped_after_epoch: Where the training was stopped when it ran first: the same model is found, or trained to
            there again; None: it ends by itself, or when somebody stops it.
        note: Called with the result before the checkpoints are removed: who is cut off later must know what was made,
            since a stopped training would otherwise begin anew.

    Returns:
        The artifact's path and figures.

    Raises:
        ConfigError: If the weights are not this network's, or TensorBoard is wanted and not installed.
        DataError: If training diverges, a class has nothing to learn from, a picture no longer decodes, or the
            features are not those of these pictures, labels and weights.
        RuntimeError: If the GPUs that are wanted are not free; a retry may find them.
    """
    if tensorboard_dir is not None:
        check_tensorboard(tensorboard_dir)
    _check_pretrained(pretrained, sample_dir, labels_dir, config)
    inputs = sample_dir, labels_dir, pretrained.features_dir if pretrained else None
    training_dir = training_folder(*inputs, artifacts_dir, config)

    def find_or_make(ended_after: int | None, write: Callable[[Path], Made]) -> ModelResult:
        return make(ModelResult, model_recipe(*inputs, config, ended_after), artifacts_dir, write, every_byte=True)

    def write(part_dir: Path) -> Made:
        began = time.monotonic()
        training = _set_up(sample_dir, labels_dir, config, training_dir, tensorboard_dir, stopped_after_epoch)
        network = _train(training, pretrained)
        save = partial(_write_model, training=training, network=network, labels_dir=labels_dir, pretrained=pretrained,
                       config=config)  # fmt: skip
        if training.stopped_after_epoch == stopped_after_epoch:
            return save(part_dir)
        took_s = time.monotonic() - began
        # Within the lock of the key that was asked for: who waits for it must not take up checkpoints that go.
        made = find_or_make(training.stopped_after_epoch, lambda own_dir: save(own_dir)._replace(seconds_before=took_s))
        raise _Stopped(made)

    with _removed_when_over(training_dir):
        try:
            result = find_or_make(stopped_after_epoch, write)
        except _Stopped as stopped:
            result = stopped.result
        note(result)
        return result
