"""Labels that other products contradict: out-of-sample probabilities by group, judged by confident learning."""

import logging
import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.features.head import Bools, Ints, keep_whole_groups, predict_by_head
from cdiscount_tasks.learning.measuring.joining import joint_probabilities

logger = logging.getLogger(__name__)

NUM_FOLDS = 5
MOST_LISTED = 200
"""Suspects that a person is asked to look at, at most."""

RANDOM_SHARE = 0.2
"""Of the rows of a list: products that nothing speaks against, drawn at random."""

NUM_SCORES = 5
NOT_LISTED, SUSPECT, RANDOM = "", "suspect", "random"

_SMALLEST = 1e-6


class LabelledProducts(NamedTuple):
    """Products with labels that may be wrong, and what a frozen network sees in their pictures.

    Attributes:
        features: float32, [num_images, num_features].
        product_of_image: int64, [num_images], each in [0, num_products), every product at least once.
        label: int64, [num_products], in [0, num_classes).
        group_id: int64, [num_products].
        learnt: bool, [num_images], what may be learnt from.
        num_classes: Number of classes.
    """

    features: npt.NDArray[np.float32]
    product_of_image: Ints
    label: Ints
    group_id: Ints
    learnt: Bools
    num_classes: int


class Evidence(NamedTuple):
    """What the products of other folds say of each product.

    Attributes:
        probabilities: float32, [num_products, num_classes]; rows sum to 1.
        is_judged: bool, [num_products]: another fold taught the class of the product's label.
    """

    probabilities: npt.NDArray[np.float32]
    is_judged: Bools


class Verdicts(NamedTuple):
    """How well each product's label fits.

    Attributes:
        quality: float64, [num_products], in [0, 1]: the probability of the label; 1 where it is not judged.
        is_suspect: bool, [num_products].
        suggestion: int64, [num_products]: the most probable class but for the label.
    """

    quality: npt.NDArray[np.float64]
    is_suspect: Bools
    suggestion: Ints


class ReviewList(NamedTuple):
    """What a person is asked to look at.

    Attributes:
        kind: Text, [num_products]: SUSPECT, RANDOM or NOT_LISTED.
        score: int64, [num_products], 1 to NUM_SCORES, higher is more suspect; 0 where not listed. It ranks a product
            among those that came into the list the same way, so that it does not tell which way that was.
    """

    kind: npt.NDArray[np.str_]
    score: Ints


def deal_folds(label: Ints, group_id: Ints, num_folds: int, seed: int) -> Ints:
    """Deal whole groups into folds like cards, class by class, so that each fold gets its share of every class.

    A group goes with the label of its first product. Two groups of a class never lie in one fold while another is
    without, but for groups of several classes.

    Args:
        label: int64, [num_products].
        group_id: int64, [num_products].
        num_folds: Number of folds.
        seed: Of the order within a class.

    Returns:
        int64, [num_products], each in [0, num_folds).
    """
    _, first, group = np.unique(group_id, return_index=True, return_inverse=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(first)), label[first]))
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % num_folds
    return np.asarray(fold[group])


def judge_out_of_sample(given: LabelledProducts, most_learnt: int, seed: int = 0) -> Evidence:
    """Judge every product by a logistic head that saw no product of its group.

    Args:
        given: The products.
        most_learnt: Images that a head learns from, at most; whole groups are left out above that.
        seed: Of folds, and of the groups that are left out.
    """
    features, product_of_image, label, group_id, learnt, num_classes = given
    fold = deal_folds(label, group_id, NUM_FOLDS, seed)
    by_image = np.full((len(features), num_classes), 1 / num_classes, np.float32)
    is_judged = np.zeros(len(label), bool)
    image_label, image_group, image_fold = label[product_of_image], group_id[product_of_image], fold[product_of_image]
    for number in range(NUM_FOLDS):
        usable = np.flatnonzero(learnt & (image_fold != number))
        if not len(usable):
            continue
        chosen = np.zeros(len(features), bool)
        chosen[usable[keep_whole_groups(image_group[usable], most_learnt, seed)]] = True
        judged = image_fold == number
        by_image[judged] = predict_by_head(features, image_label, chosen, judged, num_classes)
        is_judged |= (fold == number) & np.isin(label, image_label[chosen])
        logger.info("judged %s of %s products", f"{(fold <= number).sum():,}", f"{len(label):,}")
    return Evidence(joint_probabilities(by_image, product_of_image), is_judged)


