import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures import read_ahead
from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory
from cdiscount_tasks.learning.pictures.read_ahead import ImagesReadAhead
from cdiscount_tasks.settings.environment import PROJECT_DIR
from tests.material.tiny_catalogue import draw_jpeg

SIZE, NUM_IMAGES = 32, 40
ROWS = np.arange(NUM_IMAGES) * 2
IMAGE_BYTES = SIZE * SIZE * 3
PIECE_IMAGES = 4


class Drawn:
    """An image source of drawn pictures; at the module's top, so that processes can open it."""

    def __len__(self):
        return 2 * NUM_IMAGES

    def read(self, rows):
        return [draw_jpeg(seed=row, size=40) for row in rows]


class Torn(Drawn):
    def read(self, rows):
        return [jpeg[:-40] if row == 14 else jpeg for row, jpeg in zip(rows, super().read(rows), strict=True)]


class Slow(Drawn):
    def read(self, _):
        time.sleep(60)


class Absent:
    def __init__(self):
        raise DataError("the sample is missing")


@pytest.fixture(scope="module", autouse=True)
def small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_ahead, "_PIECE_IMAGES", PIECE_IMAGES)
        patch.setattr(read_ahead, "usable_cores", lambda: 2)
        yield


@pytest.fixture(scope="module")
def in_memory():
    return ImagesInMemory(iter([load_images(Drawn(), ROWS, SIZE)]), NUM_IMAGES, SIZE)


@pytest.fixture(scope="module")
def ahead():
    """Return images that are decoded ahead into three slots of four: less than most batches."""
    return ImagesReadAhead(Drawn, ROWS, SIZE, 3 * PIECE_IMAGES * IMAGE_BYTES)


def unmoved(rows):
    return np.asarray(rows), np.zeros(len(rows), bool), np.zeros((len(rows), 2), int)


def workers_of(images):
    return list(images._decoders._processes.values())


def dealt(seed, batch_size):
    order = np.random.default_rng(seed).permutation(NUM_IMAGES)
    return [order[first : first + batch_size] for first in range(0, NUM_IMAGES, batch_size)]


plans = st.tuples(st.integers(0, 2**32), st.integers(1, NUM_IMAGES), st.integers(0, 6), st.booleans())


@settings(deadline=None)
@given(st.lists(plans, min_size=1, max_size=3))
def test_images_are_those_held_in_memory_whatever_of_a_plan_is_taken(ahead, in_memory, some_plans):
    for seed, batch_size, num_taken, is_interrupted in some_plans:
        batches = dealt(seed, batch_size)
        ahead.expect(batches)
        rng = np.random.default_rng(seed)
        for rows in batches[:num_taken]:
            moves = rng.random(len(rows)) < 0.5, rng.integers(-2, 3, (len(rows), 2))
            if is_interrupted:
                other = unmoved(rng.integers(0, NUM_IMAGES, 3))
                assert np.array_equal(ahead.take(*other), in_memory.take(*other))
            assert np.array_equal(ahead.take(rows, *moves), in_memory.take(rows, *moves))


def test_a_plan_is_kept_to_by_the_processes_and_the_rest_decoded_on_the_spot(ahead, monkeypatch):
    decoded = []
    monkeypatch.setattr(read_ahead, "load_images", lambda *asked: decoded.append(asked[1]) or load_images(*asked))
    batches = dealt(0, 10)
    ahead.expect(batches)
    for rows in batches:
        ahead.take(*unmoved(rows))
    assert decoded == []
    ahead.take(*unmoved([3, 5]))
    assert np.array_equal(decoded, [[6, 10]])


def test_nothing_is_decoded_before_there_is_a_plan():
    images = ImagesReadAhead(Slow, ROWS, SIZE, 0)
    assert (len(images), images.max_shift, images._decoders) == (NUM_IMAGES, 2, None)


def test_the_ring_has_a_slot_more_than_processes_however_little_memory_is_wanted(ahead):
    images = ImagesReadAhead(Drawn, ROWS, SIZE, 0)
    images.expect([])
    assert images._decoders._ring.shape == (3, PIECE_IMAGES, SIZE, SIZE, 3)


