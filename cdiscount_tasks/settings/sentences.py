"""What pydantic finds wrong, said in one sentence: where, what was found, what was expected."""

import difflib
import functools
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cdiscount_tasks.settings.strict_yaml import Place, Written

_LONGEST_SHOWN = 100
_MOST_FAULTS = 5


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


def in_short(value: Any) -> str:
    """Return a value as Python writes it, cut to what a sentence can hold."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _printable(text: str) -> str:
    return text if text.isprintable() and len(text) <= _LONGEST_SHOWN else in_short(text)


def close_names(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the known names that are most like one, letters' case aside."""
    by_lower = {other.lower(): other for other in known}
    return [by_lower[close] for close in difflib.get_close_matches(name.lower(), by_lower, n=most)]


def _unknown(where: str, name: str, model: type[BaseModel]) -> str:
    close = close_names(name, model.model_fields)
    homes = [
        field
        for field, info in model.model_fields.items()
        if any(name in inner.model_fields for inner in _models_within(info.annotation))
    ]
    if close:
        hint = f"did you mean {close[0]}?"
    elif homes:
        hint = f"it belongs below {' or '.join(homes)}"
    else:
        own_first = sorted(model.model_fields, key=lambda field: field not in model.__annotations__)
        hint = f"known are {', '.join(own_first)}"
    return f"{where} is not a known setting; {hint}"


def _empty(where: str, model: type[BaseModel], place: Place) -> str | None:
    """Say what to do about a setting without a value; None: it may have none, or it is something else."""
    name = str(place[-1])
    field = model.model_fields.get(name)
    if field is None or _models_within(field.annotation):
        return f"{where} is empty; write `{name}: {{}}` for the defaults, or take it out"
    return f"{where} is empty; give it a value{'' if field.is_required() else ', or take it out'}"


def _number_as_text(found: Any, kind: str) -> bool:
    try:
        return kind in ("int_type", "float_type") and isinstance(found, str) and float(found) is not None
    except ValueError:
        return False


def _wrong_type(error: ErrorDetails, bounds: str | None, written: str | None) -> tuple[str, str]:
    """Return what a value of a wrong type is called, and what was expected."""
    kind, found = error["type"], error["input"]
    if kind == "string_type" and isinstance(found, bool | int | float):
        text = written if written is not None else str(found)
        return _printable(text), f'text; put it in quotes: "{text}"'
    if kind == "bool_type":
        return in_short(found), "yes or no"
    if kind in ("model_type", "dict_type"):
        return in_short(found), "settings of its own, each with a name"
    if kind == "tuple_type":
        return in_short(found), "a list such as [a, b]"
    said = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    hint = "; write it without quotes" if _number_as_text(found, kind) else ""
    shown = written if written is not None and isinstance(found, float) else in_short(found)
    return shown, (f"{said} {bounds}" if bounds else said) + hint


def _said_by_pydantic(error: ErrorDetails, bounds: str | None) -> str:
    """Return what was expected, for faults that are not of the type."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"text that matches {context['pattern']}"
    if kind in ("string_too_long", "string_too_short"):
        length = context.get("max_length", context.get("min_length"))
        most = "at most" if "max_length" in context else "at least"
        return f"{most} {length} character{'s' if length != 1 else ''}"
    expected = bounds or context.get("expected")
    return str(expected) if expected else error["msg"].removeprefix("Input should be ").removeprefix("a valid ")


def _sentence(error: ErrorDetails, root: type[BaseModel], written: Mapping[Place, Written]) -> str:
    place = _place(error)
    where = ".".join(_printable(str(step)) for step in place)
    model = _model_at(root, place) if place else root
    kind, found = error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown(where, str(place[-1]), model)
    if kind == "missing":
        return f"{where} is missing; add it"
    if kind == "value_error":
        message = str(error["ctx"]["error"])
        return f"{where} {message}" if where else message
    if kind == "too_short":
        return f"{where} is empty, expected at least {error['ctx']['min_length']} entry"
    bounds = bounds_in_words(model, str(place[-1])) if place else None
    as_written = written[place].text if place in written else None
    if kind.endswith("_type"):
        if found is None and place and (said := _empty(where, model, place)):
            return said
        shown, expected = _wrong_type(error, bounds, as_written)
    else:
        shown, expected = in_short(found), _said_by_pydantic(error, bounds)
    return f"{where} is {shown}, expected {expected}"


def _place(error: ErrorDetails) -> Place:
    """Return the place of a fault, without the steps that are pydantic's own."""
    own = ("tuple[", "literal[", "function-", "[key]")
    return tuple(step for step in error["loc"] if not str(step).startswith(own))


def _unknown_first(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Put what is unknown first: it is the cause where a setting is missing for a slip in its name."""
    unknown = [error for error in errors if error["type"] == "extra_forbidden"]
    return unknown + [error for error in errors if error["type"] != "extra_forbidden"]


def all_sentences(
    error: ValidationError, model: type[BaseModel], written: Mapping[Place, Written] = MappingProxyType({})
) -> str:
    """Say what a validation found wrong, a fault a line; after the first five, how many more there are.

    Args:
        error: The validation's.
        model: What was validated against.
        written: How the values are written in their file, if they come from one.
    """
    errors = _unknown_first(error.errors(include_url=False))
    told = [_sentence(one, model, written) for one in errors[:_MOST_FAULTS]]
    more = [f"and {len(errors) - _MOST_FAULTS} more"] if len(errors) > _MOST_FAULTS else []
    # Where lines are joined, as in Airflow's list of DAGs, "also" keeps the faults apart.
    return "\n".join([told[0], *(f"  also: {sentence}" for sentence in told[1:]), *(f"  {words}" for words in more)])
