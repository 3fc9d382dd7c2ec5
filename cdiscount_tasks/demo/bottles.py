"""Bottles: five categories that look alike. What tells them apart is shape, label, glass and wine together, and none of these alone.

A bottle is a solid of revolution: a profile of radii from top to bottom, lit as a cylinder, with the label wrapped round it.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cdiscount_tasks.demo.canvas import (
    SIZE,
    Colour,
    FloatArray,
    Rng,
    background,
    blend,
    chance,
    new_layer,
    lit,
    one_of,
    photograph,
    pick,
    place,
    vary,
)
from cdiscount_tasks.demo.labels import LabelStyle, choose_label, draw_label

HEIGHT = 330
"""Pixels of a whole bottle's layer, about twice its size in the picture."""

# Radius (as a share of the height) at heights from the top (0) to the bottom (1).
PROFILES: dict[str, list[tuple[float, float]]] = {
    "bordeaux": [(0, 0.046), (0.03, 0.048), (0.035, 0.042), (0.27, 0.046), (0.33, 0.075), (0.38, 0.118), (0.42, 0.126), (0.97, 0.124), (1, 0.112)],
    "burgundy": [(0, 0.046), (0.03, 0.047), (0.035, 0.041), (0.2, 0.046), (0.32, 0.075), (0.45, 0.12), (0.55, 0.137), (0.97, 0.137), (1, 0.124)],
    "flute": [(0, 0.04), (0.03, 0.041), (0.035, 0.037), (0.16, 0.04), (0.35, 0.07), (0.52, 0.098), (0.6, 0.104), (0.97, 0.103), (1, 0.094)],
    "champagne": [(0, 0.04), (0.015, 0.056), (0.05, 0.058), (0.07, 0.048), (0.2, 0.054), (0.33, 0.088), (0.46, 0.133), (0.55, 0.148), (0.97, 0.147), (1, 0.134)],
    "skittle": [(0, 0.043), (0.03, 0.044), (0.2, 0.044), (0.36, 0.09), (0.47, 0.122), (0.62, 0.102), (0.8, 0.112), (0.95, 0.13), (1, 0.12)],
    "round": [(0, 0.06), (0.07, 0.06), (0.075, 0.05), (0.2, 0.053), (0.25, 0.085), (0.3, 0.145), (0.35, 0.165), (0.96, 0.163), (1, 0.15)],
    "square": [(0, 0.064), (0.08, 0.064), (0.085, 0.052), (0.19, 0.055), (0.22, 0.1), (0.26, 0.17), (0.29, 0.18), (0.98, 0.18), (1, 0.17)],
    "stout": [(0, 0.055), (0.05, 0.055), (0.055, 0.048), (0.24, 0.052), (0.33, 0.085), (0.42, 0.135), (0.48, 0.148), (0.97, 0.142), (1, 0.13)],
}

GLASSES: dict[str, tuple[Colour, float]] = {  # colour, and how much of what is inside shows
    "green": ((38, 62, 34), 0.12),
    "dark": ((22, 28, 20), 0.04),
    "olive": ((86, 82, 36), 0.25),
    "brown": ((66, 38, 18), 0.15),
    "clear": ((222, 228, 226), 0.95),
}

LIQUIDS: dict[str, Colour] = {
    "red": (72, 10, 24),
    "straw": (226, 208, 128),
    "gold": (214, 168, 62),
    "pink": (232, 138, 128),
    "salmon": (236, 172, 138),
    "amber": (176, 96, 26),
}

CAPSULES: dict[str, Colour] = {
    "black": (28, 26, 28),
    "burgundy": (104, 18, 34),
    "gold": (196, 156, 74),
    "silver": (186, 188, 190),
    "cream": (226, 216, 190),
    "green": (40, 84, 56),
    "pink": (224, 142, 150),
    "blue": (40, 58, 112),
    "wood": (164, 118, 72),
}


@dataclass(frozen=True)
class Kind:
    """How often the bottles of one category have each trait."""

    shapes: dict[str, float]
    glasses: dict[str, float]
    liquids: dict[str, float]
    capsules: dict[str, float]
    papers: dict[str, float]
    boxed: float


