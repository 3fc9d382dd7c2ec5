"""Frozen pretrained networks that look at a sample's pictures: the transfer's own, or one for all other runs."""

from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.config import TrainingConfig
from cdiscount_tasks.storage.weights import PUBLISHED, find_weights, standing_weights

# Clothing, 4,232 pictures by mobilenet_v2: a head on its features is right in 72 %, 79 % and 80 % of pictures (5 folds
# by group) at 96, 128 and 160 pixels, for 27, 30 and 46 s of one core.
REFERENCE_IMAGE_SIZE = 128
NO_BACKBONE = (
    "no file with pretrained weights stands in the folder that CDISCOUNT_WEIGHTS names, nor in Keras' cache; put one "
    "there (the README says which) and trigger again"
)


class Backbone(NamedTuple):
    """What features are made with.

    Attributes:
        config: Its network, image_size, precision and mirrored_features count.
        weights_path: The file of ImageNet weights.
    """

    config: TrainingConfig
    weights_path: Path


def reference_backbone(weights_dir: Path | None) -> Backbone | None:
    """Return the backbone of runs that do not train one: the first known one whose file stands on this machine.

    Its config does not depend on the run's preset, so that all runs of a sample share their features, and samples can
    be compared. Nothing is ever fetched for it.

    Args:
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Returns:
        The backbone; None where no file stands.

    Raises:
        ConfigError: If the folder does not exist, or has several files for a network.
    """
    for network in PUBLISHED:
        weights_path = standing_weights(network, weights_dir)
        if weights_path is not None:
            # float32: the same vectors on every machine, and a GPU is quick enough with it.
            knobs = {"network": network, "image_size": REFERENCE_IMAGE_SIZE, "precision": "float32"}
            return Backbone(TrainingConfig.model_validate({**knobs, "weights": "imagenet"}), weights_path)
    return None


def backbone_of(training: TrainingConfig, weights_dir: Path | None) -> Backbone | None:
    """Return the backbone that a run's features are made with: the one that it trains, else the reference.

    Args:
        training: The run's knobs.
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Returns:
        The backbone; None where the run trains from scratch and no file stands.

    Raises:
        ConfigError: If a transfer's weights cannot be had, or the folder does not exist or has several.
    """
    if training.weights == "none":
        return reference_backbone(weights_dir)
    return Backbone(training, find_weights(training.network, weights_dir))
