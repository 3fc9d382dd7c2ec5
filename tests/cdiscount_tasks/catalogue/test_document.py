import datetime
import struct

import bson
import pytest
from bson.int64 import Int64
from bson.regex import Regex
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.catalogue.document import Broken, Product, Refused, read_any, read_product
from cdiscount_tasks.catalogue.layout import MAX_DOCUMENT_BYTES
from cdiscount_tasks.catalogue.usual_documents import read_usual
from cdiscount_tasks.vocabulary import Reason
from tests.material.tiny_catalogue import encode

PICTURES = [b"first", b"", b"third\x00\x00"]


def usual(data, available=None):
    return read_usual(bytearray(data), 0, len(data) if available is None else available)


def pictures_in(data, product):
    return [data[start : start + length] for start, length in product.pictures]


@pytest.mark.parametrize("num_pictures", [1, 2, 3, 4])
@pytest.mark.parametrize("category_id", [None, 1000003400, -1])
def test_a_usual_document_is_read_without_decoding(num_pictures, category_id):
    data = encode(7, (PICTURES * 2)[:num_pictures], category_id)
    found = usual(data)
    assert (found.length, found.product_id, found.category_id) == (len(data), 7, category_id)
    assert pictures_in(data, found) == (PICTURES * 2)[:num_pictures]


@pytest.mark.parametrize("category_id", [None, 5])
def test_both_ways_of_reading_agree_on_a_usual_document(category_id):
    data = encode(7, PICTURES, category_id)
    assert usual(data) == read_any(data)


def test_a_document_is_read_where_it_stands_in_a_buffer():
    data = encode(7, PICTURES, 5)
    found = read_usual(bytearray(b"xyz" + data + b"more"), 3, len(data) + 4)
    assert found == usual(data)


def test_a_document_that_is_not_whole_in_the_buffer_is_not_read():
    data = encode(7, PICTURES, 5)
    assert [usual(data, available) for available in range(len(data))] == [None] * len(data)


def test_a_document_beyond_the_limit_is_not_usual_however_much_is_held():
    data = encode(7, [bytes(MAX_DOCUMENT_BYTES)], 5)
    assert usual(data) is None


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"_id": Int64(2**40), "imgs": [{"picture": b"a"}], "category_id": Int64(5)}, (2**40, 5)),
        ({"category_id": 5, "imgs": [{"picture": b"a"}], "_id": 7}, (7, 5)),
        ({"_id": 7, "imgs": [{"note": "x", "picture": b"a"}], "category_id": 5}, (7, 5)),
        ({"_id": 7, "imgs": [{"picture": b"a"}], "category_id": 5, "when": datetime.datetime(2017, 9, 14)}, (7, 5)),
        ({"_id": 7, "imgs": [{"picture": b"a"}], "x": Regex("a", "i"), "c": bson.Code("f", {"a": 1})}, (7, None)),
        ({"_id": 7, "imgs": [{"picture": b"a"}], "y": 1.5, "z": None}, (7, None)),
    ],
)
def test_an_unusual_layout_of_a_sound_product_is_read(document, expected):
    data = bson.encode(document)
    found = read_any(data)
    assert usual(data) is None
    assert (found.product_id, found.category_id) == expected
    assert pictures_in(data, found) == [b"a"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"imgs": [{"picture": b"a"}]}, Reason.ID_MISSING),
        ({"_id": "7", "imgs": [{"picture": b"a"}]}, Reason.ID_NOT_AN_INTEGER),
        ({"_id": 7.0, "imgs": [{"picture": b"a"}]}, Reason.ID_NOT_AN_INTEGER),
        ({"_id": 7}, Reason.IMGS_MISSING),
        ({"_id": 7, "imgs": {"0": {"picture": b"a"}}}, Reason.IMGS_MISSING),
        ({"_id": 7, "imgs": []}, Reason.IMGS_EMPTY),
        ({"_id": 7, "imgs": [{"picture": b"a"}] * 5}, Reason.IMGS_TOO_MANY),
        ({"_id": 7, "imgs": [{"picture": "a"}]}, Reason.IMGS_NOT_PICTURES),
        ({"_id": 7, "imgs": [{"picture": b"a"}, 1]}, Reason.IMGS_NOT_PICTURES),
        ({"_id": 7, "imgs": [{"picture": bson.Binary(b"a", 5)}]}, Reason.IMGS_NOT_PICTURES),
        ({"_id": 7, "imgs": [{"picture": b"a"}], "category_id": "5"}, Reason.CATEGORY_NOT_AN_INTEGER),
        ({"_id": 7, "imgs": [{"picture": b"a"}], "category_id": 5.5}, Reason.CATEGORY_NOT_AN_INTEGER),
    ],
)
def test_a_document_that_is_no_product_is_refused_with_its_reason(document, reason):
    data = bson.encode(document)
    found = read_any(data)
    assert isinstance(found, Refused)
    assert (found.length, found.reason, usual(data)) == (len(data), reason, None)


