"""Random slips in files and variables, such as people, editors, shells and spreadsheets make, and a second reading."""

import random
import re

import yaml

WORDS = [
    "011", "0x1F", "0b1", "0o7", "1_000", "1:30", "1e3", "1e-3", "+5", "-1", "-0", "0", "5.0", ".5", ".inf", ".nan",
    "yes", "no", "on", "off", "y", "true", "True", "null", "~", "", "'7'", '"7"', "2024-01-01", "12:30:45", "<<", "*a",
    "&a 5", "!!str 5", "!!int '5'", "[]", "{}", "[1, 2]", "{a: 1}", "|", ">", "@x", "%x", "#x", "x #y", "a: b", "- 1",
    "99999999999999999999", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "\u0665", "5\u00a0",
    "1,5", "1;5", '"', '""', "level2: VIN", "all", "ALL", "smoke", "wine", "\u00e9t\u00e9", "1" * 400, "\U0001f377",
]  # fmt: skip
MARKS = [
    *" \t\n\r,;:'\"#-[]{}&*!|>%@`?~0179.eE+_=\\/$",
    "\0", "\x07", "\x1b", "\x85", "\u00a0", "\u200b", "\u2028", "\ufeff", "\u0301", "\u00e9",
]  # fmt: skip


def _lines(rng, text):
    lines = text.splitlines(keepends=True) or [""]
    at = rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            lines.insert(rng.randrange(len(lines) + 1), lines[at])
        case 1:
            del lines[at]
        case 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = rng.choice(["\t", " ", "  ", "# ", '"']) + lines[at]
        case 4:
            lines[at] = lines[at].swapcase()
        case _:
            lines[at] = lines[at].rstrip("\r\n")
    return "".join(lines)


def _word(rng, text):
    """Replace a stretch between two marks, which is a value more often than not."""
    places = [-1, *(place for place, mark in enumerate(text) if mark in ",;:[]{}\n "), len(text)]
    at = rng.randrange(len(places) - 1)
    return text[: places[at] + 1] + rng.choice(["", " "]) + rng.choice(WORDS) + text[places[at + 1] :]


def _mark(rng, text):
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(MARKS) + text[at + rng.randrange(2) :]


def _whole(rng, text):
    return rng.choice(
        [
            text.replace("\n", "\r\n"),
            text.replace("\n", "\r"),
            "\ufeff" + text,
            text[: rng.randrange(len(text) + 1)],
            text + text,
            text.replace(",", rng.choice(";\t|")),
            text.replace(rng.choice("aeinst01,:"), rng.choice(MARKS), rng.randrange(1, 4)),
        ]
    )


def edited(rng: random.Random, text: str) -> str:
    """Return a text with one to three slips in it."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        text = rng.choice([_lines, _word, _word, _word, _mark, _mark, _whole])(rng, text)
    return text


def encoded(rng: random.Random, text: str) -> bytes:
    """Return a text as bytes: nearly always UTF-8."""
    encoding = rng.choice(["utf-8"] * 18 + ["utf-16", "latin-1"])
    return text.encode(encoding, "replace" if encoding == "latin-1" else "strict")


_TRUE, _FALSE, _NOTHING = {"yes", "true", "on"}, {"no", "false", "off"}, {"", "~", "null"}


def means(text: str, value: object) -> bool:
    """Tell whether a value is what a plain text means to someone who counts in tens."""
    if isinstance(value, bool):
        return text.lower() in (_TRUE if value else _FALSE)
    if isinstance(value, int):
        return text == str(value)
    if isinstance(value, float):
        return "_" not in text and ":" not in text and (float(text) == value)
    return text.lower() in _NOTHING if value is None else text == value


def yaml_tree(text: str) -> object:
    """Read YAML as texts alone: PyYAML's own parser, none of its ideas of what a text means; `<<` is followed."""
    node = yaml.compose(text, yaml.BaseLoader)

    def read(node):
        if isinstance(node, yaml.ScalarNode):
            return node.value
        if isinstance(node, yaml.SequenceNode):
            return [read(part) for part in node.value]
        pairs = [(read(key), read(value)) for key, value in node.value]
        assert len(dict(pairs)) == len(pairs), "a name stands twice, and one of the two was lost"
        found = dict(pairs)
        for part in [found.pop("<<")] if "<<" in found else []:
            for base in part if isinstance(part, list) else [part]:
                found = {**base, **found}
        return found

    return read(node)


_LINE_ENDS = ("\r\n", "\r", "\n")


def csv_rows(text: str, separator: str) -> list[list[str]]:
    """Read CSV mark by mark, as RFC 4180 has it; rows without text are left out."""
    marks = re.findall("\r\n|.", text.removeprefix("\ufeff") + "\n", re.DOTALL)
    rows, row, field, state = [], [], "", "start"
    for mark in marks:
        if state == "quoted":
            state = "closing" if mark == '"' else state
            field += "" if mark == '"' else mark
        elif state == "closing" and mark == '"':
            field, state = field + mark, "quoted"
        elif state == "start" and mark == '"':
            state = "quoted"
        elif mark in (separator, *_LINE_ENDS):
            row, field, state = [*row, field.strip()], "", "start"
            rows, row = ([*rows, row], []) if mark in _LINE_ENDS else (rows, row)
        else:
            assert state != "closing", "text behind a closing quote"
            field, state = field + mark, "plain"
    assert state == "start", "a quote is not closed"
    return [row for row in rows if any(row)]
