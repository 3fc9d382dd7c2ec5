"""The most probable classes of many rows, without sorting all classes of each."""

import numpy as np
import numpy.typing as npt


def most_probable(probabilities: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.int64]:
    """Return the most probable classes of each row, the most probable first, of equal ones that of the lower index.

    The first columns of a stable sort of each row, some ten times as fast with thousands of classes.

    Args:
        probabilities: [num_rows, num_classes].
        most: How many classes; where there are no more, all are sorted.

    Returns:
        int64, [num_rows, min(most, num_classes)].
    """
    num_rows, num_classes = probabilities.shape
    if num_classes <= most:
        return np.argsort(-probabilities, axis=1, kind="stable")
    least = np.partition(probabilities, num_classes - most, axis=1)[:, num_classes - most, None]
    chosen = probabilities >= least
    is_tied = np.count_nonzero(chosen, axis=1) != most
    chosen[is_tied] = np.arange(num_classes) < most  # as many as of the others; these rows are sorted whole below
    classes = np.nonzero(chosen)[1].reshape(num_rows, most)
    order = np.argsort(-np.take_along_axis(probabilities, classes, axis=1), axis=1, kind="stable")
    found = np.take_along_axis(classes, order, axis=1)
    found[is_tied] = np.argsort(-probabilities[is_tied], axis=1, kind="stable")[:, :most]
    return found
