"""What predictions are worth: figures with 95 % intervals that respect groups of products.

Products that share a picture stand or fall together, so intervals resample whole groups. They cover the choice of
test products; what another training run would give they do not cover.
"""

from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

NUM_DRAWS = 2_000
CONFIDENCE = 0.95
FEWEST_TO_JUDGE = 30
"""Below so many test products a class's figures say little: its interval spans tens of points."""

MAX_CLASSES_IN_MATRIX = 256
NUM_PAIRS = 30
TOP_KS = (3, 5)

_SEED = 0
_CELLS_AT_ONCE = 8_000_000  # draws x distinct groups held in memory: 64 MB
_WIDEST_COMPARED = 64  # columns; wider rows are seldom alike, and comparing them costs more than drawing them
_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)  # as scikit-learn clips float32 probabilities

Floats = npt.NDArray[np.float64]


class Figure(TypedDict):
    """A number with its interval; null where undefined.

    `n` counts the products (or images) that it is over, `num_groups` the groups that these come from.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    num_groups: int


def _rounded(number: float) -> float | None:
    """Round beyond what sums in another order could change, so that the same predictions give the same JSON."""
    return round(float(number), 6) if np.isfinite(number) else None


def known_exactly(value: float | None, n: int, num_groups: int) -> Figure:
    """Return a figure that was counted, not estimated: it has no interval."""
    return Figure(value=None if value is None else _rounded(value), low=None, high=None, n=n, num_groups=num_groups)


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """Return the Wilson score interval of a share seen in n trials (Wilson 1927, JASA 22)."""
    z = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def resampled_sums(values: Any, group_id: npt.NDArray[np.int64], seed: int = _SEED) -> Floats:
    """Draw groups with replacement and sum the values of their members.

    Groups with equal sums are interchangeable, so that drawing how often each *distinct* row of sums occurs is the
    same bootstrap: a million groups that are right or wrong cost no more than a few dozen.

    Args:
        values: float64, [n, num_sums], an array or a SciPy sparse array.
        group_id: int64, [n].
        seed: Of the draws.

    Returns:
        float64, [NUM_DRAWS, num_sums].
    """
    groups, group = np.unique(group_id, return_inverse=True)
    num_groups = len(groups)
    members = sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(num_groups, len(group)))
    sums = members @ values
    counts: npt.NDArray[Any] = np.ones(num_groups)
    if sums.shape[1] <= _WIDEST_COMPARED:
        dense = sums.toarray() if sparse.issparse(sums) else sums
        alike = pd.DataFrame(dense).groupby(list(range(dense.shape[1]))).size()  # ten times as fast as np.unique
        sums, counts = alike.index.to_frame().to_numpy(np.float64), alike.to_numpy(np.float64)
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // len(counts))
    drawn = []
    for first in range(0, NUM_DRAWS, at_once):
        size = min(at_once, NUM_DRAWS - first)
        times = random.multinomial(num_groups, counts / num_groups, size=size).astype(np.float64)
        drawn.append((sums.T @ times.T).T)
    return np.concatenate(drawn)


def _percentiles(draws: Floats) -> tuple[float, float]:
    defined = draws[np.isfinite(draws)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)


def _divide(numerators: Any, denominators: Any) -> Floats:
    """Divide; NaN where the denominator is 0."""
    numerators, denominators = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    undefined = np.full_like(numerators, np.nan)
    return np.asarray(np.divide(numerators, denominators, out=undefined, where=denominators != 0))


def ratio_figure(
    numerators: npt.ArrayLike, denominators: npt.ArrayLike, group_id: npt.ArrayLike, is_share: bool = True
) -> Figure:
    """Return sum(numerators) / sum(denominators) with its interval over groups.

    Args:
        numerators: [n].
        denominators: [n], each at least 0.
        group_id: int64, [n].
        is_share: The ratio lies in [0, 1]. Where resampling cannot tell (one group, or every draw the same), such a
            figure takes the Wilson interval on the number of groups; others have no interval then.
    """
    groups = np.asarray(group_id, np.int64)
    n, num_groups = len(groups), len(np.unique(groups))
    values = np.column_stack([np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)])
    value = float(_divide(*values.sum(axis=0))) if n else float("nan")
    if not np.isfinite(value):
        return known_exactly(None, n, num_groups)
    low = high = float("nan")
    if num_groups > 1:
        sums = resampled_sums(values, groups)
        low, high = _percentiles(_divide(sums[:, 0], sums[:, 1]))
    if is_share and not high > low:
        low, high = wilson_interval(value, num_groups)
    return Figure(value=_rounded(value), low=_rounded(low), high=_rounded(high), n=n, num_groups=num_groups)


def mean_figure(values: npt.ArrayLike, group_id: npt.ArrayLike, is_share: bool = True) -> Figure:
    """Return a mean over products or images with its interval over groups; the arguments are those of ratio_figure."""
    return ratio_figure(values, np.ones(len(np.asarray(values))), group_id, is_share)


def difference_of_accuracies(
    correct_a: npt.ArrayLike, group_a: npt.ArrayLike, correct_b: npt.ArrayLike, group_b: npt.ArrayLike
) -> Figure:
    """Return the accuracy on a minus that on b, two samples without a common product, each resampled by itself.

    Args:
        correct_a: bool, [num_a]. The others accordingly.
        group_a: int64, [num_a].
        correct_b: bool, [num_b].
        group_b: int64, [num_b].
    """
    draws, values, num_groups = [], [], 0
    for seed, (correct, group_id) in enumerate([(correct_a, group_a), (correct_b, group_b)]):
        right, groups = np.asarray(correct, np.float64), np.asarray(group_id, np.int64)
        sums = resampled_sums(np.column_stack([right, np.ones(len(right))]), groups, seed)
        draws.append(sums[:, 0] / sums[:, 1])
        values.append(right.mean())
        num_groups += len(np.unique(groups))
    low, high = _percentiles(draws[0] - draws[1])
    n = len(np.asarray(correct_a)) + len(np.asarray(correct_b))
    return Figure(
        value=_rounded(values[0] - values[1]), low=_rounded(low), high=_rounded(high), n=n, num_groups=num_groups
    )


def _mean_f1(hits: Floats, predicted: Floats, support: Floats) -> tuple[Floats, Floats]:
    """Return macro and weighted F1 of [..., num_classes] counts, over the classes that occur, as scikit-learn does."""
    f1 = _divide(2 * hits, predicted + support)
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
    n, num_groups, rows = len(true), len(np.unique(group_id)), np.arange(len(true))
    if n == 0:
        return known_exactly(None, 0, 0), known_exactly(None, 0, 0)
    shape, ones = (n, num_classes), np.ones(n)
    is_true = sparse.csr_array((ones, (rows, true)), shape=shape)
    is_predicted = sparse.csr_array((ones, (rows, predicted)), shape=shape)
    values = sparse.hstack([is_true * is_predicted, is_predicted, is_true], format="csr")
    found = _mean_f1(*np.split(np.asarray(values.sum(axis=0), np.float64), 3, axis=-1))
    draws = _mean_f1(*np.split(resampled_sums(values, group_id), 3, axis=-1))
    figures = []
    for value, drawn in zip(found, draws, strict=True):
        low, high = _percentiles(drawn)
        if num_groups < 2 or not high > low:
            low, high = wilson_interval(float(value), num_groups)
        figures.append(
            Figure(value=_rounded(float(value)), low=_rounded(low), high=_rounded(high), n=n, num_groups=num_groups)
        )
    return figures[0], figures[1]


def log_losses(probability_of_label: npt.ArrayLike) -> Floats:
    """Return -ln of the probability that each true class was given, kept finite as scikit-learn does."""
    kept = np.clip(np.asarray(probability_of_label, np.float64), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.asarray(-np.log(kept))


def class_figures(
    true: npt.NDArray[Any], predicted: npt.NDArray[Any], group_id: npt.NDArray[np.int64], class_index: int
) -> dict[str, Any]:
    """Return one class's precision, recall, F1 and support; null where nothing was predicted, or nothing is there."""
    is_true, is_predicted = true == class_index, predicted == class_index
    touched = is_true | is_predicted
    hits = is_true & is_predicted
    return {
        "class_index": class_index,
        "support": int(is_true.sum()),
        "num_predicted": int(is_predicted.sum()),
        "too_few_to_judge": bool(is_true.sum() < FEWEST_TO_JUDGE),
        "precision": mean_figure(hits[is_predicted], group_id[is_predicted]),
        "recall": mean_figure(hits[is_true], group_id[is_true]),
        "f1": ratio_figure(
            2.0 * hits[touched], is_true[touched].astype(float) + is_predicted[touched], group_id[touched]
        ),
    }