def test_an_image_that_no_longer_decodes_is_an_error_where_its_batch_is_taken():
    images = ImagesReadAhead(Torn, ROWS, SIZE, 0)
    images.expect([np.array([3, 4, 5]), np.array([6, 7])])
    images.take(*unmoved([3, 4, 5]))
    with pytest.raises(DataError, match=r"image 14 of the sample no longer decodes \(.*\); draw it again"):
        images.take(*unmoved([6, 7]))
    assert len(images.take(*unmoved([8]))) == 1


def test_a_source_that_cannot_be_opened_is_its_own_error():
    images = ImagesReadAhead(Absent, ROWS, SIZE, 0)
    images.expect([np.array([3])])
    with pytest.raises(DataError, match="the sample is missing"):
        images.take(*unmoved([3]))


@pytest.mark.slow
def test_a_process_that_the_system_kills_is_told_at_once_and_the_others_end():
    images = ImagesReadAhead(Slow, ROWS, SIZE, 0)
    images.expect([np.arange(20)])
    workers = workers_of(images)
    threading.Timer(2, os.kill, (workers[1].pid, signal.SIGKILL)).start()
    began = time.monotonic()
    with pytest.raises(RuntimeError, match=r"one of 2 processes that decode images ended \(exit code -9\), perhaps"):
        images.take(*unmoved(np.arange(20)))
    assert time.monotonic() - began < 10
    assert not any(worker.is_alive() for worker in workers)


def test_a_process_that_was_killed_before_the_plan_is_told_as_well(in_memory):
    images = ImagesReadAhead(Drawn, ROWS, SIZE, 0)
    images.expect([])
    for worker in workers_of(images):
        worker.kill()
        worker.join()
    with pytest.raises(RuntimeError, match="exit code -9"):
        images.expect([np.arange(20)])
    images.expect([np.arange(20)])  # who tries again has new ones
    assert np.array_equal(images.take(*unmoved(np.arange(20))), in_memory.take(*unmoved(np.arange(20))))


def test_processes_end_with_the_images():
    images = ImagesReadAhead(Drawn, ROWS, SIZE, 0)
    images.expect([np.arange(20)])
    workers = workers_of(images)
    del images
    assert not any(worker.is_alive() for worker in workers)


CODE = f"""
import sys, time
sys.path.insert(0, {str(PROJECT_DIR)!r})
import numpy as np
from cdiscount_tasks.learning.pictures import read_ahead
from tests.cdiscount_tasks.learning.pictures.test_read_ahead import Drawn, Slow
read_ahead.usable_cores = lambda: 2
if __name__ == "__main__":
    images = read_ahead.ImagesReadAhead(globals()[sys.argv[1]], np.arange(40), 32, 1 << 20)
    images.expect([np.arange(40)])
    if sys.argv[1] == "Drawn":
        images.take(np.arange(40), np.zeros(40, bool), np.zeros((40, 2), int))
    print(*(worker.pid for worker in images._decoders._processes.values()), flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Drawn", "Slow"])
def test_processes_end_and_no_memory_stays_where_their_parent_is_killed(kind):
    shared_memory = Path("/dev/shm")
    before = set(shared_memory.iterdir()) if shared_memory.exists() else set()
    with subprocess.Popen([sys.executable, "-c", CODE, kind], stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(psutil.pid_exists, workers))
    left = set(shared_memory.iterdir()) - before if shared_memory.exists() else set()
    assert not [path for path in left if path.name.startswith(f"pym-{parent.pid}-")]


def test_a_training_that_reads_ahead_has_the_weights_of_one_from_memory(tensorflow, in_memory):
    from cdiscount_tasks.learning.networks.batches import Examples
    from tests.material.small_trainings import train_small

    ahead = ImagesReadAhead(Drawn, ROWS, SIZE, 0)
    one, other = (
        train_small(shown=Examples(inputs, np.arange(NUM_IMAGES) % 2, np.arange(NUM_IMAGES)))
        for inputs in (in_memory, ahead)
    )
    weights = zip(one.network.get_weights(), other.network.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in weights)
