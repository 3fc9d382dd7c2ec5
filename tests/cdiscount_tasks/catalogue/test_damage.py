import struct

import pytest

from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.damage import find_products
from cdiscount_tasks.catalogue.window import Window
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.vocabulary import Reason
from tests.material.tiny_catalogue import draw_jpeg, encode

PLAIN = [encode(number, [draw_jpeg(seed=number)], 5) for number in range(6)]


def reasons(found):
    return [row.reason for row in found.rejected]


@pytest.mark.parametrize("num_bytes", [1, 1000, 5000])
def test_after_damage_the_scan_goes_on_with_the_next_products(scan, num_bytes):
    data = PLAIN[0] + b"\x99" * num_bytes + b"".join(PLAIN[1:])
    found = scan(data)
    assert list(found.product_ids) == list(range(6))
    assert [(row.byte_offset, row.byte_length, row.reason) for row in found.rejected] == [
        (len(PLAIN[0]), num_bytes, Reason.DOCUMENT_UNREADABLE)
    ]


def test_a_damaged_document_of_sound_length_costs_itself_alone(scan):
    broken = bytearray(PLAIN[1])
    broken[4] = 0x42
    found = scan(PLAIN[0] + bytes(broken) + PLAIN[2])
    assert (list(found.product_ids), reasons(found)) == ([0, 2], [Reason.DOCUMENT_UNREADABLE])


def test_a_file_cut_inside_a_document_tells_how_many_bytes_are_missing(scan):
    cut = scan(PLAIN[0] + PLAIN[1][:-100])
    assert reasons(cut) == [Reason.DOCUMENT_CUT]
    assert "100 bytes are missing; fetch or unpack it again" in cut.rejected[0].detail


@pytest.mark.parametrize("left", [1, 2, 3, 4, 5, 20, 30])
def test_a_file_cut_anywhere_in_its_last_document_is_known_as_cut(scan, left):
    assert reasons(scan(PLAIN[0] + PLAIN[1] + PLAIN[2][:left])) == [Reason.DOCUMENT_CUT]


def test_a_file_that_shrinks_while_it_is_searched_is_no_endless_search(tmp_path):
    path = tmp_path / "shrinking.bson"
    path.write_bytes(bytes(5_000_000))
    with Window(path, 0, 0) as window:
        path.write_bytes(b"")
        with pytest.raises(DataError, match="the catalogue changed while it was scanned"):
            find_products(window, 0, window.size)


def test_a_declared_length_of_less_than_nothing_is_unreadable(scan):
    found = scan(PLAIN[0] + struct.pack("<i", -5) + PLAIN[1] + PLAIN[2])
    assert (reasons(found), list(found.product_ids)) == ([Reason.DOCUMENT_UNREADABLE], [0, 1, 2])


@pytest.mark.parametrize("left", [2, 4, 30, 500])
def test_a_cut_is_known_even_where_the_document_before_it_is_unreadable(scan, left):
    broken = bytearray(PLAIN[1])
    broken[4] = 0x42
    found = scan(PLAIN[0] + bytes(broken) + PLAIN[2][:left])
    assert reasons(found) == [Reason.DOCUMENT_UNREADABLE, Reason.DOCUMENT_CUT]
    assert (found.num_documents, found.rejected[0].byte_length, found.rejected[1].byte_length) == (3, len(broken), left)


def find(path, data):
    path.write_bytes(data)
    with Window(path, 0, 0) as window:
        return find_products(window, 0, len(data))


@pytest.mark.parametrize("window_bytes", range(596, 612))
def test_a_search_finds_products_wherever_its_stretches_end(tmp_path, monkeypatch, window_bytes):
    monkeypatch.setattr(file_window, "WINDOW_BYTES", window_bytes)
    assert find(tmp_path / "a.bson", b"\x99" * 1200 + PLAIN[0] + PLAIN[1]) == 1200


def test_a_search_is_not_fooled_by_a_picture_that_holds_one_product(tmp_path):
    picture = encode(50, [draw_jpeg()], 5) + b"more of the picture"
    data = encode(1, [picture], 5)[8:] + PLAIN[0] + PLAIN[1]
    assert find(tmp_path / "a.bson", data) == len(data) - len(PLAIN[0] + PLAIN[1])


def test_a_search_trusts_the_last_product_of_the_file(tmp_path):
    assert find(tmp_path / "a.bson", b"\x99" * 50 + PLAIN[0]) == 50


def test_a_search_finds_nothing_where_nothing_is(tmp_path):
    assert find(tmp_path / "a.bson", bytes(range(256)) * 40) is None
