"""In which settings two recipes differ, in words: what decided an artifact, and what would decide it now."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST_TOLD = 4
"""So many differences, or items of a list, are named."""

_ABSENT = "absent"
_NETWORK = "config.network"
_STOPPED_SEED = "config.stopped_seeds."
_INPUTS = {
    "inputs.index": "the catalogue's content changed",
    "inputs.champion": "the champion that it begins with changed",
}
_LEFT_OUT = {"config.pictures": '"copied"', "config.chosen_epoch": '"loss"'}
"""What a recipe leaves out where it is the default."""


# What a report's config holds without deciding what it says: names, places and times of the run; copied files and
# versions, which the artifacts count as far as they matter to them; presets that the run does not have.
_PASSING = frozenset(
    {"run_id", "started", "catalogue_path", "catalogue_fingerprint", "inputs", "input_sources", "versions"}
)
_PASSING_OF_SAMPLE = frozenset({"tags", "schedule", "promotion", "predictions", "presets", "default_preset"})


def _deciding(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a recipe, or of a manifest, that decides whether an artifact says the same."""
    # Not files: in a recipe they are what comes from outside, in a manifest what the artifact holds.
    parts = {name: recipe[name] for name in ("version", "config", "inputs", "libraries")}
    if recipe["stage"] == "report":
        config = {name: value for name, value in parts["config"].items() if name not in _PASSING}
        sample = {name: value for name, value in config["sample"].items() if name not in _PASSING_OF_SAMPLE}
        parts["config"] = {**config, "sample": sample}
    return parts


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the single settings of a recipe, as a dotted name and its value in JSON."""
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, json.dumps(value, sort_keys=True, ensure_ascii=False)


_WORDS = {_ABSENT: _ABSENT, "true": "yes", "false": "no", "null": "none"}


def _plain(text: str) -> str:
    """Return a value in JSON as a person writes it."""
    if text in _WORDS:
        return _WORDS[text]
    return str(json.loads(text)) if text.startswith('"') else text


def _listed(values: list[Any]) -> str:
    told = ", ".join(str(value) for value in values[:MOST_TOLD])
    return told + (f" and {len(values) - MOST_TOLD} more" if len(values) > MOST_TOLD else "")


def _in_words(name: str, was: str, now: str) -> str:
    """Say how one setting differs, without the names of the files that it stands in."""
    if name in _INPUTS:
        return _INPUTS[name]
    if name == "version":
        return f"the code of this step changed (version {was} -> {now})"
    if name == "config.stopped_after_epoch":
        return f"that training was stopped by hand after epoch {was}, and this one ends by itself"
    if name.startswith(_STOPPED_SEED):
        seed = name.removeprefix(_STOPPED_SEED)
        return f"that training with seed {seed} was stopped by hand after epoch {was}, and this one ends by itself"
    words = name.removeprefix("config.").removeprefix("libraries.").replace(".", " ").replace("_", " ")
    before, after = (None if text == _ABSENT else json.loads(text) for text in (was, now))
    if isinstance(before, list) and isinstance(after, list):
        gone, new = [one for one in before if one not in after], [one for one in after if one not in before]
        told = [f"{word} {_listed(values)}" for word, values in (("without", gone), ("with", new)) if values]
        return f"{words}: now {' and '.join(told) or 'in another order'}"
    return f"{words} {_plain(was)} -> {_plain(now)}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in which settings two recipes differ.

    Args:
        before: A manifest, or another recipe as JSON.
        now: The recipe as JSON.

    Returns:
        Such as `epochs 8 -> 30`, by name; empty: they decide the same.
    """
    was, found = dict(_leaves(_deciding(before))), dict(_leaves(_deciding(now)))
    names = was.keys() | found.keys()
    if was.get(_NETWORK) != found.get(_NETWORK):
        names = was.keys() & found.keys()  # what only one of two networks has says nothing more
    return [
        _in_words(name, *(one.get(name, _LEFT_OUT.get(name, _ABSENT)) for one in (was, found)))
        for name in sorted(names, key=lambda name: (name != _NETWORK, name))
        if was.get(name) != found.get(name)
    ]
