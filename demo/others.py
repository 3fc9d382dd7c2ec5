"""The rest of the shop: some twenty categories that no sample asks for, each a simple drawing of its own."""

import math
from collections.abc import Callable

from PIL import Image, ImageDraw

from demo.canvas import (
    BLACK,
    SIZE,
    WHITE,
    Colour,
    Rng,
    background,
    blend,
    chance,
    lit,
    new_layer,
    one_of,
    photograph,
    place,
    vary,
    vivid,
    word,
    write,
)

SIDE = 280
STEEL: Colour = (176, 180, 186)
Pen = ImageDraw.ImageDraw


def _mug(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.arc((170, 80, 270, 200), 0, 360, fill=blend(colour, BLACK, 0.15), width=20)
    pen.rectangle((40, 40, 210, 250), fill=colour)
    pen.ellipse((40, 20, 210, 64), fill=blend(colour, BLACK, 0.4))
    write(pen, (125, 150), word(rng, 2), 46, vivid(rng), 150)


def _pan(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rounded_rectangle((160, 118, int(rng.integers(250, 279)), 142), 10, fill=(40, 40, 42))
    pen.ellipse((2, 40, 182, 220), fill=colour)
    pen.ellipse((16, 54, 168, 206), fill=one_of(rng, [(44, 44, 48), (70, 70, 74), (190, 186, 178)]))


def _umbrella(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.line((140, 20, 140, 250), fill=(60, 60, 64), width=7)
    pen.arc((140, 220, 180, 270), 0, 180, fill=(90, 60, 40), width=9)
    pen.pieslice((5, 30, 275, 270), 180, 360, fill=colour)
    for number in range(int(rng.integers(3, 6))):
        pen.pieslice(
            (5 + 26 * number, 30, 275 - 26 * number, 270), 180, 360, outline=blend(colour, BLACK, 0.35), width=2
        )


def _suitcase(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rectangle((100, 2, 180, 60), outline=STEEL, width=7)
    pen.rounded_rectangle((50, 45, 230, 262), 18, fill=colour)
    for x in range(72, 220, int(rng.integers(16, 40))):
        pen.line((x, 60, x, 246), fill=blend(colour, BLACK, 0.3), width=4)
    for x in (66, 194):
        pen.ellipse((x, 254, x + 22, 278), fill=(40, 40, 40))


def _ring(pen: Pen, colour: Colour, rng: Rng) -> None:
    metal = one_of(rng, [(212, 170, 80), (204, 206, 210), (222, 164, 138)])
    pen.ellipse((60, 80, 230, 260), outline=blend(metal, BLACK, 0.3), width=int(rng.integers(16, 30)))
    pen.ellipse((63, 83, 227, 257), outline=metal, width=12)
    pen.polygon(
        [(110, 50), (125, 25), (165, 25), (180, 50), (145, 95)],
        fill=blend(colour, WHITE, 0.4),
        outline=blend(colour, BLACK, 0.2),
    )


def _sunglasses(pen: Pen, colour: Colour, rng: Rng) -> None:
    lens, corner = blend(colour, BLACK, 0.7), int(rng.integers(14, 44))
    for left in (8, 152):
        pen.rounded_rectangle((left, 95, left + 120, 185), corner, fill=lens, outline=colour, width=9)
        pen.line((left + 22, 120, left + 60, 108), fill=blend(lens, WHITE, 0.5), width=5)
    pen.arc((112, 100, 168, 150), 190, 350, fill=colour, width=9)


def _watch(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rectangle((105, 0, 175, 279), fill=colour)
    pen.ellipse((60, 60, 220, 220), fill=one_of(rng, [(204, 170, 90), STEEL, (50, 50, 54)]))
    pen.ellipse((76, 76, 204, 204), fill=one_of(rng, [(248, 248, 246), (28, 30, 40)]))
    for angle, length in ((rng.uniform(0, 6.28), 36), (rng.uniform(0, 6.28), 54)):
        pen.line(
            (140, 140, 140 + length * math.cos(angle), 140 + length * math.sin(angle)), fill=(160, 90, 60), width=5
        )


def _sneaker(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.polygon([(10, 110), (60, 90), (100, 130), (190, 170), (265, 190), (270, 220), (8, 220)], fill=colour)
    pen.rounded_rectangle((4, 212, 276, 240), 12, fill=blend(vivid(rng), WHITE, 0.75))
    for number in range(4):
        pen.line((92 + number * 22, 138 + number * 11, 112 + number * 22, 122 + number * 11), fill=WHITE, width=5)
    pen.line((60, 205, 130, 150, 90, 205), fill=blend(colour, WHITE, 0.7), width=9)


def _cushion(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rounded_rectangle((20, 20, 260, 260), 40, fill=colour)
    other, step = vivid(rng), int(rng.integers(24, 50))
    for x in range(50, 240, step):
        if chance(rng, 0.8):
            pen.rectangle((x, 34, x + step // 3, 246), fill=blend(colour, other, 0.5))
    pen.rounded_rectangle((20, 20, 260, 260), 40, outline=blend(colour, BLACK, 0.25), width=4)


def _candle(pen: Pen, colour: Colour, rng: Rng) -> None:
    top = int(rng.integers(90, 150))
    pen.rectangle((85, top, 195, 262), fill=blend(colour, WHITE, 0.35))
    pen.ellipse((85, top - 18, 195, top + 18), fill=blend(colour, WHITE, 0.6))
    pen.line((140, top, 140, top - 26), fill=BLACK, width=4)
    pen.polygon([(140, top - 72), (156, top - 34), (140, top - 18), (124, top - 34)], fill=(250, 184, 60))


def _balloons(pen: Pen, colour: Colour, rng: Rng) -> None:
    for x, y, tint in ((90, 100, colour), (180, 90, vivid(rng)), (135, 140, vivid(rng))):
        pen.line((x, y + 60, 140, 275), fill=(120, 120, 120), width=2)
        pen.ellipse((x - 52, y - 66, x + 52, y + 62), fill=tint)
        pen.ellipse((x - 30, y - 44, x - 12, y - 16), fill=blend(tint, WHITE, 0.6))


def _tyre(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.ellipse((10, 10, 270, 270), fill=(34, 34, 36))
    for step in range(36):
        x, y = math.cos(step * math.pi / 18), math.sin(step * math.pi / 18)
        pen.line((140 + 108 * x, 140 + 108 * y, 140 + 128 * x, 140 + 128 * y), fill=(66, 66, 70), width=5)
    pen.ellipse((62, 62, 218, 218), fill=one_of(rng, [(200, 202, 206), (240, 240, 240), (90, 92, 96)]))
    pen.ellipse((124, 124, 156, 156), fill=colour)
    for step in range(spokes := int(rng.integers(5, 10))):
        angle = step * 2 * math.pi / spokes
        pen.line((140, 140, 140 + 72 * math.cos(angle), 140 + 72 * math.sin(angle)), fill=(70, 72, 76), width=13)


def _torch(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rectangle((10, 116, 190, 164), fill=colour)
    pen.polygon([(190, 116), (240, 88), (240, 192), (190, 164)], fill=blend(colour, BLACK, 0.3))
    pen.rectangle((240, 86, 256, 194), fill=(250, 240, 170))
    for x in range(24, 120, int(rng.integers(9, 16))):
        pen.line((x, 118, x, 162), fill=blend(colour, BLACK, 0.4), width=4)


def _key(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rectangle((128, 150, 152, 276), fill=STEEL)
    pen.rounded_rectangle((84, 12, 196, 172), 28, fill=blend(colour, BLACK, 0.75))
    for number in range(int(rng.integers(2, 4))):
        pen.rounded_rectangle((110, 40 + number * 38, 170, 68 + number * 38), 9, fill=blend(colour, WHITE, 0.2))


def _bulb(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.ellipse((70, 15, 210, 160), fill=blend((255, 246, 200), colour, 0.15), outline=(200, 190, 150), width=3)
    pen.polygon([(98, 140), (182, 140), (168, 195), (112, 195)], fill=(244, 238, 210))
    pen.rectangle((110, 195, 170, 262), fill=STEEL)
    for y in range(202, 260, int(rng.integers(11, 16))):
        pen.line((106, y, 174, y + 5), fill=(110, 112, 118), width=5)


def _wine_pump(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rounded_rectangle((70, 10, 170, 44), 12, fill=blend(colour, BLACK, 0.4))
    pen.rectangle((112, 40, 128, 120), fill=STEEL)
    pen.rounded_rectangle((88, 110, 152, 262), 14, fill=colour)
    for number in range(int(rng.integers(1, 4))):
        pen.polygon(
            [(186, 250 - number * 62), (236, 250 - number * 62), (226, 210 - number * 62), (196, 210 - number * 62)],
            fill=(60, 60, 64),
        )


def _cable(pen: Pen, colour: Colour, rng: Rng) -> None:
    for turn in range(int(rng.integers(3, 6))):
        inset = turn * 9
        pen.ellipse(
            (30 + inset, 40 + inset, 240 - inset, 220 - inset), outline=blend(colour, BLACK, 0.1 * turn), width=7
        )
    for x in (60, 190):
        pen.line((x, 190, x - 10, 236), fill=colour, width=8)
        pen.rectangle((x - 26, 232, x + 8, 274), fill=STEEL)


def _shirt(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.polygon(
        [(90, 20), (190, 20), (275, 80), (240, 120), (205, 98), (205, 265), (75, 265), (75, 98), (40, 120), (5, 80)],
        fill=colour,
    )
    pen.pieslice((105, -10, 175, 52), 0, 180, fill=blend(colour, BLACK, 0.35))
    write(pen, (140, 140), word(rng), 34, vivid(rng), 110)


def _teddy(pen: Pen, colour: Colour, rng: Rng) -> None:
    fur = blend(colour, one_of(rng, [(150, 104, 66), (220, 200, 170)]), 0.7)
    for x, y, half in (
        (85, 50, 30),
        (195, 50, 30),
        (140, 190, 78),
        (60, 180, 32),
        (220, 180, 32),
        (95, 252, 27),
        (185, 252, 27),
        (140, 90, 70),
    ):
        pen.ellipse((x - half, y - half, x + half, y + half), fill=vary(rng, fur, 8))
    pen.ellipse((110, 95, 170, 145), fill=blend(fur, WHITE, 0.5))
    for x in (115, 165):
        pen.ellipse((x - 8, 68, x + 8, 84), fill=(20, 16, 16))
    pen.ellipse((130, 100, 150, 114), fill=(20, 16, 16))


def _clock(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.ellipse((8, 8, 272, 272), fill=colour)
    pen.ellipse((28, 28, 252, 252), fill=(250, 248, 242))
    for hour in range(12):
        angle = hour * math.pi / 6
        write(pen, (140 + 92 * math.sin(angle), 140 - 92 * math.cos(angle)), str(hour or 12), 26, (30, 30, 30))
    for length, width in ((54, 9), (84, 5)):
        angle = rng.uniform(0, 6.28)
        pen.line(
            (140, 140, 140 + length * math.cos(angle), 140 + length * math.sin(angle)), fill=(30, 30, 32), width=width
        )


def _bicycle(pen: Pen, colour: Colour, rng: Rng) -> None:
    radius = int(rng.integers(46, 60))
    for x in (66, 214):
        pen.ellipse((x - radius, 190 - radius, x + radius, 190 + radius), outline=(40, 40, 42), width=9)
        pen.ellipse((x - 8, 182, x + 8, 198), fill=STEEL)
    pen.line((66, 190, 110, 100, 195, 100, 214, 190), fill=colour, width=10)
    pen.line((110, 100, 140, 190, 195, 100), fill=colour, width=9)
    pen.line((66, 190, 140, 190), fill=colour, width=9)
    pen.line((186, 70, 226, 66), fill=(40, 40, 42), width=8)
    pen.line((86, 86, 128, 86), fill=(40, 40, 42), width=12)


def _blaster(pen: Pen, colour: Colour, rng: Rng) -> None:
    pen.rounded_rectangle((20, 90, 240, 150), 14, fill=colour)
    pen.rectangle((238, 106, 276, 134), fill=(240, 130, 30))
    pen.polygon([(60, 145), (110, 145), (92, 240), (44, 240)], fill=blend(colour, BLACK, 0.35))
    for x in range(120, 230, int(rng.integers(20, 34))):
        pen.ellipse((x, 104, x + 15, 119), fill=vivid(rng))


DRAWERS: dict[str, Callable[[Pen, Colour, Rng], None]] = {
    "mug": _mug,
    "pan": _pan,
    "umbrella": _umbrella,
    "suitcase": _suitcase,
    "ring": _ring,
    "sunglasses": _sunglasses,
    "watch": _watch,
    "sneaker": _sneaker,
    "cushion": _cushion,
    "candle": _candle,
    "balloons": _balloons,
    "tyre": _tyre,
    "torch": _torch,
    "key": _key,
    "bulb": _bulb,
    "wine_pump": _wine_pump,
    "cable": _cable,
    "shirt": _shirt,
    "teddy": _teddy,
    "clock": _clock,
    "bicycle": _bicycle,
    "blaster": _blaster,
}


def paint_other(kind_name: str, look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Take one picture of a product of the rest of the shop.

    Args:
        kind_name: A key of DRAWERS.
        look_rng: Fresh for each picture and the same for all pictures of one look.
        rng: Of this picture alone.
        view: Every second view shows the other side: mirrored.

    Returns:
        RGB, SIZE x SIZE.
    """
    layer, pen = new_layer(SIDE, SIDE)
    colour = blend(vivid(look_rng), one_of(look_rng, [WHITE, BLACK, (128, 128, 128)]), look_rng.uniform(0, 0.6))
    DRAWERS[kind_name](pen, colour, look_rng)
    if view % 2:
        layer = layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scene = background(rng)
    middle = SIZE / 2 + rng.uniform(-8, 8, 2)
    tilt = rng.uniform(-4, 4) if chance(rng, 0.7) else rng.uniform(-30, 30)
    place(
        scene,
        lit(layer, rng, 0.35),
        rng,
        height=rng.uniform(105, 165),
        centre=(float(middle[0]), float(middle[1])),
        angle=tilt,
    )
    return photograph(scene, rng)
