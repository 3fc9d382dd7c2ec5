import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures import inputs
from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory, ImagesOnDisk, free_memory_bytes, hold_images
from cdiscount_tasks.learning.pictures.read_ahead import ImagesReadAhead
from cdiscount_tasks.learning.pictures.shifted import WHOLE
from tests.material.drawn_images import DrawnImages
from tests.material.tiny_catalogue import draw_jpeg


def pictures(num_pictures=6, size=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (num_pictures, size, size, 3), dtype=np.uint8)


def unmoved(num_rows):
    return np.arange(num_rows), np.zeros(num_rows, bool), np.zeros((num_rows, 2), int)


def moved(picture, mirrored, down, right):
    """Move a picture the plain way: by clipped places."""
    size = len(picture)
    picture = picture[:, ::-1] if mirrored else picture
    place = np.arange(size)
    return picture[np.clip(place - down, 0, size - 1)][:, np.clip(place - right, 0, size - 1)]


@pytest.fixture(params=["memory", "disk"])
def hold(request, tmp_path):
    """Return a function that holds pictures in memory, or on disk."""

    def held(images):
        batches, size = iter([images[:4], images[4:]]), images.shape[1]
        if request.param == "memory":
            return ImagesInMemory(batches, len(images), size)
        return ImagesOnDisk(batches, len(images), size, tmp_path / "spill" / "pixels")

    return held


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(-2, 2), st.integers(-2, 2)), max_size=8))
def test_pictures_are_mirrored_and_moved_and_their_edges_fill_the_rest(hold, wanted):
    images = pictures()
    rows, mirrored, down, right = (np.array([one[n] for one in wanted], int) for n in range(4))
    found = hold(images).take(rows, mirrored.astype(bool), np.stack([down, right], axis=1))
    expected = [moved(images[row], *how) for row, *how in wanted]
    assert found.shape == (len(wanted), 32, 32, 3)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_pictures_are_moved_by_a_sixteenth_of_their_side_at_most(hold):
    assert hold(pictures()).max_shift == 2


def test_the_file_on_disk_is_gone_as_soon_as_it_is_open(tmp_path):
    held = ImagesOnDisk(iter([pictures()]), 6, 32, tmp_path / "pixels")
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(held.take(np.array([5]), np.array([False]), np.zeros((1, 2), int))[0], pictures()[5])


@pytest.mark.parametrize(("free", "kind"), [(2**30, ImagesInMemory), (1000, ImagesOnDisk)])
def test_pictures_go_to_disk_where_memory_is_short(tmp_path, monkeypatch, free, kind, caplog):
    monkeypatch.setattr(inputs, "free_memory_bytes", lambda: free)
    with caplog.at_level("INFO"):
        held = hold_images(DrawnImages, np.arange(0, 30, 2), 32, tmp_path)
    assert type(held) is kind
    assert ("their pixels go to a file" in caplog.text) == (kind is ImagesOnDisk)


@pytest.mark.parametrize(("free_disk", "kind"), [(92_160, ImagesOnDisk), (92_159, ImagesReadAhead)])
def test_pictures_are_decoded_anew_where_the_disk_is_short_as_well(tmp_path, monkeypatch, free_disk, kind, caplog):
    monkeypatch.setattr(inputs, "free_memory_bytes", lambda: 1000)
    monkeypatch.setattr(inputs, "_free_disk_bytes", lambda _: free_disk)
    with caplog.at_level("INFO"):
        held = hold_images(DrawnImages, np.arange(0, 30, 2), 32, tmp_path)
    assert type(held) is kind
    assert ("they are decoded anew in every epoch" in caplog.text) == (kind is ImagesReadAhead)
    assert np.array_equal(held.take(*unmoved(15)), load_images(DrawnImages(), np.arange(0, 30, 2), 32))


def test_memory_for_what_is_decoded_ahead_is_a_share_of_what_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "free_memory_bytes", lambda: 8_000)
    assert inputs._ring_bytes() == 1000
    monkeypatch.setattr(inputs, "free_memory_bytes", lambda: 2**50)
    monkeypatch.setattr(inputs, "_SHARED_MEMORY", tmp_path / "none")
    assert inputs._ring_bytes() == 256 << 20
    monkeypatch.setattr(inputs, "_SHARED_MEMORY", tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=64 << 20))
    assert inputs._ring_bytes() == 32 << 20


@pytest.mark.parametrize("processes_from", [0, 1000])
def test_pictures_are_those_that_pillow_decodes_and_scales(tmp_path, monkeypatch, processes_from):
    monkeypatch.setattr(inputs, "IMAGES_WORTH_PROCESSES", processes_from)
    monkeypatch.setattr(inputs, "_DECODED_AT_ONCE", 7)
    rows = np.array([3, 4, 20, *range(5, 15)])
    found = hold_images(DrawnImages, rows, 32, tmp_path).take(np.arange(13), np.zeros(13, bool), np.zeros((13, 2), int))
    for row, picture in zip(rows.tolist(), found, strict=True):
        plain = Image.open(io.BytesIO(draw_jpeg(seed=row, size=40))).resize((32, 32), Image.Resampling.BILINEAR)
        assert np.array_equal(picture, np.asarray(plain))


class Torn(DrawnImages):
    def read(self, rows):
        return [jpeg[:-40] for jpeg in super().read(rows)]


def test_a_picture_that_no_longer_decodes_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"image 2 of the sample no longer decodes \(.*\); draw it again"):
        hold_images(Torn, np.array([2, 3]), 32, tmp_path)


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"memory.max": "4000", "memory.current": "1500"}, 2500),
        ({"memory.max": "max", "memory.current": "1500"}, None),
        ({"memory/memory.limit_in_bytes": "900", "memory/memory.usage_in_bytes": "400"}, 500),
        ({}, None),
    ],
)
def test_a_containers_limit_counts(tmp_path, files, left):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    found = free_memory_bytes(tmp_path)
    assert found == left if left is not None else found > 1_000_000


def test_crops_are_scaled_as_pillow_does(hold):
    images = pictures()
    crops = np.array([[0, WHOLE, 0, WHOLE], [WHOLE // 4, WHOLE // 2, 9000, 50_000], [20_000, 40_000, 0, 60_000]])
    found = hold(images).take(np.array([1, 2, 3]), np.array([False, False, True]), crops)
    for row, is_mirrored, (top, height, left, width), picture in zip(
        (1, 2, 3), (0, 0, 1), (crops * 32 / WHOLE).tolist(), found, strict=True
    ):
        image = Image.fromarray(images[row][:, ::-1] if is_mirrored else images[row])
        box = (left, top, left + width, top + height)
        wanted = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR, box=box))
        assert np.abs(picture.astype(int) - wanted).max() <= (0 if row == 1 else 2)
