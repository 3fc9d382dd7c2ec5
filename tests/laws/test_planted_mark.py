"""A network that can only tell two classes by a mark has activation maps that show the mark."""

import numpy as np
from scipy.ndimage import gaussian_filter

from tests.material.planted_marks import judge_maps, plant_marks


def draw_clouds(num_images, size):
    """Return uint8, [num_images, size, size, 3]: soft clouds of colour, no two alike."""
    noise = np.random.default_rng(0).normal(size=(num_images, size, size, 3))
    soft = gaussian_filter(noise, (0, 4, 4, 0))
    return np.clip(128 + 60 * soft / soft.std(), 0, 255).astype(np.uint8)


def test_the_maps_of_a_network_that_knows_a_mark_peak_in_the_mark(tensorflow):
    case = judge_maps(plant_marks(draw_clouds(480, 64), 0), "small_cnn", 10, 0)
    assert case.num_maps >= 10
    assert case.accuracy > 0.9
    assert case.peaks > 0.8
    assert case.share > 3 * 0.04
