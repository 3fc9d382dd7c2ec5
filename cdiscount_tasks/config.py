"""What can be chosen, as frozen pydantic models: a sample's YAML, its presets, the frozen config of a run.

The same models check the YAML, make the trigger form and are written to `config.json`.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from croniter import croniter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from cdiscount_tasks.config_errors import first_sentence, in_short
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.sample_folder import check_file_name
from cdiscount_tasks.strict_yaml import read_yaml, shown_path

NetworkName = Literal[
    "plain_cnn", "small_cnn", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_v2_b0", "convnext_tiny"
]
BACKBONES = frozenset({"mobilenet_v2", "mobilenet_v3_small", "efficientnet_v2_b0", "convnext_tiny"})
"""The networks of keras.applications, which may start from pretrained weights."""

REFUSED_SAMPLE_NAMES = frozenset(
    {"catalogue", "comparison", "sample_comparison", "predictions", "clean_up", "index", "demo"}
)
"""Names that folders, pages or DAGs of the project itself carry."""

LEVEL_CHOICE = re.compile(r"level(?P<level>[123]): (?P<name>.+)")


def _tuple_of_list(value: Any) -> Any:
    """YAML knows lists only; a frozen model holds tuples."""
    return tuple(value) if isinstance(value, list) else value


_FromList = BeforeValidator(_tuple_of_list)


def _bool_of_word(value: Any) -> Any:
    """The trigger form's choices are text."""
    return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value


YesOrNo = Annotated[bool, BeforeValidator(_bool_of_word)]

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


class Frozen(BaseModel):
    """A model that refuses unknown keys and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TrainingConfig(Frozen):
    """A preset: a complete set of training knobs. What a preset leaves out keeps the default given here."""

    purpose: str = Field(
        default="",
        max_length=200,
        exclude=True,  # it changes nothing that a run makes
        description="What the preset is for, in a sentence; the trigger form shows it.",
    )
    network: NetworkName = Field(
        default="small_cnn",
        description="plain_cnn: the convolution, pooling, dense network of a first Keras notebook. "
        "small_cnn: this project's own residual network, quick on a CPU. "
        "The others are those of keras.applications, and may start from pretrained weights.",
    )
    weights: Literal["none", "imagenet"] = Field(
        default="none",
        description="What the network starts from. imagenet: pretrained weights (a network of keras.applications); its "
        "features are computed once, a classifying layer learns from them, then the network itself may be tuned.",
    )
    image_size: int = Field(
        default=96,
        ge=32,
        le=512,
        description="Side in pixels that pictures are scaled to. The catalogue's are 180; time grows with the square.",
    )
    epochs: int = Field(
        default=30,
        ge=1,
        le=500,
        description="Passes over the train split, at most. With pretrained weights: of the classifying layer.",
    )
    mirrored_features: YesOrNo = Field(
        default=False,
        description="Whether the classifying layer also learns from every picture's mirror image: the frozen network "
        "runs twice as long. Tuning mirrors pictures in any case.",
    )
    fine_tune_epochs: int = Field(
        default=0, ge=0, le=500, description="Passes that tune the pretrained network itself; 0: it stays frozen."
    )
    fine_tune_learning_rate: float = Field(
        default=3e-4, gt=0, le=1, description="Highest rate while the pretrained network is tuned."
    )
    fine_tune_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the pretrained network's layers that are tuned, from the top; the others stay frozen.",
    )
    batch_size: int = Field(default=64, ge=1, le=1024, description="Images per step.")
    learning_rate: float = Field(default=2e-3, gt=0, le=1, description="Highest rate of the warm-up and cosine decay.")
    weight_decay: float = Field(default=1e-4, ge=0, le=1, description="AdamW's decay of the weights.")
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="Share of the target that is spread over all classes."
    )
    early_stopping_patience: int = Field(
        default=8,
        ge=1,
        le=500,
        description="Epochs without a lower validation loss (over products) after which training ends.",
    )
    class_weights: YesOrNo = Field(
        default=False,
        description="Whether every class counts the same while learning, however few images it has. It helped nobody "
        "who reported it on this catalogue.",
    )
    gpus: int = Field(
        default=1,
        ge=1,
        le=16,
        title="GPUs",
        description="GPUs that one training takes, where the machine has any; slots of the pool.",
    )
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        default="auto", description="auto: half precision on GPUs that have units for it, float32 elsewhere."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Seed of weights, order, augmentation and dropout.")

    @model_validator(mode="after")
    def _weights_fit_the_network(self) -> Self:
        if self.weights != "none" and self.network not in BACKBONES:
            raise ValueError(
                f"weights is {self.weights!r}, but {self.network} has no pretrained weights; take one of "
                f"{', '.join(sorted(BACKBONES))}, or weights: none"
            )
        if self.fine_tune_epochs and self.weights == "none":
            raise ValueError(
                f"fine_tune_epochs is {self.fine_tune_epochs}, but without pretrained weights nothing is tuned; "
                "set weights: imagenet, or fine_tune_epochs: 0"
            )
        return self


KNOBS = tuple(name for name in TrainingConfig.model_fields if name != "purpose")
"""What a run may set on top of its preset."""


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
"""R and H stand for another time at each reading."""


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
        description="Hours after which a run that has not finished is told as late; it goes on. null: never.",
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
                f"{cron!r} is no cron expression of five fields that name times, such as '0 3 * * 1' (Mondays at 03:00)"
            ) from error
        return cron


class DrawConfig(Frozen):
    """Which products a sample holds."""

    categories: Annotated[tuple[int, ...] | None, _FromList] = Field(
        description="Category ids, ascending; None: every category."
    )
    max_products_per_category: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)


class LabelConfig(Frozen):
    """How a sample's products become labels, groups and splits."""

    categories: Annotated[tuple[int, ...] | None, _FromList] = Field(
        description="The sample's categories, ascending; None: all it holds."
    )
    split: SplitConfig = SplitConfig()
    seed: int = Field(default=0, ge=0)
    conflicts: Literal["drop_image", "keep", "majority"] = "drop_image"
    max_products_per_image: int = Field(default=50, ge=1)
    near_duplicates: Literal["off", "report", "group"] = "report"
    small_classes: Literal["error", "reject"] = "error"
    straddling: Literal["error", "move_to_train"] = "error"


