import numpy as np
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures import in_order, read_ahead
from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.learning.pictures.in_order import ImagesInOrder
from tests.material.drawn_images import DrawnImages

SIZE = 32
ROWS = np.arange(30)[::3]


class Torn(DrawnImages):
    def read(self, rows):
        return [jpeg[:-40] if row == 15 else jpeg for row, jpeg in zip(rows, super().read(rows), strict=True)]


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(in_order, "_images_at_once", lambda _: 4)
    monkeypatch.setattr(read_ahead, "usable_cores", lambda: 2)


@pytest.fixture(params=[pytest.param("thread"), pytest.param("processes", marks=pytest.mark.slow)])
def who_decodes(request, monkeypatch):
    monkeypatch.setattr(in_order, "IMAGES_WORTH_PROCESSES", 0 if request.param == "processes" else 10**9)


def test_images_come_once_each_in_their_order(who_decodes):
    images = ImagesInOrder(DrawnImages, ROWS, SIZE)
    found = list(images)
    assert [len(some) for some in found] == [4, 4, 2]
    assert np.array_equal(np.concatenate(found), load_images(DrawnImages(), ROWS, SIZE))
    assert images.waited_s > 0


def test_an_image_that_does_not_decode_is_told_where_it_is_taken(who_decodes):
    images = iter(ImagesInOrder(Torn, ROWS, SIZE))
    assert len(next(images)) == 4
    with pytest.raises(DataError, match="image 15 of the sample no longer decodes"):
        next(images)


def test_whoever_stops_early_leaves_no_thread(who_decodes):
    images = iter(ImagesInOrder(DrawnImages, ROWS, SIZE))
    next(images)
    images.close()


@pytest.mark.parametrize(("image_size", "num"), [(32, 512), (96, 512), (160, 512), (224, 256), (512, 64)])
def test_images_are_handed_out_by_powers_of_two(image_size, num, monkeypatch):
    monkeypatch.undo()
    assert in_order._images_at_once(image_size) == num
