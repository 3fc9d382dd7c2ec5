"""One BSON document of any layout: is it a product, and where in the bytes do its pictures lie?

PyMongo decides whether a document is valid; our own walk over its elements only finds offsets.
"""

from typing import NamedTuple

import bson
from bson.errors import InvalidBSON

from cdiscount_tasks.catalogue.layout import (
    ARRAY,
    BINARY,
    DOCUMENT,
    MIN_DOCUMENT_BYTES,
    NO_CATEGORY,
    NULL,
    PLAIN_BYTES,
    Element,
    check_nesting,
    elements,
    read_int32,
    read_integer,
)
from cdiscount_tasks.vocabulary import MAX_IMAGES_PER_PRODUCT, Reason

MAX_FIELDS_IN_SEARCH = 200
"""Of a product that a search accepts: a megabyte of `0a 01 00` is 350,000 false beginnings of as many fields each."""

_MISSING = Element(0, b"", 0, 0)


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


class _NoProduct(Exception):  # noqa: N818 - a reason, caught in this module
    """Why a valid document is not a product.

    The detail is stored in rejected.parquet: with other words the index would need a new VERSION, and a new scan.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _picture_of(data: bytes | bytearray, entry: Element) -> tuple[int, int] | None:
    """Return where the bytes of one entry of `imgs` lie, or None if it is no `{picture: Binary}`."""
    if entry.kind != DOCUMENT:
        return None
    found = [element for element in elements(data, entry.value, entry.end) if element.name == b"picture"]
    if len(found) != 1 or found[0].kind != BINARY or data[found[0].value + 4] != PLAIN_BYTES:
        return None
    start = found[0].value + 5
    return start, found[0].end - start


def _pictures_of(data: bytes | bytearray, imgs: Element) -> list[tuple[int, int]]:
    if imgs.kind != ARRAY:
        raise _NoProduct(Reason.IMGS_MISSING, "the document has no array imgs")
    pictures = [_picture_of(data, entry) for entry in elements(data, imgs.value, imgs.end)]
    if not pictures:
        raise _NoProduct(Reason.IMGS_EMPTY, "imgs has no entry, expected 1 to 4")
    if len(pictures) > MAX_IMAGES_PER_PRODUCT:
        raise _NoProduct(Reason.IMGS_TOO_MANY, f"imgs has {len(pictures)} entries, expected 1 to 4")
    whole = [picture for picture in pictures if picture is not None]
    if len(whole) < len(pictures):
        raise _NoProduct(Reason.IMGS_NOT_PICTURES, "an entry of imgs is no document with one binary field picture")
    return whole


def _category_of(data: bytes | bytearray, field: Element | None) -> int | None:
    """Return the category; None: the document lacks the field, or it is null, as a new product's may be."""
    if field is None or field.kind == NULL:
        return None
    category_id = read_integer(data, field)
    if category_id is None:
        detail = f"category_id is of BSON type {field.kind}, expected int32 or int64"
    elif category_id == NO_CATEGORY:
        detail = f"category_id is {category_id}, which stands for a missing one"
    else:
        return category_id
    raise _NoProduct(Reason.CATEGORY_NOT_AN_INTEGER, detail)


def _read_fields(data: bytes | bytearray, first: int, last: int) -> Product | Refused:
    fields: dict[bytes, Element] = {}
    repeated = set()
    for element in elements(data, first, last):
        if element.name in fields:
            repeated.add(element.name)
        fields[element.name] = element
    product_id = read_integer(data, fields.get(b"_id", _MISSING))
    try:
        if again := repeated & {b"_id", b"imgs", b"category_id"}:
            raise _NoProduct(Reason.FIELD_REPEATED, f"field {min(again).decode()} stands more than once")
        if b"_id" not in fields:
            raise _NoProduct(Reason.ID_MISSING, "the document has no field _id")
        if product_id is None:
            detail = f"_id is of BSON type {fields[b'_id'].kind}, expected int32 or int64"
            raise _NoProduct(Reason.ID_NOT_AN_INTEGER, detail)
        pictures = _pictures_of(data, fields.get(b"imgs", _MISSING))
        category_id = _category_of(data, fields.get(b"category_id"))
    except _NoProduct as why:
        return Refused(last - first, product_id, why.reason, why.detail)
    return Product(last - first, product_id, category_id, [(start - first, length) for start, length in pictures])


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
        if end - start < MIN_DOCUMENT_BYTES or read_int32(data, start) != end - start:
            raise InvalidBSON("a document has a wrong length")
        check_nesting(data, start, end)
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
        check_nesting(data, start, end, MAX_FIELDS_IN_SEARCH)
        found = _read_fields(data, start, end)
        if isinstance(found, Refused):
            return None
        bson.decode(data[start:end])
    except _UNREADABLE:
        return None
    return found