class SampleConfig(Frozen):
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
        default=None, ge=1, description="At most so many products of each category; null: all of them."
    )
    max_products_per_image: int = Field(
        default=50, ge=1, description="An image in more products of the catalogue is a placeholder and rejected."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Seed of the draw and of the split.")
    split: SplitConfig = SplitConfig()
    straddling: Literal["error", "move_to_train"] = Field(
        default="error", description="What happens to a group that a fixed split file cuts."
    )
    small_classes: Literal["error", "reject"] = Field(
        default="error", description="What happens to a class with fewer than 3 groups."
    )
    conflicts: Literal["drop_image", "keep", "majority"] = Field(
        default="drop_image", description="What training does with an image that carries several categories."
    )
    near_duplicates: Literal["off", "report", "group"] = Field(
        default="report",
        description="What happens to pictures that look the same without being identical: off, they are not sought; "
        "report, those that the split parts are counted; group, they tie products too, so that no split parts them.",
    )
    embed_pictures: bool = Field(
        default=True,
        description="Whether the report's pages hold pictures of the catalogue; without them a report can be shared.",
    )
    schedule: ScheduleConfig = ScheduleConfig()
    default_preset: str = "baseline"
    presets: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=64)], TrainingConfig] = Field(min_length=1)

    @property
    def num_gpu_slots(self) -> int:
        """Return the slots of the pool `gpu` that a training takes: as many as any of the presets wants GPUs."""
        return max(preset.gpus for preset in self.presets.values())

    @field_validator("name")
    @classmethod
    def _free_name(cls, name: str) -> str:
        if name in REFUSED_SAMPLE_NAMES:
            raise ValueError(f"{name!r} is taken by the project itself; choose another name")
        return name

    @model_validator(mode="after")
    def _preset_exists(self) -> Self:
        if self.default_preset not in self.presets:
            raise ValueError(
                f"default_preset is {self.default_preset!r}, expected one of {', '.join(sorted(self.presets))}"
            )
        return self


