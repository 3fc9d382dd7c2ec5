"""A network of operations that the converter to ONNX knows, which answers as the one that it was made of.

tf2onnx 1.17 writes three things of TensorFlow 2.21 that no runtime takes: the constants of a normalisation as inputs
that nobody gives, a grouped convolution (which Keras compiles with XLA) as a call of nothing, and the complementary
error function of GELU.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np


def _gelu_by_erf(x: Any) -> Any:
    """Return x times the normal distribution's share below it, as `keras.activations.gelu`."""
    return 0.5 * x * (1.0 + keras.ops.erf(x * np.float32(np.sqrt(0.5))))


def _rescaling(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return (x - mean) / sqrt(variance) as x * scale + offset."""
    mean, deviation = np.array(config["mean"]), np.sqrt(np.array(config["variance"]))
    kept = {name: config[name] for name in ("name", "trainable", "dtype") if name in config}
    return {**kept, "scale": (1 / deviation).ravel().tolist(), "offset": (-mean / deviation).ravel().tolist()}


_OF_KERNEL = ("initializer", "regularizer", "constraint")


def _depthwise(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a convolution of as many groups as channels as what it is."""
    left_out = {"filters", "groups", "rank", *(f"kernel_{name}" for name in _OF_KERNEL)}
    kept = {name: value for name, value in config.items() if name not in left_out}
    of_kernel = {f"depthwise_{name}": config[f"kernel_{name}"] for name in _OF_KERNEL}
    return {**kept, "depth_multiplier": 1, **of_kernel}


def _replaced(config: Any) -> Any:
    """Return a network's config with the layers that are written badly replaced, at any depth."""
    if isinstance(config, list | tuple):
        return type(config)(map(_replaced, config))
    if not isinstance(config, Mapping):
        return config
    inner = config.get("config")
    of_layer = inner if isinstance(inner, Mapping) else {}
    if config.get("class_name") == "Normalization":
        return {**config, "class_name": "Rescaling", "config": _rescaling(of_layer)}
    if config.get("class_name") == "Conv2D" and of_layer.get("groups", 1) == of_layer.get("filters"):
        return {**config, "class_name": "DepthwiseConv2D", "config": _depthwise(of_layer)}
    if config.get("class_name") == "Activation" and of_layer.get("activation") == "gelu":
        return {**config, "config": {**of_layer, "activation": keras.saving.serialize_keras_object(_gelu_by_erf)}}
    return {name: _replaced(value) for name, value in config.items()}


def onnx_ready(network: keras.Model) -> keras.Model:
    """Return a network that answers as another, to rounding, and can be written as ONNX.

    Args:
        network: That computes with float32 throughout.
    """
    with keras.saving.custom_object_scope({"_gelu_by_erf": _gelu_by_erf}):
        built = keras.Model.from_config(_replaced(network.get_config()))
    # A kernel of [height, width, 1, channels] is [height, width, channels, 1] in a depthwise convolution.
    pairs = zip(network.get_weights(), built.weights, strict=True)
    built.set_weights([one if one.shape == own.shape else np.swapaxes(one, 2, 3) for one, own in pairs])
    built(np.zeros((1, *built.input_shape[1:]), np.uint8))  # Keras exports no network that was never asked
    return built
