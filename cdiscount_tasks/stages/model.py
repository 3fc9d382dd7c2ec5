"""Labels (and features) -> model: a network trained on the train split, its best weights by the validation split.

A training that is killed leaves its states in `model-<key>.training/`; whoever trains that model next goes on from the
newest one that is whole, and the folder goes when the model is published.

A training that somebody stopped makes a different model, with a key of its own: the key of the complete one stays free.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.artifacts.training_folder import fetch_states, remove_states
from cdiscount_tasks.errors import DivergedError
from cdiscount_tasks.learning.measuring.device_use import DeviceFigures, tell_device_use
from cdiscount_tasks.learning.pictures.images import RESIZE_RULE
from cdiscount_tasks.machine.device import backend_packages
from cdiscount_tasks.machine.gpu_use import GpuWatch
from cdiscount_tasks.settings.environment import check_tensorboard
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import PreviousModel
from cdiscount_tasks.stages.one_training import Material, carry_through, set_up
from cdiscount_tasks.stages.starts import Start, check_start, origin_of, starts_from
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.schemas import HISTORY
from cdiscount_tasks.tables.seen_before import write_seen_before
from cdiscount_tasks.tables.training_labels import read_class_names
from cdiscount_tasks.vocabulary import CLASS_NAMES

if TYPE_CHECKING:  # importing Keras takes ten seconds, for nothing where the model exists already
    import keras

    from cdiscount_tasks.learning.networks.phases import Places, Training

logger = logging.getLogger(__name__)

VERSION = 5


class ModelResult(Result, DeviceFigures):
    """What training achieved.

    Of a training that was killed and went on, what the GPUs did and how long the network waited are those of its last
    part.

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
    num_resumes: int
    device_memory_gib: float
    precision: str
    stopped_after_epoch: NotRequired[int]
    num_epochs_planned: NotRequired[int]


class _Stopped(Exception):  # noqa: N818 - an answer, not a fault
    """The training ended after a different epoch than the artifact says that is being made; its own is published."""

    def __init__(self, result: ModelResult) -> None:
        self.result = result


def _places(training_dir: Path, tensorboard_dir: Path | None, ends_after: int | None) -> "Places":
    from cdiscount_tasks.learning.networks.phases import Places

    return Places(training_dir, tensorboard_dir, ends_after)


def _write_model(
    part_dir: Path,
    training: "Training",
    network: "keras.Model",
    figures: Mapping[str, Any],
    labels_dir: Path,
    start: Start,
    config: TrainingConfig,
) -> Made:
    from cdiscount_tasks.learning.networks.build import without_training

    without_training(network).save(part_dir / "model.keras")
    write_table(part_dir / "history.parquet", training.history(), HISTORY)
    shutil.copyfile(labels_dir / "classes.parquet", part_dir / "classes.parquet")
    write_json(part_dir / CLASS_NAMES, read_class_names(labels_dir))
    if isinstance(start, PreviousModel):
        write_seen_before(part_dir, start.model_dir, start.labels_dir)
    contract = {"image_size": config.image_size, "channels": 3, "dtype": "uint8", "resize": RESIZE_RULE}
    views = {} if config.views == "flip" else {"views": config.views}
    write_json(part_dir / "input.json", {**contract, **views, "weights": origin_of(config, start)})
    return Made({"network": config.network, "num_parameters": int(network.count_params()), **figures})


@contextmanager
def _removed_when_over(training_dir: Path) -> Iterator[None]:
    """Remove the states of a training that has ended; one that was cut off is continued from them."""
    try:
        yield
    except DivergedError:  # it would diverge again, and a different learning rate has a different key
        remove_states(training_dir)
        raise
    remove_states(training_dir)


def model_recipe(
    sample_dir: Path,
    labels_dir: Path,
    starts_from: Path | None,
    config: TrainingConfig,
    stopped_after_epoch: int | None = None,
) -> Recipe:
    """Return what decides a model.

    Args:
        sample_dir: Finished sample artifact.
        labels_dir: Finished labels artifact.
        starts_from: The features of a transfer, or the champion's model; None: it is trained from scratch.
        config: The preset's knobs.
        stopped_after_epoch: The epoch after which it is stopped; None: it ends by itself.
    """
    begins = {"champion" if config.weights == "champion" else "features": starts_from} if starts_from else {}
    stopped = {} if stopped_after_epoch is None else {"stopped_after_epoch": stopped_after_epoch}
    return Recipe(
        stage="model",
        version=VERSION,
        config=config.of_model() | stopped,
        inputs={"sample": sample_dir, "labels": labels_dir, **begins},
        libraries=versions(*backend_packages(), "pillow"),
    )


def training_folder(
    sample_dir: Path, labels_dir: Path, starts_from: Path | None, artifacts_dir: Path, config: TrainingConfig
) -> Path:
    """Return where a training's checkpoints are while it runs, and how far it is; the file `stop` there ends it."""
    return model_recipe(sample_dir, labels_dir, starts_from, config).dir_in(artifacts_dir).with_suffix(".training")


def train_model(
    sample_dir: Path,
    labels_dir: Path,
    start: Start,
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
        start: What a transfer starts from, or the champion whose weights are learnt on from; None: the network is
            trained from scratch.
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
    check_start(start, sample_dir, labels_dir, config)
    inputs = sample_dir, labels_dir, starts_from(start)
    training_dir = training_folder(*inputs, artifacts_dir, config)

    def find_or_make(ended_after: int | None, write: Callable[[Path], Made]) -> ModelResult:
        return make(ModelResult, model_recipe(*inputs, config, ended_after), artifacts_dir, write, every_byte=True)

    def write(part_dir: Path) -> Made:
        began = time.monotonic()
        fetch_states(training_dir)
        material, place = Material(sample_dir, labels_dir, start), (training_dir, tensorboard_dir, stopped_after_epoch)
        training, _ = set_up(material, config, partial(_places, *place))
        with GpuWatch() as gpus:
            network = carry_through(training, start, training_dir)
        figures = tell_device_use(training.figures(), gpus.use)
        save = partial(_write_model, training=training, network=network, figures=figures, labels_dir=labels_dir,
                       start=start, config=config)  # fmt: skip
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
