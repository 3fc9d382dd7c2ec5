import gc
import threading
import time
import weakref

import numpy as np
import pytest

from cdiscount_tasks.artifacts import byte_ranges, object_store
from cdiscount_tasks.artifacts.byte_ranges import modified_ns, open_ranges, place_of, state_of
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError
from tests.material.bucket_catalogues import put_catalogue
from tests.material.fault_proxy import Fault

BYTES = bytes(range(256)) * 400


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.bson"
    path.write_bytes(BYTES)
    return path


@pytest.fixture
def in_bucket(path, object_server, proxied_bucket):
    """Return the place of the same bytes in a bucket, behind `object_proxy`."""
    return put_catalogue(object_server, proxied_bucket, path)


@pytest.fixture(params=["on a disk", "in a bucket"])
def place(request, path):
    return path if request.param == "on a disk" else request.getfixturevalue("in_bucket")


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(byte_ranges, "PIECE_BYTES", 1000)


@pytest.fixture
def quick(monkeypatch):
    """Let a bucket that is away be waited for a second or two."""
    monkeypatch.setattr(object_store, "WAIT_S", 1.5)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (0, len(BYTES)), (5, 5), (777, 4000), (len(BYTES) - 3, len(BYTES))]
)
@pytest.mark.parametrize("announced", [False, True])
def test_a_range_is_the_bytes_of_the_file(place, small_pieces, start, stop, announced):
    with open_ranges(place) as file:
        if announced:
            file.advise(start, stop)
        assert file.read(start, stop) == BYTES[start:stop]
        assert file.size == len(BYTES)


def test_a_range_ends_where_the_file_ends(place):
    with open_ranges(place) as file:
        assert file.read(len(BYTES) - 10, len(BYTES) + 10) == BYTES[-10:]
        assert file.read(len(BYTES), len(BYTES) + 10) == b""
        assert file.byte_at(len(BYTES)) == b""


def test_what_is_announced_is_read_in_any_pieces_and_around_it(place, small_pieces):
    with open_ranges(place) as file:
        file.advise(3000, 9000)
        view, found = memoryview(bytearray(700)), b""
        while len(found) < 12_000:
            num_bytes = file.read_into(view, len(found))
            found += bytes(view[:num_bytes])
        assert found == BYTES[: len(found)]


def test_one_byte_is_read_ahead_and_again(place, small_pieces):
    with open_ranges(place) as file:
        file.advise(0, 5000)
        assert file.byte_at(4999) + file.byte_at(4999) == BYTES[4999:5000] * 2
        assert file.byte_at(70_000) == BYTES[70_000:70_001]
        assert file.read(0, 5000) == BYTES[:5000]


def test_a_missing_file_is_missing(place):
    gone = place_of(f"{place}x")
    with pytest.raises(FileNotFoundError):
        open_ranges(gone)
    with pytest.raises(FileNotFoundError):
        state_of(gone)


def test_a_state_changes_with_the_bytes(place, object_server):
    before = state_of(place)
    assert (before["size"], state_of(place), modified_ns(place) > 1.7e18) == (len(BYTES), before, True)
    if "e_tag" in before:
        object_server.put(place.url, BYTES[::-1])
    else:
        place.write_bytes(BYTES[::-1])
    assert state_of(place) != before


def test_what_was_announced_is_asked_for_once(in_bucket, object_proxy, small_pieces):
    with open_ranges(in_bucket) as file:
        object_proxy.begin()
        file.advise(500, 5500)
        file.advise(500, 5500)
        assert file.read(500, 5500) == BYTES[500:5500]
    assert (object_proxy.num_requests, object_proxy.num_bytes()) == (5, 5000)


def test_several_requests_are_under_way_at_once(in_bucket, object_proxy, small_pieces):
    with open_ranges(in_bucket) as file:
        object_proxy.begin(together=8)
        file.advise(0, 8000)
        assert file.read(0, 8000) == BYTES[:8000]
    assert object_proxy.num_requests == 8


