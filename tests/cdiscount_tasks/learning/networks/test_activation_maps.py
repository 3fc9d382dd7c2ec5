import numpy as np
import pytest

from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory


@pytest.fixture(scope="module")
def keras():
    from cdiscount_tasks.machine import gpus

    gpus.prepare_device(0)
    import keras

    return keras


def hold(pictures):
    return ImagesInMemory(iter([pictures]), len(pictures), pictures.shape[1])


def draw_pictures(num_pictures, size=64):
    return np.random.default_rng(0).integers(0, 256, (num_pictures, size, size, 3), dtype=np.uint8)


def test_a_map_is_the_weighted_sum_of_the_last_features(keras):
    from cdiscount_tasks.learning.networks.activation_maps import map_activations

    inputs = keras.Input((2, 2, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1.0)(inputs)
    pooled = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(scaled))
    network = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(pooled))
    network.layers[-1].set_weights([np.array([[1, 0], [0, 2], [-1, 3]], np.float32), np.zeros(2, np.float32)])
    picture = np.array([[[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 0, 1]]]], np.uint8)
    rows = np.array([0, 0])
    first, second = map_activations(network, hold(picture), rows, np.array([0, 1]))
    # By hand: red - blue for the first class, 2 green + 3 blue for the second.
    assert first.tolist() == [[-2, -2], [-2, -1]]
    assert second.tolist() == [[13, 28], [43, 3]]


@pytest.mark.parametrize(
    "name", ["small_cnn", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_v2_b0", "convnext_tiny"]
)
def test_the_mean_of_a_map_and_the_bias_give_the_logit(keras, name):
    from cdiscount_tasks.learning.networks.activation_maps import has_maps, map_activations
    from cdiscount_tasks.learning.networks.build import build_network

    network = build_network(name, 64, 3)
    assert has_maps(network)
    pictures = draw_pictures(2)
    bias = np.asarray(network.layers[-1].bias)
    rows = np.repeat([0, 1], 3)
    maps = map_activations(network, hold(pictures), rows, np.tile([0, 1, 2], 2))
    logits = maps.mean(axis=(1, 2)).reshape(2, 3) + bias
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = np.asarray(network(pictures, training=False))
    assert np.allclose(exponents / exponents.sum(axis=1, keepdims=True), expected, atol=1e-4)


def test_a_network_without_global_pooling_has_no_maps(keras):
    from cdiscount_tasks.learning.networks.activation_maps import has_maps, map_activations
    from cdiscount_tasks.learning.networks.build import build_network

    network = build_network("plain_cnn", 64, 3)
    assert not has_maps(network)
    with pytest.raises(ValueError, match=r"plain_cnn.*global average pooling"):
        map_activations(network, hold(draw_pictures(1)), np.array([0]), np.array([0]))


def test_no_pictures_give_no_maps(keras):
    from cdiscount_tasks.learning.networks.activation_maps import map_activations
    from cdiscount_tasks.learning.networks.build import build_network

    nothing = np.zeros(0, np.int64)
    assert len(map_activations(build_network("small_cnn", 64, 3), hold(draw_pictures(1)), nothing, nothing)) == 0
