"""Files with pretrained weights: in the folder that the machine names, in Keras' own cache, or fetched once."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.storage.faults import MOMENTARY

logger = logging.getLogger(__name__)

_KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"


class PublishedWeights(NamedTuple):
    """Weights for ImageNet without the classifying top, as Keras publishes them.

    Attributes:
        file_name: As Keras calls the file in its cache.
        url: Where Keras gets it.
        file_hash: MD5 or SHA-256 that Keras' own source names; None: it names none.
        source: Who trained them, for the model card.
        licence: SPDX id.
    """

    file_name: str
    url: str
    file_hash: str | None
    source: str
    licence: str


def _published(folder: str, file_name: str, file_hash: str | None, source: str, licence: str) -> PublishedWeights:
    return PublishedWeights(file_name, f"{_KERAS_URL}/{folder}/{file_name}", file_hash, source, licence)


PUBLISHED: Mapping[str, PublishedWeights] = {
    "mobilenet_v2": _published(
        "mobilenet_v2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", None,
        "Sandler et al. 2018, converted by J. Mitchell (mobilenet_v2_keras)", "MIT",
    ),
    "mobilenet_v3_small": _published(
        "mobilenet_v3", "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5", "d3e8ec802a04aa4fc771ee12a9a9b836",
        "Howard et al. 2019 (tensorflow/models)", "Apache-2.0",
    ),
    "efficientnet_v2_b0": _published(
        "efficientnet_v2", "efficientnetv2-b0_notop.h5", "893217f2bb855e2983157299931e43ff",
        "Tan and Le 2021 (google/automl)", "Apache-2.0",
    ),
    "convnext_tiny": _published(
        "convnext", "convnext_tiny_notop.h5", "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        "Liu et al. 2022 (facebookresearch/ConvNeXt)", "MIT",
    ),
}  # fmt: skip
"""By the network's name in the config."""


def _in_folder(network: str, folder: Path) -> Path | None:
    """Return the one file of a folder that is a network's: under Keras' name, or `<network>*notop*.h5`."""
    own = folder / PUBLISHED[network].file_name
    found = sorted({path for path in (*folder.glob(f"{network}*notop*.h5"), own) if path.is_file()})
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ConfigError(
            f"{folder}: has several files for {network}: {names}; CDISCOUNT_WEIGHTS expects one a network"
        )
    return found[0] if found else None


def _fetch(network: str, weights_dir: Path | None, cached: Path) -> Path:
    """Let Keras fetch the file into its cache."""
    published = PUBLISHED[network]
    logger.info("fetching the weights of %s from %s", network, published.url)
    import keras  # ten seconds, for nothing where the file stands

    models_dir = cached.parent
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        path = keras.utils.get_file(
            published.file_name,
            published.url,
            cache_dir=str(models_dir.parent),
            cache_subdir=models_dir.name,
            file_hash=published.file_hash,
        )
    except Exception as error:
        if isinstance(error, OSError) and error.errno in MOMENTARY:
            raise
        looked = f"{weights_dir} (CDISCOUNT_WEIGHTS)" if weights_dir else "CDISCOUNT_WEIGHTS, which is not set,"
        raise ConfigError(
            f"the network {network} starts from ImageNet weights: its file is neither in {looked} nor at {cached}, and "
            f"could not be fetched ({' '.join(str(error).split())}); get {published.url} on a machine that reaches it, "
            f"put {published.file_name} into a folder and name that folder in CDISCOUNT_WEIGHTS"
        ) from error
    logger.info("%s: its hash is %s", path, "right" if published.file_hash else "not known to Keras, and not checked")
    return Path(path)


def _cached(network: str) -> Path:
    """Return where Keras keeps a network's file, whether it stands there or not."""
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return keras_home / "models" / PUBLISHED[network].file_name


def standing_weights(network: str, weights_dir: Path | None) -> Path | None:
    """Return the file with a network's ImageNet weights if it stands on this machine; fetches nothing.

    Args:
        network: One of PUBLISHED.
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Raises:
        ConfigError: If the folder does not exist or has several.
    """
    if weights_dir is not None:
        if not weights_dir.is_dir():
            raise ConfigError(f"{weights_dir}: no such folder, though CDISCOUNT_WEIGHTS names it")
        path = _in_folder(network, weights_dir)
        if path is not None:
            return path
    cached = _cached(network)
    return cached if cached.is_file() else None


def find_weights(network: str, weights_dir: Path | None) -> Path:
    """Return the file with a network's ImageNet weights; fetches it where neither folder nor cache has it.

    Args:
        network: One of PUBLISHED.
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Raises:
        ConfigError: If there is none and it cannot be fetched, or the folder does not exist or has several.
        OSError: If a disk or the network fails for a moment.
    """
    return standing_weights(network, weights_dir) or _fetch(network, weights_dir, _cached(network))
