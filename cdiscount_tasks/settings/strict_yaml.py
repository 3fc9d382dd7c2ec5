"""YAML read strictly: what two YAML programs would read differently is refused, with its line and what to write."""

import codecs
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.reader import ReaderError

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.path_faults import fault_of
from cdiscount_tasks.settings.yaml_scalars import WORDS, as_what, is_text, read_plain

Place = tuple[str | int, ...]

_LARGEST_BYTES = 2**20
_DEEPEST = 20
_LONGEST_SHOWN = 100
_MOST_VALUES = 100_000
"""With every alias written out. The catalogue's 5,270 categories, one by one, are 5 % of it."""

_OTHER_LINE_ENDS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_HINTS = (
    ("found character '\\t'", "indent with spaces instead of tabs"),
    ("mapping values are not allowed here", "put text that holds a colon and a space in quotes"),
    ("that cannot start any token", "put text that begins with this character in quotes"),
    ("could not find expected ':'", "a setting is written as `name: value`, with a space behind the colon"),
    ("found undefined alias", "an alias `*name` needs its `&name` above it"),
)


class Written(NamedTuple):
    """How a value is written: its line, counted from 1, and its text, empty for anything but a plain scalar."""

    line: int
    text: str


class Document(NamedTuple):
    """What a file holds, and how each plain value of it is written, by place: ("presets", "smoke", "epochs")."""

    value: Any
    written: dict[Place, Written]


