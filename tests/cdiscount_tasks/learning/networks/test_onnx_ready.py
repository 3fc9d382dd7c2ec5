import numpy as np
import pytest

pytestmark = pytest.mark.training

SIZE = 32


@pytest.fixture(scope="module")
def network(tensorflow):
    """Return a network with each of the layers that are replaced, one of them in a network inside."""
    import keras
    from keras import layers

    inner_in = keras.Input((SIZE, SIZE, 3))
    x = layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.0524, 0.0502, 0.0506])(inner_in)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.Conv2D(8, 7, padding="same", groups=8, name="depthwise", bias_initializer="ones")(x)
    inner = keras.Model(inner_in, layers.Activation("gelu")(x), name="inner")
    images = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="images")
    x = inner(layers.Rescaling(1 / 255)(images))
    x = layers.Conv2D(8, 3, groups=2)(x)
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    return keras.Model(images, layers.Dense(3, activation="softmax")(x))


def test_a_network_of_other_layers_answers_the_same(network):
    from cdiscount_tasks.learning.networks.onnx_ready import onnx_ready

    ready = onnx_ready(network)
    names = [type(layer).__name__ for layer in ready.get_layer("inner").layers]
    assert names == ["InputLayer", "Rescaling", "Conv2D", "DepthwiseConv2D", "Activation"]
    pixels = np.random.default_rng(0).integers(0, 256, (9, SIZE, SIZE, 3), dtype=np.uint8)
    expected, found = (one.predict_on_batch(pixels) for one in (network, ready))
    assert np.ptp(expected, axis=0).max() > 1e-4
    assert np.abs(expected - found).max() < 1e-6


def test_a_convolution_of_fewer_groups_than_channels_stays(network):
    from cdiscount_tasks.learning.networks.onnx_ready import onnx_ready

    kinds = [(type(layer).__name__, getattr(layer, "groups", None)) for layer in onnx_ready(network).layers]
    assert ("Conv2D", 2) in kinds


def test_a_network_that_is_ready_keeps_its_layers_and_weights(tensorflow):
    from cdiscount_tasks.learning.networks.build import build_network
    from cdiscount_tasks.learning.networks.onnx_ready import onnx_ready

    network = build_network("small_cnn", SIZE, 3)
    ready = onnx_ready(network)
    assert ready.get_config() == network.get_config()
    for kept, given in zip(ready.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, given)
