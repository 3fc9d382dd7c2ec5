"""Bed headboards: padded, of boards, or of metal bars."""

import numpy as np
from PIL import Image, ImageDraw

from demo.canvas import BLACK, WHITE, Rng, blend, chance, lit, new_layer, one_of, pick, vary, vivid

COLOURS = [
    (60, 52, 48),
    (236, 232, 226),
    (150, 122, 96),
    (126, 30, 44),
    (120, 124, 130),
    (60, 72, 100),
    (170, 120, 76),
    (210, 196, 176),
]


def draw_headboard(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw a bed headboard: padded squares, wooden boards, or metal bars, often behind a made bed."""
    kind = pick(look_rng, {"padded": 5, "boards": 3, "bars": 2})
    colour = vary(look_rng, one_of(look_rng, COLOURS), 16)
    width, height = int(look_rng.integers(300, 360)), int(look_rng.integers(110, 200))
    dark, light = blend(colour, BLACK, 0.35), blend(colour, WHITE, 0.25)
    bed = chance(rng, 0.55 if view != 2 else 0.15)
    layer, pen = new_layer(width, height + 90)
    columns, rows = int(look_rng.integers(3, 9)), int(look_rng.integers(1, 4))
    if kind == "bars":
        for x in np.linspace(6, width - 7, columns + 6):
            pen.line((x, 8, x, height + 60), fill=dark, width=5)
        pen.rounded_rectangle((0, 0, width - 1, 12), 6, fill=colour)
        pen.rectangle((0, height * 0.5, width - 1, height * 0.5 + 7), fill=colour)
    else:
        rows = rows if kind == "padded" else columns // 2 + 1
        columns = columns if kind == "padded" else 1
        pen.rounded_rectangle((0, 0, width - 1, height + 60), 8, fill=dark)
        for row in range(rows):
            for column in range(columns):
                box = (
                    width * column / columns + 2,
                    height * row / rows + 2,
                    width * (column + 1) / columns - 2,
                    height * (row + 1) / rows - 2,
                )
                pen.rounded_rectangle(box, 7 if kind == "padded" else 2, fill=vary(rng, colour, 5))
                pen.line((box[0] + 5, box[1] + 4, box[2] - 5, box[1] + 4), fill=light, width=3)
                if kind == "padded" and rows > 1:
                    pen.ellipse((box[2] - 3, box[3] - 3, box[2] + 5, box[3] + 5), fill=dark)
    for foot in (12, width - 26):
        pen.rectangle((foot, height + 58, foot + 14, height + 88), fill=dark)
    if bed:
        _make_bed(pen, width, height, rng)
    return lit(layer, rng, 0.25)


def _make_bed(pen: ImageDraw.ImageDraw, width: int, height: int, rng: Rng) -> None:
    """Put a mattress, pillows and a blanket before a headboard."""
    linen, blanket = vary(rng, (240, 238, 234), 10), blend(vivid(rng), (220, 214, 206), rng.uniform(0.4, 0.9))
    pen.rounded_rectangle((4, height - 4, width - 5, height + 88), 10, fill=linen)
    pen.rounded_rectangle((2, height + 34, width - 3, height + 89), 8, fill=blanket)
    for left in (0.1, 0.54):
        pen.rounded_rectangle(
            (width * left, height - 40, width * (left + 0.36), height + 14),
            18,
            fill=blend(linen, WHITE, 0.3),
            outline=blend(linen, BLACK, 0.15),
            width=2,
        )
