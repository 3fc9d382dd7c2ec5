import io

import imagehash
import numpy as np
import pytest
from PIL import Image

from cdiscount_tasks.learning.pictures import check as picture_check
from cdiscount_tasks.learning.pictures.check import check_images, hash_pixels
from cdiscount_tasks.learning.pictures.images import decode_rgb
from cdiscount_tasks.vocabulary import Reason
from tests.material.tiny_catalogue import BLUE, RED, draw_jpeg, undecodable

PICTURES = [draw_jpeg(RED, 1), undecodable(draw_jpeg(RED, 2)), draw_jpeg(BLUE, 3), b"", draw_jpeg(RED, 1)]


class Listed:
    """An image source that holds a few pictures."""

    def __len__(self):
        return len(PICTURES)

    def read(self, rows):
        return [PICTURES[row] for row in rows]


def check(rows=(0, 1, 2, 3, 4), perceptual=True):
    return check_images(Listed, np.array(rows, np.int64), perceptual=perceptual)


def saved(picture, quality):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return decode_rgb(file.getvalue())


def hash_look(picture):
    return picture_check._hash_square(picture_check._grey_square(picture))


def distance(one, other):
    return (hash_look(one) ^ hash_look(other)).bit_count()


def blotches(seed, size=(180, 180)):
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)


def test_pictures_are_hashed_in_the_order_of_the_rows():
    expected = [hash_pixels(decode_rgb(PICTURES[row])) for row in (0, 2)]
    assert check([0, 2]).pixel_hashes == expected


def test_a_picture_that_cannot_be_used_has_a_reason_and_no_hash():
    checked = check()
    assert [(refusal.place, refusal.reason) for refusal in checked.refusals] == [
        (1, Reason.PICTURE_DAMAGED), (3, Reason.PICTURE_EMPTY)
    ]  # fmt: skip
    assert [place for place, pixel_hash in enumerate(checked.pixel_hashes) if pixel_hash is None] == [1, 3]


@pytest.mark.parametrize("per_batch", [1, 2, 3])
def test_batches_change_nothing(monkeypatch, per_batch):
    whole = check()
    monkeypatch.setattr(picture_check, "_IMAGES_PER_BATCH", per_batch)
    batched = check()
    assert (batched.pixel_hashes, batched.refusals) == (whole.pixel_hashes, whole.refusals)
    assert batched.perceptual_hashes.tolist() == whole.perceptual_hashes.tolist()


def test_processes_change_nothing(monkeypatch):
    whole = check()
    monkeypatch.setattr(picture_check, "_IMAGES_PER_BATCH", 2)
    monkeypatch.setattr(picture_check, "_IMAGES_WORTH_PROCESSES", 1)
    spread = check()
    assert (spread.pixel_hashes, spread.refusals) == (whole.pixel_hashes, whole.refusals)


def test_no_pictures_are_no_error():
    checked = check([])
    assert (checked.pixel_hashes, len(checked.perceptual_hashes), checked.refusals) == ([], 0, [])


def test_looks_stand_beside_the_pictures_that_have_one():
    expected = [0 if row in (1, 3) else hash_look(decode_rgb(PICTURES[row])) for row in range(len(PICTURES))]
    assert check().perceptual_hashes.tolist() == expected


def test_looks_are_hashed_only_where_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(picture_check, "_hash_square", None)
    assert not check(perceptual=False).perceptual_hashes.any()


def test_the_same_bytes_in_another_shape_are_another_picture():
    pixels = bytes(range(240))
    assert hash_pixels(Image.frombytes("RGB", (8, 10), pixels)) != hash_pixels(Image.frombytes("RGB", (10, 8), pixels))


def test_the_look_is_the_library_s_hash_of_a_picture_of_its_size():
    picture = blotches(5, (32, 32))
    assert f"{hash_look(picture):016x}" == str(imagehash.phash(picture))


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_saved_again_looks_the_same(seed):
    assert distance(blotches(seed), saved(blotches(seed), 60)) <= 2


def test_other_pictures_look_different():
    assert min(distance(blotches(0), blotches(seed)) for seed in range(1, 20)) > 10


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (33, 4000), (180, 180), (1000, 700)])
def test_every_size_has_a_look(size):
    assert 0 <= hash_look(blotches(1, size)) < 2**64
