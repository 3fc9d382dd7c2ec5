"""Draws bottles.

A bottle is a solid of revolution: a profile of radii from top to bottom, lit as a cylinder, with the label round it.
"""

import numpy as np
from PIL import Image

from demo.bottle_looks import PROFILES, Look, choose_look
from demo.canvas import SIZE, FloatArray, Rng, background, blend, chance, lit, new_layer, photograph, pick, place, vary
from demo.labels import draw_label

HEIGHT = 330
"""Pixels of a whole bottle's layer, about twice its size in the picture."""


def draw_bottle(look: Look, rng: Rng, *, back: bool = False) -> Image.Image:
    """Draw one bottle as an RGBA layer, HEIGHT pixels high."""
    heights, radii = np.array(PROFILES[look.shape]).T
    rows = np.linspace(0, 1, HEIGHT)
    kernel = np.hanning(15)
    smooth = np.convolve(np.pad(np.interp(rows, heights, radii), 7, "edge"), kernel / kernel.sum(), "valid")
    radius = (smooth * HEIGHT * look.stretch).astype(np.float32)[:, None]
    width = int(2 * float(np.max(radius))) + 4
    offset = np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2
    across = np.clip(offset / radius, -1, 1)
    flat = look.shape == "square"
    facing = across * np.float32(0.75) if flat else across
    colour = _glass(look, across, rows.astype(np.float32)[:, None])
    turn = np.arcsin(facing)
    _wrap(
        colour,
        draw_label(look.label, rng, _label_size(look, radius, flat), back=back),
        turn,
        look.label_top,
        look.label_turn,
        rng.uniform(-0.2, 0.2),
    )
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
    band = turn[first : first + height] + np.float32(yaw)
    columns = ((band / half_turn + 1) / 2 * width).astype(np.int32)
    # A camera slightly above the label sees its ends bend upwards.
    rows = np.arange(band.shape[0])[:, None] + (5 * (1 - np.cos(band))).astype(np.int32)
    seen = (columns >= 0) & (columns < width) & (rows < height)
    sampled = texture[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
    opacity = (seen * sampled[..., 3] / 255)[..., None]
    colour[first : first + height] += (sampled[..., :3] - colour[first : first + height]) * opacity


def _dress_neck(colour: FloatArray, look: Look, across: FloatArray, rng: Rng) -> None:
    """Put capsule, foil or stopper on."""
    last = int(look.capsule_end * HEIGHT)
    metal = np.asarray(look.capsule, np.float32) * (1 + 0.25 * np.cos(across[:last, :, None] * 5))
    if look.shape == "champagne":
        crumple = rng.uniform(0.75, 1.25, (last // 6 + 1, across.shape[1] // 6 + 1, 1)).repeat(6, 0).repeat(6, 1)
        metal = metal * crumple[:last, : across.shape[1]]
    colour[:last] = metal
    rim = max(int(0.03 * HEIGHT), 3)
    colour[rim : rim + 2] *= 0.6
    colour[max(last - 3, 0) : last] *= 0.75


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
    pen.polygon(
        [(width, 12), (width + 23, 0), (width + 23, HEIGHT - 16), (width, HEIGHT - 1)],
        fill=blend(face, (0, 0, 0), 0.35),
    )
    pen.polygon([(0, 12), (22, 0), (width + 23, 0), (width, 12)], fill=blend(face, (255, 255, 255), 0.25))
    pen.rectangle((0, 12, width, HEIGHT), fill=face)
    if wood:
        for x in range(0, width, 9):
            pen.line(
                (x, 12, x, HEIGHT), fill=vary(rng, blend(face, (110, 70, 30), 0.25), 12), width=int(rng.integers(1, 3))
            )
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
    front = {"whole": 76, "several": 8, "boxed": 36 if look.box else 0, "close": 4, "case": 2}
    later = {"whole": 30, "back": 26, "close": 28, "several": 6, "case": 4, "boxed": 30 if look.box else 0}
    shot = pick(rng, front if view == 0 else later)
    scene = background(rng)
    middle = (SIZE / 2 + rng.uniform(-10, 10), SIZE / 2 + rng.uniform(-4, 5))
    tall = rng.uniform(138, 172)
    tilt = rng.uniform(-2.5, 2.5) if chance(rng, 0.85) else rng.uniform(-24, 24)
    if shot == "close":
        zoom = rng.uniform(250, 400)
        place(
            scene,
            draw_bottle(look, rng),
            rng,
            height=zoom,
            centre=(middle[0], SIZE / 2 - zoom * rng.uniform(0.05, 0.22)),
            angle=tilt,
        )
    elif shot == "case":
        place(scene, draw_case(look, rng), rng, height=tall * 0.95, centre=middle, angle=tilt)
    elif shot == "boxed":
        place(scene, draw_case(look, rng), rng, height=tall, centre=(middle[0] + tall * 0.19, middle[1]))
        place(scene, draw_bottle(look, rng), rng, height=tall * 0.97, centre=(middle[0] - tall * 0.2, middle[1] + 3))
    elif shot == "several":
        bottle, count = draw_bottle(look, rng), int(rng.integers(2, 4))
        for number in range(count):
            aside = (number - (count - 1) / 2) * tall * rng.uniform(0.26, 0.32)
            place(
                scene,
                bottle,
                rng,
                height=tall * 0.94,
                centre=(middle[0] + aside, middle[1] + number % 2 * 5),
                shadow=0.25,
            )
    else:
        place(scene, draw_bottle(look, rng, back=shot == "back"), rng, height=tall, centre=middle, angle=tilt)
    return photograph(scene, rng)
