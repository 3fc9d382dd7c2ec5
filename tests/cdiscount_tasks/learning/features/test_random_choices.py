import numpy as np
import pytest

from cdiscount_tasks.learning.features.random_choices import (
    CATEGORIES_PER_FAMILY,
    MOST_FAMILIES,
    NUM_CATEGORIES,
    NUM_RANDOM_CHOICES,
    TreeCategory,
    choose_draws,
    choose_pool,
    gap_figure,
)


def tree(num_departments=8, families=6, categories=8, num_products=100):
    return [
        TreeCategory(
            1000 + 100 * (families * department + family) + place, f"D{department}", f"F{family}", num_products
        )
        for department in range(num_departments)
        for family in range(families)
        for place in range(categories)
    ]


TREE = tree()
FAMILY_OF = {category.category_id: category.family for category in TREE}
GROUPS = dict.fromkeys(FAMILY_OF, 50)


def test_the_pool_is_bounded_however_many_categories_there_are():
    pool = choose_pool(tree(60, 10, 20), 60, seed=0)
    assert len(pool.category_ids) <= MOST_FAMILIES * CATEGORIES_PER_FAMILY + 60
    assert not pool.notes


def test_the_pool_is_the_same_for_the_same_seed_and_another_for_another():
    pools = [choose_pool(TREE, 60, seed).category_ids for seed in (0, 0, 1)]
    assert pools[0] == pools[1] != pools[2]


def test_small_categories_are_left_out_of_the_pool():
    small = [category._replace(num_products=59) for category in TREE[::2]]
    pool = choose_pool([*small, *TREE[1::2]], 60, seed=0)
    assert not {category.category_id for category in small} & set(pool.category_ids)


def test_every_level_1_name_is_in_the_pool():
    lonely = TreeCategory(1, "alone", "only", 100)
    assert 1 in choose_pool([*TREE, lonely], 60, seed=0).category_ids


def test_a_catalogue_without_siblings_says_why_there_are_no_alike_draws():
    pool = choose_pool(tree(8, 1, 4), 60, seed=0)
    assert len(pool.category_ids) == 8
    assert "no level-2 name has 5 categories of at least 60 products" in pool.notes[0]


def test_a_small_catalogue_has_no_pool_and_both_reasons():
    pool = choose_pool(tree(2, 2, 3, num_products=5), 60, seed=0)
    assert pool.category_ids == ()
    assert len(pool.notes) == 2


def test_alike_draws_are_of_one_family_and_unlike_ones_of_as_many_departments():
    draws = choose_draws(TREE, GROUPS, 40, seed=0)
    assert len(draws.alike) == len(draws.unlike) == NUM_RANDOM_CHOICES
    for ids in draws.alike:
        assert len(set(ids)) == NUM_CATEGORIES and len({FAMILY_OF[one] for one in ids}) == 1
    for ids in draws.unlike:
        assert len({FAMILY_OF[one][0] for one in ids}) == NUM_CATEGORIES


def test_no_draw_comes_twice():
    draws = choose_draws(TREE, GROUPS, 40, seed=0)
    assert len(set(draws.alike)) == len(set(draws.unlike)) == NUM_RANDOM_CHOICES


def test_as_many_families_are_used_as_there_are():
    draws = choose_draws(TREE, GROUPS, 40, seed=0)
    assert len({FAMILY_OF[ids[0]] for ids in draws.alike}) == NUM_RANDOM_CHOICES


def test_categories_with_too_few_groups_are_left_out_and_told():
    few = dict.fromkeys(list(GROUPS)[:5], 10)
    draws = choose_draws(TREE, {**GROUPS, **few}, 40, seed=0)
    assert not {one for ids in [*draws.alike, *draws.unlike] for one in ids} & few.keys()
    assert any("5 of 384 categories have fewer than 40 groups" in note for note in draws.notes)


def test_fewer_possible_draws_are_told():
    draws = choose_draws(tree(1, 1, 6), dict.fromkeys(range(1000, 1006), 50), 40, seed=0)
    assert len(draws.alike) == 6 and draws.unlike == []
    assert any("only 6 different draws of alike" in note for note in draws.notes)


def test_the_draws_are_the_same_for_the_same_seed():
    assert choose_draws(TREE, GROUPS, 40, seed=3) == choose_draws(TREE[::-1], GROUPS, 40, seed=3)


@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_the_gap_is_the_difference_of_means_with_an_interval_round_it(shift):
    random = np.random.default_rng(0)
    alike, unlike = random.normal(0.6, 0.05, 30), random.normal(0.6 + shift, 0.05, 30)
    figure = gap_figure(unlike, alike)
    assert figure["low"] < figure["value"] < figure["high"]
    assert (figure["low"] > 0) == (shift > 0)
