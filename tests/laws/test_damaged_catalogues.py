"""Campaigns of damage: whatever a file holds, the scan equals a plain sequential reader.

`make test` runs a small part with fixed seeds; `make campaigns` runs them in full (counts in docs/measurements.md).
"""

import random
import struct

import bson
import pytest
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import TEST_SCALE
from tests.material.damaged_catalogues import (
    BAIT,
    CATALOGUE,
    DOCUMENTS,
    UNUSUAL,
    USUAL,
    damaged,
    fooling,
    picture,
    product,
    wrapped,
)

STEP = 1 if TEST_SCALE > 1 else 4
"""Every byte in a campaign, every fourth in `make test`."""

NAMES = ["_id", "imgs", "category_id", "picture", "x", "", "$ref", "$id", "0"]


def test_the_undamaged_catalogue_is_read_as_it_was_made(check):
    expected = check(b"".join(CATALOGUE))
    assert [row[0] for row in expected.products] == [1, 2, 3, *range(20, 32), 50, 51]


@pytest.mark.parametrize("document", DOCUMENTS, ids=["usual", "unusual", "fooling"])
@pytest.mark.parametrize("after", [b"", product(60) + product(61)], ids=["at the end", "with products behind"])
def test_a_document_cut_at_every_byte_is_read_as_the_reference_reads_it(check, document, after):
    for end in range(0, len(document), STEP):
        check(product(59) + document[:end] + after)


@pytest.mark.parametrize("document", DOCUMENTS, ids=["usual", "unusual", "fooling"])
def test_every_byte_missing_from_a_document_is_read_as_the_reference_reads_it(check, document):
    for place in range(0, len(document), STEP):
        check(product(59) + document[:place] + document[place + 1 :] + product(60) + product(61))


def test_flipped_bits_are_read_as_the_reference_reads_them(check):
    rng = random.Random(3)
    for _ in range(int(500 * TEST_SCALE)):
        data = bytearray(b"".join(rng.sample(CATALOGUE, 6)))
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        check(data)


def test_damaged_files_with_fooling_pictures_are_read_as_the_reference_reads_them(check):
    rng = random.Random(4)
    for _ in range(int(150 * TEST_SCALE)):
        check(damaged(rng, rng.sample(BAIT, 3) + rng.sample(CATALOGUE, 3)))


@pytest.mark.parametrize("num_documents", [1, 2, 4, 8])
def test_a_fooling_picture_is_no_products_while_its_own_document_is_sound(check, num_documents):
    expected = check(product(59) + fooling(5, num_documents) + product(60))
    assert [row[0] for row in expected.products] == [59, 5, 60]


def places_of_lengths(document):
    """Return where the lengths of a usual document stand: its own, the array's, each picture's two."""
    places = [0, document.index(b"\x04imgs\x00") + 6]
    for found in (b"\x03%d\x00" % number for number in range(4)):
        if found in document:
            start = document.index(found) + 3
            places += [start, start + 13]
    return places


LENGTHS = [0, 1, 4, 5, -1, -5, -(2**31), 2**31 - 1, 2**31 - 5, 16 * 2**20, 16 * 2**20 + 1, 100_000]


@pytest.mark.parametrize("document", [USUAL, UNUSUAL, fooling(3, 2)], ids=["usual", "unusual", "fooling"])
def test_lengths_of_nothing_less_and_far_too_much_are_read_as_the_reference_reads_them(check, document):
    for place in places_of_lengths(document):
        (true,) = struct.unpack_from("<i", document, place)
        for length in [*LENGTHS, true - 1, true + 1, true + len(product(60))]:
            wrong = bytearray(document)
            struct.pack_into("<i", wrong, place, length)
            check(product(59) + bytes(wrong) + product(60) + product(61))


def nested(kind, depth):
    """Return documents in each other, `depth` of them."""
    inner = b"\x05\x00\x00\x00\x00"
    for _ in range(depth - 1):
        inner = wrapped(kind, inner)
    return inner


def with_field(document, kind, name, value):
    body = document[4:-1] + bytes([kind]) + name + b"\x00" + value
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("depth", [98, 99, 100, 101, 1000, 5000])
def test_deep_nesting_costs_its_document_alone(check, kind, depth):
    deep = [nested(kind, depth), with_field(product(5), kind, b"unknown", nested(kind, depth))]
    expected = check(product(59) + deep[0] + product(60) + deep[1] + product(61))
    assert [row[0] for row in expected.products if row[0] != 5] == [59, 60, 61]
    assert (5 in [row[0] for row in expected.products]) == (depth < 100)


@pytest.mark.parametrize("depth", [100, 101, 1000, 5000])
def test_scopes_of_code_nested_deep_cost_their_document_alone(check, depth):
    deep = [nested(15, depth), with_field(product(5), 3, b"unknown", nested(15, depth))]
    expected = check(product(59) + deep[0] + product(60) + deep[1] + product(61))
    assert [row[0] for row in expected.products] == [59, 60, 61]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1).map(Int64) | st.integers(-9, 9) | st.floats()
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9) | st.binary(max_size=30)
    | st.just(picture()) | st.sampled_from([bson.Code("f"), bson.Code("f", {"a": {}}), bson.Binary(b"x", 5)]),
    lambda values: st.lists(values, max_size=5) | st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
    st.lists(st.fixed_dictionaries({"picture": st.just(picture()) | VALUES}) | VALUES, max_size=6),
    st.integers(-9, 9) | VALUES,
)
def test_documents_of_any_fields_are_read_as_the_reference_reads_them(check, fields, imgs, product_id):
    for document in (fields, {**fields, "imgs": imgs}, {**fields, "imgs": imgs, "_id": product_id}):
        check(product(59) + bson.encode(document) + product(60))


def test_a_search_finds_products_whose_first_field_has_a_long_name(check):
    long = [bson.encode({"n" * 5000: 1, "_id": number, "imgs": [{"picture": picture()}]}) for number in (60, 61)]
    expected = check(product(59) + b"\x99" * 50 + long[0] + long[1] + product(62))
    assert [row[0] for row in expected.products] == [59, 60, 61, 62]
