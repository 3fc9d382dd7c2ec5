"""The networks by name. Each takes uint8 pictures and returns class probabilities; its own scaling is part of it."""

from typing import Any

import keras
from keras import layers

from cdiscount_tasks.config import NetworkName

# Short trainings have few steps: Keras' 0.99 would leave the moving statistics behind the weights.
_MOMENTUM = 0.9


def _plain_cnn(x: Any) -> Any:
    """What a first Keras notebook builds: convolution and pooling three times, then two dense layers."""
    x = layers.Rescaling(1 / 255)(x)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    return layers.Dense(128, activation="relu")(x)


def _convolve(x: Any, filters: int, stride: int = 1) -> Any:
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=_MOMENTUM)(x))


def _separable(x: Any, filters: int, stride: int = 1) -> Any:
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    return layers.BatchNormalization(momentum=_MOMENTUM)(x)


def _residual_block(x: Any, filters: int, stride: int) -> Any:
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=stride, use_bias=False)(x)
        shortcut = layers.BatchNormalization(momentum=_MOMENTUM)(shortcut)
    x = layers.ReLU()(_separable(x, filters, stride))
    x = _separable(x, filters)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _small_cnn(x: Any) -> Any:
    """A residual network with separable convolutions, a strided stem and global pooling."""
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = _convolve(x, 32, stride=2)
    for filters, stride in ((64, 2), (128, 2), (128, 1), (256, 2), (256, 1)):
        x = _residual_block(x, filters, stride)
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dropout(0.2)(x)


_BUILDERS = {"plain_cnn": _plain_cnn, "small_cnn": _small_cnn}


def build_network(name: NetworkName, image_size: int, num_classes: int) -> keras.Model:
    """Build an untrained network.

    Args:
        name: One of config.NetworkName.
        image_size: Side of the pictures in pixels.
        num_classes: Number of outputs.

    Returns:
        A model from uint8 [batch, image_size, image_size, 3] to float32 [batch, num_classes], rows sum to 1.
    """
    inputs = keras.Input((image_size, image_size, 3), dtype="uint8", name="images")
    features = _BUILDERS[name](inputs)
    outputs = layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")(features)
    return keras.Model(inputs, outputs, name=name)