KINDS: dict[str, Kind] = {
    "red": Kind(
        {"bordeaux": 62, "burgundy": 30, "stout": 4, "flute": 2, "champagne": 2},
        {"green": 42, "dark": 38, "olive": 10, "brown": 6, "clear": 4},
        {"red": 97, "pink": 3},
        {"black": 30, "burgundy": 36, "gold": 14, "cream": 7, "silver": 6, "blue": 4, "green": 3},
        {"cream": 46, "white": 20, "black": 12, "burgundy": 11, "kraft": 5, "gold": 3, "blue": 3},
        0.05,
    ),
    "white": Kind(
        {"bordeaux": 34, "burgundy": 36, "flute": 24, "stout": 3, "champagne": 3},
        {"green": 30, "olive": 28, "clear": 34, "dark": 6, "brown": 2},
        {"straw": 66, "gold": 30, "salmon": 4},
        {"gold": 30, "cream": 16, "green": 18, "silver": 12, "black": 12, "burgundy": 5, "blue": 7},
        {"cream": 32, "white": 36, "green": 10, "gold": 9, "black": 5, "blue": 6, "kraft": 2},
        0.05,
    ),
    "rose": Kind(
        {"bordeaux": 42, "burgundy": 22, "skittle": 18, "flute": 12, "champagne": 6},
        {"clear": 82, "green": 10, "olive": 8},
        {"pink": 52, "salmon": 42, "straw": 3, "red": 3},
        {"pink": 26, "silver": 18, "cream": 16, "gold": 16, "burgundy": 12, "black": 8, "blue": 4},
        {"white": 44, "cream": 26, "pink": 16, "blue": 6, "black": 4, "gold": 4},
        0.04,
    ),
    "champagne": Kind(
        {"champagne": 88, "burgundy": 10, "bordeaux": 2},
        {"green": 46, "dark": 36, "olive": 8, "clear": 10},
        {"gold": 60, "pink": 22, "salmon": 18},
        {"gold": 48, "black": 16, "burgundy": 9, "silver": 9, "pink": 7, "green": 6, "cream": 5},
        {"cream": 28, "white": 24, "gold": 16, "black": 16, "burgundy": 6, "pink": 6, "blue": 4},
        0.22,
    ),
    "whisky": Kind(
        {"round": 36, "square": 26, "stout": 24, "bordeaux": 9, "burgundy": 5},
        {"clear": 72, "green": 12, "brown": 9, "dark": 7},
        {"amber": 82, "gold": 18},
        {"black": 42, "gold": 17, "wood": 22, "burgundy": 8, "blue": 4, "silver": 7},
        {"cream": 34, "black": 27, "white": 14, "kraft": 10, "gold": 8, "blue": 4, "burgundy": 3},
        0.34,
    ),
}

STRAYS = 0.1
"""Share of looks drawn with the traits of another kind: no classifier of pictures can tell them (a limit that the real categories have too)."""


@dataclass(frozen=True)
class Look:
    """One bottle, as it stands on the shelf."""

    shape: str
    glass: Colour
    clearness: float
    liquid: Colour
    fill: float
    capsule: Colour
    capsule_end: float
    label: LabelStyle
    label_top: float
    label_bottom: float
    label_turn: float
    collar: bool
    box: Colour | None
    stretch: float


def choose_look(kind_name: str, rng: Rng) -> Look:
    """Choose one bottle of a category."""
    if chance(rng, STRAYS):
        kind_name = pick(rng, {"red": 50, "white": 26, "champagne": 12, "rose": 12})
    kind = KINDS[kind_name]
    shape = pick(rng, kind.shapes)
    glass, clearness = GLASSES[pick(rng, kind.glasses)]
    top = rng.uniform(0.47, 0.62) if shape not in ("round", "square") else rng.uniform(0.36, 0.5)
    end = {"champagne": rng.uniform(0.3, 0.46), "round": 0.075, "square": 0.085}.get(shape, rng.uniform(0.14, 0.26))
    boxed = chance(rng, kind.boxed)
    return Look(
        shape, vary(rng, glass, 12), clearness, vary(rng, LIQUIDS[pick(rng, kind.liquids)], 16), rng.uniform(0.2, 0.34),
        vary(rng, CAPSULES[pick(rng, kind.capsules)], 14), end, choose_label(pick(rng, kind.papers), rng), top,
        min(top + rng.uniform(0.2, 0.42), 0.93), rng.uniform(0.75, 1.3), chance(rng, 0.5 if shape == "champagne" else 0.12),
        vary(rng, one_of(rng, list(CAPSULES.values())), 20) if boxed else None, rng.uniform(0.92, 1.1),
    )


