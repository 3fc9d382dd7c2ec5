"""Pictures that are mixed in pairs: one shines through the other (MixUp), or a part of one lies on it (CutMix).

Both are one rule: within a box a picture keeps a share of itself, and its partner has the rest. So one compiled program
does either, whatever is drawn.
"""

from typing import Any, NamedTuple

import numpy as np

from cdiscount_tasks.learning.pictures.shifted import WHOLE

_MIXUP_ALPHA = 0.2
"""Of the beta distribution that the share of a picture follows (Zhang et al., 2018)."""


class Mix(NamedTuple):
    """How pictures are mixed with their partners, each by example; arrays of NumPy or of a device.

    Attributes:
        box: int32, [num_examples, 4]: top, height, left and width, in shares of 1 / WHOLE of the side.
        own: int32, [num_examples]: what a picture keeps of itself within the box, in 1 / 256.
        share: float32, [num_examples]: of its class in the target; its partner's has the rest.
    """

    box: Any
    own: Any
    share: Any


def draw_mix(rng: np.random.Generator, num_examples: int, kind: str, mixed_share: float) -> Mix:
    """Draw how each example is mixed.

    Args:
        rng: Drawn from alike for every share.
        num_examples: How many.
        kind: mixup or cutmix.
        mixed_share: So many of them are mixed, in [0, 1]; the others stay as they are.
    """
    is_mixed = rng.random(num_examples) < mixed_share
    # The class of a picture is the one that it shows more of, so that right answers can be counted.
    if kind == "mixup":
        drawn = rng.beta(_MIXUP_ALPHA, _MIXUP_ALPHA, num_examples)
        own = np.where(is_mixed, np.round(256 * np.maximum(drawn, 1 - drawn)), 256).astype(np.int32)
        box = np.tile(np.array([0, WHOLE, 0, WHOLE], np.int32), (num_examples, 1))
        return Mix(box, own, (own / 256).astype(np.float32))
    drawn = rng.random(num_examples) / 2
    side = (np.sqrt(np.where(is_mixed, drawn, 0)) * WHOLE).astype(np.int32)
    places = (rng.random((num_examples, 2)) * (WHOLE - side[:, None])).astype(np.int32)
    box = np.stack([places[:, 0], side, places[:, 1], side], axis=1)
    return Mix(box, np.zeros(num_examples, np.int32), (1 - (side / WHOLE) ** 2).astype(np.float32))


def _is_within(size: int, place: Any, length: Any, steps: Any) -> Any:
    """Tell which pixels of a side lie in a part of it, by their middles."""
    middle = (2 * steps + 1) * (WHOLE // 2)
    return (middle >= place * size) & (middle < (place + length) * size)


def mix_pictures(pictures: Any, partners: Any, mix: Mix, of: Any) -> Any:
    """Return pictures mixed with their partners, to the same bit wherever they lie.

    Args:
        pictures: uint8, [num_pictures, size, size, 3].
        partners: As many.
        mix: Of as many.
        of: NumPy, or JAX's.
    """
    size = pictures.shape[1]
    steps = of.arange(size, dtype=of.int32)
    rows = _is_within(size, mix.box[:, :1], mix.box[:, 1:2], steps)
    columns = _is_within(size, mix.box[:, 2:3], mix.box[:, 3:], steps)
    own = mix.own.astype(of.uint16)[:, None, None, None]
    mixed = (pictures.astype(of.uint16) * own + partners.astype(of.uint16) * (256 - own) + of.uint16(128)) >> 8
    return of.where((rows[:, :, None] & columns[:, None, :])[..., None], mixed.astype(of.uint8), pictures)
