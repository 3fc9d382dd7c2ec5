import numpy as np
import pytest

from cdiscount_tasks.learning.pictures.smaller import scale_down


@pytest.mark.parametrize(("longer", "size"), [(160, 128), (96, 64), (224, 160), (512, 352), (64, 32), (32, 32)])
def test_each_pixel_is_the_rounded_mean_of_the_area_that_it_covers(longer, size):
    images = np.random.default_rng(0).integers(0, 256, (2, longer, longer, 3), np.uint8)
    common = np.gcd(longer, size)
    times, covered = size // common, longer // common
    fine = images.astype(np.float64).repeat(times, axis=1).repeat(times, axis=2)
    means = fine.reshape(2, size, covered, size, covered, 3).mean(axis=(2, 4))
    np.testing.assert_array_equal(scale_down(images, size, np), np.floor(means + 0.5).astype(np.uint8))


@pytest.mark.parametrize("value", [0, 1, 254, 255])
def test_a_picture_of_one_colour_keeps_it(value):
    shown = scale_down(np.full((1, 512, 512, 3), value, np.uint8), 480, np)
    assert (shown.shape, shown.dtype) == ((1, 480, 480, 3), np.uint8)
    assert (shown == value).all()


def test_no_picture_is_as_well():
    assert scale_down(np.zeros((0, 96, 96, 3), np.uint8), 64, np).shape == (0, 64, 64, 3)
