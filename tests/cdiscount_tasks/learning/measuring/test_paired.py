import numpy as np
import pytest
from scipy import stats

from cdiscount_tasks.learning.measuring.intervals import difference_of_accuracies, mean_figure
from cdiscount_tasks.learning.measuring.paired import (
    FEWEST_DISCORDANT_GROUPS,
    _gamma_interval,
    group_test,
    mcnemar_p,
    paired_difference,
)
from tests.material.drawn_models import SKILL, draw_right, draw_split
from tests.material.predictions import make_predictions, plain_bootstrap


def two_models(seed=0):
    """Return what two models get right of the same products, and the groups: the second errs where the first does."""
    true, predicted, group_id = make_predictions(seed=seed)
    first = true == predicted
    return first, first & (np.random.default_rng(seed).random(len(first)) < 0.95), group_id


def test_the_difference_is_that_of_the_two_accuracies():
    first, second, group_id = two_models()
    figure = paired_difference(first, second, group_id)
    assert figure["value"] == pytest.approx(first.mean() - second.mean(), abs=1e-6)
    assert (figure["n"], figure["num_groups"]) == (len(first), 200)


def test_its_interval_agrees_with_a_plain_bootstrap_over_groups():
    first, second, group_id = two_models()
    figure = paired_difference(first, second, group_id)
    low, high = plain_bootstrap(lambda rows: first[rows].mean() - second[rows].mean(), group_id, seed=1)
    assert (figure["low"], figure["high"]) == pytest.approx((low, high), abs=0.006)


def test_two_answers_to_the_same_products_are_told_apart_better_than_two_samples():
    first, second, group_id = two_models()
    paired = paired_difference(first, second, group_id)
    apart = difference_of_accuracies(first, group_id, second, group_id)
    assert paired["high"] - paired["low"] < 0.5 * (apart["high"] - apart["low"])


def test_turned_round_it_is_the_same_with_the_other_sign():
    first, second, group_id = two_models()
    there, back = paired_difference(first, second, group_id), paired_difference(second, first, group_id)
    assert there["value"] == -back["value"]
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]), abs=0.003)


def test_the_same_answers_have_no_interval():
    first, _, group_id = two_models()
    figure = paired_difference(first, first, group_id)
    assert (figure["value"], figure["low"], figure["high"]) == (0.0, None, None)


def test_against_nothing_right_it_is_the_mean():
    first, _, group_id = two_models()
    assert paired_difference(first, np.zeros(len(first)), group_id) == mean_figure(first, group_id, is_share=False)


def difference_in_groups(seed=0, shift=0.0, num_groups=200):
    """Return differences of -1, 0 and 1 of products in groups that are mostly alike, and the groups."""
    random = np.random.default_rng(seed)
    group_id = np.repeat(random.permutation(num_groups) * 7, random.integers(1, 5, num_groups))
    shares = [0.1 - shift / 2, 0.8, 0.1 + shift / 2]
    of_group = random.choice([-1, 0, 1], num_groups * 7, p=shares)
    own = random.choice([-1, 0, 1], len(group_id), p=shares)
    return np.where(random.random(len(group_id)) < 0.8, of_group[group_id], own).astype(float), group_id


def by_hand(difference, group_id):
    """Return the mean and its cluster-robust error, written out."""
    groups = sorted(set(group_id.tolist()))
    mean = sum(difference) / len(difference)
    squares = sum(sum(one - mean for one in difference[group_id == group]) ** 2 for group in groups)
    return mean, (len(groups) / (len(groups) - 1) * squares / len(difference) ** 2) ** 0.5


def flipped(difference, group_id, alternative):
    """Return SciPy's sign-flip probability over group sums, all patterns counted."""
    groups = np.unique(group_id)
    sums = np.array([difference[group_id == group].sum() for group in groups])
    found = stats.permutation_test(
        (sums[sums != 0],), np.sum, permutation_type="samples", alternative=alternative, n_resamples=np.inf
    )
    return found.pvalue


@pytest.mark.parametrize("seed", range(3))
def test_with_many_groups_the_test_is_the_cluster_robust_z(seed):
    difference, group_id = difference_in_groups(seed, shift=0.05)
    found, (mean, error) = group_test(difference, group_id), by_hand(difference, group_id)
    assert found.method == "z"
    assert (found.value, found.standard_error) == pytest.approx((mean, error))
    assert (found.p_better, found.p_worse) == pytest.approx((stats.norm.sf(mean / error), stats.norm.cdf(mean / error)))


def test_without_groups_the_error_is_that_of_a_mean():
    difference, _ = difference_in_groups()
    found = group_test(difference, np.arange(len(difference)))
    assert found.standard_error == pytest.approx(difference.std(ddof=1) / np.sqrt(len(difference)))


