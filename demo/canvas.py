"""What every drawn picture shares: colours, words, light, backgrounds, shadows, the camera, and the JPEG.

Objects are drawn as RGBA layers at about twice their final size; `place` shrinks them with Pillow's area-aware
resize, which is the anti-aliasing.
"""

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from cdiscount_tasks.vocabulary import DRAWN_COMMENT

Colour = tuple[int, int, int]
Rng = np.random.Generator
FloatArray = NDArray[np.float32]
T = TypeVar("T")

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)

SIZE = 180
QUALITY = 75
MIN_BYTES, MAX_BYTES = 2_000, 10_000
"""The real pictures have 1.7 to 10.6 KB."""

SYLLABLES = [
    "BEL",
    "CHA",
    "DO",
    "MON",
    "RI",
    "VEL",
    "SAN",
    "LOU",
    "TAR",
    "GRE",
    "FON",
    "MAR",
    "LE",
    "VIL",
    "PER",
    "DU",
    "COR",
    "NAC",
    "ROU",
    "SE",
    "BRI",
    "LAN",
    "TIE",
]


def chance(rng: Rng, probability: float) -> bool:
    """Toss a coin."""
    return bool(rng.random() < probability)


def pick(rng: Rng, options: Mapping[T, float]) -> T:
    """Choose a key by its weight."""
    names = list(options)
    edges = np.cumsum(np.fromiter(options.values(), float))
    return names[min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(names) - 1)]


def one_of(rng: Rng, options: list[T]) -> T:
    """Choose one of equally likely options."""
    return options[int(rng.integers(len(options)))]


def vary(rng: Rng, colour: Colour, amount: float = 14) -> Colour:
    """Shift a colour a little, each channel by itself."""
    red, green, blue = (int(np.clip(channel + rng.uniform(-amount, amount), 0, 255)) for channel in colour)
    return red, green, blue


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Mix two colours; share 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def vivid(rng: Rng) -> Colour:
    """Choose a saturated colour of any hue."""
    hue, low, high = rng.uniform(0, 6), rng.uniform(10, 90), rng.uniform(150, 250)
    red, green, blue = (int(low + (high - low) * np.clip(abs((hue + shift) % 6 - 3) - 1, 0, 1)) for shift in (0, 4, 2))
    return red, green, blue


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Return Pillow's own font, so that no font file has to be there."""
    return ImageFont.load_default(size)


def word(rng: Rng, syllables: int = 0) -> str:
    """Make up a name."""
    return "".join(one_of(rng, SYLLABLES) for _ in range(syllables or int(rng.integers(2, 4))))


def write(
    draw: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    text: str,
    size: float,
    colour: Colour,
    max_width: float = 1e9,
) -> None:
    """Write one centred line, made smaller until it fits."""
    fitting = min(size, size * max_width / max(font(max(int(size), 5)).getlength(text), 1))
    draw.text(centre, text, fill=colour, font=font(max(int(fitting), 5)), anchor="mm")


def write_lines(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], rng: Rng, colour: Colour, pitch: float = 7
) -> None:
    """Fill a box with bars of varying length: text too small to be read."""
    left, top, right, bottom = box
    for y in np.arange(top, bottom - pitch / 2, pitch):
        half = (right - left) / 2 * rng.uniform(0.55, 1)
        draw.rectangle(
            (int((left + right) / 2 - half), int(y), int((left + right) / 2 + half), int(y + pitch * 0.35)), fill=colour
        )


def new_layer(width: float, height: float) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return an empty RGBA layer and its pen."""
    layer = Image.new("RGBA", (max(int(width), 4), max(int(height), 4)), (0, 0, 0, 0))
    return layer, ImageDraw.Draw(layer)


def smooth_field(corners: list[list[Colour]], size: tuple[int, int]) -> Image.Image:
    """Spread a small grid of colours smoothly over an image."""
    return Image.fromarray(np.asarray(corners, np.uint8), "RGB").resize(size, Image.Resampling.BICUBIC)


def lit(layer: Image.Image, rng: Rng, strength: float = 0.3) -> Image.Image:
    """Let light fall on a layer from one side: multiply its colours by a soft gradient."""
    levels = [[(round(255 * (1 - rng.uniform(0, strength))),) * 3 for _ in range(3)] for _ in range(2)]
    shaded = ImageChops.multiply(layer.convert("RGB"), smooth_field(levels, layer.size))
    shaded.putalpha(layer.getchannel("A"))
    return shaded


def background(rng: Rng, white: float = 0.68) -> Image.Image:
    """Draw what is behind the object: mostly a shop's white, else a studio, a coloured wall, or a table."""
    rest = (1 - white) / 4
    kind = pick(rng, {"white": white, "studio": rest * 1.4, "warm": rest, "coloured": rest * 0.8, "table": rest * 0.8})
    if kind == "white":
        level = 255 if chance(rng, 0.75) else int(rng.integers(236, 255))
        return Image.new("RGB", (SIZE, SIZE), (level, level, level))
    if kind == "table":
        return _table(rng)
    base: Colour = {"studio": (215, 215, 218), "warm": (232, 222, 205)}.get(kind) or blend(
        vivid(rng), (255, 255, 255), rng.uniform(0.2, 0.75)
    )
    dark = blend(base, (0, 0, 0), rng.uniform(0.03, 0.35))
    light = blend(base, (255, 255, 255), rng.uniform(0.2, 0.8))
    return smooth_field(
        [[vary(rng, dark, 6), dark], [light, vary(rng, light, 6)], [vary(rng, base, 6), dark]], (SIZE, SIZE)
    )


