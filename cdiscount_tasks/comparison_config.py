"""What a comparison of samples can be told, as frozen pydantic models: the trigger form and the frozen config."""

from typing import Literal

from pydantic import Field

from cdiscount_tasks.config import Frozen

DEFAULT_SAMPLES = ("wine", "mixed_bag")
"""The original project's question; their new reports start a comparison by themselves."""


class ChosenRun(Frozen):
    """A run of a sample, by Airflow's id."""

    sample: str
    run_id: str


class CloudConfig(Frozen):
    """How random choices of categories are drawn and judged."""

    products_per_category: int = Field(
        default=60,
        ge=10,
        le=500,
        description="Of each of the up to 200 categories that random choices are made of; smaller categories are left "
        "out, and time grows with it.",
    )
    seed: int = Field(default=0, ge=0)


class ComparisonConfig(Frozen):
    """Everything that decides what a comparison compares, frozen by its first task in `config.json`."""

    schema_version: Literal[1] = 1
    run_id: str
    runs: tuple[ChosenRun, ...]
    cloud: CloudConfig