def draw_bottle(look: Look, rng: Rng, *, back: bool = False) -> Image.Image:
    """Draw one bottle as an RGBA layer, HEIGHT pixels high."""
    heights, radii = np.array(PROFILES[look.shape]).T
    rows = np.linspace(0, 1, HEIGHT)
    kernel = np.hanning(15)
    smooth = np.convolve(np.pad(np.interp(rows, heights, radii), 7, "edge"), kernel / kernel.sum(), "valid")
    radius = (smooth * HEIGHT * look.stretch).astype(np.float32)[:, None]
    width = int(2 * radius.max()) + 4
    offset = np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2
    across = np.clip(offset / radius, -1, 1)
    flat = look.shape == "square"
    facing = across * np.float32(0.75) if flat else across
    colour = _glass(look, across, rows.astype(np.float32)[:, None])
    turn = np.arcsin(facing)
    _wrap(colour, draw_label(look.label, rng, _label_size(look, radius, flat), back=back), turn, look.label_top, look.label_turn, rng.uniform(-0.2, 0.2))
    if look.collar:
        style = look.label
        collar = Image.new("RGBA", (60, int(0.035 * HEIGHT)), (*blend(style.paper, style.accent, 0.5), 255))
        _wrap(colour, collar, turn, min(look.capsule_end + 0.015, 0.42), 1.6, 0)
    _dress_neck(colour, look, across, rng)
    _shine(colour, facing, flat)
    alpha = np.clip(radius - np.abs(offset) + 0.5, 0, 1) * 255
    return Image.fromarray(np.dstack([np.clip(colour, 0, 255), alpha]).astype(np.uint8), "RGBA")


def _glass(look: Look, across: FloatArray, rows: FloatArray) -> FloatArray:
    """Colour of glass and wine before the light: darker where the glass is seen edge-on, empty above the wine."""
    glass, liquid = np.asarray(look.glass, np.float32), np.asarray(look.liquid, np.float32)
    inside = np.where(rows[..., None] > look.fill, liquid, np.float32(0.55) * glass + np.float32(100))
    # Wine takes light away on its way through: the thick middle of the bottle shows more of its colour.
    body = glass * (1 - look.clearness) + inside * look.clearness
    edge = (np.abs(across) ** 4)[..., None] * np.float32(0.5)
    return np.asarray(body * (1 - edge) * np.ones_like(across)[..., None], np.float32)


def _label_size(look: Look, radius: FloatArray, flat: bool) -> tuple[int, int]:
    reach = 0.75 if flat else 1.0
    width = 2 * look.label_turn * float(radius[int(0.75 * HEIGHT), 0]) * 0.8 * reach
    return max(int(width), 20), max(int((look.label_bottom - look.label_top) * HEIGHT), 20)


