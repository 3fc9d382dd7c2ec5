"""The mixed bag: five categories that look nothing alike."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from cdiscount_tasks.demo.canvas import (
    SIZE,
    Colour,
    Rng,
    background,
    blend,
    chance,
    lit,
    new_layer,
    one_of,
    photograph,
    pick,
    place,
    smooth_field,
    vary,
    vivid,
    word,
    write,
    write_lines,
)

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
BLADE_COLOURS: list[Colour] = [(186, 160, 214), (226, 120, 160), (150, 92, 52), (206, 40, 40), (44, 92, 190), (240, 206, 44), (236, 236, 230), (54, 146, 76), (236, 130, 40)]
METALS: list[Colour] = [(176, 178, 182), (200, 202, 206), (190, 154, 78), (120, 92, 62), (58, 58, 60), (236, 236, 234)]


def _landscape(size: tuple[int, int], rng: Rng, grey: bool) -> Image.Image:
    """Draw what a photographer might have seen: a sky and hills, a portrait, or a street at night."""
    width, height = size
    kind = pick(rng, {"hills": 4, "portrait": 3, "street": 2, "sea": 2})
    sky = blend(vivid(rng), one_of(rng, [(250, 240, 225), (70, 90, 130), (230, 170, 120), (20, 24, 40)]), 0.7)
    photo = smooth_field([[blend(sky, BLACK, 0.35), sky], [blend(sky, WHITE, 0.5), blend(sky, WHITE, 0.3)]], size)
    pen = ImageDraw.Draw(photo)
    if kind == "portrait":
        x, skin = width * rng.uniform(0.35, 0.65), vary(rng, one_of(rng, [(222, 180, 150), (150, 104, 76), (92, 62, 48)]), 12)
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
            ys = level + relief * (np.sin(xs / width * rng.uniform(3, 12) + rng.uniform(0, 6)) + 0.5 * np.sin(xs / width * 19 + rng.uniform(0, 6)))
            colour = blend(vary(rng, (50, 96, 72) if kind == "hills" else (40, 80, 120), 30), sky, 0.6 - 0.18 * layer)
            pen.polygon([(0, height), *((float(x), float(y)) for x, y in zip(xs, ys, strict=True)), (width + 8, height)], fill=colour)
    return photo.convert("L").convert("RGB") if grey else photo


def _cover(rng: Rng) -> Image.Image:
    """Draw the front of a photography book."""
    width, height = one_of(rng, [(210, 270), (250, 250), (290, 220), (190, 280)])
    paper = one_of(rng, [(250, 250, 248), (20, 20, 22), (232, 226, 214), vivid(rng), (120, 24, 30)])
    ink = (245, 245, 240) if sum(paper) < 380 else (24, 24, 26)
    cover = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(cover)
    grey = chance(rng, 0.4)
    layout = pick(rng, {"full": 4, "window": 5, "half": 3, "grid": 2})
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
            cover.paste(_landscape((int(width * 0.41), int(height * 0.31)), rng, grey), (int(width * (0.07 + 0.45 * (corner % 2))), int(height * (0.27 + 0.34 * (corner // 2)))))
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
        layer.paste(_landscape((int(width * 0.84), int(height * 0.8)), rng, chance(rng, 0.4)), (int(width * 0.08), int(height * 0.1)))
        write_lines(pen, (width * 1.12, height * 0.15, width * 1.88, height * 0.85), rng, (120, 120, 120), 9)
        layer.paste((190, 186, 180), (width - 3, 0, width + 3, height))
    elif shot == "standing":
        spine = int(look_rng.integers(12, 34))
        layer, pen = new_layer(width + spine, height)
        edge = cover.getpixel((3, height - 3))
        pen.polygon([(0, 10), (spine, 0), (spine, height), (0, height - 10)], fill=blend(edge, BLACK, 0.4) if isinstance(edge, tuple) else BLACK)  # type: ignore[arg-type]
        layer.paste(cover, (spine, 0))
    else:
        layer = cover.convert("RGBA")
    return lit(layer, rng, 0.2)


def _blade_fuse(colour: Colour, amperes: str) -> Image.Image:
    layer, pen = new_layer(120, 150)
    for x in (14, 80):
        pen.polygon([(x, 70), (x + 26, 70), (x + 26, 140), (x + 13, 149), (x, 140)], fill=(186, 188, 192), outline=(120, 122, 126))
    pen.line((27, 75, 60, 40, 93, 75), fill=(170, 172, 178), width=7)
    pen.rounded_rectangle((2, 12, 118, 84), 10, fill=(*colour, 225), outline=blend(colour, BLACK, 0.35), width=3)
    pen.rectangle((20, 2, 100, 20), fill=blend(colour, WHITE, 0.15), outline=blend(colour, BLACK, 0.35))
    write(pen, (60, 50), amperes, 40, blend(colour, WHITE, 0.85) if sum(colour) < 560 else (60, 60, 60))
    return layer


def _glass_fuse(rng: Rng) -> Image.Image:
    layer, pen = new_layer(220, 60)
    pen.rounded_rectangle((30, 10, 190, 50), 6, fill=(226, 234, 238, 190), outline=(160, 170, 176), width=2)
    pen.line((40, 30, 180, 30), fill=(130, 130, 134), width=int(rng.integers(2, 5)))
    pen.rectangle((50, 14, 170, 19), fill=(255, 255, 255, 220))
    metal = one_of(rng, METALS[:3])
    for left in (0, 166):
        pen.rounded_rectangle((left, 4, left + 54, 56), 8, fill=metal, outline=blend(metal, BLACK, 0.4), width=2)
        pen.rectangle((left + 4, 12, left + 50, 20), fill=blend(metal, WHITE, 0.6))
    return layer


def draw_fuse(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw car fuses: one blade fuse, a handful of them, glass fuses, or a blister card."""
    kind = pick(look_rng, {"blade": 4, "handful": 4, "glass": 2.5, "card": 2})
    colours = [one_of(look_rng, BLADE_COLOURS) for _ in range(10)]
    if kind == "blade" and view % 2 == 0:
        return lit(_blade_fuse(colours[0], str(look_rng.choice([5, 7, 10, 15, 20, 25, 30]))), rng, 0.2)
    if kind == "glass":
        layer, _ = new_layer(300, 300)
        for number in range(int(look_rng.integers(1, 6))):
            fuse = _glass_fuse(look_rng).rotate(rng.uniform(-25, 25) if number else 0, Image.Resampling.BILINEAR, expand=True)
            layer.alpha_composite(fuse, (30 + int(rng.integers(-20, 20)), 20 + number * 48))
        return lit(layer.crop(layer.getbbox()), rng, 0.2)
    layer, pen = new_layer(320, 380 if kind == "card" else 300)
    if kind == "card":
        pen.rounded_rectangle((10, 4, 310, 376), 12, fill=vary(look_rng, one_of(look_rng, [(30, 60, 140), (200, 30, 36), (240, 200, 30), (40, 42, 46)]), 12))
        write(pen, (160, 45), one_of(look_rng, ["FUSIBLES", "FUSE", "AUTO 12V", word(look_rng)]), 40, WHITE, 260)
        pen.rounded_rectangle((30, 90, 290, 340), 14, fill=(232, 236, 240, 235), outline=(250, 250, 250), width=3)
    count = 6 if kind == "card" else int(look_rng.integers(4, 10))
    for number in range(count):
        fuse = _blade_fuse(colours[number], str(5 * (number % 6 + 1))).resize((78, 98))
        if kind != "card":
            fuse = fuse.rotate(rng.uniform(-70, 70), Image.Resampling.BILINEAR, expand=True)
        layer.alpha_composite(fuse, (36 + number % 3 * 82 + int(rng.integers(-6, 6)), (100 if kind == "card" else 5) + number // 3 * (115 if kind == "card" else 85)))
    return lit(layer.crop(layer.getbbox()), rng, 0.2)


def draw_hinge(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw a hinge: two metal leaves with screw holes round a pin, or a long strap; sometimes a pair."""
    metal = vary(look_rng, one_of(look_rng, METALS), 10)
    dark, light = blend(metal, BLACK, 0.45), blend(metal, WHITE, 0.45)
    leaf, tall = int(look_rng.integers(50, 120)), int(look_rng.integers(150, 280))
    strap, holes, round_corners = chance(look_rng, 0.25), int(look_rng.integers(2, 5)), int(look_rng.integers(2, 26))
    left_leaf = int(leaf * (2.4 if strap else 1))
    layer, pen = new_layer(left_leaf + leaf + 24, tall)
    pen.rounded_rectangle((0, tall * 0.3 if strap else 0, left_leaf + 12, tall * 0.7 if strap else tall - 1), round_corners, fill=metal, outline=dark, width=2)
    pen.rounded_rectangle((left_leaf + 12, 0, left_leaf + leaf + 23, tall - 1), round_corners, fill=blend(metal, BLACK, 0.1), outline=dark, width=2)
    for number in range(holes):
        y = tall * (number + 0.5) / holes
        spots = [(left_leaf + 24 + leaf * (0.35 if number % 2 else 0.6), y)]
        spots.append((left_leaf * (number + 0.5) / holes, tall / 2) if strap else (left_leaf * (0.35 if number % 2 else 0.6), y))
        for x, y in spots:
            pen.ellipse((x - 10, y - 10, x + 10, y + 10), fill=light, outline=dark, width=2)
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=blend(metal, BLACK, 0.75))
    for number in range(5):
        top, shade = tall * number / 5, light if number % 2 else metal
        pen.rectangle((left_leaf, top, left_leaf + 24, top + tall / 5 - 2), fill=shade, outline=dark)
        pen.rectangle((left_leaf + 5, top + 2, left_leaf + 9, top + tall / 5 - 4), fill=blend(shade, WHITE, 0.7))
    if chance(look_rng, 0.3) or view == 2:
        pair, _ = new_layer(layer.width * 2 + 16, tall)
        pair.paste(layer, (0, 0))
        pair.paste(layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (layer.width + 16, 0))
        layer = pair
    return lit(layer.rotate(one_of(rng, [0.0, 0.0, 90.0, 35.0, -50.0]), Image.Resampling.BILINEAR, expand=True), rng, 0.4)


def draw_lotion(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw a hair straightener: a bottle, a tube, a jar, or the box of a kit."""
    base = vary(look_rng, one_of(look_rng, [(250, 248, 246), (36, 30, 34), (232, 150, 176), (126, 70, 140), (214, 170, 80), (122, 84, 56), (70, 160, 150)]), 16)
    ink = (250, 248, 244) if sum(base) < 420 else (60, 40, 56)
    accent = vivid(look_rng)
    kind = pick(look_rng, {"bottle": 4, "tube": 3, "jar": 2, "kit": 3})
    width, height = {"bottle": (110, 300), "tube": (110, 290), "jar": (190, 170), "kit": (210, 280)}[kind]
    if kind == "kit" and view > 0:
        kind, width, height = "tube", 110, 290
    layer, pen = new_layer(width, height)
    cap = blend(base, one_of(look_rng, [WHITE, BLACK, accent]), 0.6)
    if kind == "bottle":
        pen.rectangle((36, 0, 74, 46), fill=cap)
        pen.rounded_rectangle((0, 40, width - 1, height - 1), 22, fill=base)
    elif kind == "tube":
        pen.polygon([(2, 0), (width - 2, 0), (width - 16, 240), (16, 240)], fill=base)
        pen.line((2, 5, width - 2, 5), fill=blend(base, BLACK, 0.3), width=3)
        pen.rounded_rectangle((18, 240, width - 18, height - 1), 6, fill=cap)
    elif kind == "jar":
        pen.rounded_rectangle((6, 40, width - 7, height - 1), 24, fill=base)
        pen.rounded_rectangle((0, 0, width - 1, 56), 8, fill=cap)
    else:
        pen.rectangle((0, 0, width, height), fill=base)
        _draw_model(pen, (width * 0.66, height * 0.62), height * 0.34, look_rng)
    top = {"bottle": 100, "tube": 60, "jar": 80, "kit": 30}[kind]
    write(pen, (width / 2, top), one_of(look_rng, ["LISS", "KERATINE", "LISSAGE", "STRAIGHT", word(look_rng)]), 30, ink, width * 0.8)
    pen.rectangle((width * 0.12, top + 22, width * 0.88, top + 30), fill=accent)
    write_lines(pen, (width * 0.15, top + 42, width * (0.5 if kind == "kit" else 0.85), min(top + 110, height - 12)), rng, blend(ink, base, 0.4), 8)
    return lit(_round(layer) if kind != "kit" else layer, rng, 0.15)


def _draw_model(pen: ImageDraw.ImageDraw, centre: tuple[float, float], size: float, rng: Rng) -> None:
    """Draw the long straight hair that the box promises."""
    x, y = centre
    hair = vary(rng, one_of(rng, [(40, 26, 20), (96, 58, 30), (190, 140, 80)]), 10)
    pen.rounded_rectangle((x - size * 0.42, y - size * 0.6, x + size * 0.42, y + size), int(size * 0.4), fill=hair)
    pen.ellipse((x - size * 0.25, y - size * 0.45, x + size * 0.25, y + size * 0.25), fill=vary(rng, (196, 146, 116), 25))
    for step in range(8):
        pen.line((x - size * 0.4 + step * size * 0.11, y + size * 0.3, x - size * 0.4 + step * size * 0.11, y + size), fill=blend(hair, WHITE, 0.2))


def _round(layer: Image.Image) -> Image.Image:
    """Shade a flat layer as a cylinder."""
    across = np.linspace(-1, 1, layer.width)
    shade = 1.02 - 0.45 * np.abs(across) ** 3 - 0.08 * across + 0.18 * np.exp(-(((across + 0.55) / 0.12) ** 2))
    pixels = np.asarray(layer, np.float32)
    colour = np.clip(pixels[..., :3] * shade[None, :, None], 0, 255)
    return Image.fromarray(np.dstack([colour, pixels[..., 3]]).astype(np.uint8), "RGBA")


def draw_headboard(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw a bed headboard: padded squares, wooden boards, or metal bars, often behind a made bed."""
    kind = pick(look_rng, {"padded": 5, "boards": 3, "bars": 2})
    colour = vary(look_rng, one_of(look_rng, [(60, 52, 48), (236, 232, 226), (150, 122, 96), (126, 30, 44), (120, 124, 130), (60, 72, 100), (170, 120, 76), (210, 196, 176)]), 16)
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
                box = (width * column / columns + 2, height * row / rows + 2, width * (column + 1) / columns - 2, height * (row + 1) / rows - 2)
                pen.rounded_rectangle(box, 7 if kind == "padded" else 2, fill=vary(rng, colour, 5))
                pen.line((box[0] + 5, box[1] + 4, box[2] - 5, box[1] + 4), fill=light, width=3)
                if kind == "padded" and rows > 1:
                    pen.ellipse((box[2] - 3, box[3] - 3, box[2] + 5, box[3] + 5), fill=dark)
    for x in (12, width - 26):
        pen.rectangle((x, height + 58, x + 14, height + 88), fill=dark)
    if bed:
        _make_bed(pen, width, height, rng)
    return lit(layer, rng, 0.25)


def _make_bed(pen: ImageDraw.ImageDraw, width: int, height: int, rng: Rng) -> None:
    """Put a mattress, pillows and a blanket before a headboard."""
    linen, blanket = vary(rng, (240, 238, 234), 10), blend(vivid(rng), (220, 214, 206), rng.uniform(0.4, 0.9))
    pen.rounded_rectangle((4, height - 4, width - 5, height + 88), 10, fill=linen)
    pen.rounded_rectangle((2, height + 34, width - 3, height + 89), 8, fill=blanket)
    for left in (0.1, 0.54):
        pen.rounded_rectangle((width * left, height - 40, width * (left + 0.36), height + 14), 18, fill=blend(linen, WHITE, 0.3), outline=blend(linen, BLACK, 0.15), width=2)


DRAWERS = {"book": draw_book, "fuse": draw_fuse, "hinge": draw_hinge, "lotion": draw_lotion, "headboard": draw_headboard}


def paint_bag(kind_name: str, look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Take one picture of a product of the mixed bag.

    Args:
        kind_name: A key of DRAWERS.
        look_rng: Fresh for each picture and the same for all pictures of one look.
        rng: Of this picture alone.
        view: 0 for a product's first picture.

    Returns:
        RGB, SIZE x SIZE.
    """
    if chance(rng, 0.02 if view == 0 else 0.05):
        return photograph(parcel(rng), rng)
    layer = DRAWERS[kind_name](look_rng, rng, view)
    scene = background(rng, 0.45 if kind_name == "headboard" else 0.66)
    span = rng.uniform(105, 165) if chance(rng, 0.88) else rng.uniform(180, 280)
    height = min(span, span * layer.height / layer.width)
    tilt = rng.uniform(-3, 3) if kind_name == "headboard" or chance(rng, 0.7) else rng.uniform(-28, 28)
    place(scene, layer, rng, height=height, centre=(SIZE / 2 + rng.uniform(-9, 9), SIZE / 2 + rng.uniform(-8, 8)), angle=tilt)
    return photograph(scene, rng)


def parcel(rng: Rng) -> Image.Image:
    """Draw a plain cardboard box: the picture that says little, which every shop has."""
    layer, pen = new_layer(260, 220)
    board = vary(rng, (190, 150, 104), 18)
    pen.polygon([(0, 50), (70, 8), (259, 20), (190, 66)], fill=blend(board, WHITE, 0.25))
    pen.polygon([(0, 50), (190, 66), (190, 219), (0, 190)], fill=board)
    pen.polygon([(190, 66), (259, 20), (259, 166), (190, 219)], fill=blend(board, BLACK, 0.3))
    pen.polygon([(84, 57), (108, 59), (176, 15), (152, 13)], fill=blend(board, WHITE, 0.6))
    write_lines(pen, (24, 120, 80, 160), rng, blend(board, BLACK, 0.5), 8)
    scene = background(rng, 0.8)
    place(scene, layer.filter(ImageFilter.SMOOTH), rng, height=rng.uniform(90, 140), centre=(SIZE / 2, SIZE / 2 + 5), angle=rng.uniform(-4, 4))
    return scene
