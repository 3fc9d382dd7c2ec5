"""One BSON document: is it a product, and where in the bytes do its pictures lie?

The usual document has a fixed layout, checked literal by literal with `struct`:

    int32 length | 10 "_id" int32 | 04 "imgs" array of 03 "<n>" { 05 "picture" binary } | 10 "category_id" int32 | 00

Any other is decoded by PyMongo, which decides whether it is valid; our own steps over its elements only find offsets.
The layout is that of https://bsonspec.org/spec.html, version 1.1.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import bson
from bson.errors import InvalidBSON

from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT, Reason

MAX_DOCUMENT_BYTES = 16 << 20
"""MongoDB's own limit; a real product has at most 45 KB."""

MIN_DOCUMENT_BYTES = 5
MAX_DEPTH = 100
"""MongoDB's own limit of nesting."""

MAX_FIELDS = 100_000
"""16 MiB of empty documents would be 350 MB of Python objects; a product has a dozen fields."""

MAX_FIELDS_IN_SEARCH = 200
"""Of a product that a search accepts: a megabyte of `0a 01 00` is 350,000 false beginnings of as many fields each."""

NO_CATEGORY = -(1 << 63)
"""Stands for a missing category_id in columns of int64; the one number that a category cannot have."""

_HEAD = struct.Struct("<i5si6si")
_PICTURE = struct.Struct("<3si9siB")
_TAIL = struct.Struct("<13siB")
_INT32 = struct.Struct("<i")
_INT64 = struct.Struct("<q")
_ID, _IMGS, _CATEGORY, _PICTURE_NAME = b"\x10_id\x00", b"\x04imgs\x00", b"\x10category_id\x00", b"\x05picture\x00"
_PLACES = [b"\x03%d\x00" % number for number in range(MAX_IMAGES_PER_PRODUCT)]
# An array starts after the length, `_id` and the name `imgs`; a picture's own document has 19 bytes around its bytes.
_ARRAY_START, _PICTURE_FRAME = 19, 19

_DOCUMENT, _ARRAY, _BINARY, _REGEX, _SCOPED_CODE, _INT32_TYPE, _INT64_TYPE = 3, 4, 5, 11, 15, 16, 18
_FIXED_SIZES = {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16, 127: 0, 255: 0}
_LENGTH_PREFIXED = {2: 4, 13: 4, 14: 4, 5: 5, 12: 16}
_WHOLE_LENGTH = {3, 4, 15}


class Product(NamedTuple):
    """A document that is a product; offsets are relative to the document's first byte."""

    length: int
    product_id: int
    category_id: int | None
    pictures: list[tuple[int, int]]


class Refused(NamedTuple):
    """A document that is valid BSON but no product."""

    length: int
    product_id: int | None
    reason: Reason
    detail: str


class Broken(NamedTuple):
    """Bytes that are no valid BSON document."""

    declared_length: int
    detail: str


def read_length(buffer: bytes | bytearray, start: int) -> int:
    """Return the length that a document at `start` declares."""
    return int(_INT32.unpack_from(buffer, start)[0])


def read_usual(buffer: bytearray, start: int, available: int) -> Product | None:  # noqa: PLR0911 - a check, a way out
    """Read a document of the usual layout; None if it is anything else, or not whole within `available` bytes."""
    if available < _ARRAY_START + 5:
        return None
    length, id_name, product_id, imgs_name, array_length = _HEAD.unpack_from(buffer, start)
    if id_name != _ID or imgs_name != _IMGS or length > min(available, MAX_DOCUMENT_BYTES):
        return None
    tail = _ARRAY_START + array_length
    if array_length < MIN_DOCUMENT_BYTES or tail >= length:
        return None
    category_id = None
    if length == tail + _TAIL.size:
        category_name, category_id, end = _TAIL.unpack_from(buffer, start + tail)
        if category_name != _CATEGORY or end:
            return None
    elif length != tail + 1 or buffer[start + tail]:
        return None
    pictures = []
    position, array_end = _ARRAY_START + 4, tail - 1
    for place in _PLACES:
        if position + _PICTURE.size > array_end:
            break
        found, size, name, num_bytes, subtype = _PICTURE.unpack_from(buffer, start + position)
        if found != place or name != _PICTURE_NAME or subtype or num_bytes < 0 or size != num_bytes + _PICTURE_FRAME:
            return None
        pictures.append((position + _PICTURE.size, num_bytes))
        position += 3 + size
        if position > array_end or buffer[start + position - 1]:
            return None
    if position != array_end or buffer[start + array_end] or not pictures:
        return None
    return Product(length, product_id, category_id, pictures)


