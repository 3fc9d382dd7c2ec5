import numpy as np
import pytest

from cdiscount_tasks.learning.features.descriptor import (
    COLOUR_CELLS,
    IMAGE_SIDE,
    NUM_COLOURS,
    NUM_DIRECTIONS,
    NUM_FEATURES,
    NUM_SHAPES,
    NUM_STEPS,
    NUM_TOGETHER,
    SHAPE_CELLS,
    describe,
)


def draw(num, height=IMAGE_SIDE, width=IMAGE_SIDE, most=256, seed=0):
    return np.random.default_rng(seed).integers(0, most, (num, height, width, 3), dtype=np.uint8)


def shapes_of(pictures):
    """Return the directions of each cell, [num_pictures, cells down, cells across, directions]."""
    cells = describe(pictures)[:, :NUM_SHAPES].reshape(len(pictures), SHAPE_CELLS, SHAPE_CELLS, -1)
    return cells[..., :NUM_DIRECTIONS]


def test_every_picture_has_as_many_numbers():
    described = describe(draw(3))
    assert described.shape == (3, NUM_FEATURES) == (3, NUM_SHAPES + NUM_COLOURS + NUM_TOGETHER)
    assert described.dtype == np.float32


def test_pictures_are_described_by_the_same_bits_every_time():
    assert describe(draw(5)).tobytes() == describe(draw(5)).tobytes()


def test_a_picture_is_described_by_itself_whatever_it_stands_beside():
    pictures = draw(200)
    together = describe(pictures)
    assert np.array_equal(together[::-1], describe(pictures[::-1]))
    assert np.array_equal(
        together, np.concatenate([describe(pictures[:1]), describe(pictures[1:7]), describe(pictures[7:])])
    )


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_plain_picture_has_no_shape_and_one_colour(value):
    described = describe(np.full((1, IMAGE_SIDE, IMAGE_SIDE, 3), value, np.uint8))[0]
    assert not described[:NUM_SHAPES].any()
    assert np.count_nonzero(described[-NUM_TOGETHER:]) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (8, 8), (67, 31), (180, 180), (300, 20)])
def test_pictures_of_any_size_have_finite_numbers_between_0_and_1(size):
    described = describe(draw(2, *size))
    assert described.shape == (2, NUM_FEATURES)
    assert np.isfinite(described).all()
    assert described.min() >= 0
    assert described.max() <= 1


def test_no_picture_has_no_row():
    assert describe(draw(0)).shape == (0, NUM_FEATURES)


def test_a_brighter_picture_has_the_same_shapes_and_other_colours():
    pictures = draw(4, most=200)
    dark, bright = describe(pictures), describe(pictures + np.uint8(55))
    assert np.array_equal(dark[:, :NUM_SHAPES], bright[:, :NUM_SHAPES])
    assert not np.allclose(dark[:, NUM_SHAPES:], bright[:, NUM_SHAPES:])


def test_half_the_contrast_leaves_nearly_the_same_shapes():
    pictures = draw(4) // 2 * 2
    whole, half = shapes_of(pictures), shapes_of(pictures // 2)
    assert np.abs(whole - half).max() < 0.02 * whole.max()


def test_light_turned_to_dark_has_the_same_directions():
    pictures = draw(3)
    assert np.allclose(shapes_of(pictures), shapes_of(255 - pictures), atol=1e-6)


def test_a_mirrored_picture_has_its_cells_mirrored():
    pictures = draw(3)
    energy, mirrored = (shapes_of(some).sum(axis=3) for some in (pictures, pictures[:, :, ::-1]))
    assert np.allclose(energy, mirrored[:, :, ::-1], atol=1e-3)


def test_an_edge_speaks_in_its_cells_and_in_its_direction():
    picture = np.zeros((1, IMAGE_SIDE, IMAGE_SIDE, 3), np.uint8)
    picture[:, :, 20:] = 200
    (cells,) = shapes_of(picture)
    column = 20 * SHAPE_CELLS // IMAGE_SIDE
    assert not np.delete(cells, column, axis=1).any()
    assert (cells[:, column].argmax(axis=1) == 0).all()
    (lying,) = shapes_of(picture.transpose(0, 2, 1, 3))
    assert set(lying[column].argmax(axis=1)) <= {NUM_DIRECTIONS // 2, NUM_DIRECTIONS // 2 + 1}


def test_a_colour_speaks_in_its_own_cell():
    grey = np.full((1, IMAGE_SIDE, IMAGE_SIDE, 3), 128, np.uint8)
    red = grey.copy()
    red[:, :10, -10:] = (250, 10, 10)
    changed = (describe(grey) != describe(red))[0, NUM_SHAPES : NUM_SHAPES + NUM_COLOURS]
    cells = changed.reshape(3, COLOUR_CELLS, COLOUR_CELLS, NUM_STEPS).any(axis=(0, 3))
    assert np.argwhere(cells).tolist() == [[0, COLOUR_CELLS - 1]]


def test_a_picture_of_four_times_as_many_equal_pixels_has_the_same_colours():
    small = draw(2, 16, 16)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    assert np.allclose(describe(small)[:, NUM_SHAPES:], describe(large)[:, NUM_SHAPES:], atol=1e-6)
