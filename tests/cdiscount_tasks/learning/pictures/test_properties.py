import io

import numpy as np
import pytest
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures.properties import PROPERTIES, measure_picture, measure_pictures

NOISE = np.random.default_rng(0).integers(0, 200, (60, 40, 3), dtype=np.uint8)


def measured(pixels, num_bytes=1000):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels, np.uint8))
    return dict(zip(PROPERTIES, measure_picture(image, num_bytes), strict=True))


def framed(pixels, width):
    return np.pad(pixels, ((width, width), (width, width), (0, 0)), constant_values=255)


def test_a_flat_picture_has_its_level_and_nothing_else():
    found = measured(np.full((30, 60, 3), 100))
    assert found == {
        "brightness": pytest.approx(100), "contrast": pytest.approx(0, abs=1e-4), "saturation": 0,
        "sharpness": pytest.approx(0, abs=1e-4), "file_bytes": 1000, "white_border": 0, "aspect": 2,
    }  # fmt: skip


def test_a_darker_picture_is_darker_and_as_colourful():
    before, after = measured(NOISE), measured(NOISE * 0.8)
    assert after["brightness"] == pytest.approx(0.8 * before["brightness"], abs=1)
    assert after["contrast"] < before["contrast"]
    assert after["saturation"] == pytest.approx(before["saturation"], abs=0.02)


def test_grey_has_no_saturation_and_pure_red_has_all():
    assert measured(np.repeat(NOISE[:, :, :1], 3, axis=2))["saturation"] == 0
    assert measured(np.full((9, 9, 3), (200, 0, 0)))["saturation"] == 1


def test_a_blurred_picture_is_less_sharp():
    image = Image.fromarray(NOISE)
    assert measured(image.resize((20, 30)).resize((40, 60)))["sharpness"] < 0.6 * measured(image)["sharpness"]


@pytest.mark.parametrize("width", [1, 5, 20])
def test_a_white_border_is_measured_by_its_area(width):
    wanted = 1 - NOISE.shape[0] * NOISE.shape[1] / ((NOISE.shape[0] + 2 * width) * (NOISE.shape[1] + 2 * width))
    assert measured(framed(NOISE, width))["white_border"] == pytest.approx(wanted)


def test_white_inside_a_picture_is_no_border():
    pixels = NOISE.copy()
    pixels[20:40, 10:30] = 255
    assert measured(pixels)["white_border"] == 0


def test_a_border_that_jpeg_spoilt_a_little_is_still_white():
    file, pixels = io.BytesIO(), framed(np.full((60, 40, 3), (30, 90, 60), np.uint8), 10)
    Image.fromarray(pixels).save(file, "JPEG", quality=75)
    spoilt = Image.open(file).convert("RGB")
    assert (np.asarray(spoilt)[:10] != 255).any()
    assert measured(spoilt)["white_border"] == pytest.approx(measured(pixels)["white_border"], abs=0.12)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 3)])
def test_the_smallest_pictures_have_numbers(size):
    assert np.isfinite(measure_picture(Image.new("RGB", size, (255, 255, 255)), 1)).all()
    assert measured(Image.new("RGB", size, (255, 255, 255)))["white_border"] == 1


def test_a_large_picture_has_the_numbers_of_its_small_copy():
    image = Image.fromarray(np.kron(NOISE[:30, :30], np.ones((40, 40, 1), np.uint8)))
    large, small = measured(image), measured(image.reduce(3))
    assert large == pytest.approx(small)


class Source:
    def __init__(self, jpegs):
        self.jpegs = jpegs

    def __len__(self):
        return len(self.jpegs)

    def read(self, rows):
        return [self.jpegs[row] for row in rows]


def jpeg_of(level):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (level, level, level)).save(file, "JPEG")
    return file.getvalue()


def test_pictures_are_measured_in_the_order_asked_for():
    jpegs = [jpeg_of(level) for level in (10, 90, 200)]
    found = measure_pictures(Source(jpegs), [2, 0])
    assert found[:, 0] == pytest.approx([200, 10], abs=1)
    assert found[:, PROPERTIES.index("file_bytes")].tolist() == [len(jpegs[2]), len(jpegs[0])]


def test_a_picture_that_no_longer_decodes_is_named():
    with pytest.raises(DataError, match=r"image 1 of the sample no longer decodes .*; draw it again"):
        measure_pictures(Source([jpeg_of(9), b"no picture"]), [0, 1])


def test_no_picture_has_no_rows():
    assert measure_pictures(Source([]), []).shape == (0, len(PROPERTIES))