def _elements(data: bytes | bytearray, start: int, end: int) -> Iterator[tuple[int, bytes, int, int]]:
    """Step over a document's elements: type, name, where the value starts and where it ends.

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
        if kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        elif kind == _REGEX:
            first = data.find(b"\x00", value, last)
            second = data.find(b"\x00", first + 1, last) if first >= 0 else -1
            if second < 0:
                raise InvalidBSON("a regular expression has no end")
            size = second + 1 - value
        elif (kind in _LENGTH_PREFIXED or kind in _WHOLE_LENGTH) and value + 4 <= last:
            declared = _INT32.unpack_from(data, value)[0]
            if declared < 0:
                raise InvalidBSON(f"a field declares {declared} bytes")
            size = declared + _LENGTH_PREFIXED.get(kind, 0)
        else:
            raise InvalidBSON(f"a field is of type {kind}, which BSON does not know, or leaves the document")
        if size > last - value:
            raise InvalidBSON("a field leaves the document")
        yield kind, bytes(data[position + 1 : name_end]), value, value + size
        position = value + size
    if position != last or data[last]:
        raise InvalidBSON("the document does not end where it says")


def _inner_start(data: bytes | bytearray, kind: int, value: int, end: int) -> int | None:
    """Return where the document within a value begins: an array, and the scope of code, are documents too."""
    if kind == _SCOPED_CODE:
        inner = value + 8 + _INT32.unpack_from(data, value + 4)[0] if end - value >= 8 + MIN_DOCUMENT_BYTES else value
        if inner < value + 8:
            raise InvalidBSON("code has a wrong length")
    elif kind in {_DOCUMENT, _ARRAY}:
        inner = value
    else:
        return None
    if end - inner < MIN_DOCUMENT_BYTES or _INT32.unpack_from(data, inner)[0] != end - inner:
        raise InvalidBSON("a document within has a wrong length")
    return int(inner)


def _check_nesting(data: bytes | bytearray, start: int, end: int, max_fields: int = MAX_FIELDS) -> None:
    """Refuse what leaves its bounds, and more depth and fields than PyMongo should be trusted with."""
    num_fields = 0
    open_documents = [_elements(data, start, end)]
    while open_documents:
        for kind, _, value, value_end in open_documents[-1]:
            num_fields += 1
            if num_fields > max_fields:
                raise InvalidBSON(f"it has more than {max_fields} fields")
            inner = _inner_start(data, kind, value, value_end)
            if inner is not None:
                if len(open_documents) == MAX_DEPTH:
                    raise InvalidBSON(f"documents are nested more than {MAX_DEPTH} deep")
                open_documents.append(_elements(data, inner, value_end))
                break
        else:
            open_documents.pop()


def _integer(data: bytes | bytearray, kind: int, value: int) -> int | None:
    if kind == _INT32_TYPE:
        return int(_INT32.unpack_from(data, value)[0])
    return int(_INT64.unpack_from(data, value)[0]) if kind == _INT64_TYPE else None


def _picture_of(data: bytes | bytearray, kind: int, start: int, end: int) -> tuple[int, int] | None:
    """Return where the bytes of one entry of `imgs` lie, or None if it is no `{picture: Binary}`."""
    if kind != _DOCUMENT:
        return None
    found = [(k, v, e) for k, name, v, e in _elements(data, start, end) if name == b"picture"]
    if len(found) != 1 or found[0][0] != _BINARY or data[found[0][1] + 4] != 0:
        return None
    return found[0][1] + 5, found[0][2] - found[0][1] - 5


def _read_fields(  # noqa: PLR0911 - one reason, one return
    data: bytes | bytearray, first: int, last: int
) -> Product | Refused:
    fields: dict[bytes, tuple[int, int, int]] = {}
    repeated = set()
    for kind, name, value, end in _elements(data, first, last):
        if name in fields:
            repeated.add(name)
        fields[name] = (kind, value, end)
    id_kind, id_value, _ = fields.get(b"_id", (0, 0, 0))
    product_id = _integer(data, id_kind, id_value)

    def refuse(reason: Reason, detail: str) -> Refused:
        return Refused(last - first, product_id, reason, detail)

    if again := repeated & {b"_id", b"imgs", b"category_id"}:
        return refuse(Reason.FIELD_REPEATED, f"field {min(again).decode()} stands more than once")
    if b"_id" not in fields:
        return refuse(Reason.ID_MISSING, "the document has no field _id")
    if product_id is None:
        return refuse(Reason.ID_NOT_AN_INTEGER, f"_id is of BSON type {id_kind}, expected int32 or int64")
    if b"imgs" not in fields or fields[b"imgs"][0] != _ARRAY:
        return refuse(Reason.IMGS_MISSING, "the document has no array imgs")
    _, imgs_start, imgs_end = fields[b"imgs"]
    pictures = [_picture_of(data, kind, v, e) for kind, _, v, e in _elements(data, imgs_start, imgs_end)]
    if not pictures:
        return refuse(Reason.IMGS_EMPTY, "imgs has no entry, expected 1 to 4")
    if len(pictures) > MAX_IMAGES_PER_PRODUCT:
        return refuse(Reason.IMGS_TOO_MANY, f"imgs has {len(pictures)} entries, expected 1 to 4")
    whole = [(picture[0] - first, picture[1]) for picture in pictures if picture is not None]
    if len(whole) < len(pictures):
        return refuse(Reason.IMGS_NOT_PICTURES, "an entry of imgs is no document with one binary field picture")
    category_id = None
    if b"category_id" in fields:
        kind, value, _ = fields[b"category_id"]
        category_id = _integer(data, kind, value)
        if category_id is None:
            return refuse(
                Reason.CATEGORY_NOT_AN_INTEGER, f"category_id is of BSON type {kind}, expected int32 or int64"
            )
        if category_id == NO_CATEGORY:
            return refuse(
                Reason.CATEGORY_NOT_AN_INTEGER, f"category_id is {category_id}, which stands for a missing one"
            )
    return Product(last - first, product_id, category_id, whole)


# Values that Python cannot hold (dates past year 9999) raise OverflowError or ValueError in some versions.
_UNREADABLE = (InvalidBSON, OverflowError, ValueError, RecursionError)


def read_any(data: bytes | bytearray, start: int = 0, end: int | None = None) -> Product | Refused | Broken:
    """Read a document of any layout.

    Args:
        data: Holds the document.
        start: Its first byte.
        end: Where it ends, by the length that it declares; None: with the data.
    """
    end = len(data) if end is None else end
    try:
        if end - start < MIN_DOCUMENT_BYTES or read_length(data, start) != end - start:
            raise InvalidBSON("a document has a wrong length")
        _check_nesting(data, start, end)
        found = _read_fields(data, start, end)
        bson.decode(data[start:end])
    except _UNREADABLE as error:
        return Broken(end - start, str(error) or type(error).__name__)
    return found


def read_product(data: bytes | bytearray, start: int, end: int) -> Product | None:
    """Read a document of any layout if it is a product.

    A search meets many false beginnings. Few fields are stepped over, and nothing is copied nor decoded before a
    document looks like a product: copies of up to 16 MiB for each would be a search without end.
    """
    try:
        _check_nesting(data, start, end, MAX_FIELDS_IN_SEARCH)
        found = _read_fields(data, start, end)
        if isinstance(found, Refused):
            return None
        bson.decode(data[start:end])
    except _UNREADABLE:
        return None
    return found