def _decoded(raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise ConfigError("cannot be read: it is in UTF-32; save it as UTF-8")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError("cannot be read: it is in UTF-16; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"cannot be read: line {line} is not UTF-8; save it as UTF-8") from error
    odd = _OTHER_LINE_ENDS.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        raise ConfigError(f"line {line} has the invisible character U+{ord(odd[0]):04X}; remove it")
    return text


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _syntax_fault(error: yaml.YAMLError, text: str) -> ConfigError:
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        code = ord(text[error.position])
        way_out = "remove it" if code else "is the file in UTF-16? Save it as UTF-8"
        return ConfigError(f"is not YAML: line {line} has the invisible character U+{code:04X}; {way_out}")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem is None:
        return ConfigError(f"is not YAML: {' '.join(str(error).split())}")
    mark = error.problem_mark or error.context_mark
    if "could not find expected ':'" in error.problem:  # noticed where the next line begins
        mark = error.context_mark or mark
    line = mark.line + 1 if mark else 1
    hint = next((f"; {hint}" for words, hint in _HINTS if words in error.problem), "")
    return ConfigError(f"is not YAML: line {line}: {_cut(error.problem)}{hint}")


def _readable(text: str, line: int) -> str:
    odd = next((c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"), None)
    if odd is not None:
        raise ConfigError(f"line {line} has text with the invisible character U+{ord(odd):04X}; remove it")
    return text


class _Anchored(NamedTuple):
    """A value that aliases may name, and how many values it is when written out."""

    value: Any
    num_values: int


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Reader:
    """Builds values from PyYAML's events: these know quotes and tags, which its own constructors have forgotten."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, yaml.SafeLoader))
        self._anchors: dict[str, _Anchored | None] = {}
        self._num_values = 0
        self.written: dict[Place, Written] = {}

    def document(self) -> Any:
        """Return the value of the only document."""
        value, seen = None, False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    line = _line(event)
                    raise ConfigError(f"line {line} begins a second document; a file holds one sample")
                seen = True
                value = self._value(next(self._events), ())
        return value

    def _count(self, how_many: int, line: int) -> None:
        self._num_values += how_many
        if self._num_values > _MOST_VALUES:
            raise ConfigError(
                f"line {line}: the file has more than {_MOST_VALUES:,} values once its aliases are written out"
            )

    def _value(self, event: Any, place: Place) -> Any:
        line = _line(event)
        if len(place) > _DEEPEST:
            raise ConfigError(f"line {line}: is nested more than {_DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), line)
        self._count(1, line)
        if event.tag is not None:
            raise ConfigError(
                f"line {line}: the tag {_cut(event.tag)} is not supported; remove it, and put text in quotes"
            )
        before = self._num_values
        if event.anchor is not None:
            if event.anchor in self._anchors:
                raise ConfigError(f"line {line}: &{_cut(event.anchor)} is defined twice; rename the second")
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, place, line)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(place)
        else:
            value = self._mapping(place)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, self._num_values - before + 1)
        return value

    def _alias(self, anchor: str, line: int) -> Any:
        if anchor not in self._anchors:
            raise ConfigError(f"is not YAML: line {line}: the alias *{_cut(anchor)} needs its &{_cut(anchor)} above it")
        anchored = self._anchors[anchor]
        if anchored is None:
            raise ConfigError(f"line {line}: *{_cut(anchor)} is used inside &{_cut(anchor)} itself")
        self._count(anchored.num_values, line)
        return anchored.value

    def _scalar(self, event: Any, place: Place, line: int) -> Any:
        text = _readable(event.value, line)
        if not event.implicit[0]:  # in quotes, or a block
            return text
        self.written[place] = Written(line, text)
        try:
            return read_plain(text)
        except ValueError as error:
            raise ConfigError(
                f"line {line}: {_cut('.'.join(map(str, place))) or 'the file'} is {text[:40]}: {error}"
            ) from error

    def _sequence(self, place: Place) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*place, len(values))))
        return values

    def _key(self, event: Any, place: Place) -> str:
        line = _line(event)
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor is not None:
            raise ConfigError(f"line {line}: the name of a setting is plain text, without alias, anchor or tag")
        key = str(_readable(event.value, line))
        if event.implicit[0] and not (key not in WORDS and is_text(key)):
            where = _cut(".".join(map(str, (*place, key))))
            raise ConfigError(f'line {line}: {where}: YAML reads {_cut(key) or "an empty name"} as {as_what(key)}; '
                         f'put it in quotes: "{_cut(key)}"')  # fmt: skip
        return key

    def _mapping(self, place: Place) -> dict[str, Any]:
        own: dict[str, Any] = {}
        line_of: dict[str, int] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = _line(event)
            key = self._key(event, place)
            if key in line_of:
                raise ConfigError(
                    f"line {line}: {_cut(key)!r} occurs twice, first in line {line_of[key]}; keep one of the two"
                )
            line_of[key] = line
            value = self._value(next(self._events), (*place, key))
            if key == "<<" and event.implicit[0]:
                merged = value if isinstance(value, list) else [value]
                if not all(isinstance(part, dict) for part in merged):
                    raise ConfigError(f"line {line}: `<<` takes the settings of an anchor, as in `<<: *base`")
            else:
                own[key] = value
        for part in merged:  # the first that has a setting wins
            own = {**part, **own}
        return own


def _read_bytes(path: Path) -> bytes:
    """Return a file's bytes; anything that is not a file, or too large, is refused before it is read."""
    if fault := fault_of(path, "file"):
        raise ConfigError(f"cannot be read: {fault}")
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > _LARGEST_BYTES:
                raise ConfigError(f"has {size:,} bytes, expected at most {_LARGEST_BYTES:,}")
            return file.read()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}") from error


def read_yaml(path: Path) -> Document:
    """Read a YAML file with one document.

    Numbers are decimal as in YAML 1.2; yes, no, on and off are true and false where they are values without
    quotes; merge keys (`<<`) work. Refused is what another program may read differently (leading zeros, base 60,
    underscores), a key that occurs twice, tags, and files that grow or nest without bounds.

    Raises:
        ConfigError: If the file cannot be read so; with the line and what to write.
    """
    try:
        text = _decoded(_read_bytes(path))
        try:
            reader = _Reader(text)
            value = reader.document()
        except yaml.YAMLError as error:
            raise _syntax_fault(error, text) from error
        except (ValueError, OverflowError) as error:  # PyYAML's own, of an escape such as "\\UFFFFFFFF"
            raise ConfigError("is not YAML: an escape in double quotes names no character") from error
    except ConfigError as error:
        raise ConfigError(f"{shown_path(path)}: {error}") from error
    return Document(value, reader.written)


def shown_path(path: Path) -> str:
    """Return a path that can be printed anywhere, whatever bytes its name has."""
    return str(path).encode("utf-8", "backslashreplace").decode()
