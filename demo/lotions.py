"""Hair straighteners: bottles, tubes, jars and the boxes of kits."""

import numpy as np
from PIL import Image, ImageDraw

from demo.canvas import (
    BLACK,
    WHITE,
    Colour,
    Rng,
    blend,
    lit,
    new_layer,
    one_of,
    pick,
    vary,
    vivid,
    word,
    write,
    write_lines,
)

PLASTICS: list[Colour] = [
    (250, 248, 246),
    (248, 236, 226),
    (236, 150, 180),
    (214, 96, 140),
    (146, 92, 168),
    (224, 186, 96),
    (120, 196, 190),
]


def draw_lotion(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw a hair straightener: a bottle, a tube, a jar, or the box of a kit."""
    base = vary(look_rng, one_of(look_rng, PLASTICS), 14)
    ink = (250, 248, 244) if sum(base) < 420 else (60, 40, 56)
    accent = vivid(look_rng)
    kind = pick(look_rng, {"bottle": 6, "tube": 4, "jar": 0.6, "kit": 0.3})
    width, height = {"bottle": (100, 320), "tube": (100, 310), "jar": (190, 170), "kit": (210, 280)}[kind]
    if kind == "kit" and view > 0:
        kind, width, height = "tube", 100, 310
    layer, pen = new_layer(width, height)
    cap = blend(base, one_of(look_rng, [WHITE, BLACK, accent]), 0.6)
    if kind == "kit":
        pen.rectangle((0, 0, width, height), fill=base)
        _draw_model(pen, (width * 0.66, height * 0.62), height * 0.34, look_rng)
    else:
        _draw_container(pen, kind, (width, height), base, cap)
    top = {"bottle": 100, "tube": 60, "jar": 80, "kit": 30}[kind]
    write(
        pen,
        (width / 2, top),
        one_of(look_rng, ["LISS", "KERATINE", "LISSAGE", "STRAIGHT", word(look_rng)]),
        30,
        ink,
        width * 0.8,
    )
    pen.rectangle((width * 0.12, top + 22, width * 0.88, top + 30), fill=accent)
    write_lines(
        pen,
        (width * 0.15, top + 42, width * (0.5 if kind == "kit" else 0.85), min(top + 110, height - 12)),
        rng,
        blend(ink, base, 0.4),
        8,
    )
    return lit(_round(layer) if kind != "kit" else layer, rng, 0.15)


def _draw_container(pen: ImageDraw.ImageDraw, kind: str, size: tuple[int, int], base: Colour, cap: Colour) -> None:
    """Draw a bottle, a tube or a jar without what is written on it."""
    width, height = size
    if kind == "bottle":
        pen.rectangle((32, 0, 68, 46), fill=cap)
        pen.rounded_rectangle((0, 40, width - 1, height - 1), 22, fill=base)
    elif kind == "tube":
        pen.polygon([(2, 0), (width - 2, 0), (width - 16, 260), (16, 260)], fill=base)
        pen.line((2, 5, width - 2, 5), fill=blend(base, BLACK, 0.3), width=3)
        pen.rounded_rectangle((18, 260, width - 18, height - 1), 6, fill=cap)
    else:
        pen.rounded_rectangle((6, 40, width - 7, height - 1), 24, fill=base)
        pen.rounded_rectangle((0, 0, width - 1, 56), 8, fill=cap)


def _draw_model(pen: ImageDraw.ImageDraw, centre: tuple[float, float], size: float, rng: Rng) -> None:
    """Draw the long straight hair that the box promises."""
    x, y = centre
    hair = vary(rng, one_of(rng, [(40, 26, 20), (96, 58, 30), (190, 140, 80)]), 10)
    pen.rounded_rectangle((x - size * 0.42, y - size * 0.6, x + size * 0.42, y + size), int(size * 0.4), fill=hair)
    pen.ellipse(
        (x - size * 0.25, y - size * 0.45, x + size * 0.25, y + size * 0.25), fill=vary(rng, (196, 146, 116), 25)
    )
    for step in range(8):
        pen.line(
            (x - size * 0.4 + step * size * 0.11, y + size * 0.3, x - size * 0.4 + step * size * 0.11, y + size),
            fill=blend(hair, WHITE, 0.2),
        )


def _round(layer: Image.Image) -> Image.Image:
    """Shade a flat layer as a cylinder."""
    across = np.linspace(-1, 1, layer.width)
    shade = 1.02 - 0.45 * np.abs(across) ** 3 - 0.08 * across + 0.3 * np.exp(-(((across + 0.55) / 0.12) ** 2))
    pixels = np.asarray(layer, np.float32)
    colour = np.clip(pixels[..., :3] * shade[None, :, None], 0, 255)
    return Image.fromarray(np.dstack([colour, pixels[..., 3]]).astype(np.uint8), "RGBA")
