"""What a picture looks like in numbers that nobody had to learn: its shapes and its colours, place by place.

It speaks where no pretrained network can: it needs no file, reads no label and learns nothing, so that a picture's
numbers depend on that picture alone. Three parts, side by side:

- shapes: how strongly the brightest change of colour at each place points in each direction, summed over cells and
  scaled by the neighbouring cells (histograms of oriented gradients: Dalal and Triggs 2005, CVPR; the four
  normalisations and texture energies of Felzenszwalb et al. 2010, PAMI 32);
- colours by place: in each cell of a coarser grid, the share of pixels by brightness and by two opponent colours
  (Swain and Ballard 1991, IJCV 7);
- colours together: over the whole picture, the share of pixels by brightness and both opponent colours at once.

Shares enter by their square root, so that a large plain background does not drown the rest (Hellinger's kernel:
Arandjelovic and Zisserman 2012, CVPR).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

VERSION = 1
"""Raise it whenever the same picture gives other numbers: artifacts made before are then made anew."""

IMAGE_SIDE = 64
"""Pixels that pictures are scaled to before they are described. Measured: docs/decisions/0020."""

SHAPE_CELLS = 8
NUM_DIRECTIONS = 9
COLOUR_CELLS = 4
NUM_STEPS = 8
BRIGHTNESS_EDGES = (0.25, 0.5, 0.75)
OPPONENT_EDGES = (-0.12, -0.03, 0.03, 0.12)
_OPPONENT_RANGE = 0.35
_MOST_OF_A_DIRECTION = 0.2
_FLAT = 0.01
_COLOUR_WEIGHT = 0.3
_PIXELS_AT_ONCE = 2**18

PARAMETERS: Mapping[str, Any] = {
    "shape_cells": SHAPE_CELLS,
    "num_directions": NUM_DIRECTIONS,
    "most_of_a_direction": _MOST_OF_A_DIRECTION,
    "flat": _FLAT,
    "colour_cells": COLOUR_CELLS,
    "num_steps": NUM_STEPS,
    "brightness_edges": list(BRIGHTNESS_EDGES),
    "opponent_edges": list(OPPONENT_EDGES),
    "opponent_range": _OPPONENT_RANGE,
    "colour_weight": _COLOUR_WEIGHT,
}
"""All that decides the numbers of a picture of IMAGE_SIDE, beside the code: an artifact's key counts it."""

