"""Frozen pretrained networks that look at a sample's images: the transfer's own, or one for all other runs."""

import logging
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine.weights import PUBLISHED, check_weights_dir, find_weights, standing_weights
from cdiscount_tasks.settings.training import TrainingConfig

logger = logging.getLogger(__name__)

# Clothing, 4,232 images by mobilenet_v2: a head on its features is right in 72 %, 79 % and 80 % of images (5 folds
# by group) at 96, 128 and 160 pixels, for 27, 30 and 46 s of one core.
REFERENCE_IMAGE_SIZE = 128
HOW_TO_GET_WEIGHTS = (
    "features are computed by the descriptor that comes with the project; those of a pretrained network tell "
    "categories apart better: "
    f"download {PUBLISHED['mobilenet_v2'].url} (9 MB) into a folder, start Airflow again with CDISCOUNT_WEIGHTS set to "
    "that folder, and trigger again"
)
"""Where no file of weights is in the folder that CDISCOUNT_WEIGHTS names or in Keras' cache."""


class Backbone(NamedTuple):
    """What features are made with.

    Attributes:
        config: Its network, image_size, precision and mirrored_features count.
        weights_path: The file of ImageNet weights.
    """

    config: TrainingConfig
    weights_path: Path


def _look(weights_dir: Path | None) -> tuple[Backbone | None, list[str]]:
    """Return the first backbone whose file can be used, and what is wrong with those before it."""
    check_weights_dir(weights_dir)
    faults = []
    for network in PUBLISHED:
        try:
            weights_path = standing_weights(network, weights_dir)
        except (ConfigError, OSError) as error:
            faults.append(str(error))
            continue
        if weights_path is not None:
            return _reference(network, weights_path), faults
    return None, faults


def _reference(network: str, weights_path: Path) -> Backbone:
    # float32: the same vectors on every machine, and a GPU is quick enough with it.
    knobs = {"network": network, "image_size": REFERENCE_IMAGE_SIZE, "precision": "float32"}
    return Backbone(TrainingConfig.model_validate({**knobs, "weights": "imagenet"}), weights_path)


def reference_backbone(weights_dir: Path | None) -> Backbone | None:
    """Return the backbone of runs that do not train one: the first known one whose file is on this machine, and whole.

    Its config does not depend on the run's preset, so that all runs of a sample share their features, and samples can
    be compared. Nothing is ever fetched for it, and a file that cannot be used stops nothing: no one has asked for it.

    Args:
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Returns:
        The backbone; None where no file can be used: `tell_reference` says why, and the descriptor takes its place.

    Raises:
        ConfigError: If the folder does not exist.
    """
    return _look(weights_dir)[0]


def tell_reference(weights_dir: Path | None) -> None:
    """Log which files of weights cannot be used, or how to get one; once a run, since every step looks for itself."""
    backbone, faults = _look(weights_dir)
    for fault in faults:
        logger.warning("not used: %s", fault)
    if backbone is None and not faults:
        logger.info("%s", HOW_TO_GET_WEIGHTS)


def backbone_of(training: TrainingConfig, weights_dir: Path | None) -> Backbone | None:
    """Return the backbone that a run's features are made with: the one that it trains, else the reference.

    Args:
        training: The run's knobs.
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Returns:
        The backbone; None where the run trains from scratch and no file can be used.

    Raises:
        ConfigError: If a transfer's weights cannot be had, or the folder does not exist.
        OSError: If a transfer's weights cannot be read for now.
    """
    if training.weights != "imagenet":
        return reference_backbone(weights_dir)
    return Backbone(training, find_weights(training.network, weights_dir))


def backbone_with(training: TrainingConfig, network: str, weights_dir: Path | None) -> Backbone | None:
    """Return a run's backbone where its network was chosen before, on a different machine perhaps.

    Args:
        training: The run's knobs.
        network: That looks at its pictures.
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Returns:
        The backbone; None where the run trains from scratch and this machine has no file of that network.

    Raises:
        ConfigError: If the file cannot be used or, of a transfer, not be had; if the folder does not exist.
        OSError: If the file cannot be read for now.
    """
    if training.weights == "imagenet":
        return backbone_of(training, weights_dir)
    weights_path = standing_weights(network, weights_dir)
    return None if weights_path is None else _reference(network, weights_path)
