"""A plain, slow reader of a catalogue, written from its rules and not from the scanner: what the scan must equal.

The rules are those of docs/data.md: one document after another; a document that cannot be read ends where it says if a
valid document or the file's end stands there, else at the first offset where two products in a row validate, or the
file's last product. Nothing is shared with the scanner but the names of the reasons.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass, field

import bson
import xxhash
from bson import Code, DBRef
from bson.codec_options import CodecOptions

MOST_BYTES = 16 * 2**20
MOST_DEPTH = 100
MOST_FIELDS = 100_000
MOST_FIELDS_IN_SEARCH = 200


class Fields(MutableMapping):
    """A document's fields, with the names that stand more than once."""

    def __init__(self, *pairs):
        self.values_by_name = {}
        self.repeated = set()
        self.num_set = 0
        for name, value in pairs:
            self[name] = value

    def __getitem__(self, name):
        return self.values_by_name[name]

    def __setitem__(self, name, value):
        if name in self.values_by_name:
            self.repeated.add(name)
        self.values_by_name[name] = value
        self.num_set += 1

    def __delitem__(self, name):
        del self.values_by_name[name]

    def __iter__(self):
        return iter(self.values_by_name)

    def __len__(self):
        return len(self.values_by_name)


OPTIONS = CodecOptions(document_class=Fields)


@dataclass
class Reading:
    """What the reader found: products, pictures and refusals as plain tuples in the order of the file."""

    products: list = field(default_factory=list)
    images: list = field(default_factory=list)
    rejected: list = field(default_factory=list)


def is_within_bounds(value, most_fields):
    """Tell whether no more documents and arrays lie in each other, and no more fields in all, than are allowed."""
    num_fields, waiting = 0, [(value, 1)]
    while waiting:
        value, depth = waiting.pop()
        value = value.as_doc() if isinstance(value, DBRef) else value
        value = value.scope if isinstance(value, Code) else value
        if not isinstance(value, (MutableMapping, dict, list)):
            continue
        if depth > MOST_DEPTH:
            return False
        num_fields += value.num_set if isinstance(value, Fields) else len(value)
        waiting += [(child, depth + 1) for child in (value if isinstance(value, list) else value.values())]
    return num_fields <= most_fields


def declared_at(data, offset):
    return int.from_bytes(data[offset : offset + 4], "little", signed=True) if offset + 5 <= len(data) else 0


def decode(data, offset, most_fields=MOST_FIELDS):
    """Return the fields of the document at an offset, or None."""
    declared = declared_at(data, offset)
    if not 5 <= declared <= MOST_BYTES or offset + declared > len(data):
        return None
    document = data[offset : offset + declared]
    try:
        fields = bson.decode(document, OPTIONS)
    except Exception:
        return None
    return fields if is_within_bounds(fields, most_fields) else None


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def pictures_of(fields):
    """Return the pictures of `imgs`, None for an entry that is none."""
    pictures = []
    for entry in fields["imgs"]:
        found = entry.as_doc() if isinstance(entry, DBRef) else entry
        repeated = isinstance(found, Fields) and "picture" in found.repeated
        picture = found.get("picture") if hasattr(found, "get") else None
        pictures.append(picture if type(picture) is bytes and not repeated else None)
    return pictures


def refusal(fields):  # noqa: PLR0911 - one reason, one return
    """Return why a document is no product, or None if it is one."""
    if fields.repeated & {"_id", "imgs", "category_id"}:
        return "field_repeated"
    if "_id" not in fields:
        return "id_missing"
    if not is_integer(fields["_id"]):
        return "id_not_an_integer"
    if not isinstance(fields.get("imgs"), list):
        return "imgs_missing"
    pictures = pictures_of(fields)
    if not pictures:
        return "imgs_empty"
    if len(pictures) > 4:
        return "imgs_too_many"
    if None in pictures:
        return "imgs_not_pictures"
    category_id = fields.get("category_id")
    if category_id is not None and (not is_integer(category_id) or category_id == -(2**63)):
        return "category_not_an_integer"
    return None


def is_product(data, offset):
    fields = decode(data, offset, MOST_FIELDS_IN_SEARCH)
    return fields is not None and refusal(fields) is None


def next_products(data, offset):
    """Return the first offset where two products in a row, or the file's last, validate; the file's end if none."""
    for place in range(offset, len(data) - 4):
        declared = declared_at(data, place)
        if not 5 <= declared <= MOST_BYTES or place + declared > len(data) or data[place + declared - 1]:
            continue
        if is_product(data, place):
            after = place + declared
            if after == len(data) or is_product(data, after):
                return place
    return len(data)


def is_cut(data, offset):
    declared = declared_at(data, offset)
    return len(data) - offset < 5 or (5 <= declared <= MOST_BYTES and offset + declared > len(data))


def damage(data, offset):
    """Return the rows of what cannot be read at an offset: offset, length, reason."""
    end = offset + declared_at(data, offset)
    whole = 5 <= end - offset <= MOST_BYTES and end <= len(data)
    if whole and (end == len(data) or decode(data, end) is not None):
        return [(offset, end - offset, "document_unreadable")]
    found = next_products(data, offset + 1)
    if found == len(data) and is_cut(data, offset):
        return [(offset, found - offset, "document_cut")]
    if found == len(data) and whole and is_cut(data, end):
        return [(offset, end - offset, "document_unreadable"), (end, found - end, "document_cut")]
    return [(offset, found - offset, "document_unreadable")]


def jpeg_size(picture):
    """Return width and height from the first frame header that the segments lead to, or None."""
    if len(picture) < 4 or picture[:2] != b"\xff\xd8":
        return None
    rest = picture[2:]
    while len(rest) >= 9 and rest[0] == 0xFF:
        marker = rest[1]
        if marker == 0xFF:
            rest = rest[1:]
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            rest = rest[2:]
        elif marker in (0xD9, 0xDA):
            return None
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = int.from_bytes(rest[5:7]), int.from_bytes(rest[7:9])
            return (width, height) if 0 < width < 2**15 and 0 < height < 2**15 else None
        else:
            rest = rest[2 + int.from_bytes(rest[2:4]) :]
    return None


def keep(reading, data, offset, fields):
    """Add a product and its pictures, by hash: where they lie is no business of a reader that decodes."""
    end = offset + declared_at(data, offset)
    product_id, category_id = int(fields["_id"]), fields.get("category_id")
    num_images = 0
    for number, picture in enumerate(pictures_of(fields)):
        size = jpeg_size(picture)
        if size is None:
            reason = "picture_not_jpeg" if picture else "picture_empty"
            reading.rejected.append((product_id, number, len(picture), reason))
            continue
        num_images += 1
        content_hash = xxhash.xxh3_128_digest(picture)
        reading.images.append((product_id, number, category_id, len(picture), *size, content_hash))
    reading.products.append((product_id, category_id, offset, end - offset, num_images))


def read_catalogue(data):
    """Read all of a catalogue's bytes."""
    reading = Reading()
    offset = 0
    while offset < len(data):
        fields = decode(data, offset)
        if fields is None:
            rows = damage(data, offset)
            reading.rejected += rows
            offset = rows[-1][0] + rows[-1][1]
            continue
        reason = refusal(fields)
        if reason is None:
            keep(reading, data, offset, fields)
        else:
            reading.rejected.append((offset, declared_at(data, offset), reason))
        offset += declared_at(data, offset)
    return reading
