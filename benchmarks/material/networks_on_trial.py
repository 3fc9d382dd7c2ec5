"""Variants of small_cnn that are ranked before one of them may take its place; what loses goes from here.

All are made of Keras' own layers: a model that was trained with one is loaded without this module.
"""

from functools import partial
from typing import Any, NamedTuple


class Variant(NamedTuple):
    """What differs from small_cnn; its own values are the defaults.

    Attributes:
        stem: Filters of the two first convolutions.
        blocks: Filters and stride of each residual block.
    """

    stem: tuple[int, int] = (24, 32)
    blocks: tuple[tuple[int, int], ...] = ((32, 1), (64, 2), (128, 2), (256, 2))


ON_TRIAL = {"wide": Variant(stem=(32, 48), blocks=((48, 1), (96, 2), (192, 2), (384, 2)))}


def build_variant(variant: Variant, x: Any) -> Any:
    """Return the pooled features of images, as the builders of `learning/networks/build.py` do."""
    from keras import layers

    from cdiscount_tasks.learning.networks.build import _convolve, _residual_block

    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for filters in variant.stem:
        x = layers.ReLU()(_convolve(x, filters, stride=2))
    for filters, stride in variant.blocks:
        x = _residual_block(x, filters, stride)
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