NUM_SHAPES = SHAPE_CELLS**2 * (NUM_DIRECTIONS + 4)
NUM_COLOURS = COLOUR_CELLS**2 * 3 * NUM_STEPS
NUM_TOGETHER = (len(BRIGHTNESS_EDGES) + 1) * (len(OPPONENT_EDGES) + 1) ** 2
NUM_FEATURES = NUM_SHAPES + NUM_COLOURS + NUM_TOGETHER

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def _cells(height: int, width: int, num_cells: int) -> Ints:
    """Return the cell of each pixel of a picture: int64, [height, width], each in [0, num_cells ** 2)."""
    down, across = (np.arange(length) * num_cells // length for length in (height, width))
    return np.asarray(down[:, None] * num_cells + across, np.int64)


def _sums(bins: Ints, weights: Floats | None, num_bins: int) -> Floats:
    """Sum the weights of each picture's pixels by bin.

    Args:
        bins: int64, [num_pictures, height, width], each in [0, num_bins).
        weights: float32, of the same shape; None: 1 each.
        num_bins: Of a picture.

    Returns:
        float32, [num_pictures, num_bins].
    """
    of_picture = bins + num_bins * np.arange(len(bins))[:, None, None]
    summed = np.bincount(of_picture.ravel(), None if weights is None else weights.ravel(), num_bins * len(bins))
    return summed.reshape(len(bins), num_bins).astype(np.float32)


def _soft_shares(value: Floats, weights: Floats, num_bins: int, num_cells: int) -> Floats:
    """Share each pixel out between the two bins next to its value; return the means of all cells.

    Args:
        value: float32, [num_pictures, height, width], in [0, num_bins]; num_bins is 0 again.
        weights: float32, of the same shape.
        num_bins: Of a cell.
        num_cells: Across and down.

    Returns:
        float32, [num_pictures, num_cells, num_cells, num_bins].
    """
    lower = np.floor(value)
    upper_share, first = value - lower, lower.astype(np.int64) % num_bins
    cells = _cells(value.shape[1], value.shape[2], num_cells)
    summed = _sums(cells * num_bins + first, weights * (1 - upper_share), num_cells**2 * num_bins)
    summed += _sums(cells * num_bins + (first + 1) % num_bins, weights * upper_share, num_cells**2 * num_bins)
    num_pixels = np.bincount(cells.ravel(), minlength=num_cells**2)  # 0 in a picture of fewer pixels than cells
    means = summed.reshape(-1, num_cells**2, num_bins) / np.maximum(num_pixels, 1)[:, None]
    return means.reshape(-1, num_cells, num_cells, num_bins).astype(np.float32)


def _strongest_gradient(pictures: Pictures) -> tuple[Floats, Floats]:
    """Return how fast the colour that changes most changes, down and to the right; 0 at the border.

    Whole numbers until the last step: a picture that is brighter by as much everywhere has the same.
    """
    levels = pictures.astype(np.int32)
    down, right = np.zeros_like(levels), np.zeros_like(levels)
    down[:, 1:-1] = levels[:, 2:] - levels[:, :-2]
    right[:, :, 1:-1] = levels[:, :, 2:] - levels[:, :, :-2]
    strongest = (down**2 + right**2).argmax(axis=3)[..., None]
    of_strongest = (np.take_along_axis(change, strongest, axis=3)[..., 0] for change in (down, right))
    return tuple(change.astype(np.float32) / 255 for change in of_strongest)  # type: ignore[return-value]


def _describe_shapes(pictures: Pictures) -> Floats:
    """Return the oriented gradients of all cells: float32, [num_pictures, NUM_SHAPES], each in [0, 1]."""
    down, right = _strongest_gradient(pictures)
    turn = 2 * NUM_DIRECTIONS
    direction = np.arctan2(down, right) * np.float32(turn / (2 * np.pi)) % turn
    signed = _soft_shares(direction, np.hypot(down, right), turn, SHAPE_CELLS)
    unsigned = signed[..., :NUM_DIRECTIONS] + signed[..., NUM_DIRECTIONS:]
    energy = np.pad((unsigned**2).sum(axis=3), ((0, 0), (1, 1), (1, 1)), mode="edge")
    of_four = energy[:, :-1, :-1] + energy[:, 1:, :-1] + energy[:, :-1, 1:] + energy[:, 1:, 1:]
    shapes, textures = np.zeros_like(unsigned), []
    for below, beside in ((0, 0), (0, 1), (1, 0), (1, 1)):
        around = of_four[:, below : below + SHAPE_CELLS, beside : beside + SHAPE_CELLS, None]
        scale = 1 / np.sqrt(around + _FLAT**2)
        shapes += np.minimum(unsigned * scale, _MOST_OF_A_DIRECTION) / 2
        textures.append(np.minimum(signed * scale, _MOST_OF_A_DIRECTION).sum(axis=3) / np.float32(np.sqrt(turn)))
    return np.concatenate([shapes, np.stack(textures, axis=3)], axis=3).reshape(len(pictures), -1)


def _opponents(pictures: Pictures) -> tuple[Floats, Floats, Floats]:
    """Return brightness in [0, 1], red against green and yellow against blue in [-0.5, 0.5], of each pixel."""
    red, green, blue = np.moveaxis(pictures.astype(np.float32) / 255, 3, 0)
    return (red + green + blue) / 3, (red - green) / 2, (red + green) / 4 - blue / 2


def _describe_colours(pictures: Pictures) -> Floats:
    """Return the shares of colours, cell by cell and together: float32, [num_pictures, NUM_COLOURS + NUM_TOGETHER]."""
    brightness, *opponents = _opponents(pictures)
    every = np.ones_like(brightness)
    ranges = [brightness, *(opponent / (2 * _OPPONENT_RANGE) + 0.5 for opponent in opponents)]
    by_place = [
        _soft_shares(np.clip(place, 0, 1) * (NUM_STEPS - 1), every, NUM_STEPS, COLOUR_CELLS) for place in ranges
    ]
    bins = np.searchsorted(BRIGHTNESS_EDGES, brightness)
    for opponent in opponents:
        bins = bins * (len(OPPONENT_EDGES) + 1) + np.searchsorted(OPPONENT_EDGES, opponent)
    together = _sums(bins, None, NUM_TOGETHER) / brightness[0].size
    shares = [*(one.reshape(len(pictures), -1) for one in by_place), together]
    return np.asarray(np.float32(_COLOUR_WEIGHT) * np.sqrt(np.concatenate(shares, axis=1)))


def describe(pictures: Pictures) -> Floats:
    """Describe pictures by their shapes and colours.

    Args:
        pictures: uint8, [num_pictures, height, width, 3], of any size from one pixel on.

    Returns:
        float32, [num_pictures, NUM_FEATURES], finite, each in [0, 1]: a picture's numbers depend on that picture alone,
        and are the same bits on every run, whatever it stands beside.
    """
    described = np.empty((len(pictures), NUM_FEATURES), np.float32)
    step = max(1, _PIXELS_AT_ONCE // max(1, pictures.shape[1] * pictures.shape[2]))
    for first in range(0, len(pictures), step):
        some = slice(first, first + step)
        described[some, :NUM_SHAPES] = _describe_shapes(pictures[some])
        described[some, NUM_SHAPES:] = _describe_colours(pictures[some])
    return described
