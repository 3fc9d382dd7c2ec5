import pytest

from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.scan import scan_range
from cdiscount_tasks.catalogue.window import BLOCK_BYTES, Window
from cdiscount_tasks.errors import DataError

BYTES = bytes(range(256)) * 40


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.bson"
    path.write_bytes(BYTES)
    return path


@pytest.mark.parametrize("block_bytes", [1000, 4096, BLOCK_BYTES])
def test_ranges_hash_the_same_blocks_as_one_scan(tiny, tiny_path, monkeypatch, block_bytes):
    monkeypatch.setattr(file_window, "BLOCK_BYTES", block_bytes)
    size, step = len(tiny.data), block_bytes * 3
    whole = scan_range(tiny_path, 0, size, begins_at_start=True).block_hashes
    parts = [
        scan_range(tiny_path, start, min(start + step, size), begins_at_start=start == 0)
        for start in range(0, size, step)
    ]
    assert [block for part in parts for block in part.block_hashes] == whole
    assert len(whole) == -(-size // block_bytes)


def test_what_is_held_are_the_bytes_of_the_file(path):
    with Window(path, 100, 0) as window:
        assert window.hold(300, 50) >= 50
        assert window.buffer[200:250] == BYTES[300:350]
        window.forget_before(320)
        assert (window.base, window.buffer[:30]) == (320, BYTES[320:350])


def test_no_more_is_held_than_the_file_has(path):
    with Window(path, 0, 0) as window:
        assert window.hold(len(BYTES) - 10, 100) == 10
        assert window.holds_the_end


def test_a_single_byte_is_read_without_what_lies_before_it(path):
    with Window(path, 0, 0) as window:
        assert (window.byte_at(5000), window.filled) == (BYTES[5000], 0)


def test_a_file_that_shrank_is_told_as_one_that_changed(path):
    with Window(path, 0, 0) as window:
        path.write_bytes(b"")
        with pytest.raises(DataError, match="the catalogue changed while it was scanned"):
            window.byte_at(5000)
