"""What bottles look like: five categories that shape, label, glass and wine tell apart together, none of them alone."""

from dataclasses import dataclass

from demo.canvas import Colour, Rng, chance, one_of, pick, vary
from demo.labels import LabelStyle, choose_label

# Radius (as a share of the height) at heights from the top (0) to the bottom (1).
PROFILES: dict[str, list[tuple[float, float]]] = {
    "bordeaux": [
        (0, 0.046),
        (0.03, 0.048),
        (0.035, 0.042),
        (0.27, 0.046),
        (0.33, 0.075),
        (0.38, 0.118),
        (0.42, 0.126),
        (0.97, 0.124),
        (1, 0.112),
    ],
    "burgundy": [
        (0, 0.046),
        (0.03, 0.047),
        (0.035, 0.041),
        (0.2, 0.046),
        (0.32, 0.075),
        (0.45, 0.12),
        (0.55, 0.137),
        (0.97, 0.137),
        (1, 0.124),
    ],
    "flute": [
        (0, 0.04),
        (0.03, 0.041),
        (0.035, 0.037),
        (0.16, 0.04),
        (0.35, 0.07),
        (0.52, 0.098),
        (0.6, 0.104),
        (0.97, 0.103),
        (1, 0.094),
    ],
    "champagne": [
        (0, 0.04),
        (0.015, 0.056),
        (0.05, 0.058),
        (0.07, 0.048),
        (0.2, 0.054),
        (0.33, 0.088),
        (0.46, 0.14),
        (0.55, 0.16),
        (0.97, 0.158),
        (1, 0.144),
    ],
    "skittle": [
        (0, 0.043),
        (0.03, 0.044),
        (0.2, 0.044),
        (0.36, 0.09),
        (0.47, 0.122),
        (0.62, 0.102),
        (0.8, 0.112),
        (0.95, 0.13),
        (1, 0.12),
    ],
    "round": [
        (0, 0.06),
        (0.07, 0.06),
        (0.075, 0.05),
        (0.2, 0.053),
        (0.25, 0.085),
        (0.3, 0.145),
        (0.35, 0.165),
        (0.96, 0.163),
        (1, 0.15),
    ],
    "square": [
        (0, 0.064),
        (0.08, 0.064),
        (0.085, 0.052),
        (0.19, 0.055),
        (0.22, 0.1),
        (0.26, 0.17),
        (0.29, 0.18),
        (0.98, 0.18),
        (1, 0.17),
    ],
    "stout": [
        (0, 0.055),
        (0.05, 0.055),
        (0.055, 0.048),
        (0.24, 0.052),
        (0.33, 0.085),
        (0.42, 0.135),
        (0.48, 0.148),
        (0.97, 0.142),
        (1, 0.13),
    ],
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
        {"champagne": 93, "burgundy": 6, "bordeaux": 1},
        {"green": 46, "dark": 36, "olive": 8, "clear": 10},
        {"gold": 60, "pink": 22, "salmon": 18},
        {"gold": 60, "black": 10, "burgundy": 6, "silver": 9, "pink": 7, "green": 3, "cream": 5},
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

STRAYS = 0.12
"""Share of looks with the traits of another kind: no classifier can tell them, as in the real categories."""


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
    end = {"champagne": rng.uniform(0.34, 0.46), "round": 0.075, "square": 0.085}.get(shape, rng.uniform(0.14, 0.26))
    boxed = chance(rng, kind.boxed)
    return Look(
        shape,
        vary(rng, glass, 12),
        clearness,
        vary(rng, LIQUIDS[pick(rng, kind.liquids)], 16),
        rng.uniform(0.2, 0.34),
        vary(rng, CAPSULES[pick(rng, kind.capsules)], 14),
        end,
        choose_label(pick(rng, kind.papers), rng),
        top,
        min(top + rng.uniform(0.2, 0.42), 0.93),
        rng.uniform(0.75, 1.3),
        chance(rng, 0.5 if shape == "champagne" else 0.12),
        vary(rng, one_of(rng, list(CAPSULES.values())), 20) if boxed else None,
        rng.uniform(0.92, 1.1),
    )
