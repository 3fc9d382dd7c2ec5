"""Labels (and features) -> model: a network trained on the train split, its best weights by the validation split.

A training that is killed leaves its states in `model-<key>.training/`; whoever trains that model next goes on from the
newest one that is whole, and the folder goes when the model is published.
"""

import logging
import shutil
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError, DivergedError
from cdiscount_tasks.learning.networks.checkpoints import Checkpoints
from cdiscount_tasks.learning.pictures.images import RESIZE_RULE
from cdiscount_tasks.learning.pictures.inputs import Inputs, Vectors, hold_images
from cdiscount_tasks.machine.gpus import Device, prepare_device
from cdiscount_tasks.machine.tensorboard import EpochLogs
from cdiscount_tasks.machine.weights import PUBLISHED
from cdiscount_tasks.settings.environment import check_tensorboard
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import Pretrained
from cdiscount_tasks.tables.features import read_features
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import CLASSES, HISTORY, LABEL_IMAGES, LABEL_PRODUCTS
from cdiscount_tasks.vocabulary import CLASS_NAMES, TRAIN, VALIDATION

if TYPE_CHECKING:  # importing Keras takes ten seconds, for nothing where the model stands already
    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.networks.state import Epoch
    from cdiscount_tasks.learning.networks.training import Trained

logger = logging.getLogger(__name__)

VERSION = 5

# The closed list of `phase` in history.parquet.
FROM_SCRATCH, HEAD, FINE_TUNE = "train", "head", "fine_tune"


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
    num_classes_predicted: int
    images_per_s: float
    num_resumes: int
    device: str
    device_memory_gib: float
    precision: str
    reused: bool


class _Split:
    """A split's images: what is learnt from for train, every readable image with its given class for the others."""

    def __init__(self, labels_dir: Path, split: str) -> None:
        images = read_table(labels_dir / "images.parquet", LABEL_IMAGES).to_pandas()
        products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS).to_pandas().set_index("product_id")
        # Places among all images of the labels, which are those of the features.
        self.places = np.flatnonzero(images["learnt"] if split == TRAIN else images["split"] == split)
        chosen = images.iloc[self.places]
        classes = products["train_class_index" if split == TRAIN else "class_index"]
        self.class_index = chosen["product_id"].map(classes).to_numpy(np.int64)
        self.product = pd.factorize(chosen["product_id"])[0].astype(np.int64)
        self.keys = chosen["product_id"].to_numpy(), chosen["image_number"].to_numpy()

    def showing(self, inputs: Inputs) -> "Examples":
        from cdiscount_tasks.learning.networks.batches import Examples

        return Examples(inputs, self.class_index, self.product)


