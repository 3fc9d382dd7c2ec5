"""Photography books: a cover with something like a photograph on it."""

import numpy as np
from PIL import Image, ImageDraw

from demo.canvas import (
    BLACK,
    WHITE,
    Colour,
    Rng,
    blend,
    chance,
    lit,
    new_layer,
    one_of,
    pick,
    smooth_field,
    vary,
    vivid,
    word,
    write,
    write_lines,
)


def _landscape(size: tuple[int, int], rng: Rng, grey: bool) -> Image.Image:
    """Draw what a photographer might have seen: a sky and hills, a portrait, or a street at night."""
    width, height = size
    kind = pick(rng, {"hills": 4, "portrait": 3, "street": 3, "sea": 1})
    sky = blend(vivid(rng), one_of(rng, [(250, 240, 225), (70, 90, 130), (230, 170, 120), (20, 24, 40)]), 0.7)
    photo = smooth_field([[blend(sky, BLACK, 0.35), sky], [blend(sky, WHITE, 0.5), blend(sky, WHITE, 0.3)]], size)
    pen = ImageDraw.Draw(photo)
    if kind == "portrait":
        x, skin = (
            width * rng.uniform(0.35, 0.65),
            vary(rng, one_of(rng, [(222, 180, 150), (150, 104, 76), (92, 62, 48)]), 12),
        )
        pen.ellipse((x - width * 0.42, height * 0.66, x + width * 0.42, height * 1.5), fill=vary(rng, vivid(rng), 10))
        pen.ellipse((x - width * 0.23, height * 0.12, x + width * 0.23, height * 0.62), fill=blend(skin, BLACK, 0.75))
        pen.ellipse((x - width * 0.18, height * 0.2, x + width * 0.18, height * 0.72), fill=skin)
    elif kind == "street":
        for x in range(0, width, max(width // 7, 6)):
            top = height * rng.uniform(0.1, 0.6)
            pen.rectangle((x, top, x + width // 7, height), fill=blend(sky, BLACK, rng.uniform(0.4, 0.85)))
            for y in range(int(top) + 5, height, 10):
                pen.rectangle((x + 4, y, x + 8, y + 4), fill=(250, 220, 140) if chance(rng, 0.5) else (40, 40, 50))
    else:
        sun = width * rng.uniform(0.15, 0.85)
        pen.ellipse((sun - 12, height * 0.2, sun + 12, height * 0.2 + 24), fill=(255, 244, 210))
        xs = np.arange(0, width + 8, 8)
        for layer in range(1 if kind == "sea" else 4):
            level = height * (0.6 if kind == "sea" else 0.45 + 0.15 * layer)
            relief = 0 if kind == "sea" else height * 0.09
            ys = level + relief * (
                np.sin(xs / width * rng.uniform(3, 12) + rng.uniform(0, 6))
                + 0.5 * np.sin(xs / width * 19 + rng.uniform(0, 6))
            )
            colour = blend(vary(rng, (50, 96, 72) if kind == "hills" else (40, 80, 120), 30), sky, 0.6 - 0.18 * layer)
            pen.polygon(
                [(0, height), *((float(x), float(y)) for x, y in zip(xs, ys, strict=True)), (width + 8, height)],
                fill=colour,
            )
    return photo.convert("L").convert("RGB") if grey else photo


def _cover(rng: Rng) -> Image.Image:
    """Draw the front of a photography book."""
    width, height = one_of(rng, [(210, 270), (250, 250), (290, 220), (190, 280)])
    paper = one_of(
        rng,
        [(250, 250, 248), (20, 20, 22), (20, 20, 22), (232, 226, 214), blend(vivid(rng), BLACK, 0.3), (120, 24, 30)],
    )
    ink = (245, 245, 240) if sum(paper) < 380 else (24, 24, 26)
    cover = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(cover)
    grey = chance(rng, 0.4)
    layout = pick(rng, {"full": 6, "window": 4, "half": 4, "grid": 2})
    if layout == "full":
        cover.paste(_landscape((width, height), rng, grey), (0, 0))
        ink = (250, 250, 245)
    elif layout == "window":
        side = rng.uniform(0.08, 0.16)
        size = (int(width * (1 - 2 * side)), int(height * rng.uniform(0.45, 0.65)))
        cover.paste(_landscape(size, rng, grey), (int(width * side), int(height * 0.27)))
    elif layout == "half":
        cover.paste(_landscape((width, int(height * 0.62)), rng, grey), (0, int(height * 0.38)))
    else:
        for corner in range(4):
            cover.paste(
                _landscape((int(width * 0.41), int(height * 0.31)), rng, grey),
                (int(width * (0.07 + 0.45 * (corner % 2))), int(height * (0.27 + 0.34 * (corner // 2)))),
            )
    title = one_of(rng, ["PHOTOGRAPHIE", "PORTRAITS", "PHOTO", "LUMIERE", "VOYAGES", "PAYSAGES", word(rng), word(rng)])
    write(pen, (width / 2, height * 0.11), title, rng.uniform(26, 40), ink, width * 0.86)
    write(pen, (width / 2, height * 0.2), f"{word(rng, 2)} {word(rng)}", 14, ink, width * 0.7)
    return cover


def draw_book(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw a photography book: closed and flat, standing with its spine, or open."""
    cover = _cover(look_rng)
    width, height = cover.size
    shot = pick(rng, {"flat": 6, "standing": 4, "open": 0.4} if view == 0 else {"flat": 2, "standing": 2, "open": 6})
    if shot == "open":
        layer, pen = new_layer(2 * width, height)
        pen.rectangle((0, 0, 2 * width, height), fill=(248, 246, 240))
        layer.paste(
            _landscape((int(width * 0.84), int(height * 0.8)), rng, chance(rng, 0.4)),
            (int(width * 0.08), int(height * 0.1)),
        )
        write_lines(pen, (width * 1.12, height * 0.15, width * 1.88, height * 0.85), rng, (120, 120, 120), 9)
        layer.paste((190, 186, 180), (width - 3, 0, width + 3, height))
    elif shot == "standing":
        spine = int(look_rng.integers(12, 34))
        layer, pen = new_layer(width + spine, height)
        pixel = np.asarray(cover)[height - 4, 3]
        cover_paper: Colour = (int(pixel[0]), int(pixel[1]), int(pixel[2]))
        pen.polygon([(0, 10), (spine, 0), (spine, height), (0, height - 10)], fill=blend(cover_paper, BLACK, 0.4))
        layer.paste(cover, (spine, 0))
    else:
        layer = cover.convert("RGBA")
    return lit(layer, rng, 0.2)
