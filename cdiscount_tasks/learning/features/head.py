"""A logistic classifier on the features of a frozen network: seconds on a CPU, where training a network takes hours."""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Clothing (3,354 images of 10 classes, 5 folds by group): accuracy and log-loss are best at 10 / n; features that
# are not standardised lose 6 points, 256 principal components half a point.
_STRENGTH = 10.0
_MOST_STEPS = 100
_TOLERANCE = 1e-3
_FEWEST_SPREAD = 1e-3


def predict_by_head(
    features: npt.NDArray[np.float32], class_index: Ints, learnt: Bools, judged: Bools, num_classes: int
) -> npt.NDArray[np.float32]:
    """Learn a logistic head on some images and return the class probabilities of others.

    Args:
        features: float32, [num_images, num_features].
        class_index: int64, [num_images], in [0, num_classes); not looked at where an image is not learnt from.
        learnt: bool, [num_images], what is learnt from: at least one image.
        judged: bool, [num_images].
        num_classes: Classes that none of the learnt images is of get the probability 0.

    Returns:
        float32, [number of judged images, num_classes], rows sum to 1.
    """
    known, of_known = np.unique(class_index[learnt], return_inverse=True)
    found = np.zeros((int(judged.sum()), num_classes), np.float32)
    if len(known) == 1:
        found[:, known[0]] = 1
        return found
    seen = features[learnt]
    middle, spread = seen.mean(axis=0), np.maximum(seen.std(axis=0), _FEWEST_SPREAD)
    head = LogisticRegression(C=_STRENGTH / len(seen), max_iter=_MOST_STEPS, tol=_TOLERANCE)
    # Of a fit's many small products each would wait for the slowest core, 80 times as long where another task works
    # beside it; and sums of other threads are other figures, so that a machine's cores would show in a report.
    with threadpool_limits(1):
        head.fit((seen - middle) / spread, of_known)
        found[:, known] = head.predict_proba((features[judged] - middle) / spread)
    return found


def keep_whole_groups(group_id: Ints, most: int, seed: int) -> Bools:
    """Choose whole groups at random until there are about as many rows as wanted.

    Args:
        group_id: int64, [n].
        most: Rows, at most; a group that no longer fits is passed over.
        seed: Of the choice.

    Returns:
        bool, [n], whether the row is kept; all where they are no more than `most`.
    """
    if len(group_id) <= most:
        return np.ones(len(group_id), bool)
    _, group, sizes = np.unique(group_id, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    kept, left = np.zeros(len(sizes), bool), most
    for number in order:
        if sizes[number] <= left:
            kept[number] = True
            left -= sizes[number]
    return np.asarray(kept[group])
