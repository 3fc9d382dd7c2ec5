"""One document taken apart, field by field, and its picture, segment by segment: for people who want to see the bytes.

The layouts are those of https://bsonspec.org/spec.html, version 1.1, and of ITU-T T.81, annex B.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cdiscount_tasks.catalogue.jpeg_header import COMMENT, END, FILL, FRAMES, SCAN, START, START_MARKER, segments
from cdiscount_tasks.catalogue.layout import ARRAY, BINARY, DOCUMENT, INT32, Element, elements, read_int32
from cdiscount_tasks.catalogue.usual_documents import read_usual

_MOST_SHOWN_BYTES = 16
_KINDS = {DOCUMENT: "document", ARRAY: "array", BINARY: "binary", INT32: "int32"}
_APP0 = 0xE0

_SEGMENTS = {
    START_MARKER: ("SOI", "start of the picture"),
    _APP0: ("APP0", "JFIF header: version, pixel density"),
    0xDB: ("DQT", "quantisation table: how coarsely each frequency is kept"),
    0xC4: ("DHT", "Huffman table: the code of the compressed numbers"),
    0xC0: ("SOF0", "frame header, baseline"),
    0xC1: ("SOF1", "frame header, extended"),
    0xC2: ("SOF2", "frame header, progressive"),
    0xDD: ("DRI", "restart interval"),
    COMMENT: ("COM", "comment"),
    SCAN: ("SOS", "start of scan: the compressed picture follows"),
    END: ("EOI", "end of the picture"),
    FILL: ("FF", "a byte that fills the space before a marker"),
}


class Piece(NamedTuple):
    """Some bytes and what they mean; `hex` is cut where there are many."""

    offset: int
    num_bytes: int
    hex: str
    name: str
    meaning: str


def _shown(data: bytes) -> str:
    return data[:_MOST_SHOWN_BYTES].hex(" ") + (" …" if len(data) > _MOST_SHOWN_BYTES else "")


def hex_lines(data: bytes, num_bytes: int) -> list[tuple[str, str, str]]:
    """Return the first bytes as `hexdump` shows them: offset, hex, and text with dots for what cannot be read."""
    return [
        (
            f"{start:08x}",
            data[start : min(start + 16, num_bytes)].hex(" "),
            "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data[start : min(start + 16, num_bytes)]),
        )
        for start in range(0, min(num_bytes, len(data)), 16)
    ]


def _piece(data: bytes, start: int, end: int, name: str, meaning: str) -> Piece:
    return Piece(start, end - start, _shown(data[start:end]), name, meaning)


def _values(data: bytes, element: Element, image_number: str) -> Iterator[Piece]:
    """Name the bytes of a field's value; those of a picture's binary have its `image_number`."""
    kind, name, value, end = element
    if kind == ARRAY:
        yield from _document(data, value, end, "the array")
    elif kind == DOCUMENT:
        yield from _document(data, value, end, "the picture's document", name.decode())
    elif kind == BINARY:
        meaning = f"image_number {image_number}; the index keeps this offset and length"
        yield _piece(data, value, value + 4, "length", f"the JPEG has {read_int32(data, value):,} bytes")
        yield _piece(data, value + 4, value + 5, "subtype", "00: plain bytes")
        yield _piece(data, value + 5, end, "JPEG", meaning)
    else:
        meaning = {"_id": "the product", "category_id": "the category"}[name.decode()]
        yield _piece(data, value, end, name.decode(), f"{meaning}: {read_int32(data, value)}")


def _document(data: bytes, start: int, end: int, whose: str, image_number: str = "") -> Iterator[Piece]:
    """Name the bytes of a document and of the documents within, by the general walk over the elements of each."""
    has = f"{whose} has".replace("the document", "this document")
    yield _piece(data, start, start + 4, "length", f"{has} {read_int32(data, start):,} bytes")
    for element in elements(data, start, end):
        kind, name = element.kind, element.name.decode()
        what, more = ("element", f": picture {name}") if kind == DOCUMENT else ("field", "")
        begin = element.value - len(element.name) - 2
        yield _piece(data, begin, element.value, what, f"type {kind:02x} ({_KINDS[kind]}), named {name}{more}")
        yield from _values(data, element, image_number)
    yield _piece(data, end - 1, end, "end", f"of {whose}")


def take_document_apart(data: bytes) -> list[Piece] | None:
    """Name every byte of a document of the usual layout.

    Args:
        data: The document, checked already: a product that the index keeps.

    Returns:
        Its pieces in order, without gap or overlap; None if it is of another layout (other fields, another order).
    """
    if read_usual(bytearray(data), 0, len(data)) is None:
        return None
    return list(_document(data, 0, len(data), "the document"))


def _meaning(marker: int, segment: bytes) -> tuple[str, str]:
    name, meaning = _SEGMENTS.get(marker, (f"{marker:02X}", "another segment"))
    if marker in FRAMES and len(segment) >= 10:
        precision, height, width, components = struct.unpack_from(">BHHB", segment, 4)
        meaning += f": {width} x {height} pixels, {components} components of {precision} bits"
    if marker == _APP0 and segment[4:9] != b"JFIF\x00":
        meaning = "application data"
    if marker == COMMENT:
        meaning += ": " + segment[4:64].decode("utf-8", "replace")
    return name, meaning


def _segments(jpeg: bytes) -> Iterator[Piece]:
    if not jpeg.startswith(START):
        return
    yield _piece(jpeg, 0, len(START), *_SEGMENTS[START_MARKER])
    for marker, start, declared_end in segments(jpeg, len(START), len(jpeg)):
        end = min(declared_end, len(jpeg))
        yield _piece(jpeg, start, end, *_meaning(marker, jpeg[start:end]))
        if marker == SCAN:
            # The scan's own bytes escape each 0xFF, so that the last two bytes END are the picture's.
            last = jpeg.rfind(bytes([0xFF, END]), end)
            yield _piece(jpeg, end, last if last >= 0 else len(jpeg), "scan", "the compressed picture")
            if last >= 0:
                yield _piece(jpeg, last, last + 2, *_SEGMENTS[END])


def take_jpeg_apart(jpeg: bytes) -> list[Piece]:
    """Name the segments of a JPEG, as far as they can be followed."""
    return list(_segments(jpeg))
