"""The labels on bottles: paper, name, crest and small print, each look its own design."""

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

from demo.canvas import Colour, Rng, blend, chance, one_of, vary, vivid, word, write, write_lines

PAPERS: dict[str, Colour] = {
    "cream": (240, 230, 205),
    "white": (248, 248, 246),
    "black": (30, 28, 30),
    "burgundy": (112, 22, 38),
    "kraft": (196, 164, 120),
    "gold": (206, 172, 92),
    "blue": (44, 66, 122),
    "green": (70, 112, 72),
    "pink": (238, 178, 182),
}
ACCENTS: list[Colour] = [(164, 126, 48), (120, 20, 36), (36, 36, 40), (34, 64, 110), (52, 96, 60), (184, 52, 40)]
EMBLEMS = ["crest", "house", "sun", "letter", "picture", "none"]
FIRST_WORDS = ["CHATEAU", "DOMAINE", "CLOS", "GRAND", "MAISON", "CUVEE", "VIEUX", "LA", "SAINT", ""]


@dataclass(frozen=True)
class LabelStyle:
    """One label design."""

    paper: Colour
    ink: Colour
    accent: Colour
    emblem: str
    emblem_first: bool
    name: tuple[str, str]
    frame: bool
    band: float
    letter: str


def choose_label(paper_name: str, rng: Rng) -> LabelStyle:
    """Choose one design on a kind of paper."""
    paper = vary(rng, PAPERS[paper_name], 10)
    dark = sum(paper) < 330
    ink = vary(rng, (222, 190, 116) if dark and chance(rng, 0.6) else (240, 238, 232) if dark else (38, 34, 36), 10)
    accent = vivid(rng) if chance(rng, 0.15) else vary(rng, one_of(rng, ACCENTS), 20)
    return LabelStyle(
        paper,
        ink,
        accent,
        one_of(rng, EMBLEMS),
        chance(rng, 0.6),
        (one_of(rng, FIRST_WORDS), word(rng)),
        chance(rng, 0.45),
        rng.uniform(0.1, 0.26) if chance(rng, 0.4) else 0.0,
        chr(65 + int(rng.integers(26))),
    )


def draw_label(style: LabelStyle, rng: Rng, size: tuple[int, int], *, back: bool) -> Image.Image:
    """Draw a label flat.

    Args:
        style: The design.
        rng: Chooses the lengths of the small print.
        size: Width and height in pixels, 20 or more.
        back: Draw the label of the bottle's other side: small print alone.

    Returns:
        RGBA of that size.
    """
    width, height = size
    label = Image.new("RGBA", size, (*style.paper, 255))
    pen = ImageDraw.Draw(label)
    faint = blend(style.ink, style.paper, 0.45)
    if style.frame:
        pen.rectangle((3, 3, width - 4, height - 4), outline=style.accent, width=2)
    if back:
        write(pen, (width / 2, height * 0.14), style.name[1], 15, style.ink, width * 0.8)
        write_lines(pen, (width * 0.12, height * 0.26, width * 0.88, height * 0.78), rng, faint, 6)
        pen.rectangle(
            (width * 0.3, height * 0.82, width * 0.7, height * 0.95), fill=(250, 250, 250), outline=(40, 40, 40)
        )
        return label
    if style.band:
        pen.rectangle((0, height * (0.97 - style.band), width, height * 0.97), fill=style.accent)
    upper, lower = (0.27, 0.6) if style.emblem_first else (0.62, 0.25)
    _draw_emblem(pen, style, (width / 2, height * upper), min(width, height) * 0.2)
    if style.emblem == "none":
        lower = 0.4
    if style.name[0]:
        write(pen, (width / 2, height * lower - 13), style.name[0], 12, faint, width * 0.6)
    write(pen, (width / 2, height * lower + 3), style.name[1], 24, style.ink, width * 0.84)
    write_lines(
        pen, (width * 0.22, height * 0.79, width * 0.78, height * 0.93), rng, style.paper if style.band else faint, 6
    )
    return label


def _draw_crest(pen: ImageDraw.ImageDraw, style: LabelStyle, x: float, y: float, half: float) -> None:
    side, top, bottom = half * 0.8, y - half, y + half * 0.2
    corners = [(x - side, top), (x + side, top), (x + side, bottom), (x, y + half), (x - side, bottom)]
    pen.polygon(corners, fill=style.accent, outline=style.ink)
    pen.line((x, y - half, x, y + half), fill=style.paper, width=2)


def _draw_house(pen: ImageDraw.ImageDraw, style: LabelStyle, x: float, y: float, half: float) -> None:
    pen.rectangle((x - half * 1.5, y - half * 0.1, x + half * 1.5, y + half * 0.8), outline=style.ink, width=1)
    wall = blend(style.paper, style.accent, 0.3)
    for side in (-1.5, 0.7):
        left, middle, right = x + half * side, x + half * (side + 0.4), x + half * (side + 0.8)
        pen.rectangle((left, y - half * 0.5, right, y + half * 0.8), outline=style.ink, fill=wall)
        pen.polygon([(left, y - half * 0.5), (middle, y - half), (right, y - half * 0.5)], fill=style.accent)


def _draw_sun(pen: ImageDraw.ImageDraw, style: LabelStyle, x: float, y: float, half: float) -> None:
    pen.ellipse((x - half * 0.55, y - half * 0.55, x + half * 0.55, y + half * 0.55), fill=style.accent)
    for step in range(12):
        across, up = math.cos(step * math.pi / 6), math.sin(step * math.pi / 6)
        ray = (x + half * 0.65 * across, y + half * 0.65 * up, x + half * across, y + half * up)
        pen.line(ray, fill=style.accent, width=2)


def _draw_letter(pen: ImageDraw.ImageDraw, style: LabelStyle, x: float, y: float, half: float) -> None:
    pen.ellipse((x - half, y - half, x + half, y + half), outline=style.accent, width=3)
    write(pen, (x, y), style.letter, half * 1.3, style.accent)


def _draw_landscape(pen: ImageDraw.ImageDraw, style: LabelStyle, x: float, y: float, half: float) -> None:
    pen.rectangle((x - half * 1.6, y - half, x + half * 1.6, y + half), fill=blend(style.paper, style.accent, 0.35))
    hills = [(-1.6, 1), (-0.5, -0.5), (0.4, 0.4), (1, -0.1), (1.6, 1)]
    pen.polygon([(x + half * across, y + half * down) for across, down in hills], fill=style.accent)


_EMBLEMS = {
    "crest": _draw_crest,
    "house": _draw_house,
    "sun": _draw_sun,
    "letter": _draw_letter,
    "picture": _draw_landscape,
}


def _draw_emblem(pen: ImageDraw.ImageDraw, style: LabelStyle, centre: tuple[float, float], half: float) -> None:
    if style.emblem in _EMBLEMS:
        _EMBLEMS[style.emblem](pen, style, *centre, half)
