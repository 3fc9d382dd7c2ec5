"""A sample's YAML: which categories, which label rules, which presets, which schedule."""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from croniter import croniter
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.frozen import Frozen, _FromList
from cdiscount_tasks.settings.predictions import WatchedFile
from cdiscount_tasks.settings.promotion import PromotionConfig
from cdiscount_tasks.settings.sample_folder import check_file_name
from cdiscount_tasks.settings.sentences import all_sentences, in_short
from cdiscount_tasks.settings.strict_yaml import read_yaml, shown_path
from cdiscount_tasks.settings.training import TrainingConfig

REFUSED_SAMPLE_NAMES = frozenset(
    {
        "catalogue",
        "comparison",
        "sample_comparison",
        "predictions",
        "predictions_watch",
        "gauges",
        "roll_back",
        "clean_up",
        "index",
        "demo",
        "runs",
    }
)
"""Names that folders, pages or DAGs of the project itself carry."""


LEVEL_CHOICE = re.compile(r"level(?P<level>[123]): (?P<name>.+)")


_A_CHOICE = "category ids, names of a level such as 'level2: VIN', or all"


_INT64 = range(-(2**63), 2**63)


def _way_out(choice: Any) -> str:
    """Say how what selects no category is written, where that can be guessed."""
    if isinstance(choice, dict) and len(choice) == 1:
        ((key, name),) = choice.items()
        return f'; put it in quotes: "{key}: {name}"' if re.fullmatch("level[123]", str(key)) else ""
    if isinstance(choice, str):
        if re.fullmatch(r"\s*-?[0-9]+\s*", choice):
            return f"; write the id without quotes: {choice.strip()}"
        level = re.fullmatch(r"(?i)\s*level\s*([123])\s*:\s*(\S.*)", choice)
        if level:
            return f'; write it as "level{level[1]}: {level[2].strip()}"'
        if choice.strip().lower() == "all":
            return "; write categories: all"
    if isinstance(choice, float) and choice.is_integer():
        return f"; write the id in digits: {choice:.0f}"
    return ""


def _check_choice(choice: Any) -> None:
    if type(choice) is int and choice in _INT64:
        return
    named = LEVEL_CHOICE.fullmatch(choice) if isinstance(choice, str) else None
    if named is None or not named["name"].strip():
        raise ValueError(f"has {in_short(choice)}, expected {_A_CHOICE}{_way_out(choice)}")


def _checked_categories(value: Any) -> Any:
    """Refuse what selects no categories; a union's own messages would say it three times."""
    if value == "all":
        return value
    if not isinstance(value, list | tuple):
        way_out = _way_out(value)
        raise ValueError(f"is {in_short(value)}, expected a list of {_A_CHOICE}{way_out}")  # noqa: TRY004 - what pydantic listens for
    for choice in value:
        _check_choice(choice)
    repeated = sorted(str(choice) for choice, times in Counter(value).items() if times > 1)
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once")
    if len(value) < 2 and all(isinstance(choice, int) for choice in value):
        raise ValueError(f"has {len(value)} category, expected at least 2 to tell apart")
    return tuple(value)


class SplitConfig(Frozen):
    """Shares of the three splits, or a file that fixes them."""

    train: float = Field(default=0.70, gt=0, lt=1)
    validation: float = Field(default=0.15, gt=0, lt=1)
    test: float = Field(default=0.15, gt=0, lt=1)
    file: str | None = Field(default=None, description="CSV with the columns product_id, split; relative to the YAML.")

    @model_validator(mode="after")
    def _shares_or_file(self) -> Self:
        if self.file is not None and (self.train, self.validation, self.test) != (0.70, 0.15, 0.15):
            raise ValueError("has both a file and shares; keep one of the two")
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"shares add up to {total:g}, expected 1")
        return self


_RANDOM_TIMES = re.compile(r"(?i)(^|[\s,/-])[rh](?=\(|[\s,/]|$)")
"""R and H mean a different time at each reading."""


class ScheduleConfig(Frozen):
    """When a sample's DAG runs by itself."""

    cron: str | None = Field(default=None, description="Cron expression, in UTC.")
    on_new_index: bool = Field(default=False, description="Run when a new catalogue has been indexed.")
    retrain: Literal["when_changed", "always"] = Field(
        default="when_changed",
        description="What a run does that started by itself. when_changed: it is skipped where nothing changed since "
        "the last finished run. always: it trains, with a seed of its own.",
    )
    deadline_hours: float | None = Field(
        default=None,
        gt=0,
        le=24 * 365,
        description="Hours after which an unfinished run is reported as late; it continues. null: never.",
    )

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str | None) -> str | None:
        if cron is None:
            return cron
        try:
            if len(cron.split()) != 5 or _RANDOM_TIMES.search(cron):
                raise ValueError(cron)
            croniter(cron).get_next()  # fails on fields out of range, and on days that never come
        except ValueError as error:
            raise ValueError(
                f"{cron!r} is not a cron expression: expected five fields, such as '0 3 * * 1' (Mondays at 03:00)"
            ) from error
        return cron


