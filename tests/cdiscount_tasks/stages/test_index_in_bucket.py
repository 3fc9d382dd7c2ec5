"""The index of a catalogue in a bucket: the same as that of the file, whatever happens on the way."""

from contextlib import suppress
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts import byte_ranges, object_store
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.file import content_sample, fingerprint
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages import index
from tests.material.bucket_catalogues import put_catalogue
from tests.material.fault_proxy import Fault
from tests.material.indexing import index_catalogue
from tests.material.synthetic_catalogue import write_catalogue

TABLES = ("images.parquet", "products.parquet", "rejected.parquet", "profile.json")


@pytest.fixture
def in_bucket(tiny_path, object_server, proxied_bucket):
    return put_catalogue(object_server, proxied_bucket, tiny_path)


@pytest.fixture
def many_ranges(monkeypatch):
    """Let the tiny catalogue have several ranges, each of several requests."""
    for module in (ranges, file_window):
        monkeypatch.setattr(module, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(byte_ranges, "PIECE_BYTES", 3000)
    monkeypatch.setattr(file_window, "_READ_BYTES", 2000)
    monkeypatch.setattr(file_window, "WINDOW_BYTES", 4096)


def content_of(index_dir):
    return {name: (Path(index_dir) / name).read_bytes() for name in TABLES}


def test_the_index_has_the_same_bytes_and_identity_as_that_of_the_file(tiny_path, in_bucket, tmp_path, many_ranges):
    of_file = index_catalogue(tiny_path, tmp_path / "file" / fingerprint(tiny_path))
    of_object = index_catalogue(in_bucket, tmp_path / "object" / fingerprint(in_bucket))
    assert content_of(of_object["path"]) == content_of(of_file["path"])
    assert read_manifest(Path(of_object["path"]))["identity"] == read_manifest(Path(of_file["path"]))["identity"]
    assert {**of_object, "path": ""} == {**of_file, "path": ""}


def test_the_catalogue_is_read_once(in_bucket, object_proxy, tmp_path, tiny):
    index_catalogue(in_bucket, tmp_path / fingerprint(in_bucket))
    # Beside the scan, its head and its first picture are looked at.
    assert len(tiny.data) < object_proxy.num_bytes("GET") < len(tiny.data) + 8000


def test_a_range_reads_little_beyond_its_end(object_server, proxied_bucket, object_proxy, tmp_path, monkeypatch):
    for module in (ranges, file_window):
        monkeypatch.setattr(module, "BLOCK_BYTES", 128 << 10)
    monkeypatch.setattr(ranges, "MIN_RANGE_BLOCKS", 1)
    monkeypatch.setattr(file_window, "_READ_BYTES", 4 << 10)
    monkeypatch.setattr(file_window, "WINDOW_BYTES", 8 << 10)
    write_catalogue(tmp_path / "real.bson", 1_000_000)
    place = put_catalogue(object_server, proxied_bucket, tmp_path / "real.bson")
    parent_dir = tmp_path / fingerprint(place)
    planned = index.plan_ranges(place, parent_dir)
    for byte_range in planned:
        object_proxy.begin()
        index.scan_range(place, byte_range, parent_dir)
        # Beyond: the end of its last document, and its first picture once more.
        assert object_proxy.num_bytes("GET") < byte_range["stop"] - byte_range["start"] + (40 << 10)
    assert len(planned) == 8


def test_the_fingerprint_is_one_request_and_changes_with_the_object(in_bucket, object_proxy, object_server, tiny):
    object_proxy.begin()
    before = fingerprint(in_bucket)
    assert (object_proxy.num_requests, fingerprint(in_bucket)) == (1, before)
    object_server.put(in_bucket.url, tiny.data[:-1] + b"\1")
    assert fingerprint(in_bucket) != before


def test_the_content_of_an_object_is_known_as_that_of_the_file(tiny_path, in_bucket):
    assert content_sample(in_bucket) == content_sample(tiny_path)


def test_an_object_that_changes_between_two_ranges_ends_the_scan(in_bucket, object_server, tmp_path, many_ranges, tiny):
    parent_dir = tmp_path / fingerprint(in_bucket)
    first, second, *_ = index.plan_ranges(in_bucket, parent_dir)
    index.scan_range(in_bucket, first, parent_dir)
    object_server.put(in_bucket.url, tiny.data + b"")
    index.scan_range(in_bucket, second, parent_dir)  # the same bytes have the same ETag here
    object_server.put(in_bucket.url, tiny.data[:-1] + b"\1")
    with pytest.raises(DataError, match="is not the catalogue that this run began with"):
        index.scan_range(in_bucket, second, tmp_path / "again" / parent_dir.name)


def test_an_object_that_changes_while_a_range_is_scanned_ends_the_scan(
    in_bucket, object_server, object_proxy, tmp_path, many_ranges, tiny, monkeypatch
):
    parent_dir = tmp_path / fingerprint(in_bucket)
    (first, *_) = index.plan_ranges(in_bucket, parent_dir)
    read = file_window.Window._read_more

    def read_and_change(window):
        if window.filled:
            object_server.put(in_bucket.url, tiny.data[::-1])
        return read(window)

    monkeypatch.setattr(file_window.Window, "_read_more", read_and_change)
    monkeypatch.setattr(byte_ranges, "MOST_AHEAD_BYTES", 3000)
    with pytest.raises(DataError, match="the object changed while it was read"):
        index.scan_range(in_bucket, first, parent_dir)
    assert not list(parent_dir.glob("parts-*/part-*/manifest.json"))


def test_a_network_that_comes_back_ends_right(in_bucket, object_proxy, tmp_path, many_ranges, tiny_index):
    object_proxy.begin(away_from=12, away_s=1.5)
    found = index_catalogue(in_bucket, tmp_path / fingerprint(in_bucket))
    assert content_of(found["path"]) == content_of(tiny_index["path"])


@pytest.mark.parametrize(
    ("begin", "sentence"),
    [
        ({"away_from": 12, "away_s": 600}, "tried several times, clear this task later"),
        ({"expired_from": 12}, "the token expired; renew the credentials and clear this task"),
    ],
    ids=["away", "expired"],
)
def test_what_stays_wrong_is_a_sentence_and_a_later_task_goes_on(
    in_bucket, object_proxy, tmp_path, many_ranges, tiny_index, monkeypatch, begin, sentence
):
    monkeypatch.setattr(object_store, "WAIT_S", 1.0)
    parent_dir = tmp_path / fingerprint(in_bucket)
    object_proxy.begin(**begin)
    with pytest.raises(StoreAway, match=sentence):
        index_catalogue(in_bucket, parent_dir)
    object_proxy.begin()
    assert content_of(index_catalogue(in_bucket, parent_dir)["path"]) == content_of(tiny_index["path"])


@pytest.mark.parametrize("fault", [Fault.SHORTER, Fault.LONGER])
def test_a_wrong_size_in_one_answer_is_in_no_part(in_bucket, object_proxy, tmp_path, tiny_index, fault):
    (byte_range,) = index.plan_ranges(in_bucket, tmp_path / "plan")
    object_proxy.begin()
    index.scan_range(in_bucket, byte_range, tmp_path / "undisturbed" / fingerprint(in_bucket))
    for number in range(1, object_proxy.num_requests + 1):
        parent_dir = tmp_path / str(number) / fingerprint(in_bucket)
        object_proxy.begin({number: fault})
        with suppress(DataError):
            index.scan_range(in_bucket, byte_range, parent_dir)
        object_proxy.begin()
        assert content_of(index_catalogue(in_bucket, parent_dir)["path"]) == content_of(tiny_index["path"]), number


def test_an_archive_in_a_bucket_is_refused_in_a_sentence(object_server, bucket, tmp_path):
    path = tmp_path / "train.bson.gz"
    path.write_bytes(b"\x1f\x8b\x08" + bytes(500))
    place = put_catalogue(object_server, bucket, path)
    with pytest.raises(DataError, match=r"is a gzip file, not a catalogue; on a disk, `gunzip -c train\.bson\.gz"):
        index.plan_ranges(place, tmp_path / "parent")


def test_an_empty_object_is_refused_in_a_sentence(object_server, bucket, tmp_path):
    (tmp_path / "train.bson").write_bytes(b"")
    place = put_catalogue(object_server, bucket, tmp_path / "train.bson")
    with pytest.raises(DataError, match=r"the catalogue is empty \(0 bytes\)"):
        index.plan_ranges(place, tmp_path / "parent")
