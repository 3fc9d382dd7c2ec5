import numpy as np
import pytest
from keras import Input, Model, layers, ops

from cdiscount_tasks.learning.networks.averaging import Average


@pytest.fixture
def network():
    inputs = Input((4,))
    x = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(3)(inputs)))
    return Model(inputs, layers.Dense(2)(x))


def arrays(variables):
    return [np.array(ops.convert_to_numpy(one)) for one in variables]


def test_weights_and_batch_statistics_are_averaged_and_states_of_seeds_are_not(network):
    average = Average(network, 10)
    assert len(average.variables) == len(network.weights) < len(network.variables)
    for variable in network.weights:
        variable.assign(variable + 1)
    before = arrays(average.variables)
    average.step(0.25)
    for one, old in zip(arrays(average.variables), before, strict=True):
        np.testing.assert_allclose(one, old + 0.25, rtol=1e-6)


def test_the_network_has_the_average_meanwhile_and_its_own_weights_afterwards(network):
    average = Average(network, 10)
    begun = network.get_weights()
    for variable in network.weights:
        variable.assign(variable + 1)
    own = network.get_weights()
    with average.in_place():
        assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), begun, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), own, strict=True))


def test_the_first_steps_are_forgotten_sooner(network):
    rates = Average(network, 99).rates(0, 2000)
    assert rates[0] == pytest.approx(0.9)
    assert (np.diff(rates) <= 0).all()
    assert rates[-1] == pytest.approx(0.01)
    assert np.array_equal(Average(network, 99).rates(700, 720), rates[700:720])


def test_nothing_is_averaged_over_no_steps(network):
    assert Average(network, 0).variables == []
