import re
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.pages.parts import words
from cdiscount_tasks.pages.report import page
from cdiscount_tasks.vocabulary import Reason

CSS = (Path(page.__file__).parents[1] / "templates" / "parts" / "page.css").read_text("utf-8")
TEXTS = ("ink", "soft", "accent", "good", "bad", "warn")
PAIRS = [(text, ground) for text in TEXTS for ground in ("paper", "surface")]
PAIRS += [(name, f"{name}-soft") for name in ("good", "bad", "warn")]
PAIRS += [("figure-ink", "paper"), ("figure-first", "paper"), ("figure-second", "paper"), ("soft", "faint")]


def colours_of(block):
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", block))


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = np.array([int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


@pytest.mark.parametrize("mode", ["light", "dark", "print"])
def test_every_text_can_be_read_on_its_ground(mode):
    light, dark, paper = re.findall(r":root \{(.*?)\n *\}", CSS, flags=re.DOTALL)
    colours = {**colours_of(light), **colours_of({"light": light, "dark": dark, "print": paper}[mode])}
    for text, ground in PAIRS:
        bright, dim = sorted([luminance(colours[text]), luminance(colours[ground])], reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (text, ground)


def test_every_reason_of_the_labels_is_explained():
    members = list(Reason)
    for reason in members[members.index(Reason.PICTURE_DAMAGED) :]:
        assert "rejected.parquet" not in words.explained(reason), reason
    assert "rejected.parquet" in words.explained("new_reason")