def find_suspects(evidence: Evidence, label: Ints, may_be_suspect: Bools) -> Verdicts:
    """Tell which labels are probably wrong, by confident learning (Northcutt et al. 2021, JAIR 70; cleanlab).

    Args:
        evidence: Of the products.
        label: int64, [num_products], in [0, num_classes).
        may_be_suspect: bool, [num_products]; the others are neither suspects nor taken into account.
    """
    # A second and a half, for nothing where the artifact stands.
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    probabilities = np.maximum(evidence.probabilities.astype(np.float64), _SMALLEST)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    others = probabilities.copy()
    others[np.arange(len(label)), label] = -1
    quality, is_suspect = np.ones(len(label)), np.zeros(len(label), bool)
    rows = np.flatnonzero(evidence.is_judged & may_be_suspect)
    if len(np.unique(label[rows])) > 1:
        quality[rows] = get_label_quality_scores(label[rows], probabilities[rows], method="self_confidence")
        with warnings.catch_warnings():
            # One for each class of few products; that these are judged with little is said in the docs.
            warnings.filterwarnings("ignore", "May not flag all label issues in class", UserWarning)
            is_suspect[rows] = find_label_issues(label[rows], probabilities[rows], n_jobs=1)
    return Verdicts(quality, is_suspect, others.argmax(axis=1))


def _scores(rows: Ints, num_rows: int) -> Ints:
    """Return NUM_SCORES for the first fifth of the rows, and so on down to 1; 0 for all others."""
    score = np.zeros(num_rows, np.int64)
    score[rows] = NUM_SCORES - np.arange(len(rows)) * NUM_SCORES // max(1, len(rows))
    return score


def choose_list(
    verdicts: Verdicts,
    is_known: Bools,
    seed: int,
    listed_before: npt.NDArray[np.str_] | None = None,
) -> ReviewList:
    """Choose the most suspect products, and among them a fifth that nothing speaks against, drawn at random.

    What an earlier list had and nobody looked at comes first, as what it was there: a product that was drawn at random
    stays so, whatever speaks against it now, and so the list's random rows stay a random choice.

    Args:
        verdicts: Of the products.
        is_known: bool, [num_products]: people have looked at it already, or it was not judged; it is not listed.
        seed: Of the random ones.
        listed_before: The kind of each product in an earlier list, [num_products]; None: there was no such list.
    """
    ranked = np.argsort(verdicts.quality, kind="stable")
    before = np.full(len(ranked), NOT_LISTED, dtype="<U7") if listed_before is None else listed_before
    offered = {kind: ranked[((before == kind) & ~is_known)[ranked]] for kind in (SUSPECT, RANDOM)}
    is_new = ~is_known & (before == NOT_LISTED)
    suspects = np.concatenate([offered[SUSPECT], ranked[(verdicts.is_suspect & is_new)[ranked]]])[:MOST_LISTED]
    suspects = suspects[np.argsort(verdicts.quality[suspects], kind="stable")]
    unsuspected = np.flatnonzero(~verdicts.is_suspect & is_new)
    num_random = round(len(suspects) * RANDOM_SHARE / (1 - RANDOM_SHARE)) - len(offered[RANDOM])
    drawn = np.random.default_rng(seed).choice(unsuspected, max(0, min(len(unsuspected), num_random)), replace=False)
    drawn = np.concatenate([offered[RANDOM], drawn])
    drawn = drawn[np.argsort(verdicts.quality[drawn], kind="stable")]
    kind = np.full(len(ranked), NOT_LISTED, dtype="<U7")
    kind[suspects], kind[drawn] = SUSPECT, RANDOM
    return ReviewList(kind, _scores(suspects, len(ranked)) + _scores(drawn, len(ranked)))
