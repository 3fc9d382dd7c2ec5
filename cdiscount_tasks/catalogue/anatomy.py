"""One document taken apart, field by field, and its picture, segment by segment: for people who want to see the bytes.

The layouts are those of https://bsonspec.org/spec.html, version 1.1, and of ITU-T T.81, annex B.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_INT32 = struct.Struct("<i")
_ID, _IMGS, _CATEGORY, _PICTURE = b"\x10_id\x00", b"\x04imgs\x00", b"\x10category_id\x00", b"\x05picture\x00"
_MOST_SHOWN_BYTES = 16
_SCAN, _END = 0xDA, 0xD9

_SEGMENTS = {
    0xD8: ("SOI", "start of the picture"),
    0xE0: ("APP0", "JFIF header: version, pixel density"),
    0xDB: ("DQT", "quantisation table: how coarsely each frequency is kept"),
    0xC4: ("DHT", "Huffman table: the code of the compressed numbers"),
    0xC0: ("SOF0", "frame header, baseline"),
    0xC1: ("SOF1", "frame header, extended"),
    0xC2: ("SOF2", "frame header, progressive"),
    0xDD: ("DRI", "restart interval"),
    0xFE: ("COM", "comment"),
    _SCAN: ("SOS", "start of scan: the compressed picture follows"),
    _END: ("EOI", "end of the picture"),
}
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})


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


class _Reader:
    """Goes through a document and notes each piece."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.pieces: list[Piece] = []

    def take(self, num_bytes: int, name: str, meaning: str) -> bytes:
        taken = self.data[self.position : self.position + num_bytes]
        self.pieces.append(Piece(self.position, num_bytes, _shown(taken), name, meaning))
        self.position += num_bytes
        return taken

    def take_int32(self, name: str, meaning: str) -> int:
        value = int(_INT32.unpack_from(self.data, self.position)[0])
        self.take(4, name, meaning.format(value=f"{value:,}", plain=value))
        return value

    def stands(self, expected: bytes) -> bool:
        return self.data.startswith(expected, self.position)


def take_document_apart(data: bytes) -> list[Piece] | None:
    """Name every byte of a document of the usual layout.

    Args:
        data: The document, checked already: a product that the index keeps.

    Returns:
        Its pieces in order, without gap or overlap; None if it is of another layout (other fields, another order).
    """
    reader = _Reader(data)
    reader.take_int32("length", "this document has {value} bytes")
    if not reader.stands(_ID):
        return None
    reader.take(len(_ID), "field", "type 10 (int32), named _id")
    reader.take_int32("_id", "the product: {plain}")
    if not reader.stands(_IMGS):
        return None
    reader.take(len(_IMGS), "field", "type 04 (array), named imgs")
    reader.take_int32("length", "the array has {value} bytes")
    number = 0
    while reader.stands(b"\x03%d\x00" % number):
        reader.take(3, "element", f"type 03 (document), named {number}: picture {number}")
        reader.take_int32("length", "the picture's document has {value} bytes")
        if not reader.stands(_PICTURE):
            return None
        reader.take(len(_PICTURE), "field", "type 05 (binary), named picture")
        size = reader.take_int32("length", "the JPEG has {value} bytes")
        reader.take(1, "subtype", "00: plain bytes")
        reader.take(size, "JPEG", f"image_number {number}; the index keeps this offset and length")
        reader.take(1, "end", "of the picture's document")
        number += 1
    reader.take(1, "end", "of the array")
    if reader.stands(_CATEGORY):
        reader.take(len(_CATEGORY), "field", "type 10 (int32), named category_id")
        reader.take_int32("category_id", "the category: {plain}")
    reader.take(1, "end", "of the document")
    return reader.pieces if number and reader.position == len(data) else None


def _meaning(marker: int, segment: bytes) -> tuple[str, str]:
    name, meaning = _SEGMENTS.get(marker, (f"{marker:02X}", "another segment"))
    if marker in _FRAMES and len(segment) >= 10:
        precision, height, width, components = struct.unpack_from(">BHHB", segment, 4)
        meaning += f": {width} x {height} pixels, {components} components of {precision} bits"
    if marker == 0xE0 and segment[4:9] != b"JFIF\x00":
        meaning = "application data"
    if marker == 0xFE:
        meaning += ": " + segment[4:64].decode("utf-8", "replace")
    return name, meaning


def _segments(jpeg: bytes) -> Iterator[Piece]:
    position = 0
    while position + 2 <= len(jpeg) and jpeg[position] == 0xFF:
        marker = jpeg[position + 1]
        size = 2
        if marker not in (0xD8, _END):
            size += int.from_bytes(jpeg[position + 2 : position + 4], "big")
        segment = jpeg[position : position + size]
        yield Piece(position, len(segment), _shown(segment), *_meaning(marker, segment))
        position += size
        if marker == _END:
            return
        if marker == _SCAN:
            end = jpeg.rfind(b"\xff\xd9")
            end = end if end >= position else len(jpeg)
            data = jpeg[position:end]
            yield Piece(position, len(data), _shown(data), "scan", "the compressed picture")
            position = end


def take_jpeg_apart(jpeg: bytes) -> list[Piece]:
    """Name the segments of a JPEG, as far as they can be followed."""
    return list(_segments(jpeg))
