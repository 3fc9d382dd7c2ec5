import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb, load_images
from cdiscount_tasks.vocabulary import Reason
from tests.material.tiny_catalogue import BLUE, RED, draw_jpeg, same_pixels_other_bytes, undecodable


class Listed:
    """An image source that holds its pictures in a list."""

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self):
        return len(self.pictures)

    def read(self, rows):
        return [self.pictures[row] for row in rows]


def with_declared_size(jpeg, side):
    """Let the frame header declare another size."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + side.to_bytes(2, "big") * 2 + jpeg[place + 4 :]


def png():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_any_kind_of_jpeg_becomes_rgb(mode):
    picture = decode_rgb(draw_jpeg(size=40, mode=mode))
    assert (picture.mode, picture.size) == ("RGB", (40, 40))


def test_other_bytes_of_the_same_picture_decode_to_the_same_pixels():
    jpeg = draw_jpeg()
    assert decode_rgb(jpeg).tobytes() == decode_rgb(same_pixels_other_bytes(jpeg)).tobytes()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("jpeg", "reason"),
    [
        (b"", Reason.PICTURE_EMPTY),
        (b"no picture", Reason.PICTURE_NOT_JPEG),
        (png(), Reason.PICTURE_NOT_JPEG),
        (b"\xff\xd8\xff\xd9", Reason.PICTURE_NOT_JPEG),
        (undecodable(draw_jpeg()), Reason.PICTURE_DAMAGED),
        (with_declared_size(draw_jpeg(), 6000), Reason.PICTURE_TOO_LARGE),
        (with_declared_size(draw_jpeg(), 12000), Reason.PICTURE_TOO_LARGE),
        (with_declared_size(draw_jpeg(), 32767), Reason.PICTURE_TOO_LARGE),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_with_its_reason(jpeg, reason):
    with pytest.raises(ImageRefused) as caught:
        decode_rgb(jpeg)
    assert caught.value.reason == reason


@given(st.data())
def test_a_damaged_picture_is_read_or_refused_and_nothing_else(data):
    jpeg = bytearray(draw_jpeg(size=16))
    for _ in range(data.draw(st.integers(1, 4))):
        jpeg[data.draw(st.integers(0, len(jpeg) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert decode_rgb(bytes(jpeg)).mode == "RGB"
    except ImageRefused as refused:
        assert refused.detail


def test_pictures_become_one_array_in_the_order_of_the_rows():
    source = Listed([draw_jpeg(RED, size=48), draw_jpeg(BLUE, size=48)])
    images = load_images(source, [1, 0, 1], 32)
    assert (images.shape, images.dtype) == ((3, 32, 32, 3), np.uint8)
    assert images.mean(axis=(1, 2)).argmax(axis=1).tolist() == [2, 0, 2]


def test_a_picture_of_the_right_size_keeps_its_pixels():
    jpeg = draw_jpeg(size=32)
    assert np.array_equal(load_images(Listed([jpeg]), [0], 32)[0], np.asarray(decode_rgb(jpeg)))


def test_no_rows_make_an_empty_array():
    assert load_images(Listed([]), [], 32).shape == (0, 32, 32, 3)


def test_a_picture_that_no_longer_decodes_is_an_error_with_its_row():
    with pytest.raises(DataError, match="image 1 of the sample no longer decodes"):
        load_images(Listed([draw_jpeg(), b"x"]), [0, 1], 32)


def many_scans(side, num_more):
    """Repeat the last scan of a progressive picture: each makes a decoder pass over all pixels again."""
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True)
    jpeg = file.getvalue()
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * num_more + b"\xff\xd9"


def test_a_picture_of_thousands_of_scans_is_refused_before_it_is_decoded():
    with pytest.raises(ImageRefused, match=r"5000 x 5000 pixels in \d+ scans, expected at most") as caught:
        decode_rgb(many_scans(5000, 5000))
    assert caught.value.reason == Reason.PICTURE_TOO_LARGE


@pytest.mark.parametrize(("side", "num_more"), [(180, 200), (5000, 12)])
def test_a_progressive_picture_of_usual_scans_is_decoded(side, num_more):
    assert decode_rgb(many_scans(side, num_more)).size == (side, side)