class _Training:
    """One training of a model, in one phase or two."""

    def __init__(
        self,
        sample_dir: Path,
        labels_dir: Path,
        config: TrainingConfig,
        training_dir: Path,
        tensorboard_dir: Path | None,
    ) -> None:
        self.config, self.training_dir, self.tensorboard_dir = config, training_dir, tensorboard_dir
        self.device: Device = prepare_device(config.seed, config.gpus, config.precision)
        self.sample_dir = sample_dir
        self.num_classes = read_table(labels_dir / "classes.parquet", CLASSES).num_rows
        self.train, self.validation = _Split(labels_dir, TRAIN), _Split(labels_dir, VALIDATION)
        self.phases: list[tuple[str, Trained]] = []
        self.kept = -1  # the phase whose network is published

    def _pictures(self, split: _Split) -> "Examples":
        rows = rows_of(self.sample_dir, *split.keys)
        source = partial(SampleImages, self.sample_dir)
        return split.showing(hold_images(source, rows, self.config.image_size, self.training_dir))

    def _features(self, split: _Split, vectors: np.ndarray) -> "Examples":
        return split.showing(Vectors(vectors[split.places]))

    def _learn(self, phase: str, network: Any, examples: Sequence["Examples"], config: TrainingConfig) -> None:
        from cdiscount_tasks.learning.networks.training import train

        logger.info(
            "%s: %s (%d parameters) on %d images of %d classes, %d images to validate, on %s",
            phase, network.name, network.count_params(), len(self.train.places), self.num_classes,
            len(self.validation.places), self.device.name,
        )  # fmt: skip
        # Other precisions keep other states; `auto` may mean another one on the machine that goes on.
        checkpoints = Checkpoints(
            self.training_dir / phase, f"{self.training_dir.stem} {phase} {self.device.precision}"
        )
        logs_dir = self.tensorboard_dir and self.tensorboard_dir / self.training_dir.stem / phase
        listeners = [EpochLogs(logs_dir)] if logs_dir else []
        train_examples, validation_examples = examples
        trained = train(network, train_examples, validation_examples, config, self.device, checkpoints, listeners)
        self.phases.append((phase, trained))

    def from_scratch(self) -> Any:
        """Train a network that knows nothing yet."""
        from cdiscount_tasks.learning.networks.build import build_network

        with self.device.scope():
            network = build_network(self.config.network, self.config.image_size, self.num_classes)
        self._learn(FROM_SCRATCH, network, [self._pictures(s) for s in (self.train, self.validation)], self.config)
        return network

    def transfer(self, pretrained: Pretrained) -> Any:
        """Train a classifying layer on frozen features, and then, where epochs are given for it, the network itself."""
        import keras

        from cdiscount_tasks.learning.networks.build import build_head, build_network, put_head_on, thaw

        vectors = read_features(pretrained.features_dir)
        with self.device.scope():
            head = build_head(vectors.shape[2], self.num_classes)
        self._learn(HEAD, head, [self._features(s, vectors) for s in (self.train, self.validation)], self.config)
        del vectors
        # A continued training does not learn the head again: what it drew by then must not decide what is drawn next.
        keras.utils.set_random_seed(self.config.seed)
        with self.device.scope():
            network = build_network(
                self.config.network, self.config.image_size, self.num_classes, pretrained.weights_path
            )
        put_head_on(network, head)
        if self.config.fine_tune_epochs:
            logger.info("%d layers of the backbone are tuned", thaw(network, self.config.fine_tune_share))
            tuning = {"epochs": self.config.fine_tune_epochs, "learning_rate": self.config.fine_tune_learning_rate}
            examples = [self._pictures(split) for split in (self.train, self.validation)]
            self._learn(FINE_TUNE, network, examples, self.config.model_copy(update=tuning))
            if _best(self.phases[1][1]).validation_loss > _best(self.phases[0][1]).validation_loss:
                logger.warning(
                    "tuning raised the validation loss from %.4f to %.4f: the frozen network with its classifying "
                    "layer is kept; lower fine_tune_learning_rate, or give it more epochs",
                    _best(self.phases[0][1]).validation_loss, _best(self.phases[1][1]).validation_loss,
                )  # fmt: skip
                self.kept = 0
                with self.device.scope():
                    network = build_network(
                        self.config.network, self.config.image_size, self.num_classes, pretrained.weights_path
                    )
                put_head_on(network, head)
        return network

    def history(self) -> dict[str, list[Any]]:
        """Return history.parquet: the epochs of all phases, counted on."""
        rows = [(phase, epoch) for phase, trained in self.phases for epoch in trained.history]
        columns = {name: [getattr(epoch, name) for _, epoch in rows] for name in HISTORY.names if name != "phase"}
        return {**columns, "phase": [phase for phase, _ in rows], "epoch": list(range(1, len(rows) + 1))}

    def figures(self) -> dict[str, Any]:
        """Return what the result tells of the training."""
        _, kept = self.phases[self.kept]
        best = _best(kept)
        earlier = sum(len(trained.history) for _, trained in self.phases[: self.kept])
        return {
            "num_train_images": len(self.train.places),
            "num_epochs": sum(len(trained.history) for _, trained in self.phases),
            "best_epoch": earlier + kept.best_epoch,
            "validation_loss": best.validation_loss,
            "validation_accuracy": best.validation_accuracy,
            "num_classes_predicted": kept.num_classes_predicted,
            "images_per_s": round(float(np.median([epoch.images_per_s for epoch in self.phases[-1][1].history])), 1),
            "num_resumes": sum(epoch.num_resumes for _, trained in self.phases for epoch in trained.history),
            "device": self.device.name,
            "device_memory_gib": self.device.memory_gib,
            "precision": self.device.precision,
        }


def _best(trained: "Trained") -> "Epoch":
    return trained.history[trained.best_epoch - 1]


