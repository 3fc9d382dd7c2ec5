import logging

import numpy as np
import pytest

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.learning.features import vectors
from cdiscount_tasks.learning.features.vectors import Vectors, VectorsOnDisk, hold_vectors

NUM_IMAGES, NUM_FEATURES = 50, 5
SPLITS = (np.array([0, 3, 4, 17, 18, 30, 49]), np.array([1, 2, 31]))


def seen(num_sides):
    random = np.random.default_rng(0)
    return random.normal(size=(NUM_IMAGES, num_sides, NUM_FEATURES)).astype(np.float16)


def hold(every, folder, splits=SPLITS, at_once=16):
    pieces = (every[first : first + at_once] for first in range(0, len(every), at_once))
    return hold_vectors(pieces, every.shape, splits, folder)


@pytest.fixture(params=[Vectors, VectorsOnDisk])
def kind(request, monkeypatch):
    monkeypatch.setattr(vectors, "free_memory_bytes", lambda: 2**30 if request.param is Vectors else 0)
    return request.param


@pytest.mark.parametrize("num_sides", [1, 2])
def test_each_split_has_the_vectors_of_its_images_and_no_others(kind, tmp_path, num_sides):
    every = seen(num_sides)
    held = hold(every, tmp_path)
    assert [type(split) for split in held] == [kind, kind]
    for places, split in zip(SPLITS, held, strict=True):
        rows = np.random.default_rng(1).permutation(len(places))
        mirrored = rows % 2 == 1
        taken = split.take(rows, mirrored, np.zeros((len(rows), 2), int))
        assert (len(split), split.num_features, taken.dtype) == (len(places), NUM_FEATURES, np.float32)
        assert np.array_equal(taken, every[places[rows], np.minimum(mirrored, num_sides - 1)].astype(np.float32))


def test_vectors_are_held_in_half_precision(tmp_path):
    assert [split.unmoved().dtype for split in hold(seen(1), tmp_path)] == [np.float16] * 2


@pytest.mark.parametrize(("free", "expected"), [(400, Vectors), (399, VectorsOnDisk)])
def test_vectors_go_to_disk_where_they_are_more_than_half_of_the_free_memory(
    tmp_path, monkeypatch, caplog, free, expected
):
    monkeypatch.setattr(vectors, "free_memory_bytes", lambda: free)  # 10 images x 2 sides x 5 features x 2 bytes: 200
    with caplog.at_level(logging.INFO):
        assert type(hold(seen(2), tmp_path)[0]) is expected
    assert ("they go to a file in" in caplog.text) == (expected is VectorsOnDisk)


def test_the_file_on_disk_is_gone_as_soon_as_it_is_open(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "free_memory_bytes", lambda: 0)
    held = hold(seen(2), tmp_path / "spill")
    assert list((tmp_path / "spill").iterdir()) == []
    assert [split.unmoved() for split in held] == [None, None]


def test_vectors_that_fit_nowhere_are_refused_before_any_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "free_memory_bytes", lambda: 0)
    shape = (10**9, 2, 10**4)
    splits = [np.arange(10**6), np.arange(10)]
    with pytest.raises(ConfigError, match=r"are learnt from take 37253\.\d GiB, .* point CDISCOUNT_DATA at another"):
        hold_vectors(iter(()), (*shape[:1], 2, 10**7), splits, tmp_path)


def test_labels_with_more_images_than_there_are_vectors_are_refused(tmp_path):
    with pytest.raises(DataError, match="features of 50 pictures, and the labels have 51 at least; run again"):
        hold(seen(1), tmp_path, [np.array([3, 50]), np.array([1])])


def test_a_split_without_images_holds_nothing(tmp_path):
    assert [len(split) for split in hold(seen(1), tmp_path, [np.arange(50), np.array([], int)])] == [50, 0]


def test_the_system_is_told_which_vectors_will_be_read_soon(tmp_path, monkeypatch):
    held = VectorsOnDisk(2, NUM_FEATURES, tmp_path / "vectors")
    held.append(seen(2))
    told = []
    monkeypatch.setattr(vectors, "_ROWS_AHEAD", 3)
    monkeypatch.setattr(vectors.os, "posix_fadvise", lambda _, place, length, __: told.append((place, length)))
    batches = [np.array([4, 0]), np.array([9, 1]), np.array([7, 2])]
    held.expect(batches)
    assert told == [(row * 20, 20) for row in (4, 0, 9, 1)]
    for batch in batches:
        held.take(batch, np.zeros(2, bool), np.zeros((2, 2), int))
    assert told == [(row * 20, 20) for row in (4, 0, 9, 1, 7, 2)]


def test_vectors_are_the_same_whatever_was_planned(tmp_path):
    held = VectorsOnDisk(1, NUM_FEATURES, tmp_path / "vectors")
    held.append(seen(1))
    held.expect([np.array([4, 0])])
    rows = np.array([30, 2, 11])
    assert np.array_equal(held.take(rows, np.zeros(3, bool), np.zeros((3, 2), int)), seen(1)[rows, 0])


def test_rows_of_32_bits_find_vectors_beyond_two_gibibytes(tmp_path):
    held = VectorsOnDisk(1, 2**16, tmp_path / "vectors")
    held._file.seek(20_000 * 2**17)  # a hole: nothing is written there
    held.append(np.full((1, 1, 2**16), 7, np.float16))
    rows = np.array([20_000, 0], np.int32)
    found = held.take(rows, np.zeros(2, bool), np.zeros((2, 2), np.int32))
    assert found[:, 0].tolist() == [7, 0]
