import math

import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.best_of_many import (
    expected_maximum,
    most_flattered,
    most_flattered_of_paired,
)

# Two and three in closed form; ten and a hundred from Teichroew 1956, Annals of Mathematical Statistics 27, table I.
KNOWN = {1: 0, 2: 1 / math.sqrt(math.pi), 3: 1.5 / math.sqrt(math.pi), 10: 1.53875, 100: 2.50759}


@pytest.mark.parametrize(("num", "mean"), KNOWN.items())
def test_the_mean_of_the_largest_of_some_normal_numbers_is_the_known_one(num, mean):
    assert expected_maximum(num) == pytest.approx(mean, abs=2e-5)


def test_the_best_of_ten_looks_better_by_so_many_standard_errors():
    standard_error = 0.02
    intervals = [(0.7 - 1.96 * standard_error, 0.7 + 1.96 * standard_error)] * 10
    assert most_flattered(intervals) == pytest.approx(1.53875 * standard_error, rel=1e-3)


def test_of_paired_figures_what_they_have_in_common_lifts_none():
    random = np.random.default_rng(7)
    common, own = random.normal(0, 0.03, (20_000, 1)), random.normal(0, 0.01, (20_000, 4))
    lifted = (common + own).max(axis=1).mean()
    ends = 1.96 * 0.01 * math.sqrt(2)
    assert most_flattered_of_paired(4, [(-ends, ends)] * 3) == pytest.approx(lifted, abs=0.001)
