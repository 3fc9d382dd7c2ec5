"""What pydantic finds wrong, said in one sentence: where, what was found, what was expected."""

import difflib
import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def _models_within(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_within(part)]


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model that the setting at `place` belongs to."""
    for step in place[:-1]:
        field = model.model_fields.get(str(step))
        inner = _models_within(field.annotation) if field else []
        model = inner[0] if inner else model
    return model


@functools.cache
def properties_of(model: type[BaseModel]) -> Mapping[str, dict[str, Any]]:
    """Return the JSON schema of each field by name; made once, since it takes milliseconds and is asked for often."""
    return MappingProxyType(model.model_json_schema().get("properties", {}))


def bounds_in_words(model: type[BaseModel], name: str) -> str | None:
    """Return a field's numeric bounds in words, or None without any."""
    schema = properties_of(model).get(name, {})
    schema = next((part for part in schema.get("anyOf", []) if part.get("type") != "null"), schema)
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" if isinstance(low, float) else f"{low} to {high}"
    words = [
        text
        for bound, text in ((low, "at least"), (above, "above"), (high, "at most"), (below, "below"))
        if bound is not None
        for text in [f"{text} {bound:g}"]
    ]
    return " and ".join(words) or None


def _sentence(error: ErrorDetails, root: type[BaseModel]) -> str:
    place = tuple(step for step in error["loc"] if not str(step).startswith(("tuple[", "literal[", "function-")))
    where = ".".join(str(step) for step in place)
    model = _model_at(root, place) if place else root
    kind, found = error["type"], error["input"]
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(place[-1]), model.model_fields, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(model.model_fields)}"
        return f"{where} is not a known setting; {hint}"
    if kind == "missing":
        return f"{where} is missing; add it"
    if kind == "value_error":
        message = str(error["ctx"]["error"])
        return f"{where} {message}" if where else message
    if kind == "too_short":
        return f"{where} is empty, expected at least {error['ctx']['min_length']} entry"
    bounds = bounds_in_words(model, str(place[-1])) if place else None
    expected = bounds or error["ctx"].get("expected") if "ctx" in error else bounds
    if kind == "string_pattern_mismatch":
        expected = f"text that matches {error['ctx']['pattern']}"
    if expected is None or kind.endswith("_type"):
        said = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
        expected = f"{said} {bounds}" if bounds and kind.endswith("_type") else said
    return f"{where} is {found!r}, expected {expected}"


def first_sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """Say what a validation found wrong first, and how many more faults there are."""
    errors = error.errors(include_url=False)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return _sentence(errors[0], model) + more
