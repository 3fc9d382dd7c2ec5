"""What a YAML scalar without quotes means, and which ones two YAML programs would read differently."""

import re
from typing import Any

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,19})")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# What YAML 1.1 reads as a number and YAML 1.2 as a different number or as text.
_OLD_NUMBERS = (
    (re.compile(r"[-+]?0[0-9_]+"), "some programs read a number with leading zeros as octal: write it without them"),
    (re.compile(r"[-+]?0[xXoObB][0-9a-fA-F_]+"), "write the number with decimal digits"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "some programs read it as a number to base 60"),
    (re.compile(r"[-+]?[0-9.][0-9_.]*_[0-9_.]*([eE][-+]?[0-9]+)?"), "write the number without underscores"),
    (re.compile(r"-0"), "write 0"),
    (re.compile(r"\+[0-9]+"), "write the number without the plus"),
    (re.compile(r"-?[0-9]{21,}"), "the number is too long"),
)
WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_TEXT_IN_QUOTES = "put it in quotes if it is text"


def read_plain(text: str) -> Any:
    """Return what a scalar without quotes means.

    Raises:
        ValueError: If YAML 1.1 and 1.2 read it differently; with what to write.
    """
    if text in WORDS:
        return WORDS[text]
    for pattern, way_out in _OLD_NUMBERS:
        if pattern.fullmatch(text):
            raise ValueError(f"{way_out}, or {_TEXT_IN_QUOTES}")
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _NOT_A_NUMBER.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def is_text(word: str) -> bool:
    """Tell whether every YAML program reads a word without quotes as text."""
    try:
        return isinstance(read_plain(word), str)
    except ValueError:
        return False


def as_what(word: str) -> str:
    """Say as what YAML reads a word that is not text."""
    if word not in WORDS:
        return "a number"
    return {True: "true", False: "false", None: "nothing"}[WORDS[word]]
