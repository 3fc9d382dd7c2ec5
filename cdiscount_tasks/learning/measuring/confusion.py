"""Which class is taken for which, class by class and between the categories of a level of the tree."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

LEVELS = ("level1", "level2", "level3")
MAX_CLASSES_IN_MATRIX = 256
"""Above, metrics.json has no matrix, and pages choose classes by how many mistakes they have: 5,270 classes, as the
catalogue has, would make a matrix of 28 million cells, of which nearly all are 0."""

MAX_BLOCKS = 60
NUM_PAIRS = 30


def confusion(true: npt.NDArray[Any], predicted: npt.NDArray[Any], num_classes: int) -> dict[str, Any]:
    """Count how often each class was taken for each other.

    Returns:
        `matrix`: counts, a row per true class, a column per predicted one; null above 256 classes. `pairs`: the most
        frequent mistakes, each with `true`, `predicted`, `n` and `share` of the true class's products. `num_pairs`:
        above 256 classes alone, how many pairs of classes there are mistakes between.
    """
    cells, counts = np.unique(true.astype(np.int64) * num_classes + predicted, return_counts=True)
    table = pd.DataFrame({"true": cells // num_classes, "predicted": cells % num_classes, "n": counts})
    table["share"] = (table["n"] / table.groupby("true")["n"].transform("sum")).round(6)
    mistakes = table[table["true"] != table["predicted"]].sort_values(
        ["n", "share", "true", "predicted"], ascending=[False, False, True, True]
    )
    pairs = mistakes.head(NUM_PAIRS).to_dict("records")
    if num_classes > MAX_CLASSES_IN_MATRIX:
        return {"matrix": None, "pairs": pairs, "num_pairs": len(mistakes)}
    dense = np.zeros((num_classes, num_classes), np.int64)
    dense[table["true"], table["predicted"]] = table["n"]
    return {"matrix": dense.tolist(), "pairs": pairs}


def confusion_blocks(
    true: npt.NDArray[Any], predicted: npt.NDArray[Any], classes: pd.DataFrame
) -> dict[str, Any] | None:
    """Count confusions between the categories of the widest level that tells classes apart.

    Args:
        true: Class index of each product, [n].
        predicted: [n].
        classes: A row per class index: level1, level2.

    Returns:
        `level`, `blocks` (a category each, the largest first: `name`, `num_classes`, `num_products` of the true class)
        and `matrix`, counts in the same order. None if no level above the lowest has 2 to 60 categories.
    """
    for depth in (1, 2):
        paths = classes.groupby(list(LEVELS[:depth]), sort=False)
        if paths.ngroups < 2:
            continue
        if paths.ngroups > MAX_BLOCKS:
            return None
        path = paths.ngroup().to_numpy()
        matrix = np.zeros((paths.ngroups, paths.ngroups), np.int64)
        np.add.at(matrix, (path[true], path[predicted]), 1)
        order = np.argsort(-matrix.sum(axis=1), kind="stable")
        names = classes[LEVELS[depth - 1]].groupby(path).first()
        sizes = np.bincount(path)
        blocks = [
            {"name": str(names[one]), "num_classes": int(sizes[one]), "num_products": int(matrix[one].sum())}
            for one in order
        ]
        return {"level": depth, "blocks": blocks, "matrix": matrix[np.ix_(order, order)].tolist()}
    return None