class PriceConfig(Frozen):
    """What an hour costs; None: unknown."""

    per_cpu_hour: float | None = Field(default=None, ge=0, description="Of a stage without a GPU.")
    per_gpu_hour: float | None = Field(default=None, ge=0, description="Of one GPU, its machine included.")
    currency: str = "EUR"


class RunConfig(Frozen):
    """Everything that decides what a run makes, frozen by its first task in `config.json`."""

    schema_version: Literal[1] = 1
    run_id: str
    sample: SampleConfig
    preset: str
    draw: DrawConfig
    labels: LabelConfig
    training: TrainingConfig
    catalogue_path: str
    catalogue_fingerprint: str
    max_rejected_share: float = Field()
    inputs: dict[str, str] = Field(description="Copied input files beside config.json, and the xxh3-128 of each.")
    input_sources: dict[str, str] = Field(default={}, description="Where each of them was copied from.")
    versions: dict[str, str]
    started: str | None = Field(default=None, description="When the run was frozen, in UTC.")
    prices: PriceConfig = PriceConfig()


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
        raise ConfigError(f"{shown_path(path)}: {first_sentence(error, SampleConfig, written)}") from error
    if sample.name != path.stem:
        raise ConfigError(f"{shown_path(path)}: name is {sample.name!r}, expected {path.stem!r}, the name of the file")
    return sample


_NEEDS_WEIGHTS = ("mirrored_features", "fine_tune_learning_rate", "fine_tune_share")
_NEEDS_TUNING = ("fine_tune_learning_rate", "fine_tune_share")


def _refuse_idle(config: TrainingConfig, preset: TrainingConfig) -> None:
    """Refuse a knob that was set and would do nothing: who set it expects otherwise.

    Raises:
        ValueError: With the knob, and what to set instead.
    """
    for knobs, is_idle, way_out in (
        (_NEEDS_WEIGHTS, config.weights == "none", "without pretrained weights it does nothing; set weights: imagenet"),
        (_NEEDS_TUNING, config.fine_tune_epochs == 0, "without tuning it does nothing; set fine_tune_epochs"),
    ):
        idle = [knob for knob in knobs if is_idle and getattr(config, knob) != getattr(preset, knob)]
        if idle:
            raise ValueError(f"{idle[0]} is {getattr(config, idle[0])}, but {way_out}, or leave it as in the preset")


def training_config(sample: SampleConfig, preset: str, overrides: dict[str, Any]) -> TrainingConfig:
    """Return a preset's knobs with a run's own on top.

    Args:
        sample: Holds the presets.
        preset: One of them.
        overrides: Knobs by name; None means "as in the preset".

    Raises:
        ConfigError: If the preset or a knob does not exist, a value is impossible, or a knob would do nothing.
    """
    if not isinstance(preset, str) or preset not in sample.presets:
        known = ", ".join(sorted(sample.presets))
        raise ConfigError(f"sample {sample.name}: preset is {preset!r}, expected one of {known}")
    chosen = {name: value for name, value in overrides.items() if value is not None}
    try:
        config = TrainingConfig.model_validate({**sample.presets[preset].model_dump(), **chosen})
        _refuse_idle(config, sample.presets[preset])
    except ValidationError as error:
        raise ConfigError(f"run of sample {sample.name}: {first_sentence(error, TrainingConfig)}") from error
    except ValueError as error:
        raise ConfigError(f"run of sample {sample.name}: {error}") from error
    if config.gpus > sample.num_gpu_slots:
        raise ConfigError(
            f"run of sample {sample.name}: gpus is {config.gpus}, but a training takes {sample.num_gpu_slots} slots of "
            "the pool `gpu`, as many as the most of its presets; raise gpus in a preset of the sample's YAML"
        )
    return config
