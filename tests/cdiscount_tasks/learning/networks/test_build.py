import numpy as np
import pytest

from cdiscount_tasks.settings.networks import FROM_SCRATCH, NETWORKS


@pytest.fixture(scope="module")
def networks():
    from cdiscount_tasks.machine import device

    device.prepare_device(0)
    from cdiscount_tasks.learning.networks import build as networks

    return networks


NAMES = NETWORKS


def test_every_network_that_is_trained_from_scratch_has_its_builder(networks):
    assert set(networks._BUILDERS) == set(FROM_SCRATCH)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image_size", [32, 47])
def test_a_network_turns_uint8_pictures_into_probabilities(networks, name, image_size):
    network = networks.build_network(name, image_size, 5)
    pictures = np.random.default_rng(0).integers(0, 256, (3, image_size, image_size, 3), dtype=np.uint8)
    found = np.asarray(network(pictures))
    assert (found.shape, found.dtype) == ((3, 5), np.float32)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plain_cnn"])
def test_a_network_answers_images_of_another_size_as_one_that_is_built_for_it_and_only_when_it_may(networks, name):
    network, smaller = (networks.build_network(name, image_size, 5) for image_size in (96, 64))
    smaller.set_weights(network.get_weights())
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with networks.of_any_size(network):
        found = np.asarray(network(pictures))
    np.testing.assert_array_equal(found, np.asarray(smaller(pictures)))
    with pytest.raises(ValueError, match=r"expected shape=.*96, 96, 3"):
        network(pictures)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_first_weights(networks, name):
    import keras

    weights = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        weights.append(networks.build_network(name, 32, 3).get_weights())
    same, other = ([np.array_equal(a, b) for a, b in zip(weights[0], them, strict=True)] for them in weights[1:])
    assert (all(same), all(other)) == (True, False)