def _wrap(colour: FloatArray, paper: Image.Image, turn: FloatArray, top: float, half_turn: float, yaw: float) -> None:
    """Wrap a label round the bottle; `turn` is the angle of each pixel round its axis, in radians."""
    texture = np.asarray(paper, np.float32)
    height, width = texture.shape[:2]
    first = int(top * HEIGHT)
    band = turn[first:first + height] + np.float32(yaw)
    columns = ((band / half_turn + 1) / 2 * width).astype(np.int32)
    # A camera slightly above the label sees its ends bend upwards.
    rows = np.arange(band.shape[0])[:, None] + (5 * (1 - np.cos(band))).astype(np.int32)
    seen = (columns >= 0) & (columns < width) & (rows < height)
    sampled = texture[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
    opacity = (seen * sampled[..., 3] / 255)[..., None]
    colour[first:first + height] += (sampled[..., :3] - colour[first:first + height]) * opacity


def _dress_neck(colour: FloatArray, look: Look, across: FloatArray, rng: Rng) -> None:
    """Put capsule, foil or stopper on."""
    last = int(look.capsule_end * HEIGHT)
    metal = np.asarray(look.capsule, np.float32) * (1 + 0.25 * np.cos(across[:last, :, None] * 5))
    if look.shape == "champagne":
        crumple = rng.uniform(0.75, 1.25, (last // 6 + 1, across.shape[1] // 6 + 1, 1)).repeat(6, 0).repeat(6, 1)
        metal = metal * crumple[:last, :across.shape[1]]
    colour[:last] = metal
    rim = max(int(0.03 * HEIGHT), 3)
    colour[rim:rim + 2] *= 0.6
    colour[max(last - 3, 0):last] *= 0.75


def _shine(colour: FloatArray, facing: FloatArray, flat: bool) -> None:
    """Light the bottle from the left, with a weaker lamp at the right."""
    curve = 0.35 if flat else 1.0
    colour *= (np.float32(0.98) - curve * (0.5 * np.abs(facing) ** 3 + 0.1 * facing))[..., None]
    lamps = 105 * np.exp(-(((facing + 0.62) / 0.09) ** 2)) + 48 * np.exp(-(((facing - 0.6) / 0.12) ** 2))
    colour += lamps[..., None] * (0.5 if flat else 1.0)


def draw_case(look: Look, rng: Rng) -> Image.Image:
    """Draw the gift box or wooden case that some bottles come in."""
    wood = chance(rng, 0.3)
    face = vary(rng, (206, 172, 122), 12) if wood else look.box or vary(rng, look.capsule, 12)
    width = int(HEIGHT * rng.uniform(0.3, 0.42))
    layer, pen = new_layer(width + 24, HEIGHT)
    pen.polygon([(width, 12), (width + 23, 0), (width + 23, HEIGHT - 16), (width, HEIGHT - 1)], fill=blend(face, (0, 0, 0), 0.35))
    pen.polygon([(0, 12), (22, 0), (width + 23, 0), (width, 12)], fill=blend(face, (255, 255, 255), 0.25))
    pen.rectangle((0, 12, width, HEIGHT), fill=face)
    if wood:
        for x in range(0, width, 9):
            pen.line((x, 12, x, HEIGHT), fill=vary(rng, blend(face, (110, 70, 30), 0.25), 12), width=int(rng.integers(1, 3)))
    paper = draw_label(look.label, rng, (int(width * 0.8), int(HEIGHT * rng.uniform(0.3, 0.5))), back=False)
    layer.paste(paper, (int(width * 0.1), int(HEIGHT * rng.uniform(0.2, 0.42))), paper)
    return lit(layer, rng, 0.25)


def paint_bottle(kind_name: str, look_rng: Rng, rng: Rng, view: int) -> Image.Image:
    """Take one picture of a bottle.

    Args:
        kind_name: A key of KINDS.
        look_rng: Fresh for each picture and the same for all pictures of one look.
        rng: Of this picture alone.
        view: 0 for a product's first picture, which most often shows the whole bottle from the front.

    Returns:
        RGB, SIZE x SIZE.
    """
    look = choose_look(kind_name, look_rng)
    front = {"whole": 70, "several": 9, "boxed": 40 if look.box else 0, "close": 6, "case": 3}
    later = {"whole": 22, "back": 26, "close": 34, "several": 6, "case": 5, "boxed": 30 if look.box else 0}
    shot = pick(rng, front if view == 0 else later)
    scene = background(rng)
    middle = (SIZE / 2 + rng.uniform(-10, 10), SIZE / 2 + rng.uniform(-4, 5))
    tall = rng.uniform(128, 172)
    tilt = rng.uniform(-2.5, 2.5) if chance(rng, 0.85) else rng.uniform(-24, 24)
    if shot == "close":
        zoom = rng.uniform(250, 400)
        place(scene, draw_bottle(look, rng), rng, height=zoom, centre=(middle[0], SIZE / 2 - zoom * rng.uniform(0.05, 0.22)), angle=tilt)
    elif shot == "case":
        place(scene, draw_case(look, rng), rng, height=tall * 0.95, centre=middle, angle=tilt)
    elif shot == "boxed":
        place(scene, draw_case(look, rng), rng, height=tall, centre=(middle[0] + tall * 0.19, middle[1]))
        place(scene, draw_bottle(look, rng), rng, height=tall * 0.97, centre=(middle[0] - tall * 0.2, middle[1] + 3))
    elif shot == "several":
        bottle, count = draw_bottle(look, rng), int(rng.integers(2, 4))
        for number in range(count):
            aside = (number - (count - 1) / 2) * tall * rng.uniform(0.26, 0.32)
            place(scene, bottle, rng, height=tall * 0.94, centre=(middle[0] + aside, middle[1] + number % 2 * 5), shadow=0.25)
    else:
        place(scene, draw_bottle(look, rng, back=shot == "back"), rng, height=tall, centre=middle, angle=tilt)
    return photograph(scene, rng)
