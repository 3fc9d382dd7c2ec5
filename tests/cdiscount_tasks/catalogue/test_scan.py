import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.scan import scan_bytes
from cdiscount_tasks.vocabulary import Reason
from tests.material.tiny_catalogue import draw_jpeg, encode

PLAIN = [encode(number, [draw_jpeg(seed=number)], 5) for number in range(6)]


def reasons(found):
    return [row.reason for row in found.rejected]


def test_documents_read_are_those_kept_and_those_rejected(scan, tiny):
    found = scan(tiny.data)
    rejected = [row for row in found.rejected if row.image_number is None]
    assert found.num_documents == len(tiny.documents) == len(found.product_ids) + len(rejected)


def test_the_bytes_of_documents_kept_and_rejected_are_the_file(scan, tiny):
    found = scan(tiny.data)
    rejected = sum(row.byte_length for row in found.rejected if row.image_number is None)
    assert sum(found.product_lengths) + rejected == len(tiny.data) == found.end_offset


def test_the_images_of_kept_documents_are_those_kept_and_those_rejected(scan):
    found = scan(encode(1, [draw_jpeg(), b"", b"text", draw_jpeg(seed=1)], 5))
    assert (len(found.image_numbers), reasons(found)) == (2, [Reason.PICTURE_EMPTY, Reason.PICTURE_NOT_JPEG])


def test_an_images_number_is_its_place_in_the_document_whatever_is_rejected(scan):
    found = scan(encode(1, [b"text", draw_jpeg(), b"", draw_jpeg(seed=1)], 5))
    assert (list(found.image_numbers), list(found.product_num_images)) == ([1, 3], [2])


def test_every_byte_range_is_its_picture(scan, tiny):
    data, found = tiny.data, scan(tiny.data)
    keys = zip(found.image_product_ids, found.image_numbers, found.image_offsets, found.image_lengths, strict=True)
    # Of two documents with one id the first counts, so it is the one to write last.
    read = {
        (product, number): data[offset : offset + length] for product, number, offset, length in reversed(list(keys))
    }
    assert {key: read.get(key) for key in tiny.pictures} == tiny.pictures


def test_odd_documents_are_rejected_with_their_reasons(scan, tiny):
    counts = {reason: reasons(scan(tiny.data)).count(reason) for reason in set(tiny.rejected)}
    # Only who sees the whole file knows what is repeated.
    assert counts == {**tiny.rejected, "id_repeated": 0}


def test_a_picture_that_holds_whole_products_is_one_product(scan):
    inner = b"".join(PLAIN)
    assert list(scan(PLAIN[0] + encode(50, [draw_jpeg() + inner], 5) + PLAIN[1]).product_ids) == [0, 50, 1]


def columns(scans):
    """Return all that scans found, joined, but for block hashes."""
    names = [name for name in vars(scans[0]) if name.startswith(("product_", "image_"))]
    joined = {name: [value for scan in scans for value in getattr(scan, name)] for name in names}
    return {**joined, "rejected": [row for scan in scans for row in scan.rejected],
            "num_documents": sum(scan.num_documents for scan in scans)}  # fmt: skip


def joined_scans(path, cuts):
    """Scan range by range and join as merge_index does: what does not begin where the last ended is scanned again."""
    scans, true_offset = [], 0
    for start, stop in itertools.pairwise(cuts):
        if true_offset >= stop:
            continue
        found = scan_bytes(path, start, stop, begins_at_start=start == 0, hash_blocks=False)
        if found.first_offset != true_offset:
            found = scan_bytes(path, true_offset, stop, begins_at_start=True, hash_blocks=False)
        scans.append(found)
        true_offset = found.end_offset
    return scans


@pytest.mark.parametrize("num_ranges", [1, 2, 7, 30])
def test_joined_ranges_equal_one_scan(tiny, tiny_path, num_ranges):
    size = len(tiny.data)
    whole = scan_bytes(tiny_path, 0, size, begins_at_start=True)
    cuts = [size * number // num_ranges for number in range(num_ranges + 1)]
    assert columns(joined_scans(tiny_path, cuts)) == columns([whole])


@pytest.mark.parametrize("num_ranges", [2, 7, 30])
def test_joined_ranges_equal_one_scan_where_pictures_hold_whole_products(tmp_path, num_ranges):
    inner = b"".join(PLAIN)
    documents = [encode(number, [draw_jpeg() + inner, inner], 5) for number in range(100, 110)]
    path = tmp_path / "nested.bson"
    path.write_bytes(b"".join(documents))
    size = path.stat().st_size
    found = joined_scans(path, [size * number // num_ranges for number in range(num_ranges + 1)])
    assert columns(found)["product_ids"] == list(range(100, 110))


@given(st.data())
def test_joined_ranges_equal_one_scan_of_a_damaged_file_cut_anywhere(tiny, tmp_path, data):
    content = bytearray(b"".join(tiny.documents[:20]) + b"".join(tiny.documents[-14:]))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(content) - 1))
        del content[start : start + data.draw(st.integers(1, 3000))]
    path = tmp_path / "damaged.bson"
    path.write_bytes(content)
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, len(content) - 1), max_size=5))), len(content)]
    whole = scan_bytes(path, 0, len(content), begins_at_start=True)
    assert columns(joined_scans(path, cuts)) == columns([whole])
    rejected = sum(row.byte_length for row in whole.rejected if row.image_number is None)
    assert sum(whole.product_lengths) + rejected == len(content)


@given(st.binary(max_size=400))
def test_no_bytes_make_a_scan_fail_or_lose_a_byte(tmp_path, noise):
    path = tmp_path / "noise.bson"
    path.write_bytes(noise)
    found = scan_bytes(path, 0, len(noise), begins_at_start=True)
    assert sum(row.byte_length for row in found.rejected if row.image_number is None) + sum(
        found.product_lengths
    ) == len(noise)


def test_a_document_larger_than_the_window_is_read(scan, monkeypatch):
    monkeypatch.setattr(file_window, "WINDOW_BYTES", 1024)
    found = scan(b"".join(encode(number, [draw_jpeg() + bytes(9000)], 5) for number in range(4)))
    assert (list(found.product_ids), found.rejected) == ([0, 1, 2, 3], [])


@pytest.mark.parametrize("window_bytes", [600, 1024, 4096])
def test_the_size_of_the_window_changes_nothing(tiny, tiny_path, monkeypatch, window_bytes):
    whole = scan_bytes(tiny_path, 0, len(tiny.data), begins_at_start=True)
    monkeypatch.setattr(file_window, "WINDOW_BYTES", window_bytes)
    assert columns([scan_bytes(tiny_path, 0, len(tiny.data), begins_at_start=True)]) == columns([whole])


def test_a_range_without_a_document_says_so(tmp_path):
    path = tmp_path / "long.bson"
    path.write_bytes(encode(1, [draw_jpeg() + bytes(5000)], 5) + PLAIN[0])
    found = scan_bytes(path, 3000, 4000, begins_at_start=False)
    assert (found.first_offset, found.num_documents) == (None, 0)
