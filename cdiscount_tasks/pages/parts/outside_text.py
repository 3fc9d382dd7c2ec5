"""Text from outside (names, titles, run ids), made harmless wherever people see it.

One choice for all pages: what cannot be seen, or moves its neighbours, goes. Direction marks and overrides,
zero-width characters, controls and piles of combining marks are taken out; letters of right-to-left scripts stay,
and the templates isolate names with <bdi>. Files for programs keep names as they are.
"""

import re
import unicodedata
from typing import Any

from markupsafe import Markup

_SPACE = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
# The zero-width joiner and non-joiner stay: emoji and Persian are spelt with them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides, isolates
    "\u00ad\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff"  # invisible
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"  # no characters: UTF-8 or HTML refuses them
)
_MOST_MARKS = 3
"""Combining marks on one letter; more climb over the lines above. No living script needs more."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~$@]|:(?=//))")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def without_marks(text: str) -> str:
    """Return text without what cannot be seen or moves its neighbours; lines stay lines."""
    kept: list[str] = []
    seen = _UNSEEN.sub("", text)
    if max(seen, default="") < "\u0300":
        return seen
    num_marks = 0
    for character in seen:
        num_marks = num_marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if num_marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def shown(value: Any) -> Any:
    """Return what a template shows of a value: the templates' `finalize`. What the project itself drew stays."""
    return without_marks(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def plain(text: object) -> str:
    """Return text on one line, without what cannot be seen or moves its neighbours."""
    return without_marks(_SPACE.sub(" ", str(text))).strip()


def markdown(text: object) -> str:
    """Escape text for Markdown: names come from outside and may hold anything."""
    return _MARKDOWN.sub(r"\\\1", plain(text))


def csv_cell(text: str) -> str:
    """Return text for a CSV that people open in a spreadsheet: what would be a formula there begins with `'`."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