def _table(rng: Rng) -> Image.Image:
    """Draw a wall and a wooden table top with grain."""
    wall = blend(vivid(rng), (225, 220, 212), rng.uniform(0.6, 0.95))
    scene = smooth_field(
        [[wall, blend(wall, (255, 255, 255), 0.4)], [blend(wall, (0, 0, 0), 0.25), wall]], (SIZE, SIZE)
    )
    horizon = int(rng.integers(115, 155))
    wood = vary(rng, one_of(rng, [(150, 104, 62), (196, 156, 108), (96, 66, 44), (205, 200, 192)]), 15)
    grain = rng.uniform(0.82, 1.1, (SIZE - horizon, 1, 1)).repeat(SIZE, axis=1)
    top = np.clip(np.asarray(wood, np.float32) * grain, 0, 255).astype(np.uint8)
    scene.paste(Image.fromarray(top, "RGB"), (0, horizon))
    return scene


def place(
    scene: Image.Image,
    layer: Image.Image,
    rng: Rng,
    *,
    height: float,
    centre: tuple[float, float],
    angle: float = 0.0,
    shadow: float = 0.35,
) -> None:
    """Put a layer into a scene, turned, shrunk, with a soft shadow.

    Args:
        scene: RGB, SIZE x SIZE; changed in place.
        layer: RGBA at any size.
        rng: Chooses where the shadow falls.
        height: Height of the unturned layer in the scene, in pixels.
        centre: Of the layer in the scene, in pixels.
        angle: In degrees, counter-clockwise.
        shadow: Opacity of the shadow, 0 for none.
    """
    factor = height / layer.height
    if abs(angle) > 0.3:
        layer = layer.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    small = layer.resize(
        (max(round(layer.width * factor), 2), max(round(layer.height * factor), 2)),
        Image.Resampling.BOX if factor < 0.4 else Image.Resampling.BILINEAR,
    )
    corner = (round(centre[0] - small.width / 2), round(centre[1] - small.height / 2))
    if shadow > 0:
        _cast_shadow(scene, small, corner, rng, shadow)
    scene.paste(small, corner, small)


def _cast_shadow(scene: Image.Image, layer: Image.Image, corner: tuple[int, int], rng: Rng, strength: float) -> None:
    quarter = SIZE // 4
    mask = Image.new("L", (quarter, quarter), 0)
    alpha = layer.getchannel("A").resize((max(layer.width // 4, 1), max(layer.height // 4, 1)))
    shift = (rng.uniform(-7, 9), rng.uniform(1, 8))
    mask.paste(alpha, (round((corner[0] + shift[0]) / 4), round((corner[1] + shift[1]) / 4)))
    soft = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 2.2))).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    scene.paste((40, 38, 42), (0, 0), soft.point([round(level * strength) for level in range(256)]))


def photograph(scene: Image.Image, rng: Rng) -> Image.Image:
    """Take the picture: a crop, exposure, white balance, a little blur, and grain."""
    if chance(rng, 0.22):
        margin = rng.uniform(2, 22)
        left, top = rng.uniform(0, margin), rng.uniform(0, margin)
        scene = scene.resize(
            (SIZE, SIZE), Image.Resampling.BILINEAR, (left, top, SIZE - margin + left, SIZE - margin + top)
        )
    if chance(rng, 0.15):
        scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.0)))
    if chance(rng, 0.3):
        scene = ImageEnhance.Color(scene).enhance(rng.uniform(0.55, 1.25))
    pixels = np.asarray(scene, np.float32)
    # Half the pictures were cleaned by a studio: their white stays white.
    tint = rng.uniform(-0.045, 0.045, 3) if chance(rng, 0.5) else np.zeros(3)
    gains = (rng.uniform(0.92, 1.06) * (1 + tint)).astype(np.float32)
    sigma = rng.uniform(0, 1.2) if chance(rng, 0.7) else rng.uniform(1.5, 5)
    # One plane of grain for the three channels: a camera's luminance noise, at a third of the cost.
    grain = rng.standard_normal((SIZE, SIZE, 1), np.float32) * np.float32(sigma)
    return Image.fromarray(np.clip(pixels * gains + grain, 0, 255).astype(np.uint8), "RGB")


def encode_jpeg(picture: Image.Image) -> bytes:
    """Encode a picture as the catalogue does: JFIF, quality 75, and the comment that says it is drawn.

    Returns:
        The JPEG's bytes; a picture with too much detail for MAX_BYTES is softened until it fits, one with too little
        for MIN_BYTES gets more grain.
    """
    grain = 1.5
    while True:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY, comment=DRAWN_COMMENT)
        if MIN_BYTES <= buffer.tell() <= MAX_BYTES:
            return buffer.getvalue()
        if buffer.tell() > MAX_BYTES:
            picture = picture.filter(ImageFilter.GaussianBlur(0.7))
        else:
            # Seeded by the size alone: the same picture must always become the same bytes.
            noise = np.random.default_rng(buffer.tell()).standard_normal((SIZE, SIZE, 1), np.float32) * np.float32(
                grain
            )
            picture = Image.fromarray(np.clip(np.asarray(picture, np.float32) + noise, 0, 255).astype(np.uint8), "RGB")
            grain += 0.5
