import io

import numpy as np
from PIL import Image

from cdiscount_tasks.pages.parts.thumbnails import THUMBNAIL_SIDE, make_thumbnail
from cdiscount_tasks.vocabulary import DRAWN_COMMENT


def decode(jpeg):
    return Image.open(io.BytesIO(jpeg))


def test_a_thumbnail_is_small_and_keeps_its_shape():
    assert decode(make_thumbnail(Image.new("RGB", (1200, 600)))).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2)


def test_a_small_picture_is_not_enlarged():
    assert decode(make_thumbnail(Image.new("RGB", (20, 10)))).size == (20, 10)


def test_the_same_picture_gives_the_same_bytes():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (180, 180, 3), np.uint8))
    assert make_thumbnail(noise) == make_thumbnail(noise)


def test_a_drawn_picture_still_says_so_and_other_comments_go():
    picture = Image.new("RGB", (180, 180))
    picture.info["comment"] = DRAWN_COMMENT
    assert decode(make_thumbnail(picture)).info["comment"] == DRAWN_COMMENT
    picture.info["comment"] = b"x" * 60_000
    assert len(make_thumbnail(picture)) < 2_000
