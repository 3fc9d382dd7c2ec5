"""Files that hold as many weights as a published network has, without the network: enough to be taken for it."""

import h5py
import numpy as np

from cdiscount_tasks.machine.weights import PUBLISHED


def write_weights(path, network=None):
    """Write a file of a network's weights, by default of the one that its name begins with; return its path."""
    network = network or max((name for name in PUBLISHED if path.name.startswith(name)), key=len)
    published = PUBLISHED[network]
    sizes = np.full(published.num_kernels, 1)
    sizes[0] += published.num_in_kernels - published.num_kernels
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, size in enumerate(sizes):
            file.create_dataset(f"layers/{number}/kernel", data=np.ones((1, size), np.int8), compression="gzip")
    return path
