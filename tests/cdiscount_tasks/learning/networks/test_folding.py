import numpy as np
import pytest

from cdiscount_tasks.settings.networks import BACKBONES


@pytest.fixture(scope="module")
def fold():
    from cdiscount_tasks.machine import device

    device.prepare_device(0)
    from cdiscount_tasks.learning.networks.folding import fold_batch_normalization

    return fold_batch_normalization


def _normalizations(network):
    from keras import layers

    return [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]


def _with_odd_statistics(network):
    """Give every normalisation statistics that a network without them would miss."""
    rng = np.random.default_rng(0)
    for layer in _normalizations(network):
        layer.set_weights([rng.uniform(0.8, 1.2, weight.shape) for weight in layer.get_weights()])
    return network


def _says(network, pictures):
    return np.asarray(network(pictures, training=False))


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_folded_backbone_says_the_same_and_has_no_normalisation_left(fold, name):
    import keras

    build = getattr(keras.applications, BACKBONES[name].application)
    backbone = _with_odd_statistics(build(include_top=False, weights=None, input_shape=(64, 64, 3)))
    pictures = np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    folded = fold(backbone)
    expected = _says(backbone, pictures)
    assert np.abs(_says(folded, pictures) - expected).max() < 1e-4 * np.abs(expected).max()
    assert not _normalizations(folded)


def _network(build):
    import keras

    inputs = keras.Input((8, 8, 4))
    return _with_odd_statistics(keras.Model(inputs, build(inputs)))


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"groups": 2}, {"kernel_size": 1, "strides": 2}])
@pytest.mark.parametrize("normal", [{}, {"scale": False}, {"center": False}, {"epsilon": 0.1}])
def test_every_kind_of_convolution_and_normalisation_is_folded(fold, options, normal):
    from keras import layers

    network = _network(
        lambda x: layers.BatchNormalization(**normal)(layers.Conv2D(6, **{"kernel_size": 3, **options})(x))
    )
    pictures = np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32)
    folded = fold(network)
    assert not _normalizations(folded)
    assert np.allclose(_says(folded, pictures), _says(network, pictures), atol=1e-5)


def _after_an_activation(x):
    from keras import layers

    return layers.BatchNormalization()(layers.Conv2D(4, 1, activation="relu")(x))


def _seen_by_others_too(x):
    from keras import layers

    convolved = layers.Conv2D(4, 1)(x)
    return layers.Add()([layers.BatchNormalization()(convolved), convolved])


@pytest.mark.parametrize("build", [_after_an_activation, _seen_by_others_too])
def test_what_cannot_be_folded_stays(fold, build):
    network = _network(build)
    assert fold(network) is network
    assert len(_normalizations(network)) == 1


def test_the_network_that_was_folded_is_left_as_it_is(fold):
    from keras import layers

    network = _network(lambda x: layers.BatchNormalization()(layers.Conv2D(4, 1)(x)))
    before = network.get_weights()
    fold(network)
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), before, strict=True))
