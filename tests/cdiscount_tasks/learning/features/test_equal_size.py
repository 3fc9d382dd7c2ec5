import numpy as np
import pytest

from cdiscount_tasks.learning.features.equal_size import (
    SEEDS,
    Judged,
    accuracy_figure,
    compare_neighbours,
    difference_figure,
    judge_groups,
    judge_samples,
    nearest_neighbours,
    neighbour_figure,
)
from cdiscount_tasks.learning.features.matching import match_sizes, pair_classes
from tests.material.made_samples import make_material

ALIKE = make_material([60, 30, 24], apart=1.0, products_per_group=(1, 2), images_per_product=(1, 2), seed=1)
UNLIKE = make_material([26, 50, 40], apart=6.0, products_per_group=(1, 1, 3), images_per_product=(2, 1, 1), seed=2)
SIZES_OF = [ALIKE.group_sizes(3), UNLIKE.group_sizes(3)]
PAIRS = pair_classes(SIZES_OF)
SIZES = match_sizes(SIZES_OF, PAIRS)


@pytest.fixture(scope="module")
def judged():
    return judge_samples([ALIKE, UNLIKE], PAIRS, SIZES)


def test_every_seed_judges_the_same_number_of_groups_of_each_pair_in_every_sample(judged):
    for sample in judged[0]:
        for place, size in enumerate(SIZES):
            tested = sample.tested[sample.pair == place].sum(axis=0)
            assert tested.tolist() == [size.num_test_groups] * len(SEEDS)


def test_every_seed_learns_as_many_pictures_as_the_smaller_side_has(judged):
    for numbers in judged[1]:
        for number, size in zip(numbers, SIZES, strict=True):
            assert number >= size.num_groups - size.num_test_groups


def test_one_picture_a_group_is_the_same_number_in_every_seed():
    _, numbers = judge_samples([UNLIKE], [[1], [2]], SIZES[:2], one_image_a_group=True)
    assert numbers == [[size.num_groups - size.num_test_groups for size in SIZES[:2]]] * len(SEEDS)


def test_categories_that_lie_apart_are_told_apart_and_those_that_overlap_are_not(judged):
    alike, unlike = (accuracy_figure(sample, place) for place, sample in enumerate(judged[0]))
    assert unlike["value"] > 0.97
    assert alike["value"] < 0.8


def test_the_difference_is_that_of_the_accuracies_and_its_interval_leaves_out_zero(judged):
    alike, unlike = judged[0]
    difference = difference_figure(unlike, alike, (1, 0))
    assert difference["value"] == pytest.approx(
        accuracy_figure(unlike, 1)["value"] - accuracy_figure(alike, 0)["value"], abs=2e-6
    )
    assert 0 < difference["low"] < difference["value"] < difference["high"]


def test_a_sample_against_itself_is_no_difference(judged):
    difference = difference_figure(judged[0][0], judged[0][0], (0, 1))
    assert difference["value"] == 0
    assert difference["low"] < 0 < difference["high"]


def test_the_same_seed_gives_the_same_figures(judged):
    again, _ = judge_samples([ALIKE, UNLIKE], PAIRS, SIZES)
    assert [accuracy_figure(one, 0) for one in again] == [accuracy_figure(one, 0) for one in judged[0]]


def test_the_accuracy_counts_each_group_once():
    sample = Judged(np.array([[1.0], [0.0], [0.5]]), np.ones((3, 1)), np.zeros(3, np.int64), 40)
    figure = accuracy_figure(sample, 0)
    assert (figure["value"], figure["n"], figure["num_groups"]) == (0.5, 40, 3)


def test_seeds_that_disagree_widen_the_interval():
    calm = np.tile((np.arange(40) % 2).astype(float)[:, None], (1, 5))
    torn = np.repeat([[0.0, 1.0, 0.0, 1.0, 0.5]], 40, axis=0)
    tested, pair = np.ones((40, 5)), np.zeros(40, np.int64)
    widths = []
    for right in (calm, torn):
        figure = accuracy_figure(Judged(right, tested, pair, 40), 0)
        assert figure["value"] == 0.5
        widths.append(figure["high"] - figure["low"])
    assert widths[1] > widths[0] > 0


def test_the_interval_is_that_of_a_slow_bootstrap_over_groups_and_seeds():
    random = np.random.default_rng(0)
    right, tested = random.random((60, 5)) < 0.7, random.random((60, 5)) < 0.5
    right = (right & tested).astype(float)
    figure = accuracy_figure(Judged(right, tested.astype(float), np.zeros(60, np.int64), 60), 0)
    slow = []
    for _ in range(4_000):
        groups, seeds = random.integers(0, 60, 60), random.integers(0, 5, 5)
        slow.append(right[np.ix_(groups, seeds)].sum() / tested[np.ix_(groups, seeds)].sum())
    low, high = np.percentile(slow, [2.5, 97.5])
    assert figure["low"] == pytest.approx(low, abs=0.015)
    assert figure["high"] == pytest.approx(high, abs=0.015)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_where_all_is_right_or_all_wrong_the_interval_still_has_a_width(right):
    sample = Judged(np.full((40, 5), right), np.ones((40, 5)), np.zeros(40, np.int64), 40)
    figure = accuracy_figure(sample, 0)
    assert figure["value"] == right
    assert 0.03 < figure["high"] - figure["low"] < 0.1
    difference = difference_figure(sample, sample, (0, 1))
    assert difference["low"] < 0 < difference["high"]


def test_a_pair_that_was_not_judged_is_undefined():
    sample = Judged(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3, np.int64), 0)
    assert accuracy_figure(sample, 0)["value"] is None


def test_only_the_test_groups_are_judged():
    group = ALIKE.groups[0]
    test = np.zeros(group.max() + 1, bool)
    test[[0, 70]] = True
    _, products = judge_groups(ALIKE, [0, 1, 2], np.flatnonzero(~test[group][ALIKE.product_of_image]), test)
    assert products.tolist() == np.flatnonzero(test[group]).tolist()


def test_a_neighbour_of_the_same_group_does_not_count():
    features = np.array([[1, 0], [1, 0.01], [0, 1], [0.9, 0.3], [0.1, 1]], np.float32)
    label, group = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3])
    right = nearest_neighbours(features, label, group)
    assert not right[0] and not right[1]  # their own twin aside, the nearest is of the other class
    assert right[2] and right[4]


def test_neighbours_are_found_among_equally_many_pictures_of_each_sample():
    found = compare_neighbours([ALIKE, UNLIKE], PAIRS, SIZES)
    assert np.bincount(found[0].pair).tolist() == np.bincount(found[1].pair).tolist()
    alike, unlike = map(neighbour_figure, found)
    assert alike["high"] < unlike["low"]
