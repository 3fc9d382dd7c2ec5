"""The networks by name. Each takes uint8 images and returns class probabilities; its own scaling is part of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.learning.networks.backend import made_quickly
from cdiscount_tasks.learning.networks.folding import fold_batch_normalization
from cdiscount_tasks.settings.networks import BACKBONES, NetworkName

# Short trainings have few steps: Keras' 0.99 would leave the moving statistics behind the weights.
_MOMENTUM = 0.9
DROPOUT = 0.2
_WITHOUT_DROPOUT = "plain_cnn"


def _plain_cnn(x: Any) -> Any:
    """What a first Keras notebook builds: convolution and pooling three times, then two dense layers."""
    x = layers.Rescaling(1 / 255)(x)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    return layers.Dense(128, activation="relu")(x)


def _convolve(x: Any, filters: int, kernel: int = 3, stride: int = 1) -> Any:
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=_MOMENTUM)(x)


def _residual_block(x: Any, filters: int, stride: int) -> Any:
    # Averaging before the 1 x 1 convolution lets the shortcut see every pixel (He et al., 2019: "ResNet-D").
    shortcut = layers.AveragePooling2D(stride, padding="same")(x) if stride > 1 else x
    if x.shape[-1] != filters:
        shortcut = _convolve(shortcut, filters, kernel=1)
    x = layers.ReLU()(_convolve(x, filters, stride=stride))
    return layers.ReLU()(layers.Add()([_convolve(x, filters), shortcut]))


def _small_cnn(x: Any) -> Any:
    """A residual network whose stem leaves a sixteenth of the pixels, with dense convolutions and global pooling.

    On CPU dense 3 x 3 convolutions of few channels take no longer than the separable ones with which they were compared
    (docs/measurements.md).
    """
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for filters in (24, 32):
        x = layers.ReLU()(_convolve(x, filters, stride=2))
    for filters, stride in ((32, 1), (64, 2), (128, 2), (256, 2)):
        x = _residual_block(x, filters, stride)
    return layers.GlobalAveragePooling2D()(x)


_BUILDERS = {"plain_cnn": _plain_cnn, "small_cnn": _small_cnn}


_HEAD_LAYER = "probabilities"


def _check_finite(backbone: keras.Model, weights_path: Path) -> None:
    # Not by what the network says: on CPU a convolution fused with its activation turns NaN into 0.
    # By NumPy: JAX would compile two programs for each shape, seconds in all.
    bad = [weight.path for weight in backbone.weights if not np.isfinite(keras.ops.convert_to_numpy(weight)).all()]
    if bad:
        raise DataError(
            f"{weights_path}: {len(bad)} of {len(backbone.weights)} weights are no finite numbers ({bad[0]}, ...); get "
            "the file again"
        )


def _build_backbone(name: NetworkName, image_size: int, weights_path: Path | None) -> keras.Model:
    """Build a network of keras.applications from images (as it wants them scaled) to its last feature map.

    Pretrained batch statistics stay as they are, also while the weights are tuned, so that they can be folded.
    """
    backbone = getattr(keras.applications, BACKBONES[name].application)(
        include_top=False, weights=None, input_shape=(image_size, image_size, 3)
    )
    if weights_path is not None:
        try:
            backbone.load_weights(weights_path)
        except Exception as error:
            raise ConfigError(
                f"{weights_path}: does not fit the network {name} ({str(error).splitlines()[0][:200]}); expected its "
                "ImageNet weights without the top, as Keras publishes them"
            ) from error
        _check_finite(backbone, weights_path)
        return fold_batch_normalization(backbone)
    return backbone


def _pool_backbone(x: Any, name: NetworkName, image_size: int, weights_path: Path | None) -> Any:
    backbone = _build_backbone(name, image_size, weights_path)
    if not BACKBONES[name].scales_itself:
        x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = backbone(x, training=False) if weights_path is not None else backbone(x)
    return layers.GlobalAveragePooling2D(dtype="float32")(x)  # sums of many numbers, whatever the precision


def _images_input(image_size: int) -> Any:
    return keras.Input((image_size, image_size, 3), dtype="uint8", name="images")


def _probabilities(features: Any, num_classes: int) -> Any:
    return layers.Dense(num_classes, activation="softmax", dtype="float32", name=_HEAD_LAYER)(features)


def is_backbone(name: str) -> bool:
    """Tell whether a network is one of keras.applications, which can start from pretrained weights."""
    return name in BACKBONES


def build_network(
    name: NetworkName,
    image_size: int,
    num_classes: int,
    weights_path: Path | None = None,
    dropout: float = DROPOUT,
) -> keras.Model:
    """Build a network; without weights it is untrained.

    Args:
        name: One of config.NetworkName.
        image_size: Side of the images in pixels.
        num_classes: Number of outputs.
        weights_path: ImageNet weights of a backbone, without its top.
        dropout: Share of the features that the classifying layer does without; plain_cnn has none.

    Returns:
        A model from uint8 [batch, image_size, image_size, 3] to float32 [batch, num_classes], rows sum to 1.

    Raises:
        ConfigError: If the weights are not this network's.
        DataError: If a weight is not finite.
    """
    inputs = _images_input(image_size)
    with made_quickly() as made:
        if is_backbone(name):
            features = _pool_backbone(inputs, name, image_size, weights_path)
        else:
            features = _BUILDERS[name](inputs)
        if name != _WITHOUT_DROPOUT:
            features = layers.Dropout(dropout)(features)
        network = keras.Model(inputs, _probabilities(features, num_classes), name=name)
        made.extend(network.variables)
    return network


def build_extractor(name: NetworkName, image_size: int, weights_path: Path) -> keras.Model:
    """Build a frozen backbone that turns images into feature vectors.

    Returns:
        A model from uint8 [batch, image_size, image_size, 3] to float32 [batch, num_features].
    """
    inputs = _images_input(image_size)
    with made_quickly() as made:
        network = keras.Model(inputs, _pool_backbone(inputs, name, image_size, weights_path), name=f"{name}_features")
        made.extend(network.variables)
    return network


def build_head(num_features: int, num_classes: int, dropout: float = DROPOUT) -> keras.Model:
    """Build what stands on a frozen backbone: from float32 [batch, num_features] to probabilities."""
    inputs = keras.Input((num_features,), name="features")
    return keras.Model(inputs, _probabilities(layers.Dropout(dropout)(inputs), num_classes), name="head")


def put_head_on(network: keras.Model, head: keras.Model) -> None:
    """Give a network the classifying layer of a trained head."""
    network.get_layer(_HEAD_LAYER).set_weights(head.get_layer(_HEAD_LAYER).get_weights())


@contextmanager
def of_any_size(network: keras.Model) -> Iterator[None]:
    """Let a network that ends in global pooling take images of another size meanwhile: Keras alone forbids it."""
    parts = [network, *(part for part in network.layers if isinstance(part, keras.Model))]
    for part in parts:
        part.input_spec = None
    try:
        yield
    finally:
        for part in parts:
            del part._manual_input_spec  # what Keras derives from the input counts again


def without_training(network: keras.Model) -> keras.Model:
    """Return the same network without what training left on it: loss, optimiser and its states.

    Saved, it is a third of the size, and `keras.models.load_model` opens it where none of this package is installed.
    """
    with made_quickly():
        bare = keras.Model.from_config(network.get_config())
    bare.set_weights(network.get_weights())
    return bare


def wake(network: keras.Model, *, pretrained: bool) -> None:
    """Let all of a published network learn on, also what stayed frozen in the training that made it.

    Args:
        network: As it was loaded.
        pretrained: Whether its first training began with pretrained weights, whose batch normalisation stays as it is.
    """
    network.trainable = True
    if pretrained:
        thaw(network, 1)


def thaw(network: keras.Model, share: float) -> int:
    """Let the upper part of a pretrained backbone learn; batch normalisation that was not folded stays frozen.

    Args:
        network: What `build_network` made with weights.
        share: Of the backbone's layers, counted from the top, in [0, 1].

    Returns:
        The number of layers of the backbone that learn.

    Raises:
        ConfigError: If there is none.
    """
    parts = next(part for part in network.layers if isinstance(part, keras.Model)).layers
    first = round((1 - share) * len(parts))
    for number, part in enumerate(parts):
        part.trainable = number >= first and not isinstance(part, layers.BatchNormalization)
    num_tuned = sum(bool(part.trainable_weights) for part in parts)
    if not num_tuned:
        raise ConfigError(
            f"fine_tune_share is {share:g}: the top {len(parts) - first} layers of {network.name} have no weights that "
            "learn; raise it, or set fine_tune_epochs: 0"
        )
    return num_tuned