Pictures = Literal["copied", "in_catalogue"]


class DrawConfig(Frozen):
    """Which products a sample holds."""

    categories: Annotated[tuple[int, ...] | None, _FromList] = Field(
        description="Category ids, ascending; None: every category."
    )
    max_products_per_category: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    # Left out of the key where they are copied: samples that were drawn before there was a choice are found again.
    pictures: Pictures = Field(default="copied", exclude_if=lambda pictures: pictures == "copied")


class LabelRules(Frozen):
    """How a sample's products become labels, groups and splits: what a YAML may set."""

    max_products_per_image: int = Field(
        default=50, ge=1, description="An image in more products of the catalogue is a placeholder and rejected."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Seed of the draw and of the split.")
    split: SplitConfig = SplitConfig()
    straddling: Literal["error", "move_to_train"] = Field(
        default="error", description="What happens to a group that a fixed split file cuts."
    )
    small_classes: Literal["error", "reject"] = Field(
        default="error",
        description="What happens to a class with fewer than 3 groups, or with nothing to learn from.",
    )
    conflicts: Literal["drop_image", "keep", "majority"] = Field(
        default="drop_image", description="What training does with an image that carries several categories."
    )
    near_duplicates: Literal["off", "report", "group"] = Field(
        default="report",
        description="What happens to pictures that look the same without being identical: off, they are not sought; "
        "report, those that the split parts are counted; group, they tie products too, so that no split parts them.",
    )


class LabelConfig(LabelRules):
    """The rules, and the categories that they are applied to."""

    categories: Annotated[tuple[int, ...] | None, _FromList] = Field(
        description="The sample's categories, ascending; None: all it holds."
    )


class SampleConfig(LabelRules):
    """A named choice of categories with its label rules, schedule and presets: one YAML file in `include/samples`."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    title: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=1000)
    tags: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], _FromList] = Field(
        default=(), description="Of the DAG in Airflow, which takes up to 100 characters each."
    )
    categories: Annotated[Literal["all"] | tuple[int | str, ...], BeforeValidator(_checked_categories)] = Field(
        description="Category ids, names of a level such as `level2: VIN`, or `all`."
    )
    max_products_per_category: int | None = Field(
        default=None, ge=1, description="The most products drawn from each category; null: all of them."
    )
    pictures: Pictures = Field(
        default="copied",
        exclude_if=lambda pictures: pictures == "copied",
        description="copied: the sample's files hold its pictures. in_catalogue: they say where in the catalogue each "
        "is, and take no room; the catalogue must then stay where every task can read it.",
    )
    embed_pictures: bool = Field(
        default=True,
        description="Whether the report's pages hold pictures of the catalogue; without them a report can be shared.",
    )
    schedule: ScheduleConfig = ScheduleConfig()
    promotion: PromotionConfig = PromotionConfig()
    predictions: WatchedFile | None = Field(
        default=None,
        exclude_if=lambda watched: watched is None,
        description="A file that the champion is asked about by itself: catalogue and precision.",
    )
    default_preset: str = "baseline"
    presets: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=64)], TrainingConfig] = Field(min_length=1)

    @property
    def num_gpu_slots(self) -> int:
        """Return the slots of the pool `gpu` that a training takes: as many as any of the presets wants GPUs."""
        return max(preset.gpus for preset in self.presets.values())

    @property
    def searches(self) -> bool:
        """Tell whether any of the presets searches for knobs."""
        return any(preset.search is not None for preset in self.presets.values())

    @property
    def trains_other_seeds(self) -> bool:
        """Tell whether any of the presets is trained with several seeds."""
        return any(preset.seeds > 1 for preset in self.presets.values())

    @field_validator("name")
    @classmethod
    def _free_name(cls, name: str) -> str:
        if name in REFUSED_SAMPLE_NAMES:
            raise ValueError(f"{name!r} is used by the project itself; choose a different name")
        return name

    @model_validator(mode="after")
    def _preset_exists(self) -> Self:
        if self.default_preset not in self.presets:
            raise ValueError(
                f"default_preset is {self.default_preset!r}, expected one of {', '.join(sorted(self.presets))}"
            )
        return self


def read_sample(path: Path) -> SampleConfig:
    """Read and check a sample's YAML.

    Raises:
        ConfigError: If the file is no YAML or a setting is unknown, missing or impossible; names file and setting.
    """
    check_file_name(path)
    settings, written = read_yaml(path)
    if not isinstance(settings, dict):
        what = "is empty" if settings is None else f"holds {in_short(settings)}"
        raise ConfigError(f"{path}: {what}, expected settings such as `name: wine`")
    try:
        sample = SampleConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(f"{shown_path(path)}: {all_sentences(error, SampleConfig, written)}") from error
    if sample.name != path.stem:
        raise ConfigError(f"{shown_path(path)}: name is {sample.name!r}, expected {path.stem!r}, the name of the file")
    return sample
