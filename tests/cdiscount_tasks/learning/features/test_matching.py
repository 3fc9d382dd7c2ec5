from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.learning.features import matching
from cdiscount_tasks.learning.features.matching import (
    Material,
    choose_images,
    deal_groups,
    distinct_rows,
    match_products,
    match_sizes,
    material_of,
    pair_classes,
    size_of,
)
from tests.material.made_samples import make_material


def cost(sizes, pairs):
    return sum(np.log(sizes[0][first] / sizes[1][second]) ** 2 for first, second in pairs)


def test_classes_are_paired_from_the_largest_to_the_smallest():
    assert pair_classes([[405, 4398, 1346], [4401, 1348, 402]]) == [[1, 0], [2, 1], [0, 2]]


@pytest.mark.parametrize("seed", range(5))
def test_no_other_pairing_is_nearer_in_size(seed):
    random = np.random.default_rng(seed)
    sizes = [random.integers(1, 1000, 4), random.integers(1, 1000, 4)]
    found = cost(sizes, pair_classes(sizes))
    assert found <= min(cost(sizes, list(enumerate(order))) for order in permutations(range(4))) + 1e-9


def test_classes_without_a_partner_of_their_size_are_left_out():
    assert pair_classes([[100, 10], [9, 5000, 101, 1]]) == [[0, 2], [1, 0]]


def test_three_samples_are_paired_at_once():
    assert pair_classes([[10, 100], [90, 11], [12, 95]]) == [[1, 0, 1], [0, 1, 0]]


def test_equal_sizes_are_paired_by_index():
    assert pair_classes([[7, 7, 7], [7, 7, 7]]) == [[0, 0], [1, 1], [2, 2]]


def test_a_pair_is_cut_to_its_smaller_class():
    sizes = match_sizes([np.array([40, 12]), np.array([10, 90])], [[0, 1], [1, 0]])
    assert [size.num_groups for size in sizes] == [40, 10]


def test_no_class_has_more_groups_than_the_bound(monkeypatch):
    monkeypatch.setattr(matching, "MOST_GROUPS", 15)
    assert match_sizes([np.array([40]), np.array([90])], [[0, 0]])[0].num_groups == 15


@pytest.mark.parametrize("num_groups", [2, 3, 4, 10, 1500])
def test_some_groups_are_learnt_from_and_some_are_judged(num_groups):
    assert 0 < size_of(num_groups).num_test_groups < num_groups


def test_a_group_counts_for_the_class_of_most_of_its_products():
    mixed = Material(
        features=np.zeros((5, 1), np.float32),
        product_of_image=np.arange(5),
        distinct_image=np.zeros(5, np.int64),
        class_index=np.array([1, 1, 0, 0, 1]),
        group_id=np.array([9, 9, 9, 4, 4]),
    )
    group, class_of_group = mixed.groups
    assert class_of_group[group].tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("seed", range(3))
def test_each_class_deals_exactly_its_size_and_no_group_to_both_sides(seed):
    material = make_material([30, 12, 20], products_per_group=(1, 3))
    classes, sizes = [2, 0], [size_of(20), size_of(10)]
    sides = deal_groups(material, classes, sizes, seed)
    assert not (sides.train & sides.test).any()
    class_of_group = material.groups[1]
    for class_index, size in zip(classes, sizes, strict=True):
        of_class = class_of_group == class_index
        assert (sides.test & of_class).sum() == size.num_test_groups
        assert (sides.train & of_class).sum() == size.num_groups - size.num_test_groups
    assert not (sides.train | sides.test)[class_of_group == 1].any()


def test_another_seed_deals_other_groups():
    material = make_material([30])
    first, second = (deal_groups(material, [0], [size_of(20)], seed) for seed in (0, 1))
    assert (first.test != second.test).any()


def test_a_picture_of_several_products_is_one():
    material = make_material([10], products_per_group=(3,))
    rows = distinct_rows(material, [0], np.ones(10, bool))
    assert len(material.distinct_image) == 30 and len(rows[0]) == 10


def test_products_of_classes_outside_the_pairs_are_not_learnt():
    material = make_material([5, 5])
    material.group_id[:] = np.concatenate([np.arange(5), np.arange(5)])  # each group has one product of either class
    rows = distinct_rows(material, [0], np.ones(5, bool))
    assert set(material.class_index[material.product_of_image[rows[0]]]) == {0}


def test_so_many_pictures_are_chosen_of_each_pair():
    rows = [np.arange(0, 20), np.arange(20, 50)]
    chosen = choose_images(rows, [7, 11], seed=3)
    assert (chosen < 20).sum() == 7 and len(set(chosen.tolist())) == 18
    assert chosen.tolist() == choose_images(rows, [7, 11], seed=3).tolist()


def test_products_are_chosen_by_whole_groups_up_to_the_bound(monkeypatch):
    monkeypatch.setattr(matching, "MOST_GROUPS", 4)
    material = make_material([10, 3, 6], products_per_group=(1, 2))
    kept = match_products(material, [0, 1])
    group, class_of_group = material.groups
    assert np.bincount(class_of_group[np.unique(group[kept])], minlength=3).tolist() == [4, 3, 0]
    assert all(kept[group == one].all() for one in np.unique(group[kept]))


def test_tables_become_material_row_for_row():
    products = pd.DataFrame({"product_id": [5, 9], "class_index": [1, 0], "group_id": [5, 9]})
    images = pd.DataFrame({"product_id": [5, 5, 9], "distinct_image": [0, 1, 2]})
    material = material_of(products, images, None)
    assert material.product_of_image.tolist() == [0, 0, 1]
    assert material.group_sizes(3).tolist() == [1, 1, 0]


@pytest.mark.parametrize("seed", range(5))
def test_a_group_counts_for_the_class_of_most_of_its_products_and_of_equals_the_first(seed):
    random = np.random.default_rng(seed)
    class_index, group_id = random.integers(0, 4, 60), random.choice([7, -2, 40, 41, 9000], 60)
    nothing = np.zeros(60, np.int64)
    group, class_of_group = Material(np.zeros((60, 0)), nothing, nothing, class_index, group_id).groups
    assert np.array_equal(np.unique(group_id)[group], group_id)
    counts = np.zeros((5, 4), int)
    np.add.at(counts, (group, class_index), 1)
    assert class_of_group.tolist() == counts.argmax(axis=1).tolist()