@pytest.mark.parametrize("seed", range(5))
def test_with_few_groups_all_exchanges_are_counted_as_scipy_does(seed):
    difference, group_id = difference_in_groups(seed, shift=0.05, num_groups=40)
    found = group_test(difference, group_id)
    assert found.method == "sign_flip"
    assert 0 < found.num_discordant_groups < FEWEST_DISCORDANT_GROUPS
    assert found.p_better == pytest.approx(flipped(difference, group_id, "greater"))
    assert found.p_worse == pytest.approx(flipped(difference, group_id, "less"))


def test_a_loss_of_as_many_products_in_a_group_cancels_a_gain():
    found = group_test([1, -1, 0, 1], [0, 0, 0, 1])
    assert (found.num_discordant, found.num_discordant_groups, found.p_better) == (3, 1, 0.5)


@pytest.mark.parametrize("num_groups", [40, 200])
def test_the_order_of_products_and_the_names_of_groups_change_nothing(num_groups):
    difference, group_id = difference_in_groups(num_groups=num_groups)
    found, order = group_test(difference, group_id), np.random.default_rng(1).permutation(len(group_id))
    again = group_test(difference[order], 10_000 - 3 * group_id[order])
    assert again[2:6] == found[2:6]
    assert (again.value, again.standard_error) == pytest.approx((found.value, found.standard_error))
    assert (again.p_better, again.p_worse) == pytest.approx((found.p_better, found.p_worse))
    assert again.interval(0.01) == pytest.approx(found.interval(0.01))


@pytest.mark.parametrize("num_groups", [40, 200])
def test_exchanging_the_models_mirrors_the_test(num_groups):
    difference, group_id = difference_in_groups(num_groups=num_groups, shift=0.05)
    there, back = group_test(difference, group_id), group_test(-difference, group_id)
    assert (back.value, back.p_better, back.p_worse) == pytest.approx((-there.value, there.p_worse, there.p_better))
    assert back.interval(0.01) == pytest.approx(tuple(-end for end in reversed(there.interval(0.01))))


@pytest.mark.parametrize("num_groups", [40, 200])
@pytest.mark.parametrize("level", [0.2, 0.01, 1e-6])
@pytest.mark.parametrize("seed", range(4))
def test_an_interval_is_above_zero_where_the_test_says_better(num_groups, level, seed):
    found = group_test(*difference_in_groups(seed, shift=0.1, num_groups=num_groups))
    low, high = found.interval(level)
    assert low <= found.value <= high
    assert (low >= 0) == (found.p_better <= level)
    assert (high <= 0) == (found.p_worse <= level)


@pytest.mark.parametrize("num_groups", [40, 200])
def test_a_lower_level_gives_a_wider_interval(num_groups):
    found = group_test(*difference_in_groups(num_groups=num_groups))
    lows, highs = zip(*(found.interval(level) for level in (0.2, 0.025, 1e-3, 1e-8)), strict=True)
    assert list(lows) == sorted(lows, reverse=True)
    assert list(highs) == sorted(highs)


@pytest.mark.parametrize("num_groups", [40, 200])
def test_the_p_of_a_margin_is_the_level_whose_interval_ends_there(num_groups):
    found = group_test(*difference_in_groups(num_groups=num_groups))
    margin = 0.05
    assert found.interval(found.p_not_worse(margin))[0] == pytest.approx(-margin, abs=1e-6)


@pytest.mark.parametrize("num_won", [0, 1, 5, 12])
def test_of_single_products_the_ends_of_won_ones_are_those_of_a_poisson_count(num_won):
    low, high = _gamma_interval(num_won, num_won, 1.0, 0.025)
    assert low == pytest.approx(stats.chi2.ppf(0.025, 2 * num_won) / 2 if num_won else 0.0)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * num_won + 2) / 2)


def test_no_discordant_product_is_no_evidence_and_has_an_interval():
    found = group_test(np.zeros(300), np.arange(300))
    assert (found.value, found.p_better, found.p_worse, found.method) == (0.0, 1.0, 1.0, "sign_flip")
    low, high = found.interval(0.025)
    assert (low, high) == pytest.approx((-np.log(1 / 0.025) / 300, np.log(1 / 0.025) / 300))


def test_one_group_can_say_nothing():
    found = group_test([1, 1, 1, 1], [5, 5, 5, 5])
    assert (found.num_groups, found.p_better, found.p_worse) == (1, 0.5, 1.0)
    assert np.isnan(found.standard_error)
    assert found.interval(0.025)[0] < 0


def test_no_product_is_no_evidence():
    found = group_test([], [])
    assert (found.num_products, found.num_groups, found.p_better, found.p_worse) == (0, 0, 1.0, 1.0)
    assert found.interval(0.025) == (-1, 1)
    assert found.p_not_worse(0.01) == 1