def confusion(true: npt.NDArray[Any], predicted: npt.NDArray[Any], num_classes: int) -> dict[str, Any]:
    """Count how often each class was taken for each other.

    Returns:
        `matrix`: counts, a row per true class, a column per predicted one; null above 256 classes. `pairs`: the most
        frequent mistakes, each with `true`, `predicted`, `n` and `share` of the true class's products.
    """
    cells, counts = np.unique(true.astype(np.int64) * num_classes + predicted, return_counts=True)
    table = pd.DataFrame({"true": cells // num_classes, "predicted": cells % num_classes, "n": counts})
    table["share"] = (table["n"] / table.groupby("true")["n"].transform("sum")).round(6)
    mistakes = table[table["true"] != table["predicted"]].sort_values(
        ["n", "share", "true", "predicted"], ascending=[False, False, True, True]
    )
    matrix = None
    if num_classes <= MAX_CLASSES_IN_MATRIX:
        dense = np.zeros((num_classes, num_classes), np.int64)
        dense[table["true"], table["predicted"]] = table["n"]
        matrix = dense.tolist()
    return {"matrix": matrix, "pairs": mistakes.head(NUM_PAIRS).to_dict("records")}


def measure_products(
    products: pd.DataFrame, top_classes: npt.NDArray[Any], num_classes: int, majority_class: int
) -> dict[str, Any]:
    """Measure one split by product.

    Args:
        products: A row per product: group_id, class_index (as the catalogue gives it), predicted, num_images,
            conflicted, probability_of_label, corrected_class_index (with human fixes applied; -1: taken out by one).
        top_classes: int, [num_products, at least 5 or num_classes], the most probable first.
        num_classes: Above every class index.
        majority_class: The class with the most products in train.

    Returns:
        `product` and `baseline`, as docs/metrics-schema.md describes them.
    """
    true, predicted = products["class_index"].to_numpy(np.int64), products["predicted"].to_numpy(np.int64)
    groups, corrected = products["group_id"].to_numpy(np.int64), products["corrected_class_index"].to_numpy(np.int64)
    correct, conflicted = true == predicted, products["conflicted"].to_numpy(bool)
    num_images = products["num_images"].to_numpy(np.int64)
    is_majority = true == majority_class
    kept = corrected >= 0
    macro, weighted = f1_figures(true, predicted, groups, num_classes)

    def top(k: int) -> Figure:
        if k >= num_classes:
            return known_exactly(None, len(true), len(np.unique(groups)))
        return mean_figure((top_classes[:, :k] == true[:, None]).any(axis=1), groups)

    return {
        "product": {
            "accuracy": mean_figure(correct, groups),
            "macro_f1": macro,
            "weighted_f1": weighted,
            "log_loss": mean_figure(log_losses(products["probability_of_label"]), groups, is_share=False),
            **{f"top_{k}_accuracy": top(k) for k in TOP_KS},
            "accuracy_unconflicted": mean_figure(correct[~conflicted], groups[~conflicted]),
            "accuracy_conflicted": mean_figure(correct[conflicted], groups[conflicted]),
            "accuracy_corrected": mean_figure((corrected == predicted)[kept], groups[kept]),
            "accuracy_by_num_images": {
                str(count): mean_figure(correct[num_images == count], groups[num_images == count])
                for count in sorted(set(num_images.tolist()))
            },
            "per_class": [class_figures(true, predicted, groups, index) for index in range(num_classes)],
            "confusion": confusion(true, predicted, num_classes),
        },
        "baseline": {
            "majority": mean_figure(is_majority, groups),
            "majority_class_index": majority_class,
            "gain": mean_figure(correct.astype(float) - is_majority, groups, is_share=False),
        },
    }


def measure_images(images: pd.DataFrame) -> dict[str, Figure]:
    """Measure one split by image.

    Args:
        images: A row per image: group_id, class_index, predicted, probability_of_label.
    """
    groups = images["group_id"].to_numpy(np.int64)
    return {
        "accuracy": mean_figure(images["class_index"].to_numpy() == images["predicted"].to_numpy(), groups),
        "log_loss": mean_figure(log_losses(images["probability_of_label"]), groups, is_share=False),
    }
