import bson
import pytest

from cdiscount_tasks.catalogue.anatomy import hex_lines, take_document_apart, take_jpeg_apart
from tests.material.tiny_catalogue import RED, draw_jpeg, encode, same_pixels_other_bytes, undecodable


def check_whole(pieces, data):
    """Every byte belongs to one piece."""
    position = 0
    for piece in pieces:
        assert piece.offset == position
        position += piece.num_bytes
    assert position == len(data)


@pytest.mark.parametrize("num_pictures", [1, 2, 4])
@pytest.mark.parametrize("category_id", [RED, None])
def test_every_byte_of_a_document_is_named(num_pictures, category_id):
    data = encode(7, [draw_jpeg(RED, n) for n in range(num_pictures)], category_id)
    pieces = take_document_apart(data)
    check_whole(pieces, data)
    assert sum(piece.name == "JPEG" for piece in pieces) == num_pictures
    assert "the product: 7" in [piece.meaning for piece in pieces]


def test_a_document_of_another_layout_is_left_whole():
    picture = [{"picture": draw_jpeg(RED, 1)}]
    assert take_document_apart(bson.encode({"category_id": 1, "_id": 2, "imgs": picture})) is None
    assert take_document_apart(bson.encode({"_id": 2, "imgs": picture, "category_id": 1, "brand": "x"})) is None


def test_every_byte_of_a_jpeg_is_named():
    jpeg = same_pixels_other_bytes(draw_jpeg(RED, 1))
    pieces = take_jpeg_apart(jpeg)
    check_whole(pieces, jpeg)
    names = [piece.name for piece in pieces]
    assert (names[0], names[1], names[-2:]) == ("SOI", "COM", ["scan", "EOI"])
    assert "frame header, baseline: 48 x 48 pixels, 3 components of 8 bits" in [piece.meaning for piece in pieces]


@pytest.mark.parametrize("damage", [undecodable, lambda jpeg: jpeg[:30], lambda _: b"", lambda _: b"no picture"])
def test_a_damaged_jpeg_is_followed_as_far_as_it_goes(damage):
    jpeg = damage(draw_jpeg(RED, 1))
    assert sum(piece.num_bytes for piece in take_jpeg_apart(jpeg)) <= len(jpeg)


def test_a_dump_shows_offset_hex_and_text():
    assert hex_lines(b"0123456789abcdef\x00z", 18) == [
        ("00000000", "30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66", "0123456789abcdef"),
        ("00000010", "00 7a", ".z"),
    ]
