import multiprocessing
import os

import numpy as np
import pytest

from cdiscount_tasks.artifacts.catalogue_note import note_path, read_note
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables import images_in_catalogue
from cdiscount_tasks.tables.images_in_catalogue import probe_catalogue
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys, rows_of, verify_left_images
from tests.material.left_images import write_left_sample

BLOBS = [b"%d-" % row * (20 + 7 * row) for row in range(23)]
GAPS = [40] * 23


@pytest.fixture
def left(tmp_path):
    """Return a sample of 23 images, and the catalogue in which they are, one close behind the other."""
    return write_left_sample(tmp_path, BLOBS, GAPS)


@pytest.fixture
def readings(monkeypatch):
    """Return how many bytes each reading asked for."""
    asked, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda file, length, at: asked.append(length) or pread(file, length, at))
    return asked


def test_images_come_in_the_order_asked_for(left):
    assert SampleImages(left[0]).read([22, 0, 4, 4, 3, 11]) == [BLOBS[row] for row in (22, 0, 4, 4, 3, 11)]


def test_the_length_is_the_number_of_images_over_all_files(left):
    assert len(SampleImages(left[0])) == 23


def test_the_same_calls_give_the_keys_and_rows_of_a_sample_that_left_its_images(left):
    keys = read_image_keys(left[0])
    assert rows_of(left[0], keys["product_id"], keys["image_number"]).tolist() == list(range(23))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_order_in_the_file_the_images_are_those_of_the_rows(tmp_path, monkeypatch, seed):
    random = np.random.default_rng(seed)
    monkeypatch.setattr(images_in_catalogue, "_RUN_BYTES", int(random.integers(50, 5000)))
    monkeypatch.setattr(images_in_catalogue, "_GAP_BYTES", int(random.integers(0, 300)))
    monkeypatch.setattr(images_in_catalogue, "_RUNS_AHEAD", int(random.integers(0, 4)))
    blobs = [random.bytes(int(random.integers(0, 900))) for _ in range(60)]
    gaps = random.integers(0, 400, 60).tolist()
    sample_dir, _ = write_left_sample(tmp_path, blobs, gaps, random.permutation(60).tolist())
    for source in (SampleImages(sample_dir), SampleImages(sample_dir).in_any_order()()):
        for _ in range(3):
            rows = random.integers(0, 60, int(random.integers(0, 80))).tolist()
            assert source.read(rows) == [blobs[row] for row in rows]


def test_images_that_lie_close_together_are_read_at_once(left, readings):
    SampleImages(left[0]).read(range(23))
    assert readings == [sum(map(len, BLOBS)) + 22 * 40]


def test_images_that_lie_far_apart_are_read_one_by_one(left, readings, monkeypatch):
    monkeypatch.setattr(images_in_catalogue, "_GAP_BYTES", 39)
    SampleImages(left[0]).read([7, 3, 5])
    assert readings == [len(BLOBS[row]) for row in (3, 5, 7)]


def put_images(found, sample_dir, open_scattered):
    """Read in a process of its own, by both ways."""
    found.put((SampleImages(sample_dir).read([20, 1]), open_scattered().read([20, 1])))


@pytest.mark.slow
def test_another_process_reads_the_same_by_the_same_call(left):
    spawn = multiprocessing.get_context("spawn")
    found = spawn.SimpleQueue()
    process = spawn.Process(target=put_images, args=(found, left[0], SampleImages(left[0]).in_any_order()))
    process.start()
    assert found.get() == ([BLOBS[20], BLOBS[1]], [BLOBS[20], BLOBS[1]])
    process.join()


def test_a_sample_without_images_has_none(tmp_path):
    sample_dir, catalogue_path = write_left_sample(tmp_path, [], [])
    for source in (SampleImages(sample_dir), SampleImages(sample_dir).in_any_order()()):
        assert (len(source), source.read([])) == (0, [])
    assert verify_left_images(sample_dir) == 0
    assert probe_catalogue(sample_dir, catalogue_path) == (catalogue_path, 0)


def sources(sample_dir):
    return SampleImages(sample_dir), SampleImages(sample_dir).in_any_order()()


def test_a_catalogue_that_is_gone_is_said_with_what_to_do(left):
    before = sources(left[0])
    left[1].unlink()
    words = (
        r"catalogue\.bson: the catalogue cannot be read \(No such file or directory\), .* images of sample-0.* are; put"
    )
    with pytest.raises(DataError, match=words):
        SampleImages(left[0])
    for source in before:
        with pytest.raises(DataError, match=words):
            source.read([3])


def test_a_folder_in_the_place_of_the_catalogue_is_said(left):
    source = SampleImages(left[0])
    left[1].unlink()
    left[1].mkdir()
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)"):
        source.read([3])


def test_a_catalogue_that_was_cut_is_refused_before_anything_is_read(left):
    least = read_note(left[0]).num_bytes
    left[1].write_bytes(left[1].read_bytes()[: least - 1])
    with pytest.raises(DataError, match=f"has {least - 1:,} bytes, expected at least {least:,}, where the last image"):
        SampleImages(left[0])


def test_a_catalogue_that_is_cut_while_it_is_read_is_said(left):
    before = sources(left[0])
    left[1].write_bytes(left[1].read_bytes()[:2000])
    for source in before:
        with pytest.raises(DataError, match=r"image 1 of product 7 .* has the hash"):
            source.read([22, 0])


def test_a_catalogue_that_grew_is_as_good_as_before(left):
    with left[1].open("ab") as file:
        file.write(b"more")
    assert SampleImages(left[0]).read([22]) == [BLOBS[22]]


def test_one_byte_that_changed_inside_an_image_is_said_with_product_and_image(left):
    content = bytearray(left[1].read_bytes())
    at = content.index(BLOBS[10])
    content[at + 5] ^= 1
    left[1].write_bytes(content)
    for source in sources(left[0]):
        assert source.read([9, 11]) == [BLOBS[9], BLOBS[11]]
        with pytest.raises(DataError, match=rf"image 1 of product 3 \(byte {at}\) has the hash .* expected .* changed"):
            source.read([9, 10, 11])
    with pytest.raises(DataError, match="image 1 of product 3"):
        verify_left_images(left[0])


def test_a_byte_that_changed_between_images_is_no_fault_of_the_sample(left):
    content = bytearray(left[1].read_bytes())
    content[content.index(BLOBS[10]) - 1] ^= 1
    left[1].write_bytes(content)
    assert SampleImages(left[0]).read([9, 10]) == BLOBS[9:11]
    assert verify_left_images(left[0]) == 23


def test_a_sample_that_was_moved_without_its_note_says_so(left):
    note_path(left[0]).unlink()
    with pytest.raises(DataError, match=r"\.catalogue\.json: is missing; it says in which catalogue"):
        SampleImages(left[0])


def test_probing_gives_the_note_of_the_catalogue(left, tmp_path):
    moved = left[1].rename(tmp_path / "moved.bson")
    assert probe_catalogue(left[0], moved) == (moved, read_note(left[0]).num_bytes)


@pytest.mark.parametrize("spoil", [lambda data: data[:-8], lambda data: data[:500], lambda data: data[1:]])
def test_probing_finds_a_catalogue_that_was_cut_or_shifted(left, spoil):
    left[1].write_bytes(spoil(left[1].read_bytes()))
    with pytest.raises(DataError, match=r"expected at least|has the hash"):
        probe_catalogue(left[0], left[1])