def test_where_every_product_is_won_the_exchanges_are_counted():
    found = group_test(np.ones(30), np.arange(30))
    assert (found.method, found.p_better) == ("sign_flip", 2.0**-30)
    assert 0 < found.interval(0.025)[0] < 1


@pytest.mark.parametrize(
    ("num_lost", "num_groups", "below"), [(53, 60, 20), (53, 60, 1_000), (25, 400, 20), (19, 21, 20)]
)
def test_no_p_is_below_what_so_many_discordant_groups_can_give(num_lost, num_groups, below):
    difference = -(np.arange(num_groups) < num_lost).astype(float)
    found = group_test(difference, np.arange(num_groups), below)
    assert found.p_worse >= 2.0**-num_lost
    mirrored = group_test(-difference, np.arange(num_groups), below)
    assert mirrored.p_better == found.p_worse
    level = 2.0**-num_lost / 2  # no interval at a level that the test cannot reach excludes 0
    assert found.interval(level)[1] >= 0 >= mirrored.interval(level)[0]


def test_of_thousands_of_groups_that_are_all_won_p_is_no_zero():
    assert 0 < group_test(np.ones(3_000), np.arange(3_000)).p_better < 1e-300


def test_exchanges_are_counted_below_the_number_that_is_given():
    difference, group_id = difference_in_groups(shift=0.05)
    found = group_test(difference, group_id, 1_000)
    assert (found.method, group_test(difference, group_id).method) == ("sign_flip", "z")
    sums = np.bincount(np.unique(group_id, return_inverse=True)[1], difference)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (20_000, len(sums)))
    assert found.p_better == pytest.approx((signs @ sums >= sums.sum()).mean(), abs=0.01)


@pytest.mark.parametrize(
    ("difference", "group_id", "said"),
    [
        ([0.0, np.nan], [1, 2], "product 1 is nan, expected -1, 0 or 1"),
        ([0.5], [1], "product 0 is 0.5"),
        ([0, 1], [1], r"\(2,\) differences and \(1,\) groups"),
        ([[0]], [[1]], "expected a row a product"),
        ([0, 1], [1, np.nan], "has no group"),
    ],
)
def test_bad_rows_are_refused(difference, group_id, said):
    with pytest.raises(ValueError, match=said):
        group_test(difference, group_id)


@pytest.mark.parametrize("level", [0, -0.1, 0.6, np.nan])
def test_an_interval_at_no_level_is_refused(level):
    with pytest.raises(ValueError, match=r"expected above 0, at most 0\.5"):
        group_test([0, 1], [1, 2]).interval(level)


@pytest.mark.parametrize(("num_gained", "num_lost"), [(0, 0), (1, 0), (4, 9), (30, 12), (7, 7)])
def test_mcnemar_is_the_exact_binomial_test(num_gained, num_lost):
    difference = np.repeat([1, -1, 0], [num_gained, num_lost, 20])
    n = num_gained + num_lost
    assert mcnemar_p(difference) == pytest.approx(stats.binomtest(num_gained, n).pvalue if n else 1)


@pytest.mark.slow
@pytest.mark.parametrize(("num_products", "most"), [(60, 1.0), (150, 1.0), (1_190, 1.25)])
def test_the_test_is_wrong_no_more_often_than_its_level(num_products, most):
    # `most`: of the normal distribution a quarter more than the level is allowed, besides chance.
    random, repeats = np.random.default_rng(0), 3_000
    found = []
    for _ in range(repeats):
        split = draw_split(random, num_products, 0.9)
        first, second = draw_right(random, split, [SKILL, SKILL]).astype(float)
        test = group_test(first - second, split.group_id)
        found.append((test.p_better, test.p_worse))
    for level in (0.2, 0.05, 0.01):
        share = (np.array(found) <= level).mean()
        assert share <= most * level + 3 * (level / repeats / 2) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("num_products", "gain"), [(60, 0.0), (60, 0.1), (150, 0.05), (1_190, 0.05)])
def test_each_end_of_the_interval_misses_the_truth_no_more_often_than_its_level(num_products, gain):
    random, repeats, level = np.random.default_rng(1), 2_000, 0.025
    too_low, too_high = 0, 0
    for _ in range(repeats):
        split = draw_split(random, num_products, 0.9)
        first, second = draw_right(random, split, [SKILL + gain, SKILL]).astype(float)
        low, high = group_test(first - second, split.group_id).interval(level)
        too_low, too_high = too_low + (high < gain), too_high + (low > gain)
    assert max(too_low, too_high) / repeats <= 1.2 * level + 3 * (level / repeats) ** 0.5
