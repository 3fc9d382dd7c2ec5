"""What is different between two runs beside their answers: preset, data, label fixes, weights, knobs, libraries."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cdiscount_tasks.pages.overview.rows import STOPPED_AFTER, FinishedReport
from cdiscount_tasks.pages.parts.words import count

_MOST_NAMED = 6
_ABSENT = "not set"
_STOPPED = STOPPED_AFTER.replace("_", " ")
_IN_WORDS = {_STOPPED: ("stopped by hand after epoch", "not stopped")}
"""What a setting is called, and how its absence reads, where its name does not say it."""

_BESIDE = "seeds"
"""How many trainings there were beside that of the model, which decides nothing of it."""


class Difference(NamedTuple):
    """A thing that two runs have not in common.

    Attributes:
        what: Its name, in words.
        first, second: What each run has, in words.
    """

    what: str
    first: str
    second: str


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _only_here(here: list[Any], there: list[Any]) -> str:
    """Name what a list has and the other one lacks."""
    only = [one for one in here if one not in there]
    if not only:
        return f"{count(len(here), 'entry', 'entries')}, none of its own"
    more = len(only) - _MOST_NAMED
    named = ", ".join(map(_word, only[:_MOST_NAMED])) + (f" and {more:,} more" if more > 0 else "")
    return f"{count(len(here), 'entry', 'entries')}, only here: {named}"


def _flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return settings without nesting, each under its name in words."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        words = f"{above}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{words}: ")
        else:
            flat[words] = value
    return flat


def _of_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    was, now = _flat(first), _flat(second)
    for name in sorted(was.keys() | now.keys()):
        words, absent = _IN_WORDS.get(name, (name, _ABSENT))
        one, other = was.get(name, absent), now.get(name, absent)
        if one == other:
            continue
        if isinstance(one, list | tuple) and isinstance(other, list | tuple):
            yield Difference(words, _only_here(list(one), list(other)), _only_here(list(other), list(one)))
        else:
            yield Difference(words, _word(one), _word(other))


def _fixes(settings: Mapping[str, Any]) -> str:
    written = settings.get("fixes")
    return count(settings.get("num_fixes") or 0, "label fix", "label fixes") + (
        f" (file {str(written)[:8]})" if written else ""
    )


def differences(first: FinishedReport, second: FinishedReport) -> list[Difference]:
    """Return what two runs have not in common, beside what they answered.

    Args:
        first: A row of the overview, which holds what its metrics.json says of settings and data.
        second: The same of the other run.
    """
    was, now = first.settings, second.settings
    told = [
        Difference("preset", first.preset, second.preset),
        Difference("catalogue", _word(was.get("catalogue_id")), _word(now.get("catalogue_id"))),
        Difference("label fixes", _fixes(was), _fixes(now)),
        Difference("pretrained weights", _word(was.get("weights")), _word(now.get("weights"))),
    ]
    found = [one for one in told if one.first != one.second]
    for part in ("data", "training"):
        found += _of_settings(was.get(part) or {}, now.get(part) or {})
    versions = _of_settings(was.get("versions") or {}, now.get("versions") or {})
    return found + [one._replace(what=f"version of {one.what}") for one in versions]


def differ_only_in_seed(first: FinishedReport, second: FinishedReport) -> bool:
    """Tell whether nothing but the seed of the training is different between two runs."""
    seeds = [(run.settings.get("training") or {}).get("seed") for run in (first, second)]
    told = [one.what for one in differences(first, second)]
    return seeds[0] != seeds[1] and [what for what in told if what != _BESIDE] == ["seed"]
