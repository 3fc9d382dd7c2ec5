"""Variants of small_cnn that are ranked before one of them may take its place; what loses goes from here.

All are made of Keras' own layers: a model that was trained with one is loaded without this module.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np


class Variant(NamedTuple):
    """What differs from small_cnn; its own values are the defaults.

    Attributes:
        stem: Filters of the two first convolutions.
        blocks: Filters and stride of each residual block.
        squeezes: Whether each block weighs its channels by what it sees in all of the picture (Hu et al., 2018).
        blurs: Whether the second convolution sees all pixels, and a binomial filter leaves every other one (Zhang,
            2019).
        left_out: In training, how often the last block is passed by; those before it less (Huang et al., 2016).
    """

    stem: tuple[int, int] = (24, 32)
    blocks: tuple[tuple[int, int], ...] = ((32, 1), (64, 2), (128, 2), (256, 2))
    squeezes: bool = False
    blurs: bool = False
    left_out: float = 0.0


ON_TRIAL = {
    "se": Variant(squeezes=True),
    "wide": Variant(stem=(32, 48), blocks=((48, 1), (96, 2), (192, 2), (384, 2))),
    "deep": Variant(blocks=((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1))),
    "deep_left_out": Variant(blocks=((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)), left_out=0.2),
    "blurred": Variant(blurs=True),
    "se_blurred": Variant(squeezes=True, blurs=True),
    "se_deep": Variant(
        blocks=((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)), squeezes=True, left_out=0.1
    ),
}


def _squeeze(x: Any) -> Any:
    from keras import layers

    filters = x.shape[-1]
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Dense(max(filters // 8, 8), activation="relu")(weights)
    return layers.Multiply()([x, layers.Dense(filters, activation="sigmoid")(weights)])


def _blur(x: Any) -> Any:
    from keras import layers

    layer = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, trainable=False)
    found = layer(x)
    line = np.array([1, 2, 1], np.float32) / 4
    layer.set_weights([np.tile(np.outer(line, line)[:, :, None, None], (1, 1, x.shape[-1], 1))])
    return found


def _block(x: Any, filters: int, stride: int, squeezes: bool, left_out: float) -> Any:
    from keras import layers

    from cdiscount_tasks.learning.networks.build import _convolve

    shortcut = layers.AveragePooling2D(stride, padding="same")(x) if stride > 1 else x
    if x.shape[-1] != filters:
        shortcut = _convolve(shortcut, filters, kernel=1)
    x = layers.ReLU()(_convolve(x, filters, stride=stride))
    x = _convolve(x, filters)
    if squeezes:
        x = _squeeze(x)
    if left_out:
        x = layers.Dropout(left_out, noise_shape=(None, 1, 1, 1))(x)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def build_variant(variant: Variant, x: Any) -> Any:
    """Return the pooled features of images, as the builders of `learning/networks/build.py` do."""
    from keras import layers

    from cdiscount_tasks.learning.networks.build import _convolve

    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = layers.ReLU()(_convolve(x, variant.stem[0], stride=2))
    x = layers.ReLU()(_convolve(x, variant.stem[1], stride=1 if variant.blurs else 2))
    if variant.blurs:
        x = _blur(x)
    for number, (filters, stride) in enumerate(variant.blocks, 1):
        x = _block(x, filters, stride, variant.squeezes, variant.left_out * number / len(variant.blocks))
    return layers.GlobalAveragePooling2D()(x)


def put_on_trial(name: str) -> None:
    """Let this process build a variant wherever it would build small_cnn, as soon as its device is set up."""
    from cdiscount_tasks.stages import one_training

    set_up = vars(one_training)["prepare_device"]

    def prepare(*args: Any, **more: Any) -> Any:
        device = set_up(*args, **more)
        from cdiscount_tasks.learning.networks import build  # loads Keras, which needs the device

        build._BUILDERS["small_cnn"] = partial(build_variant, ON_TRIAL[name])
        return device

    vars(one_training)["prepare_device"] = prepare
