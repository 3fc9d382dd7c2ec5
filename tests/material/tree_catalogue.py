"""A drawn catalogue with a category tree in which siblings look alike: each level-2 name has one shape and one colour.

Categories of one level-2 name differ in the number of stripes alone; those of different level-1 names in everything.
"""

import io

import numpy as np
from PIL import Image, ImageDraw

from tests.material.tiny_catalogue import encode

FIRST_ID = 1_000_000_000
_SHAPES = ("ellipse", "rectangle", "triangle", "cross", "ring", "bars")
_COLOURS = ((190, 40, 40), (40, 120, 60), (50, 70, 190), (200, 160, 30), (130, 50, 150), (30, 150, 160))


def category_id(department, family, place):
    return FIRST_ID + 10_000 * department + 100 * family + place


def _outline(pen, shape, box, colour):
    left, top, right, bottom = box
    if shape == "triangle":
        pen.polygon([(left, bottom), ((left + right) // 2, top), (right, bottom)], fill=colour)
    elif shape == "cross":
        third = (right - left) // 3
        pen.rectangle((left + third, top, right - third, bottom), fill=colour)
        pen.rectangle((left, top + third, right, bottom - third), fill=colour)
    elif shape == "ring":
        pen.ellipse(box, outline=colour, width=(right - left) // 5)
    elif shape == "bars":
        for start in range(left, right, 16):
            pen.rectangle((start, top, start + 8, bottom), fill=colour)
    else:
        getattr(pen, shape)(box, fill=colour)


def draw_picture(department, family, place, seed, size=96):
    """Draw one picture; place, size and ground are chance, shape and colour the family's, stripes the category's."""
    random = np.random.default_rng([department, family, place, seed])
    ground = tuple(int(value) for value in random.integers(215, 256, 3))
    picture = Image.new("RGB", (size, size), ground)
    pen = ImageDraw.Draw(picture)
    half = int(random.integers(26, 40))
    x, y = (int(value) for value in random.integers(half + 2, size - half - 2, 2))
    shift = random.integers(-25, 26, 3)
    colour = tuple(int(value) for value in np.clip(np.array(_COLOURS[(department + family) % 6]) + shift, 0, 255))
    _outline(pen, _SHAPES[department % 6], (x - half, y - half, x + half, y + half), colour)
    for stripe in range(place):
        height = y - half + (stripe + 1) * 2 * half // (place + 1)
        pen.line((x - half // 2, height, x + half // 2, height), fill=(250, 245, 230), width=3)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


def write_tree_catalogue(folder, num_departments=6, num_families=1, num_categories=6, num_products=20):
    """Write catalogue.bson and category_names.csv, one picture a product; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    names, documents, number = ["category_id,category_level1,category_level2,category_level3"], [], 0
    for department in range(num_departments):
        for family in range(num_families):
            for place in range(num_categories):
                one = category_id(department, family, place)
                names.append(f"{one},DEPARTMENT {department},FAMILY {department} {family},CATEGORY {place}")
                for product in range(num_products):
                    number += 1
                    documents.append(encode(number, [draw_picture(department, family, place, product)], one))
    paths = folder / "catalogue.bson", folder / "category_names.csv"
    paths[0].write_bytes(b"".join(documents))
    paths[1].write_text("\n".join(names) + "\n", encoding="utf-8")
    return paths
