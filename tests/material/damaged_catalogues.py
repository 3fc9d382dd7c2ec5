"""Documents that fool a scan: pictures that hold whole products, and what damage makes of a file."""

import itertools
import struct

from bson.int64 import Int64

from tests.material.tiny_catalogue import encode


def picture(number=0, more=b""):
    """Return the shortest bytes with a JPEG's frame header, and whatever else."""
    return b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 180, 100 + number % 50) + b"\x01\x01\x11\x00" + more


def product(number, *pictures, **more):
    return encode(number, pictures or [picture(number)], 1000 + number % 7, **more)


def chain(num_documents, first=900):
    return b"".join(product(first + number) for number in range(num_documents))


def fooling(number, num_documents, after=b""):
    """Return a product whose picture holds a chain of whole products."""
    return product(number, picture(number, chain(num_documents) + after), picture(number + 1))


USUAL = product(1, picture(1), picture(2, bytes(40)))
UNUSUAL = encode(Int64(2), [picture(3), b"", b"text"], 7, brand="Ch\u00e2teau", more={"a": [1, 2.5, None], "b": {}})
DOCUMENTS = [USUAL, UNUSUAL, fooling(3, 2)]
REFUSED = encode("4", [picture(4)], 7)
BAIT = [fooling(number, count, after) for number, (count, after) in enumerate(
    itertools.product([1, 2, 4, 8], [b"", b"\xff\xd9", b"\x00" * 7]), 20)]  # fmt: skip
CATALOGUE = [*DOCUMENTS, REFUSED, *BAIT, product(50), product(51)]


def damaged(rng, documents):
    """Return documents joined with one to three damages: bytes changed, removed, inserted, doubled, or a cut."""
    data = bytearray(b"".join(documents))
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(data))
        end = min(start + rng.choice([1, 4, 30, 300]), len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[start:end] = rng.randbytes(end - start)
        elif kind == 1:
            del data[start:end]
        elif kind == 2:
            data[start:start] = rng.choice([rng.randbytes(end - start), bytes(end - start), chain(2), product(70)[:-3]])
        elif kind == 3:
            data[start:start] = data[start:end]
        elif kind == 4:
            data[start:end] = bytes(end - start)
        elif len(data) > 600:
            del data[-rng.randrange(1, 200) :]
    return bytes(data)


def wrapped(kind, inner):
    """Return a document with one field: a document (3), an array (4) or code with a scope (15)."""
    if kind == 15:
        inner = struct.pack("<i", 9 + len(inner)) + b"\x01\x00\x00\x00\x00" + inner
    return struct.pack("<i", len(inner) + 8) + bytes([kind]) + b"0\x00" + inner + b"\x00"
