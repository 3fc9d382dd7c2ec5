"""A catalogue as large and as wide as wanted, which a network can learn.

Documents of the real shape: 1.75 JPEGs of 180 x 180 and about 5 KB a product, 37 % of them copies within small families
of products, a few in two categories. A category is a coarse pattern of colours, a picture is its category's with noise
of its own, and so distinct in pixels. Categories are as unequal as in Kaggle's file. Blocks of products are drawn by
their number alone, in as many processes as there are cores.
"""

import io
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from cdiscount_tasks.machine.cores import map_ahead
from tests.material.synthetic_catalogue import IMAGES_PER_PRODUCT, SHARE_OF_COPIES, document
from tests.material.synthetic_names import make_names

_PRODUCTS_PER_BLOCK = 500
_FAMILY_PRODUCTS = (1, 1, 2, 3, 4, 6)
_SHARE_OF_CONFLICTS = 0.004
_SHARE_IN_FAMILY = SHARE_OF_COPIES * 1.22
"""A family's first picture cannot be a copy, so the others are copies more often."""

_EVENNESS = 40
"""A category of rank r is drawn in proportion to 1 / (r + this): of 5,270 the largest has 0.5 %, the smallest 0.004."""


def _pattern(category: int) -> np.ndarray:
    """Return what a category's pictures have in common: float64, [24, 24, 3]."""
    return np.random.default_rng([category, 1]).uniform(40, 216, (6, 6, 3)).repeat(4, axis=0).repeat(4, axis=1)


def _draw_picture(pattern: np.ndarray, rng: np.random.Generator) -> bytes:
    small = np.clip(pattern + rng.normal(0, 32, pattern.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((180, 180), Image.Resampling.BILINEAR).save(file, "JPEG", quality=75)
    return file.getvalue()


def _iter_families(number: int, num_categories: int) -> Iterator[tuple[int, list[list[bytes]]]]:
    """Yield a block's families of products: their category's number, and the pictures of each product."""
    choose, rng = random.Random(number), np.random.default_rng([number, 2])
    weights = (1 / (np.arange(num_categories) + _EVENNESS)).cumsum().tolist()
    left, elsewhere = _PRODUCTS_PER_BLOCK, list[bytes]()
    while left:
        category = choose.choices(range(num_categories), cum_weights=weights)[0]
        pattern, drawn, products = _pattern(category), list[bytes](), list[list[bytes]]()
        for _ in range(min(choose.choice(_FAMILY_PRODUCTS), left)):
            pictures = []
            for _ in range(choose.choices((1, 2, 3, 4), IMAGES_PER_PRODUCT)[0]):
                if elsewhere and choose.random() < _SHARE_OF_CONFLICTS:
                    pictures.append(elsewhere.pop())
                elif drawn and choose.random() < _SHARE_IN_FAMILY:
                    pictures.append(choose.choice(drawn))
                else:
                    pictures.append(_draw_picture(pattern, rng))
                    drawn.append(pictures[-1])
            products.append(pictures)
        left -= len(products)
        elsewhere = [choose.choice(drawn)] if drawn else elsewhere
        yield category, products


def draw_block(num_categories: int, number: int) -> bytes:
    """Draw the documents of a block of products."""
    first_id = 3 * number * _PRODUCTS_PER_BLOCK + 1
    documents: list[bytes] = []
    for category, products in _iter_families(number, num_categories):
        for pictures in products:
            documents.append(document(first_id + 3 * len(documents), 1_000_000_000 + 17 * category, pictures))
    return b"".join(documents)


def write_catalogue_of_all(path: Path, names_path: Path, num_products: int, num_categories: int) -> None:
    """Write a catalogue and its CSV of category names.

    Args:
        path: Of the BSON file.
        names_path: Of the CSV.
        num_products: Rounded up to whole blocks of 500.
        num_categories: At most as many as the names have, 5,270.
    """
    names = make_names(num_categories)
    names.columns = ["category_id", *(f"category_level{level}" for level in (1, 2, 3))]
    names.to_csv(names_path, index=False)
    numbers = range(-(-num_products // _PRODUCTS_PER_BLOCK))
    with path.open("wb") as file:
        for block in map_ahead(partial(draw_block, num_categories), numbers, worth_it=len(numbers) > 4):
            file.write(block)
