import numpy as np
import pytest

from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory


@pytest.fixture(scope="module")
def keras():
    from cdiscount_tasks.machine import device

    device.prepare_device(0)
    import keras

    return keras


def hold(images):
    return ImagesInMemory(iter([images]), len(images), images.shape[1])


def draw_images(num_images, size=64):
    return np.random.default_rng(0).integers(0, 256, (num_images, size, size, 3), dtype=np.uint8)


def one_convolution(keras, size):
    """Return a network of a 1 x 1 convolution that changes nothing, global pooling and a dense layer."""
    inputs = keras.Input((size, size, 3), dtype="uint8")
    x = keras.layers.Conv2D(3, 1, use_bias=False)(keras.layers.Rescaling(1.0)(inputs))
    pooled = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
    network = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(pooled))
    network.layers[2].set_weights([np.eye(3, dtype=np.float32)[None, None]])
    network.layers[-1].set_weights([np.array([[1, 0], [0, 2], [-1, 3]], np.float32), np.zeros(2, np.float32)])
    return network


def test_a_map_is_the_weighted_sum_of_the_last_features(keras):
    from cdiscount_tasks.learning.networks.activation_maps import map_activations

    images = draw_images(1, 7)
    red, green, blue = np.moveaxis(images[0].astype(np.float32), -1, 0)
    first, second = map_activations(one_convolution(keras, 7), hold(images), np.array([0, 0]), np.array([0, 1]))
    assert np.allclose(first, red - blue, atol=1e-2)
    assert np.allclose(second, 2 * green + 3 * blue, atol=1e-2)


@pytest.mark.parametrize("name", ["small_cnn", "mobilenet_v2"])
def test_of_a_last_map_that_is_large_the_mean_and_the_bias_give_the_logit(keras, name):
    from cdiscount_tasks.learning.networks.activation_maps import has_maps, map_activations
    from cdiscount_tasks.learning.networks.build import build_network

    network = build_network(name, 224, 3)
    assert has_maps(network)
    images = draw_images(2, 224)
    bias = np.asarray(network.layers[-1].bias)
    maps = map_activations(network, hold(images), np.repeat([0, 1], 3), np.tile([0, 1, 2], 2))
    assert maps.shape == (6, 7, 7)
    logits = maps.mean(axis=(1, 2)).reshape(2, 3) + bias
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = np.asarray(network(images, training=False))
    assert np.allclose(exponents / exponents.sum(axis=1, keepdims=True), expected, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["plain_cnn", "small_cnn", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_v2_b0", "convnext_tiny"]
)
def test_an_earlier_map_is_taken_where_the_last_one_is_small(keras, name):
    from cdiscount_tasks.learning.networks.activation_maps import has_maps, map_activations
    from cdiscount_tasks.learning.networks.build import build_network

    network = build_network(name, 64, 3)
    assert has_maps(network)
    maps = map_activations(network, hold(draw_images(2)), np.array([1, 0]), np.array([0, 2]))
    assert maps.shape[0] == 2
    assert 7 <= maps.shape[1] < 16
    assert np.isfinite(maps).all()
    assert (maps.std(axis=(1, 2)) > 0).all()


def test_a_map_is_of_its_own_image_however_many_are_asked_at_once(keras):
    from cdiscount_tasks.learning.networks.activation_maps import map_activations
    from cdiscount_tasks.learning.networks.build import build_network

    network, images = build_network("small_cnn", 64, 3), draw_images(40)
    rows, asked = np.arange(40)[::-1], np.arange(40) % 3
    together = map_activations(network, hold(images), rows, asked)
    alone = map_activations(network, hold(images), rows[35:36], asked[35:36])
    assert np.allclose(together[35], alone[0], rtol=1e-3, atol=1e-3)


def test_a_network_of_small_maps_has_none(keras):
    from cdiscount_tasks.learning.networks.activation_maps import has_maps, map_activations

    network = one_convolution(keras, 6)
    assert not has_maps(network)
    with pytest.raises(ValueError, match=r"no feature map of 7 x 7 places"):
        map_activations(network, hold(draw_images(1, 6)), np.array([0]), np.array([0]))


def test_no_images_give_no_maps(keras):
    from cdiscount_tasks.learning.networks.activation_maps import map_activations
    from cdiscount_tasks.learning.networks.build import build_network

    nothing = np.zeros(0, np.int64)
    assert len(map_activations(build_network("small_cnn", 64, 3), hold(draw_images(1)), nothing, nothing)) == 0
