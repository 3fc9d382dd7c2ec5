"""A preset's search: which knobs are tried, between which bounds, how often and for how long."""

from collections.abc import Mapping
from importlib.util import find_spec
from itertools import combinations, product
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.frozen import Frozen, _FromList, bool_of_word
from cdiscount_tasks.settings.sentences import all_sentences, close_names, in_short

Value = bool | int | float | str

NOT_SEARCHED = frozenset({
    "purpose", "search", "network", "weights", "image_size", "mirrored_features", "gpus", "precision", "views", "seed",
    "seeds",
})  # fmt: skip
"""What no search tries: it decides features or the machine, is no part of what validation judges, or is chance."""

_LOG_FROM = 10
"""Bounds above 0 that are so many times apart are drawn on a logarithmic scale."""


class SearchConfig(Frozen):
    """Trainings with other knobs, the best of which, by the products of validation, become those of the model."""

    trials: int = Field(ge=2, le=500, description="How many trainings are tried at most, the preset's own among them.")
    budget_minutes: float = Field(
        gt=0, le=60 * 24 * 7, description="No trial goes on once so many minutes are over, whatever is left to try."
    )
    knobs: dict[str, Annotated[tuple[Value, ...], _FromList]] = Field(
        min_length=1, description="By knob: the lowest and the highest number, or the words to choose from."
    )


class Range(NamedTuple):
    """The numbers that a knob is tried at, both bounds included."""

    low: float
    high: float
    is_whole: bool
    is_log: bool


class Choice(NamedTuple):
    """The words that a knob is tried at."""

    values: tuple[Value, ...]


Space = Mapping[str, Range | Choice]


def _space_of_knob(name: str, values: tuple[Value, ...], model: type[BaseModel]) -> Range | Choice:
    where, kind = f"search.knobs.{name}", model.model_fields[name].annotation
    shown = in_short(list(values))
    if kind is bool or get_origin(kind) is Literal:
        known = (False, True) if kind is bool else get_args(kind)
        values = tuple(map(bool_of_word, values)) if kind is bool else values
        if len(values) < 2 or len(set(values)) < len(values):
            raise ValueError(f"{where} is {shown}, expected two or more different ones of {in_short(list(known))}")
        return Choice(values)
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not len(numbers) == len(values) == 2:
        raise ValueError(f"{where} is {shown}, expected two numbers: the lowest and the highest")
    low, high = numbers
    if low >= high:
        other = f"write [{high}, {low}]" if low > high else "or take the knob out and set it in the preset"
        raise ValueError(f"{where} is {shown}, expected the lower bound first and a higher one behind it; {other}")
    return Range(low, high, is_whole=kind is int, is_log=low > 0 and high / low >= _LOG_FROM)


def _check_name(name: str, model: type[BaseModel]) -> None:
    tried = [known for known in model.model_fields if known not in NOT_SEARCHED]
    if name in NOT_SEARCHED:
        known = ", ".join(tried)
        raise ValueError(f"search.knobs.{name} cannot be searched, set it in the preset; what can be are {known}")
    if name not in tried:
        close = close_names(name, tried)
        hint = f"did you mean {close[0]}?" if close else f"what can be searched are {', '.join(tried)}"
        raise ValueError(f"search.knobs.{name} is not a known knob; {hint}")


def space_of(search: SearchConfig, model: type[BaseModel]) -> Space:
    """Return what is tried, by knob.

    Args:
        search: Of a preset.
        model: The knobs.

    Raises:
        ValueError: If a knob is unknown, or bounds are the wrong way round; names it.
    """
    for name in search.knobs:
        _check_name(name, model)
    return {name: _space_of_knob(name, values, model) for name, values in search.knobs.items()}


def check_search(preset: BaseModel, search: SearchConfig) -> None:
    """Refuse a search whose knobs or bounds are impossible in its preset, alone or two together.

    Raises:
        ValueError: With the knob, and what to write instead.
    """
    model = type(preset)
    others = preset.model_dump(exclude={"search"})
    space = space_of(search, model).items()
    ends = {name: one.values if isinstance(one, Choice) else (one.low, one.high) for name, one in space}
    for names in (*combinations(ends, 1), *combinations(ends, 2)):
        for values in product(*(ends[name] for name in names)):
            try:
                model.model_validate({**others, **dict(zip(names, values, strict=True))})
            except ValidationError as error:
                raise ValueError(f"search.knobs has what cannot be: {all_sentences(error, model)}") from error


def value_in(one: Range | Choice, own: Any) -> Value:
    """Return the value in a space that is nearest to a preset's own; of words that lack it, the first."""
    if isinstance(one, Choice):
        return own if own in one.values else one.values[0]
    value: Value = min(max(own, one.low), one.high)
    return value


def check_optuna(search: SearchConfig | None) -> None:
    """Check that what a search needs is installed.

    Raises:
        ConfigError: If it is not.
    """
    if search is not None and find_spec("optuna") is None:
        raise ConfigError(
            "the preset has a search for knobs, which needs the package optuna, and it is not installed here: run "
            "`make setup` again, or install optuna as requirements.txt pins it on every machine of the pool `gpu`; or "
            "take `search` out of the preset"
        )
