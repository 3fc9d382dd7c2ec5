"""A network out of the file that a training published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.networks.backend import made_quickly
from cdiscount_tasks.learning.networks.soundness import check_network
from cdiscount_tasks.learning.pictures.images import RESIZE_RULE


def load_network(path: Path, contract: Mapping[str, Any]) -> keras.Model:
    """Load a network whose file was compared with its hash.

    Args:
        path: Of the file.
        contract: input.json beside it: what it takes.

    Raises:
        DataError: If it takes pictures that this code does not make, cannot be loaded, or its weights are no finite
            numbers.
        OSError: If it cannot be read for now.
    """
    if contract.get("resize") != RESIZE_RULE:
        raise DataError(
            f"{path.parent}: wants pictures scaled by {contract.get('resize')!r}, this code does {RESIZE_RULE!r}; "
            "train it again"
        )
    path.read_bytes()  # what the system cannot read for now is no damage: its error passes, and a retry may succeed
    try:
        with made_quickly() as made:
            network = keras.saving.load_model(path, compile=False, safe_mode=True)
            made.extend(network.variables)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file gives Keras', zip's and HDF5's errors of any kind, RecursionError too
        raise DataError(
            f"{path}: cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())[:200]}), though it "
            f"has the bytes that were published; remove {path.parent} and run again from train_model"
        ) from error
    check_network(network, contract.get("image_size"), path)
    return network
