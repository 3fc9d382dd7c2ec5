"""Labels (and features) -> seeds: the model's training again with other seeds, each judged by the same test products.

They say how far chance moves the accuracy, and choose nothing: the model is that of the preset's seed. What is killed
leaves the trainings that are over in `seeds-<key>.training/`; whoever makes the artifact next goes on after them. The
folder goes when it is published. Where one was stopped by hand, the artifact's key counts that: whoever asks for whole
trainings does not find it.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.artifacts.training_folder import remove_states
from cdiscount_tasks.machine.device import backend_packages, prepare_device
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.one_training import Material
from cdiscount_tasks.stages.seed_outcomes import Rights, SeedOutcome, keep_outcome, kept_outcome
from cdiscount_tasks.stages.seed_trainings import JudgedImages, read_tested, train_and_judge
from cdiscount_tasks.stages.starts import check_start, starts_from
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.schemas import RIGHT_IMAGES, RIGHT_PRODUCTS, SEEDS
from cdiscount_tasks.tables.seeds import RIGHT_IMAGES_FILE, RIGHT_PRODUCTS_FILE, SEEDS_FILE

logger = logging.getLogger(__name__)

VERSION = 1


class _Stopped(Exception):  # noqa: N818 - not a fault
    """Others were stopped by hand: what was made is the artifact of these, not of whole trainings."""

    def __init__(self, result: "SeedsResult") -> None:
        super().__init__()
        self.result = result


class SeedsResult(Result):
    """What trainings with other seeds achieved; a first look, the report has the figures.

    Attributes:
        num_seeds: How many were trained, the model's own not counted.
        lowest_accuracy, highest_accuracy: Over test products, of those that were trained to their end; None: none was.
        trainings_s: What they took together.
    """

    device: str
    num_seeds: int
    num_diverged: int
    num_stopped: int
    lowest_accuracy: float | None
    highest_accuracy: float | None
    trainings_s: float


def seeds_recipe(
    sample_dir: Path,
    labels_dir: Path,
    started_from: Path | None,
    config: TrainingConfig,
    stopped_after_epoch: int | None = None,
    stopped_seeds: Mapping[int, int] | None = None,
) -> Recipe:
    """Return what decides trainings with other seeds.

    Args:
        sample_dir: Finished sample artifact.
        labels_dir: Finished labels artifact.
        started_from: The features of a transfer, or the champion's model; None: they begin from scratch.
        config: The model's knobs, and how many seeds.
        stopped_after_epoch: The epoch after which the model's training was stopped by hand; None: it ended by itself.
        stopped_seeds: After which epoch each other seed that was stopped by hand ended; None or empty: none was.
    """
    begins = {"champion" if config.weights == "champion" else "features": started_from} if started_from else {}
    stopped: dict[str, Any] = {} if stopped_after_epoch is None else {"stopped_after_epoch": stopped_after_epoch}
    if stopped_seeds:
        stopped["stopped_seeds"] = {str(seed): epoch for seed, epoch in stopped_seeds.items()}
    return Recipe(
        stage="seeds",
        version=VERSION,
        config=config.of_model() | {"seeds": config.seeds} | stopped,
        inputs={"sample": sample_dir, "labels": labels_dir, **begins},
        libraries=versions(*backend_packages(), "pillow"),
    )


def _lists(rights: Sequence[Rights], num_rows: int) -> pa.ListArray:
    """Return by row what each complete training judged right, in their order."""
    flat = np.stack(rights, axis=1).ravel() if rights else np.zeros(0, np.bool_)
    ends = np.arange(num_rows + 1, dtype=np.int32) * len(rights)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(flat, pa.bool_()))


def _write(part_dir: Path, outcomes: Sequence[SeedOutcome], tested: JudgedImages) -> dict[str, Any]:
    write_table(part_dir / SEEDS_FILE, {name: [getattr(one, name) for one in outcomes] for name in SEEDS.names}, SEEDS)
    complete = [one for one in outcomes if one.state == "complete"]
    firsts = tested.firsts
    products = {"is_right": _lists([one.right_products for one in complete], len(firsts))}
    write_table(part_dir / RIGHT_PRODUCTS_FILE, {"product_id": tested.product_ids[firsts], **products}, RIGHT_PRODUCTS)
    images = {
        "product_id": tested.product_ids,
        "image_number": tested.image_numbers,
        "is_right": _lists([one.right_images for one in complete], len(tested.product_ids)),
    }
    write_table(part_dir / RIGHT_IMAGES_FILE, images, RIGHT_IMAGES)
    states, accuracies = [one.state for one in outcomes], [float(one.right_products.mean()) for one in complete]
    return {
        "num_seeds": len(outcomes),
        "num_diverged": states.count("diverged"),
        "num_stopped": states.count("stopped"),
        "lowest_accuracy": min(accuracies, default=None),
        "highest_accuracy": max(accuracies, default=None),
        "trainings_s": round(sum(one.seconds for one in outcomes), 1),
    }


def _fits(outcome: SeedOutcome, config: TrainingConfig, tested: JudgedImages) -> bool:
    """Tell whether what was kept is whole: of this seed, and of as many products as are tested."""
    sizes = (0, 0) if outcome.state == "diverged" else (len(tested.firsts), len(tested.product_ids))
    return outcome.seed == config.seed and (len(outcome.right_products), len(outcome.right_images)) == sizes


def train_other_seeds(
    material: Material, artifacts_dir: Path, config: TrainingConfig, stopped_after_epoch: int | None = None
) -> SeedsResult:
    """Train with the seeds after the model's, and keep which test products and images each judges right.

    Args:
        material: Finished artifacts that are learnt from, and what trainings begin with.
        artifacts_dir: Where the seeds artifact will stand, named by its key; its trainings lie beside it meanwhile.
        config: The model's knobs, and how many seeds.
        stopped_after_epoch: The epoch after which the model's training was stopped by hand: no other is longer. None:
            it ended by itself.

    Returns:
        The artifact's path and figures. Where somebody stopped another seed, it has a key of its own: asked again, all
        are trained to their end.

    Raises:
        ConfigError: If the weights are not this network's.
        DataError: If no test product is left, or a picture no longer decodes. One that diverges is no error.
        ValueError: If there is no other seed.
    """
    if config.seeds < 2:
        raise ValueError("the preset has one seed, there is no other to train with")
    check_start(material.start, material.sample_dir, material.labels_dir, config)
    place = material.sample_dir, material.labels_dir, starts_from(material.start)
    recipe = seeds_recipe(*place, config, stopped_after_epoch)
    folder = recipe.dir_in(artifacts_dir).with_suffix(".training")

    def write(part_dir: Path) -> Made:
        began = time.monotonic()
        tested, configs = read_tested(material), config.other_seeds()
        device = prepare_device(config.seed, config.gpus, config.precision).name
        outcomes, before_s = [], 0.0
        for number, one in enumerate(configs, start=1):
            name = f"seed-{number:02d}"
            outcome = kept_outcome(folder / f"{name}.npz")
            if outcome is not None and _fits(outcome, one, tested):
                before_s += outcome.seconds
                logger.info("seed %d, %d of %d: is over already", one.seed, number, len(configs))
            else:
                logger.info("seed %d, %d of %d", one.seed, number, len(configs))
                outcome = train_and_judge(material, tested, one, folder / name, stopped_after_epoch)
                keep_outcome(folder / f"{name}.npz", outcome)
                remove_states(folder / name)
            outcomes.append(outcome)
        stopped = {
            one.seed: one.num_epochs for one in outcomes if one.state == "stopped" and one.num_epochs is not None
        }
        if not stopped:
            return Made({"device": device, **_write(part_dir, outcomes, tested)}, seconds_before=before_s)
        took_s = time.monotonic() - began + before_s

        def write_stopped(own_dir: Path) -> Made:
            return Made({"device": device, **_write(own_dir, outcomes, tested)}, seconds_before=took_s)

        # Within the lock of the key that was asked for: who waits for it must not take up trainings that go.
        own = seeds_recipe(*place, config, stopped_after_epoch, stopped)
        raise _Stopped(make(SeedsResult, own, artifacts_dir, write_stopped))

    try:
        result = make(SeedsResult, recipe, artifacts_dir, write)
    except _Stopped as stopped:
        result = stopped.result
    remove_states(folder)
    return result
