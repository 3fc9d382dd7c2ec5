import numpy as np
import pytest

from cdiscount_tasks.learning.networks.balanced import choose_balanced, places_of_classes

CLASSES = np.repeat([0, 2, 5], [40, 3, 9])[np.random.default_rng(0).permutation(52)]


@pytest.mark.parametrize(("balance", "places"), [(0.0, [80, 15, 5]), (0.5, [58, 26, 16]), (1.0, [34, 33, 33])])
def test_the_knob_leads_from_classes_as_they_are_over_square_roots_to_equal_ones(balance, places):
    found = places_of_classes(np.array([80, 15, 5]), balance)
    assert np.abs(found - places).max() <= 1
    assert found.sum() == 100


@pytest.mark.parametrize("seed", range(5))
def test_small_classes_never_have_fewer_places_than_images_and_none_is_left_out(seed):
    random = np.random.default_rng(seed)
    counts = random.integers(1, 10 ** random.integers(1, 5), random.integers(1, 300))
    for balance in (0.01, 0.5, random.random(), 1.0):
        places = places_of_classes(counts, balance)
        assert places.sum() == counts.sum()
        assert places[counts.argmin()] >= counts.min()
        assert places.min() >= 1


@pytest.mark.parametrize("balance", [0.5, 1.0])
def test_the_examples_of_a_class_take_turns_over_the_epochs(balance):
    times = np.zeros(len(CLASSES), int)
    places = dict(zip([0, 2, 5], places_of_classes(np.array([40, 3, 9]), balance).tolist(), strict=True))
    for epoch in range(1, 8):
        chosen = choose_balanced(CLASSES, balance, 3, epoch)
        assert {one: (CLASSES[chosen] == one).sum() for one in places} == places
        np.add.at(times, chosen, 1)
        for one in places:
            of_class = times[one == CLASSES]
            assert of_class.max() - of_class.min() <= 1


@pytest.mark.parametrize(("seed", "epoch", "same"), [(3, 2, True), (4, 2, False), (3, 3, False)])
def test_what_an_epoch_shows_is_a_function_of_seed_and_epoch(seed, epoch, same):
    assert np.array_equal(choose_balanced(CLASSES, 1.0, 3, 2), choose_balanced(CLASSES, 1.0, seed, epoch)) is same
