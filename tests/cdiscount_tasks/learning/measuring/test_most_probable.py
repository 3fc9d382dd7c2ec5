import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.learning.measuring.most_probable import most_probable


@given(st.integers(0, 6), st.integers(1, 30), st.integers(1, 12), st.sampled_from([1, 2, 7]), st.integers(0, 2**32 - 1))
def test_they_are_the_first_of_a_stable_sort_however_many_are_equal(num_rows, num_classes, most, decimals, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(num_classes), num_rows).astype(np.float32)
    probabilities = probabilities.round(decimals)
    expected = np.argsort(-probabilities, axis=1, kind="stable")[:, :most]
    assert np.array_equal(most_probable(probabilities, most), expected)
