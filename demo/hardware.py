"""Car fuses and furniture hinges: coloured plastic, and metal with screw holes."""

from PIL import Image

from demo.canvas import BLACK, WHITE, Colour, Rng, blend, chance, lit, new_layer, one_of, pick, vary, word, write

BLADE_COLOURS: list[Colour] = [
    (186, 160, 214),
    (226, 120, 160),
    (150, 92, 52),
    (206, 40, 40),
    (44, 92, 190),
    (240, 206, 44),
    (236, 236, 230),
    (54, 146, 76),
    (236, 130, 40),
]
METALS: list[Colour] = [
    (176, 178, 182),
    (200, 202, 206),
    (190, 154, 78),
    (160, 164, 168),
    (150, 118, 72),
    (214, 214, 212),
]


def _blade_fuse(colour: Colour, amperes: str) -> Image.Image:
    layer, pen = new_layer(120, 150)
    for x in (14, 80):
        pen.polygon(
            [(x, 70), (x + 26, 70), (x + 26, 140), (x + 13, 149), (x, 140)],
            fill=(186, 188, 192),
            outline=(120, 122, 126),
        )
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
    kind = pick(look_rng, {"blade": 2, "handful": 6, "glass": 2.5, "card": 0.7})
    colours = [one_of(look_rng, BLADE_COLOURS) for _ in range(10)]
    if kind == "blade" and view % 2 == 0:
        return lit(_blade_fuse(colours[0], str(look_rng.choice([5, 7, 10, 15, 20, 25, 30]))), rng, 0.2)
    if kind == "glass":
        layer, _ = new_layer(320, 400)
        for number in range(int(look_rng.integers(1, 6))):
            fuse = _glass_fuse(look_rng).rotate(
                rng.uniform(-25, 25) if number else 0, Image.Resampling.BILINEAR, expand=True
            )
            layer.alpha_composite(fuse, (40 + int(rng.integers(-20, 20)), 20 + number * 48))
        return lit(layer.crop(layer.getbbox()), rng, 0.2)
    layer, pen = new_layer(320, 380 if kind == "card" else 300)
    if kind == "card":
        pen.rounded_rectangle(
            (10, 4, 310, 376),
            12,
            fill=vary(look_rng, one_of(look_rng, [(30, 60, 140), (200, 30, 36), (240, 200, 30), (40, 42, 46)]), 12),
        )
        write(pen, (160, 45), one_of(look_rng, ["FUSIBLES", "FUSE", "AUTO 12V", word(look_rng)]), 40, WHITE, 260)
        pen.rounded_rectangle((30, 90, 290, 340), 14, fill=(232, 236, 240, 235), outline=(250, 250, 250), width=3)
    count = 6 if kind == "card" else int(look_rng.integers(4, 10))
    for number in range(count):
        fuse = _blade_fuse(colours[number], str(5 * (number % 6 + 1))).resize((78, 98))
        if kind != "card":
            fuse = fuse.rotate(rng.uniform(-70, 70), Image.Resampling.BILINEAR, expand=True)
        layer.alpha_composite(
            fuse,
            (
                36 + number % 3 * 82 + int(rng.integers(-6, 6)),
                (100 if kind == "card" else 5) + number // 3 * (115 if kind == "card" else 85),
            ),
        )
    return lit(layer.crop(layer.getbbox()), rng, 0.2)


def draw_hinge(look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Draw a hinge: two metal leaves with screw holes round a pin, or a long strap; sometimes a pair."""
    metal = vary(look_rng, one_of(look_rng, METALS), 10)
    dark, light = blend(metal, BLACK, 0.45), blend(metal, WHITE, 0.45)
    leaf, tall = int(look_rng.integers(50, 120)), int(look_rng.integers(150, 280))
    strap, holes, round_corners = chance(look_rng, 0.25), int(look_rng.integers(2, 5)), int(look_rng.integers(2, 26))
    left_leaf = int(leaf * (2.4 if strap else 1))
    layer, pen = new_layer(left_leaf + leaf + 24, tall)
    pen.rounded_rectangle(
        (0, tall * 0.3 if strap else 0, left_leaf + 12, tall * 0.7 if strap else tall - 1),
        round_corners,
        fill=metal,
        outline=dark,
        width=2,
    )
    pen.rounded_rectangle(
        (left_leaf + 12, 0, left_leaf + leaf + 23, tall - 1),
        round_corners,
        fill=blend(metal, BLACK, 0.1),
        outline=dark,
        width=2,
    )
    for number in range(holes):
        y, beside = tall * (number + 0.5) / holes, 0.35 if number % 2 else 0.6
        on_strap = (left_leaf * (number + 0.5) / holes, tall / 2)
        spots = [(left_leaf + 24 + leaf * beside, y), on_strap if strap else (left_leaf * beside, y)]
        for x, y in spots:
            pen.ellipse((x - 14, y - 14, x + 14, y + 14), fill=light, outline=dark, width=2)
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), fill=blend(metal, BLACK, 0.8))
    for number in range(5):
        top, shade = tall * number / 5, light if number % 2 else metal
        pen.rectangle((left_leaf, top, left_leaf + 24, top + tall / 5 - 2), fill=shade, outline=dark)
        pen.rectangle((left_leaf + 5, top + 2, left_leaf + 9, top + tall / 5 - 4), fill=blend(shade, WHITE, 0.7))
    if chance(look_rng, 0.3) or view == 2:
        pair, _ = new_layer(layer.width * 2 + 16, tall)
        pair.paste(layer, (0, 0))
        pair.paste(layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (layer.width + 16, 0))
        layer = pair
    angle = one_of(rng, [0.0, 0.0, 0.0, 0.0, 90.0, 30.0])
    return lit(layer.rotate(angle, Image.Resampling.BILINEAR, expand=True), rng, 0.4)