def test_a_repeated_field_is_refused_whatever_else_is_repeated():
    body = encode(7, [b"a"], 5)[4:-1] + b"".join(
        b"\x10" + name + b"\x00" + struct.pack("<i", 8) for name in (b"category_id", b"foo", b"foo")
    )
    found = read_any(struct.pack("<i", len(body) + 5) + body + b"\x00")
    assert (found.reason, found.detail) == (Reason.FIELD_REPEATED, "field category_id stands more than once")


def test_the_number_that_represents_a_missing_category_is_no_category():
    found = read_any(encode(7, [b"a"], bson.Int64(-(2**63))))
    assert (found.reason, "stands for a missing one" in found.detail) == (Reason.CATEGORY_NOT_AN_INTEGER, True)


def test_a_search_accepts_no_product_of_very_many_fields():
    data = encode(7, [b"a"], 5, **{f"field{number}": 0 for number in range(200)})
    assert isinstance(read_any(data), Product)
    assert read_product(data, 0, len(data)) is None


def test_a_repeated_field_is_refused():
    body = encode(7, [b"a"], 5)[4:-1] + b"\x10_id\x00" + struct.pack("<i", 8)
    found = read_any(struct.pack("<i", len(body) + 5) + body + b"\x00")
    assert found.reason == Reason.FIELD_REPEATED


def nested(kind, depth):
    """Return a document with `depth` documents in each other, as plain ones (3) or as scopes of code (15)."""
    inner = b"\x05\x00\x00\x00\x00"
    for _ in range(depth):
        if kind == 15:
            scope = b"\x01\x00\x00\x00\x00" + inner
            inner = struct.pack("<i", len(scope) + 4) + scope
        inner = struct.pack("<i", len(inner) + 8) + bytes([kind]) + b"a\x00" + inner + b"\x00"
    return inner


@pytest.mark.parametrize("kind", [3, 15])
def test_nesting_without_end_is_broken_and_no_crash(kind):
    assert isinstance(read_any(nested(kind, 20_000)), Broken)


@pytest.mark.parametrize("end", range(0, 60, 7))
def test_a_document_with_its_bytes_cut_away_is_broken(end):
    assert isinstance(read_any(encode(7, [b"a" * 40], 5)[:end]), Broken)


def agree(document):
    """Tell whether what is read as usual, and whole, is what PyMongo's way of reading finds."""
    found = usual(document)
    return found is None or found.length != len(document) or read_any(bytes(document)) == found


def test_no_single_changed_bit_makes_the_two_ways_of_reading_disagree():
    sound = encode(7, PICTURES, 5)
    for place in range(len(sound)):
        for bit in range(8):
            document = bytearray(sound)
            document[place] ^= 1 << bit
            assert agree(document), (place, bit)


@given(st.data())
def test_changed_bytes_never_make_the_two_ways_of_reading_disagree(data):
    document = bytearray(encode(7, PICTURES, 5))
    for _ in range(data.draw(st.integers(2, 4))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 20))
    assert agree(document)


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_fail(data):
    assert isinstance(read_any(data), Product | Refused | Broken)
    assert usual(data) is None or usual(data).length <= len(data)


@given(st.data())
def test_what_pymongo_refuses_is_never_a_product(data):
    document = bytearray(encode(7, [b"a"], 5, note="x", more={"y": [1, 2.5, None]}))
    document[data.draw(st.integers(0, len(document) - 1))] ^= data.draw(st.integers(1, 255))
    found = read_any(bytes(document))
    if isinstance(found, Product):
        assert bson.decode(bytes(document))["_id"] == found.product_id
