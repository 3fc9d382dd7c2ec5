"""What predictions are worth, by product, by image, by class and by level of the category tree."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.learning.measuring.confusion import LEVELS, confusion, confusion_blocks
from cdiscount_tasks.learning.measuring.f1_intervals import mean_f1_intervals
from cdiscount_tasks.learning.measuring.intervals import (
    Figure,
    figure_of,
    known_exactly,
    mean_figure,
    share_figure,
    share_figures,
)
from cdiscount_tasks.learning.measuring.paired import paired_difference
from cdiscount_tasks.learning.measuring.shares import Floats, divide

FEWEST_TO_JUDGE = 30
"""Below so many test products a class's figures say little: its interval spans tens of points."""

TOP_KS = (3, 5)

_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)  # as scikit-learn clips float32 probabilities


def _mean_f1(hits: npt.NDArray[Any], predicted: npt.NDArray[Any], support: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Return macro and weighted F1 of [..., num_classes] counts, over the classes that occur, as scikit-learn does."""
    f1 = divide(2 * hits, predicted + support)
    return np.nanmean(f1, axis=-1), np.nansum(f1 * support, axis=-1) / support.sum(axis=-1)


def f1_figures(
    true: npt.NDArray[Any], predicted: npt.NDArray[Any], group_id: npt.NDArray[np.int64], num_classes: int
) -> tuple[Figure, Figure]:
    """Return the macro F1 (each class counts the same) and the weighted F1 (each product does), with intervals.

    Args:
        true: Class index of each product, [n].
        predicted: [n].
        group_id: int64, [n].
        num_classes: Above every class index.
    """
    n, num_groups = len(true), len(np.unique(group_id))
    if n == 0:
        return known_exactly(None, 0, 0), known_exactly(None, 0, 0)
    hits = np.bincount(true[true == predicted], minlength=num_classes)
    support = np.bincount(true, minlength=num_classes)
    found = _mean_f1(hits, np.bincount(predicted, minlength=num_classes), support)
    intervals = mean_f1_intervals(true, predicted, group_id, num_classes)
    macro, weighted = (figure_of(float(f1), ends, n, num_groups) for f1, ends in zip(found, intervals, strict=True))
    return macro, weighted


def log_losses(probability_of_label: npt.ArrayLike) -> Floats:
    """Return -ln of the probability that each true class was given, kept finite as scikit-learn does."""
    kept = np.clip(np.asarray(probability_of_label, np.float64), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.asarray(-np.log(kept))


def squared_errors(probabilities: npt.NDArray[Any], true: npt.NDArray[Any]) -> Floats:
    """Return each row's part of the Brier score: the sum over classes of (probability - truth)^2, in [0, 2].

    As Brier (1950, Monthly Weather Review 78) has it, also for two classes, where others halve it.

    Args:
        probabilities: float, [n, num_classes], rows sum to 1.
        true: Class index of each row, [n].
    """
    squares = np.einsum("nc,nc->n", probabilities, probabilities, dtype=np.float64)
    return np.asarray(squares - 2.0 * probabilities[np.arange(len(true)), true] + 1.0)


def _f1_of_overlap(overlap: Floats) -> Floats:
    """Return F1 from the share of right products among those that are of a class or called by it."""
    return np.asarray(2 * overlap / (1 + overlap))


def measure_classes(
    true: npt.NDArray[Any], predicted: npt.NDArray[Any], group_id: npt.NDArray[np.int64], num_classes: int
) -> list[dict[str, Any]]:
    """Return each class's precision, recall, F1 and support; null where nothing was predicted, or nothing is there.

    F1 is 2 j / (1 + j) of the share j of right products among those that are of the class or called by it, and so are
    the ends of its interval.
    """
    right = true == predicted
    wrong = ~right
    touched = np.concatenate([true, predicted[wrong]])
    both_groups, both_right = np.concatenate([group_id, group_id[wrong]]), np.concatenate([right, right[wrong]])
    figures = zip(
        share_figures(predicted, right, group_id, num_classes),
        share_figures(true, right, group_id, num_classes),
        share_figures(touched, both_right, both_groups, num_classes, told_as=_f1_of_overlap),
        strict=True,
    )
    return [
        {
            "class_index": index,
            "support": recall["n"],
            "num_predicted": precision["n"],
            "too_few_to_judge": recall["n"] < FEWEST_TO_JUDGE,
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }
        for index, (precision, recall, f1) in enumerate(figures)
    ]


def measure_levels(
    true: npt.NDArray[Any], predicted: npt.NDArray[Any], group_id: npt.NDArray[np.int64], classes: pd.DataFrame
) -> dict[str, Any]:
    """Measure how far down the category tree the answers are right.

    Two categories meet at a level when their names agree from level 1 down to it.

    Args:
        true: Class index of each product, [n]. The others accordingly.
        predicted: [n].
        group_id: int64, [n].
        classes: A row per class index: level1, level2, level3.

    Returns:
        `levels`: of each level its accuracy, null where all classes have one category there. `mistake_depth`: over the
        mistakes, the mean number of levels, 0 to 3, at which the true and the predicted category still meet.
    """
    paths = [classes.groupby(list(LEVELS[: depth + 1])).ngroup().to_numpy() for depth in range(len(LEVELS))]
    meet = np.column_stack([path[true] == path[predicted] for path in paths])
    wrong, num_groups = true != predicted, len(np.unique(group_id))
    levels = [
        {
            "level": depth + 1,
            "num_categories": len(np.unique(path)),
            "accuracy": share_figure(meet[:, depth], group_id)
            if path.any()
            else known_exactly(None, len(true), num_groups),
        }
        for depth, path in enumerate(paths)
    ]
    depth = mean_figure(meet[wrong].sum(axis=1), group_id[wrong], is_share=False)
    return {"levels": levels, "mistake_depth": depth}


def measure_joining(products: pd.DataFrame, images: pd.DataFrame) -> dict[str, Figure]:
    """Measure what judging a product's images together brings over judging them one by one.

    Args:
        products: A row per product: product_id, group_id, class_index, predicted, num_images.
        images: A row per image of these products: product_id, class_index, predicted.

    Returns:
        `single_images`: the accuracy of single images, averaged within each product and then over products. `gain`:
        product accuracy minus that, resampled together. `gain_several_images`: the same over products with 2 or more.
    """
    right = (images["class_index"] == images["predicted"]).groupby(images["product_id"]).mean()
    single = right.reindex(products["product_id"]).to_numpy(np.float64)
    joined = (products["class_index"] == products["predicted"]).to_numpy()
    groups, several = products["group_id"].to_numpy(np.int64), products["num_images"].to_numpy() > 1
    return {
        "single_images": mean_figure(single, groups),
        "gain": paired_difference(joined, single, groups),
        "gain_several_images": paired_difference(joined[several], single[several], groups[several]),
    }


def measure_baselines(
    true: npt.NDArray[Any], correct: npt.NDArray[np.bool_], group_id: npt.NDArray[np.int64], classes: pd.DataFrame
) -> dict[str, Any]:
    """Measure what answers without a look at the images are worth.

    Args:
        true: Class index of each product, [n].
        correct: bool, [n], whether the model is right.
        group_id: int64, [n].
        classes: A row per class index: num_products_train.

    Returns:
        `majority`, `majority_class_index` and `gain`; `largest_in_test`: the same of the class that most of these
        products have, which nobody knows beforehand; `prior`: of answering every time with the train shares of the
        classes as probabilities.
    """
    counts = classes["num_products_train"].to_numpy(np.float64)
    # Of classes that are equally large in train, the one that test has most of: the hardest to beat.
    in_test = np.bincount(true, minlength=len(counts))
    majority_class, shares = int(np.lexsort((-in_test, -counts))[0]), counts / counts.sum()
    majority = share_figure(true == majority_class, group_id)
    errors = (shares**2).sum() - 2 * shares + 1
    return {
        "majority": majority,
        "majority_class_index": majority_class,
        "largest_in_test": share_figure(true == in_test.argmax(), group_id),
        "gain": paired_difference(correct, true == majority_class, group_id),
        "prior": {
            "accuracy": majority,
            "accuracy_drawn": mean_figure(shares[true], group_id),
            "log_loss": mean_figure(log_losses(shares)[true], group_id, is_share=False),
            "brier": mean_figure(errors[true], group_id, is_share=False),
        },
    }


def _measure_accuracies(products: pd.DataFrame, groups: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Measure the shares of right products: of all, of some, and with human fixes applied."""
    true, predicted = products["class_index"].to_numpy(np.int64), products["predicted"].to_numpy(np.int64)
    corrected, correct = products["corrected_class_index"].to_numpy(np.int64), true == predicted
    conflicted, kept = products["conflicted"].to_numpy(bool), corrected >= 0
    num_images = products["num_images"].to_numpy(np.int64)
    _, group, group_sizes = np.unique(groups, return_inverse=True, return_counts=True)
    of_groups = np.bincount(group, correct) / group_sizes
    return {
        "accuracy": share_figure(correct, groups),
        "accuracy_groups_once": mean_figure(of_groups, np.arange(len(of_groups))) | {"n": len(correct)},
        "accuracy_unconflicted": share_figure(correct[~conflicted], groups[~conflicted]),
        "accuracy_conflicted": share_figure(correct[conflicted], groups[conflicted]),
        "accuracy_corrected": share_figure((corrected == predicted)[kept], groups[kept]),
        "accuracy_by_num_images": {
            str(count): share_figure(correct[num_images == count], groups[num_images == count])
            for count in sorted(set(num_images.tolist()))
        },
    }


def _measure_top(
    true: npt.NDArray[Any], top_classes: npt.NDArray[Any], group_id: npt.NDArray[np.int64], num_classes: int
) -> dict[str, Figure]:
    """Measure how often the true class is among the k most probable; undefined where k is every class."""

    def top(k: int) -> Figure:
        if k >= num_classes:
            return known_exactly(None, len(true), len(np.unique(group_id)))
        return share_figure((top_classes[:, :k] == true[:, None]).any(axis=1), group_id)

    return {f"top_{k}_accuracy": top(k) for k in TOP_KS}


def measure_products(products: pd.DataFrame, top_classes: npt.NDArray[Any], classes: pd.DataFrame) -> dict[str, Any]:
    """Measure one split by product.

    Args:
        products: A row per product: group_id, class_index (as the catalogue gives it), predicted, num_images,
            conflicted, probability_of_label, squared_error, corrected_class_index (with human fixes applied; -1: taken
            out by one).
        top_classes: int, [num_products, at least 5 or num_classes], the most probable first.
        classes: A row per class index: level1, level2, level3, num_products_train.

    Returns:
        `product` and `baseline`, as docs/metrics-schema.md describes them.
    """
    true, predicted = products["class_index"].to_numpy(np.int64), products["predicted"].to_numpy(np.int64)
    groups, num_classes = products["group_id"].to_numpy(np.int64), len(classes)
    macro, weighted = f1_figures(true, predicted, groups, num_classes)
    return {
        "product": {
            **_measure_accuracies(products, groups),
            "macro_f1": macro,
            "weighted_f1": weighted,
            "log_loss": mean_figure(log_losses(products["probability_of_label"]), groups, is_share=False),
            "brier": mean_figure(products["squared_error"], groups, is_share=False),
            **_measure_top(true, top_classes, groups, num_classes),
            **measure_levels(true, predicted, groups, classes),
            "per_class": measure_classes(true, predicted, groups, num_classes),
            "confusion": {
                **confusion(true, predicted, num_classes),
                "blocks": confusion_blocks(true, predicted, classes),
            },
        },
        "baseline": measure_baselines(true, true == predicted, groups, classes),
    }


def measure_images(images: pd.DataFrame) -> dict[str, Figure]:
    """Measure one split by image.

    Args:
        images: A row per image: group_id, class_index, predicted, probability_of_label.
    """
    groups = images["group_id"].to_numpy(np.int64)
    return {
        "accuracy": share_figure(images["class_index"].to_numpy() == images["predicted"].to_numpy(), groups),
        "log_loss": mean_figure(log_losses(images["probability_of_label"]), groups, is_share=False),
    }