def test_no_more_is_read_ahead_than_memory_is_meant_for(in_bucket, object_proxy, small_pieces, monkeypatch):
    monkeypatch.setattr(byte_ranges, "MOST_AHEAD_BYTES", 3000)
    with open_ranges(in_bucket) as file:
        object_proxy.begin()
        file.advise(0, 50_000)
        assert len(file._pieces) == 3
        assert file.read(0, 4000) == BYTES[:4000]
        file.advise(4000, 50_000)
        assert len(file._pieces) == 3


def test_a_piece_that_has_been_read_is_held_by_nobody(in_bucket, small_pieces, monkeypatch):
    held = []

    def ask(self, name, starts, ends, e_tag):
        piece = np.frombuffer(BYTES[starts[0] : ends[0]], np.uint8).copy()
        held.append(weakref.ref(piece))
        return [piece]

    monkeypatch.setattr(object_store.ObjectStore, "read_ranges", ask)
    with open_ranges(in_bucket) as file:
        file.advise(0, 40_000)
        view = memoryview(bytearray(1000))
        for start in range(0, 40_000, 1000):
            assert file.read_into(view, start) == 1000
        began = time.monotonic()
        while any(one() is not None for one in held):  # a thread may be about to forget its last one
            assert time.monotonic() - began < 30
            gc.collect()


def test_an_object_that_changes_between_two_ranges_is_a_sentence(in_bucket, object_server, small_pieces):
    with open_ranges(in_bucket) as file:
        assert file.read(0, 10) == BYTES[:10]
        object_server.put(in_bucket.url, BYTES + b"more")
        with pytest.raises(DataError, match=f"{in_bucket}: the object changed while it was read"):
            file.read(10, 20)


def test_a_network_that_comes_back_is_waited_for(in_bucket, object_proxy, small_pieces):
    with open_ranges(in_bucket) as file:
        object_proxy.begin(away_from=2, away_s=1.0)
        file.advise(0, 5000)
        assert file.read(0, 5000) == BYTES[:5000]


def test_a_network_that_stays_away_is_a_sentence_and_the_next_reading_asks_again(in_bucket, object_proxy, quick):
    with open_ranges(in_bucket) as file:
        object_proxy.begin(away_from=1, away_s=600)
        file.advise(0, 5000)
        with pytest.raises(StoreAway, match=r"some\.bson: .* tried several times, clear this task later"):
            file.read(0, 5000)
        object_proxy.begin()
        assert file.read(0, 5000) == BYTES[:5000]


def test_a_token_that_expires_in_the_middle_is_a_sentence(in_bucket, object_proxy, small_pieces):
    with open_ranges(in_bucket) as file:
        object_proxy.begin(expired_from=3)
        with pytest.raises(StoreAway, match="the token expired; renew the credentials and clear this task"):
            for start in range(0, 5000, 1000):
                file.read(start, start + 1000)


def test_a_token_that_has_expired_before_is_the_same_sentence(in_bucket, object_proxy):
    object_proxy.begin(expired_from=1)
    with pytest.raises(StoreAway, match="the token expired; renew the credentials and clear this task"):
        open_ranges(in_bucket)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.LOST, Fault.INTERNAL, Fault.BUSY, Fault.LONGER, Fault.SHORTER])
def test_a_fault_of_one_request_changes_no_byte(in_bucket, object_proxy, fault):
    with open_ranges(in_bucket) as file:
        object_proxy.begin({1: fault})
        file.advise(100, 9000)
        assert file.read(100, 9000) == BYTES[100:9000]
    assert object_proxy.num_requests > 1


def test_a_bucket_that_does_not_exist_is_a_sentence(bucket):
    with pytest.raises(ConfigError, match=r"s3://no-such-bucket-here/a .*no such bucket"):
        open_ranges(place_of("s3://no-such-bucket-here/a/train.bson"))


def test_closing_waits_for_nobody(in_bucket, object_proxy, small_pieces):
    before = set(threading.enumerate())
    file = open_ranges(in_bucket)
    object_proxy.begin(delay_s=0.5)
    file.advise(0, 60_000)
    began = object_proxy.num_requests
    file.close()
    assert object_proxy.num_requests - began < 60
    while any(thread.name == "ranges" for thread in set(threading.enumerate()) - before):
        time.sleep(0.01)
    assert object_proxy.num_requests <= 32 + began
