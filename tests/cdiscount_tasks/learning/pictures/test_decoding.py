import numpy as np
import pytest

from cdiscount_tasks.learning.pictures.decoding import decode_images, images_at_once
from cdiscount_tasks.learning.pictures.images import load_images
from tests.material.tiny_catalogue import GREEN, RED, draw_jpeg, undecodable


class Held:
    """Pictures in memory."""

    def __init__(self, jpegs):
        self._jpegs = jpegs

    def read(self, rows):
        return [self._jpegs[row] for row in rows]


@pytest.mark.parametrize("image_size", [32, 48])
def test_images_are_decoded_as_training_and_evaluation_do(image_size):
    jpegs = [draw_jpeg(RED, 1), draw_jpeg(GREEN, 2, size=64), draw_jpeg(RED, 3, mode="L")]
    found = decode_images(image_size, ([7, 3, 5], jpegs))
    assert np.array_equal(found.pixels, load_images(Held(jpegs), [0, 1, 2], image_size))
    assert found.rows.tolist() == [7, 3, 5]
    assert found.refused == []


def test_an_image_that_does_not_decode_is_set_aside_and_named():
    good = draw_jpeg(RED, 1)
    found = decode_images(32, ([0, 1, 2, 3], [undecodable(draw_jpeg(RED, 2)), good, b"", b"GIF89a"]))
    assert found.rows.tolist() == [1]
    assert np.array_equal(found.pixels, load_images(Held([good]), [0], 32))
    refused = [(one.row, one.reason) for one in found.refused]
    assert refused == [(0, "picture_damaged"), (2, "picture_empty"), (3, "picture_not_jpeg")]
    assert all(one.detail for one in found.refused)


def test_where_nothing_decodes_there_are_no_pixels():
    assert decode_images(32, ([4], [b""])).pixels.shape == (0, 32, 32, 3)
    assert decode_images(32, ([], [])).rows.dtype == np.int64


@pytest.mark.parametrize(("image_size", "expected"), [(32, 512), (96, 512), (180, 345), (224, 222), (512, 64)])
def test_as_many_images_are_decoded_together_as_memory_allows(image_size, expected):
    assert images_at_once(image_size) == expected
