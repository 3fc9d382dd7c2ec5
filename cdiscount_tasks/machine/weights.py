"""Files with pretrained weights: in the folder that the machine names, in Keras' own cache, or fetched once.

A file is opened and read before anything else is made with it: one that is half fetched is known in the first seconds.
"""

import io
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine.faults import MOMENTARY
from cdiscount_tasks.settings.networks import BACKBONES, PublishedWeights
from cdiscount_tasks.settings.path_faults import fault_of

logger = logging.getLogger(__name__)

PUBLISHED: Mapping[str, PublishedWeights] = {name: network.weights for name, network in BACKBONES.items()}
"""By the network's name in the config."""


def _kernels(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield the weights of two or more dimensions in a file that Keras wrote, but for an optimiser's."""
    import h5py

    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) else None)
    yield from ((name, item) for name, item in found if item.ndim > 1 and not name.startswith("optimizer"))


def _fault_of(content: bytes, published: PublishedWeights) -> str | None:
    """Return what is wrong with the bytes of a file of weights; None: nothing."""
    if content.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the weights: run `git lfs pull` there"
    import h5py  # a quarter of a second, for nothing where there is no file

    num_kernels = num_in_kernels = 0
    try:
        with h5py.File(io.BytesIO(content)) as file:
            for name, kernel in _kernels(file):
                values = np.asarray(kernel[()], np.float32)
                num_kernels, num_in_kernels = num_kernels + 1, num_in_kernels + values.size
                if not np.isfinite(values).all():
                    return f"holds weights that are no finite numbers ({name})"
                if not values.any():
                    return f"lacks bytes in its middle: all weights of {name} are 0"
    except Exception as error:  # damaged bytes give h5py's errors of any kind; reading them is over by now
        return f"does not open as the HDF5 file that it should be ({' '.join(str(error).split())[:200]})"
    if (num_kernels, num_in_kernels) != (published.num_kernels, published.num_in_kernels):
        return (
            f"holds other layers: {num_kernels} kernels with {num_in_kernels:,} weights, expected "
            f"{published.num_kernels} with {published.num_in_kernels:,}, as Keras publishes them without the top"
        )
    return None


def check_weights(network: str, path: Path) -> None:
    """Open a file of weights and look for the network's layers in it.

    Args:
        network: One of PUBLISHED.
        path: The file.

    Raises:
        ConfigError: If it cannot be read, is not HDF5, is cut or has holes, or holds a different network's layers.
        OSError: If it cannot be read for now.
    """
    if path.exists() and not path.is_dir() and (wrong := fault_of(path, "file")):
        raise ConfigError(f"{path}: {wrong}; repair or remove it")
    try:
        fault = _fault_of(path.read_bytes(), PUBLISHED[network])
    except PermissionError as error:
        raise ConfigError(f"{path}: cannot be read; give this user the right to read it") from error
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: is a link to a file that does not exist; repair or remove it") from error
    if fault:
        again = (
            "remove it; the next run that needs it fetches it again"
            if path == _cached(network)
            else f"get it again from {PUBLISHED[network].url}, or remove it from that folder"
        )
        raise ConfigError(f"{path}: {fault}; {again}")


def _in_folder(network: str, folder: Path) -> Path | None:
    """Return the one file of a folder that is a network's: under Keras' name, or `<network>*notop*.h5`."""
    own = folder / PUBLISHED[network].file_name
    found = sorted(
        {path for path in (*folder.glob(f"{network}*notop*.h5"), own) if path.is_file() or path.is_symlink()}
    )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ConfigError(
            f"{folder}: has several files for {network}: {names}; expected one per network in CDISCOUNT_WEIGHTS"
        )
    return found[0] if found else None


def _fetch(network: str, weights_dir: Path | None, cached: Path) -> Path:
    """Let Keras fetch the file into its cache."""
    published = PUBLISHED[network]
    logger.info("fetching the weights of %s from %s", network, published.url)
    import keras  # ten seconds, for nothing where the file exists

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
            f"could not be fetched ({' '.join(str(error).split())}); download {published.url} where that is possible, "
            f"put {published.file_name} into a folder and set CDISCOUNT_WEIGHTS to that folder"
        ) from error
    logger.info("%s: its hash is %s", path, "right" if published.file_hash else "not known to Keras, and not checked")
    return Path(path)


def _cached(network: str) -> Path:
    """Return where Keras keeps a network's file, whether it exists or not."""
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return keras_home / "models" / PUBLISHED[network].file_name


def check_weights_dir(weights_dir: Path | None) -> None:
    """Refuse a setting that names no folder: whoever set it expects it to be looked into.

    Raises:
        ConfigError: If the folder does not exist.
    """
    if weights_dir is not None and not weights_dir.is_dir():
        raise ConfigError(f"{weights_dir}: no such folder, though CDISCOUNT_WEIGHTS names it")


def standing_weights(network: str, weights_dir: Path | None) -> Path | None:
    """Return the file with a network's ImageNet weights if it is on this machine and whole; fetches nothing.

    Args:
        network: One of PUBLISHED.
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Raises:
        ConfigError: If the folder does not exist or has several, or the file is not the network's weights.
        OSError: If the file cannot be read for now.
    """
    check_weights_dir(weights_dir)
    path = _in_folder(network, weights_dir) if weights_dir is not None else None
    if path is None:
        path = _cached(network)
        if not path.is_file():
            return None
    check_weights(network, path)
    return path


def find_weights(network: str, weights_dir: Path | None) -> Path:
    """Return the file with a network's ImageNet weights; fetches it where neither folder nor cache has it.

    Args:
        network: One of PUBLISHED.
        weights_dir: What CDISCOUNT_WEIGHTS names; None: nothing.

    Raises:
        ConfigError: If no file exists and it cannot be fetched, the folder does not exist or has several, or the file
            is not the network's weights.
        OSError: If the file cannot be read for now.
    """
    path = standing_weights(network, weights_dir)
    if path is None:
        path = _fetch(network, weights_dir, _cached(network))
        check_weights(network, path)
    return path
