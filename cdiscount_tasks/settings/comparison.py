"""The parameters of a comparison of samples, as frozen pydantic models: the trigger form and the frozen config."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.began_on import BeganOn
from cdiscount_tasks.settings.frozen import Frozen
from cdiscount_tasks.settings.sentences import close_names, in_short

DEFAULT_SAMPLES = ("wine", "mixed_bag")
"""The original project's question; their new reports start a comparison by themselves."""


class ChosenRun(Frozen):
    """A run of a sample, by Airflow's id."""

    sample: str
    run_id: str


class RandomChoicesConfig(Frozen):
    """How random choices of categories are drawn and judged."""

    products_per_category: int = Field(
        default=60,
        ge=10,
        le=500,
        description="Products of each of the up to 200 categories for random choices. Smaller categories are left out; "
        "time grows with the number.",
    )
    seed: int = Field(default=0, ge=0)


class ComparisonConfig(Frozen):
    """Everything that decides what a comparison compares, frozen by its first task in `config.json`."""

    schema_version: Literal[1] = 1
    run_id: str
    runs: tuple[ChosenRun, ...]
    random_choices: RandomChoicesConfig
    versions: dict[str, str] = Field(default={}, description="Of the packages that the comparison is made with.")
    began_on: BeganOn | None = Field(default=None, exclude_if=lambda began: began is None)


class ComparisonNotes(Frozen):
    """What a comparison could not make, in sentences for its page; empty: nothing is missing."""

    no_features: str = ""
    no_random_choices: str = ""
    pool: tuple[str, ...] = ()


SETTINGS = ("samples", "runs", "products_per_category")
"""What the trigger form and a conf can set."""


def settings_of(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a conf sets, as `start_comparison` takes it; what it leaves out keeps its default.

    Raises:
        ConfigError: If conf has a key that is not one of SETTINGS.
    """
    for key in conf:
        if key not in SETTINGS:
            close = close_names(str(key), SETTINGS)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(SETTINGS)}"
            raise ConfigError(f"the comparison's conf has {in_short(key)}, which is not a parameter; {hint}")
    choices = {name: conf[name] for name in RandomChoicesConfig.model_fields if name in conf}
    return {"samples": conf.get("samples", DEFAULT_SAMPLES), "runs": conf.get("runs"), "random_choices": choices}
