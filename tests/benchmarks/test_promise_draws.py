import numpy as np
import pandas as pd
import pytest

from benchmarks.belief.promise_draws import draw_validations, kept_promises, precision_of


def population(share_right_above, num_draws=6, num_groups=500):
    """Return products, one a group, whose confidence is spread evenly: right where it tells, at random below 0.5."""
    random = np.random.default_rng(1)
    num = num_draws * num_groups
    confidence = random.random(num)
    right = np.where(confidence >= 0.5, random.random(num) < share_right_above, random.random(num) < 0.5)
    draw = np.repeat(np.arange(num_draws), num_groups)
    return pd.DataFrame({"draw": draw, "group": np.arange(num), "confidence": confidence, "right": right})


def test_the_precision_is_that_of_the_answers_from_a_confidence_on():
    rows = pd.DataFrame({"confidence": [0.9, 0.8, 0.7], "right": [True, False, True]})
    assert precision_of(rows, 0.8) == 0.5


def test_a_validation_has_as_many_groups_as_a_draw_and_none_twice():
    rows = population(0.99)
    for validation in draw_validations(rows, 3):
        assert len(validation) == validation["group"].nunique() == 500


def test_a_confidence_that_tells_the_truth_gives_promises_that_are_kept():
    num_given, num_kept, answered = kept_promises(population(0.99), 0.95, 20)
    assert num_given >= 10 and num_kept >= 0.9 * num_given
    assert 0.3 < answered < 0.6


@pytest.mark.parametrize("share", [0.6, 0.8])
def test_where_no_confidence_is_precise_enough_nothing_is_promised(share):
    assert kept_promises(population(share), 0.99, 10) == (0, 0, 0.0)
