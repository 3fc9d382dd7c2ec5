"""The mixed bag: five categories that look nothing alike."""

from PIL import Image, ImageFilter

from demo.books import draw_book
from demo.canvas import (
    BLACK,
    SIZE,
    WHITE,
    Rng,
    background,
    blend,
    chance,
    new_layer,
    photograph,
    place,
    vary,
    write_lines,
)
from demo.hardware import draw_fuse, draw_hinge
from demo.headboards import draw_headboard
from demo.lotions import draw_lotion

DRAWERS = {
    "book": draw_book,
    "fuse": draw_fuse,
    "hinge": draw_hinge,
    "lotion": draw_lotion,
    "headboard": draw_headboard,
}


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
    if chance(rng, 0.01 if view == 0 else 0.03):
        return photograph(parcel(rng), rng)
    layer = DRAWERS[kind_name](look_rng, rng, view)
    scene = background(rng, 0.6 if kind_name == "headboard" else 0.84)
    span = rng.uniform(128, 168) if chance(rng, 0.97) else rng.uniform(175, 250)
    height = min(span, span * layer.height / layer.width)
    tilt = rng.uniform(-3, 3) if kind_name == "headboard" or chance(rng, 0.85) else rng.uniform(-20, 20)
    place(
        scene,
        layer,
        rng,
        height=height,
        centre=(SIZE / 2 + rng.uniform(-9, 9), SIZE / 2 + rng.uniform(-8, 8)),
        angle=tilt,
    )
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
    place(
        scene,
        layer.filter(ImageFilter.SMOOTH),
        rng,
        height=rng.uniform(90, 140),
        centre=(SIZE / 2, SIZE / 2 + 5),
        angle=rng.uniform(-4, 4),
    )
    return scene