def _class_names(labels_dir: Path) -> list[str]:
    """Return what each class is called, by class index; its id stands behind a name, which others may share."""
    classes = read_table(labels_dir / "classes.parquet", CLASSES).to_pylist()
    named = [(str(row["level3"]).strip(), str(row["category_id"])) for row in classes]
    return [f"{name} ({category_id})" if name not in ("", category_id) else category_id for name, category_id in named]


def _write_model(
    sample_dir: Path,
    labels_dir: Path,
    pretrained: Pretrained | None,
    config: TrainingConfig,
    training_dir: Path,
    tensorboard_dir: Path | None,
    part_dir: Path,
) -> dict[str, Any]:
    training = _Training(sample_dir, labels_dir, config, training_dir, tensorboard_dir)
    network = training.transfer(pretrained) if pretrained else training.from_scratch()
    from cdiscount_tasks.learning.networks.build import without_training  # after the device is set up

    without_training(network).save(part_dir / "model.keras")
    write_table(part_dir / "history.parquet", training.history(), HISTORY)
    shutil.copyfile(labels_dir / "classes.parquet", part_dir / "classes.parquet")
    write_json(part_dir / CLASS_NAMES, _class_names(labels_dir))
    contract = {"image_size": config.image_size, "channels": 3, "dtype": "uint8", "resize": RESIZE_RULE}
    write_json(part_dir / "input.json", {**contract, "weights": _origin_of(config, pretrained)})
    return {"network": config.network, "num_parameters": int(network.count_params()), **training.figures()}


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


def _check_features(pretrained: Pretrained, sample_dir: Path, labels_dir: Path, config: TrainingConfig) -> None:
    """Refuse features of other pictures or weights: a head learnt on them fits another network than it is put on."""
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


def model_recipe(sample_dir: Path, labels_dir: Path, features_dir: Path | None, config: TrainingConfig) -> Recipe:
    """Return what decides a model; features_dir is None where it is trained from scratch."""
    return Recipe(
        stage="model",
        version=VERSION,
        config=config.model_dump(mode="json"),
        inputs={"sample": sample_dir, "labels": labels_dir} | ({"features": features_dir} if features_dir else {}),
        files={},
        libraries={name: metadata.version(name) for name in ("keras", "tensorflow", "pillow")},
    )


def train_model(
    sample_dir: Path,
    labels_dir: Path,
    pretrained: Pretrained | None,
    artifacts_dir: Path,
    config: TrainingConfig,
    tensorboard_dir: Path | None = None,
) -> ModelResult:
    """Train a network on what the labels allow to be learnt from.

    Args:
        sample_dir: Finished sample artifact: the pictures.
        labels_dir: Finished labels artifact: splits and classes.
        pretrained: What a transfer starts from; None: the network is trained from scratch.
        artifacts_dir: Where the model artifact will stand, named by its key; its checkpoints lie beside it meanwhile.
        config: The preset's knobs.
        tensorboard_dir: Where TensorBoard's logs go; None: nowhere.

    Returns:
        The artifact's path and figures.

    Raises:
        ConfigError: If the weights are not this network's, or TensorBoard is wanted and not installed.
        DataError: If training diverges, a class has nothing to learn from, a picture no longer decodes, or the
            features are not those of these pictures, labels and weights.
        RuntimeError: If the GPUs that are wanted are not free; a retry may find them.
    """
    if (config.weights != "none") != (pretrained is not None):
        raise ValueError(f"weights is {config.weights!r} and pretrained is {pretrained}: one goes with the other")
    if tensorboard_dir is not None:
        check_tensorboard(tensorboard_dir)
    if pretrained:
        _check_features(pretrained, sample_dir, labels_dir, config)
    recipe = model_recipe(sample_dir, labels_dir, pretrained.features_dir if pretrained else None, config)
    out_dir = recipe.dir_in(artifacts_dir)
    training_dir = out_dir.with_name(f"{out_dir.name}.training")
    write = partial(_write_model, sample_dir, labels_dir, pretrained, config, training_dir, tensorboard_dir)
    try:
        result = cast(ModelResult, build_artifact(out_dir, recipe, write, every_byte=True))
    except DivergedError:  # it would diverge again, and another rate has another key
        shutil.rmtree(training_dir, ignore_errors=True)
        raise
    shutil.rmtree(training_dir, ignore_errors=True)
    return result
