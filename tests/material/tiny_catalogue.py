"""A tiny catalogue in the real layout: four categories, planted copies, conflicts, damaged pictures, odd documents."""

import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import bson
import numpy as np
from bson.int64 import Int64
from PIL import Image

RED, GREEN, BLUE, YELLOW = CATEGORIES = (1000000010, 1000000020, 1000000030, 1000000040)
COLOURS = {RED: (200, 50, 50), GREEN: (50, 180, 60), BLUE: (50, 70, 200), YELLOW: (210, 200, 60)}
PRODUCTS_PER_CATEGORY = 16
COMMENT = b"\xff\xfe\x00\x07other"


def draw_jpeg(category_id=RED, seed=0, size=48, mode="RGB"):
    """Draw a blotchy square of the category's colour."""
    random = np.random.default_rng([category_id, seed])
    noise = random.integers(-40, 40, (size // 8, size // 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    pixels = np.clip(np.array(COLOURS.get(category_id, (128, 128, 128))) + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", quality=75)
    return file.getvalue()


def same_pixels_other_bytes(jpeg):
    """Put a comment behind the first marker: other bytes, the same picture."""
    return jpeg[:2] + COMMENT + jpeg[2:]


def undecodable(jpeg):
    """Keep the headers and too little of the scan."""
    return jpeg[: int(len(jpeg) * 0.7)]


def encode(product_id, pictures, category_id=None, **more):
    """Encode a document in the real key order; `more` comes last."""
    document = {"_id": product_id, "imgs": [{"picture": picture} for picture in pictures]}
    if category_id is not None:
        document["category_id"] = category_id
    return bson.encode({**document, **more})


@dataclass
class TinyCatalogue:
    """Documents in file order, and the truth about them."""

    documents: list[bytes] = field(default_factory=list)
    pictures: dict[tuple[int, int], bytes] = field(default_factory=dict)
    category_of: dict[int, int | None] = field(default_factory=dict)
    rejected: Counter = field(default_factory=Counter)

    def add(self, product_id, category_id, pictures):
        """Add a product that the index keeps."""
        self.documents.append(encode(product_id, pictures, category_id))
        self.category_of[int(product_id)] = category_id
        self.pictures.update({(int(product_id), number): picture for number, picture in enumerate(pictures)})

    def add_odd(self, document, reason):
        """Add a document that the index rejects."""
        self.documents.append(document)
        self.rejected[reason] += 1

    @property
    def labelled_pictures(self):
        """Return the pictures of the products that have a category."""
        return {key: picture for key, picture in self.pictures.items() if self.category_of[key[0]] is not None}

    @property
    def data(self):
        """Return the bytes of the whole file."""
        return b"".join(self.documents)

    def write(self, path):
        """Write the file and return its path."""
        Path(path).write_bytes(self.data)
        return Path(path)


def catalogue_of(rows):
    """Make a catalogue of (product_id, category_id, seeds of its pictures)."""
    made = TinyCatalogue()
    for product_id, category_id, seeds in rows:
        made.add(product_id, category_id, [draw_jpeg(RED, seed, size=16) for seed in seeds])
    return made


def plain(category_id, num_products, first):
    """Return rows for `catalogue_of`: products of one picture each, which no other product has."""
    return [(first + number, category_id, [first + number]) for number in range(num_products)]


def make_tiny_catalogue():
    """Make the catalogue: 64 plain products, then what is planted; the file is not in the order of ids."""
    made = TinyCatalogue()
    drawn = {}
    for place in range(PRODUCTS_PER_CATEGORY * len(CATEGORIES)):
        product_id = 100 + (place * 37) % (PRODUCTS_PER_CATEGORY * len(CATEGORIES))
        category_id = CATEGORIES[place % len(CATEGORIES)]
        pictures = [draw_jpeg(category_id, product_id * 10 + number) for number in range(1 + place % 2)]
        drawn.setdefault(category_id, []).append(pictures[0])
        made.add(product_id, category_id, pictures)
    # Copies within a class: the same bytes, and the same pixels in other bytes.
    made.add(300, RED, [drawn[RED][0], draw_jpeg(RED, 3000)])
    made.add(301, GREEN, [same_pixels_other_bytes(drawn[GREEN][0])])
    # A chain: 302 shares with 303, 303 with 304.
    chain = [draw_jpeg(BLUE, 3020), draw_jpeg(BLUE, 3030)]
    made.add(302, BLUE, [chain[0]])
    made.add(303, BLUE, chain)
    made.add(304, BLUE, [chain[1]])
    # Conflicts: one picture, two categories; two in a red product with another picture of its own.
    made.add(310, RED, [drawn[GREEN][1], draw_jpeg(RED, 3100)])
    made.add(311, YELLOW, [drawn[BLUE][1]])
    made.add(312, YELLOW, [same_pixels_other_bytes(drawn[RED][2])])
    # Pictures that the labels refuse, and one that only the index does.
    made.add(320, RED, [undecodable(draw_jpeg(RED, 3200)), draw_jpeg(RED, 3201)])
    made.add(321, GREEN, [undecodable(draw_jpeg(GREEN, 3210))])
    made.add(322, BLUE, [draw_jpeg(BLUE, 3220), b"no picture", b""])
    made.pictures.pop((322, 1))
    made.pictures.pop((322, 2))
    # A usual document whose picture holds whole product documents: it must never be read as three products.
    inner = encode(901, [draw_jpeg(RED, 1)], RED) + encode(902, [draw_jpeg(RED, 2)], RED)
    made.add(330, YELLOW, [draw_jpeg(YELLOW, 3300) + inner, draw_jpeg(YELLOW, 3301)])
    # Odd but valid: an id of 64 bits, one more field.
    made.add(Int64(340), GREEN, [draw_jpeg(GREEN, 3400)])
    picture = draw_jpeg(YELLOW, 3410)
    made.documents.append(encode(341, [picture], YELLOW, brand="Ch\u00e2teau"))
    made.category_of[341], made.pictures[341, 0] = YELLOW, picture

    good = draw_jpeg(RED, 5000)
    made.add_odd(encode(400, [good] * 5, RED), "imgs_too_many")
    made.add_odd(encode(401, [], RED), "imgs_empty")
    made.add_odd(bson.encode({"_id": 402, "category_id": RED}), "imgs_missing")
    made.add_odd(bson.encode({"_id": 403, "imgs": [{"photo": good}], "category_id": RED}), "imgs_not_pictures")
    made.add_odd(encode("404", [good], RED), "id_not_an_integer")
    made.add_odd(bson.encode({"imgs": [{"picture": good}], "category_id": RED}), "id_missing")
    made.add_odd(encode(405, [good], "RED"), "category_not_an_integer")
    made.add_odd(encode(300, [good], GREEN), "id_repeated")
    broken = bytearray(encode(407, [good], RED))
    broken[4] = 0x42  # a type that BSON does not know
    made.add_odd(bytes(broken), "document_unreadable")
    made.add(350, BLUE, [draw_jpeg(BLUE, 3500)])
    # Without a category, missing or null: to be predicted, not learnt from; one shows a picture of two categories.
    made.add(360, None, [drawn[GREEN][1]])
    picture = draw_jpeg(RED, 3610)
    made.documents.append(bson.encode({"_id": 361, "imgs": [{"picture": picture}], "category_id": None}))
    made.category_of[361], made.pictures[361, 0] = None, picture
    return made


def several(num_products, category_id=RED, first=0):
    """Return documents of products of one picture each, in BSON."""
    return [encode(first + number, [draw_jpeg(category_id, number)], category_id) for number in range(num_products)]
