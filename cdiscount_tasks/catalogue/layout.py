"""The layout of the catalogue's documents, and the one walk over the elements of a BSON document.

The usual document, as every one of Kaggle's files is, has this layout:

    int32 length | 10 "_id" int32 | 04 "imgs" array of 03 "<n>" { 05 "picture" binary } | 10 "category_id" int32 | 00

`usual_documents.py` checks it literal by literal. Any other document is walked element by element, here. The layout of
BSON is that of https://bsonspec.org/spec.html, version 1.1.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from bson.errors import InvalidBSON

from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT

MAX_DOCUMENT_BYTES = 16 << 20
"""MongoDB's own limit; a real product has at most 45 KB."""

MIN_DOCUMENT_BYTES = 5
MAX_DEPTH = 100
"""MongoDB's own limit of nesting."""

MAX_FIELDS = 100_000
"""16 MiB of empty documents would be 350 MB of Python objects; a product has a dozen fields."""

NO_CATEGORY = -(1 << 63)
"""Represents a missing category_id in columns of int64; the one number that a category cannot have."""

DOCUMENT, ARRAY, BINARY, NULL, REGEX, SCOPED_CODE, INT32, INT64 = 3, 4, 5, 10, 11, 15, 16, 18
PLAIN_BYTES = 0
"""The subtype of a binary without a special meaning."""

_FIXED_SIZES = {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16, 127: 0, 255: 0}
# A declared length counts the bytes after it, and of code with a scope, documents and arrays also itself.
_LENGTH_PREFIXED = {2: 4, 13: 4, 14: 4, 5: 5, 12: 16, DOCUMENT: 0, ARRAY: 0, SCOPED_CODE: 0}

_INT32 = struct.Struct("<i")
_INT64 = struct.Struct("<q")


def _begins(kind: int, name: bytes) -> bytes:
    """Return how an element begins: its type and its name with the zero at its end."""
    return bytes([kind]) + name + b"\x00"


ID, IMGS, CATEGORY = _begins(INT32, b"_id"), _begins(ARRAY, b"imgs"), _begins(INT32, b"category_id")
PICTURE = _begins(BINARY, b"picture")
ENTRIES = [_begins(DOCUMENT, b"%d" % number) for number in range(MAX_IMAGES_PER_PRODUCT)]
"""The entries of `imgs`, by image_number."""

# Three stretches of the usual document, as the fields of a record: `i` is an int32, `B` a byte, `5s` five bytes.
HEAD = {"length": "i", "id": f"{len(ID)}s", "product_id": "i", "imgs": f"{len(IMGS)}s", "array_length": "i"}
ENTRY = {"entry": f"{len(ENTRIES[0])}s", "size": "i", "picture": f"{len(PICTURE)}s", "num_bytes": "i", "subtype": "B"}
TAIL = {"category": f"{len(CATEGORY)}s", "category_id": "i", "end": "B"}


def struct_of(fields: dict[str, str]) -> struct.Struct:
    """Return the `struct` that reads a stretch of the usual document."""
    return struct.Struct("<" + "".join(fields.values()))


ARRAY_START = struct_of(HEAD).size - _INT32.size
"""Where the array begins in a usual document: its length is the last field of the head."""

ENTRY_FRAME = struct_of(ENTRY).size - len(ENTRIES[0]) + 1
"""The bytes of an entry's own document around those of its JPEG; the last is the zero at its end."""


class Element(NamedTuple):
    """A field of a document: its type, its name without the zero, and the places of its value."""

    kind: int
    name: bytes
    value: int
    end: int


def read_int32(data: bytes | bytearray, at: int) -> int:
    """Return the int32 at a place: a document's first one is its length in bytes."""
    return int(_INT32.unpack_from(data, at)[0])


def read_integer(data: bytes | bytearray, element: Element) -> int | None:
    """Return the value of a field if it is an int32 or an int64."""
    if element.kind == INT32:
        return read_int32(data, element.value)
    return int(_INT64.unpack_from(data, element.value)[0]) if element.kind == INT64 else None


def _value_size(data: bytes | bytearray, kind: int, value: int, last: int) -> int:
    """Return how many bytes a value has, by its type and by the length that it declares."""
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind == REGEX:
        first = data.find(b"\x00", value, last)
        second = data.find(b"\x00", first + 1, last) if first >= 0 else -1
        if second < 0:
            raise InvalidBSON("a regular expression has no end")
        return second + 1 - value
    if kind in _LENGTH_PREFIXED and value + 4 <= last:
        declared = read_int32(data, value)
        if declared < 0:
            raise InvalidBSON(f"a field declares {declared} bytes")
        return declared + _LENGTH_PREFIXED[kind]
    raise InvalidBSON(f"a field is of type {kind}, which BSON does not know, or leaves the document")


def elements(data: bytes | bytearray, start: int, end: int) -> Iterator[Element]:
    """Step over the elements of the document in [start, end), one level deep.

    Raises:
        InvalidBSON: If an element leaves the document.
    """
    position = start + 4
    last = end - 1
    while position < last:
        kind = data[position]
        name_end = data.find(b"\x00", position + 1, last)
        if name_end < 0:
            raise InvalidBSON("a field name has no end")
        value = name_end + 1
        size = _value_size(data, kind, value, last)
        if size > last - value:
            raise InvalidBSON("a field leaves the document")
        yield Element(kind, bytes(data[position + 1 : name_end]), value, value + size)
        position = value + size
    if position != last or data[last]:
        raise InvalidBSON("the document does not end where it says")


def _inner_start(data: bytes | bytearray, element: Element) -> int | None:
    """Return where the document within a value begins: an array, and the scope of code, are documents too."""
    kind, _, value, end = element
    if kind == SCOPED_CODE:
        inner = value + 8 + read_int32(data, value + 4) if end - value >= 8 + MIN_DOCUMENT_BYTES else value
        if inner < value + 8:
            raise InvalidBSON("code has a wrong length")
    elif kind in {DOCUMENT, ARRAY}:
        inner = value
    else:
        return None
    if end - inner < MIN_DOCUMENT_BYTES or read_int32(data, inner) != end - inner:
        raise InvalidBSON("a document within has a wrong length")
    return inner


def check_nesting(data: bytes | bytearray, start: int, end: int, max_fields: int = MAX_FIELDS) -> None:
    """Walk a document at all its levels: refuse what leaves its bounds, and too deep or too many fields for PyMongo.

    Raises:
        InvalidBSON: If it is no document, or one of more than `MAX_DEPTH` levels or `max_fields` fields.
    """
    num_fields = 0
    open_documents = [elements(data, start, end)]
    while open_documents:
        for element in open_documents[-1]:
            num_fields += 1
            if num_fields > max_fields:
                raise InvalidBSON(f"it has more than {max_fields} fields")
            inner = _inner_start(data, element)
            if inner is not None:
                if len(open_documents) == MAX_DEPTH:
                    raise InvalidBSON(f"documents are nested more than {MAX_DEPTH} deep")
                open_documents.append(elements(data, inner, element.end))
                break
        else:
            open_documents.pop()
