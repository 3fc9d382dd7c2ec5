"""The frozen config of a run, and how a preset and a run's own knobs become its training config."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.began_on import BeganOn
from cdiscount_tasks.settings.frozen import Frozen
from cdiscount_tasks.settings.idle_knobs import OFF, idle_knobs
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SampleConfig
from cdiscount_tasks.settings.sentences import all_sentences
from cdiscount_tasks.settings.training import KNOBS, TrainingConfig


class PriceConfig(Frozen):
    """What an hour costs; None: unknown."""

    per_cpu_hour: float | None = Field(default=None, ge=0, description="Of a stage without a GPU.")
    per_gpu_hour: float | None = Field(default=None, ge=0, description="Of one GPU, its machine included.")
    currency: str = "EUR"


class StartedFrom(Frozen):
    """The champion whose weights a training begins with (weights: champion), as it was when the run began."""

    decision: int = Field(ge=1, description="That made it the champion, in the registry.")
    run_id: str
    model: str = Field(description="Its model artifact, relative to the data root.")
    labels: str = Field(description="What it learnt from, relative to the data root.")


def _by_loss_if_silent(knobs: Any) -> Any:
    """Return knobs from a file; where they tune and do not say which epoch is kept, none was written but the loss."""
    if isinstance(knobs, Mapping) and knobs.get("fine_tune_epochs"):
        return {"chosen_epoch": "loss", **knobs}
    return knobs


class RunConfig(Frozen):
    """Everything that decides what a run makes, frozen by its first task in `config.json`."""

    schema_version: Literal[1] = 1
    run_id: str
    sample: SampleConfig
    preset: str
    draw: DrawConfig
    labels: LabelConfig
    training: TrainingConfig
    started_from: StartedFrom | None = Field(default=None, exclude_if=lambda started: started is None)
    catalogue_path: str
    catalogue_fingerprint: str
    max_rejected_share: float = Field()
    inputs: dict[str, str] = Field(description="Copied input files beside config.json, and the xxh3-128 of each.")
    input_sources: dict[str, str] = Field(default={}, description="Where each of them was copied from.")
    versions: dict[str, str]
    started: str | None = Field(default=None, description="When the run was frozen, in UTC.")
    prices: PriceConfig = PriceConfig()
    began_on: BeganOn | None = Field(default=None, exclude_if=lambda began: began is None)

    @model_validator(mode="before")
    @classmethod
    def _tuning_of_older_files_is_by_loss(cls, config: Any) -> Any:
        if not isinstance(config, Mapping) or "training" not in config:
            return config
        older = {**config, "training": _by_loss_if_silent(config["training"])}
        sample = config.get("sample")
        if isinstance(sample, Mapping) and isinstance(sample.get("presets"), Mapping):
            presets = {name: _by_loss_if_silent(knobs) for name, knobs in sample["presets"].items()}
            older["sample"] = {**sample, "presets": presets}
        return older


def _refuse_idle(config: TrainingConfig, preset: TrainingConfig) -> None:
    """Refuse a knob that was set and would do nothing: who set it expects otherwise.

    Raises:
        ValueError: With the knob, and what to set instead.
    """
    for knob, way_out in idle_knobs(config):
        value = getattr(config, knob)
        if value != getattr(preset, knob) and value not in OFF.get(knob, ()):
            raise ValueError(f"{knob} is {value}, but {way_out}, or keep the preset's value")


def _refuse_searched(chosen: Iterable[str], preset: TrainingConfig) -> None:
    """Refuse a knob that the preset's search is about to choose.

    Raises:
        ValueError: With the knob, and what to do instead.
    """
    for knob in chosen:
        if preset.search is not None and knob in preset.search.knobs:
            raise ValueError(f"{knob} is set, but the preset's search chooses it; leave it out, or take another preset")


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
    no_knobs = [name for name in overrides if name in TrainingConfig.model_fields and name not in KNOBS]
    if no_knobs:
        why = "is no knob" if no_knobs[0] == "search" else "changes nothing in a run"
        raise ConfigError(
            f"run of sample {sample.name}: {no_knobs[0]} {why}; take it out, or set it in a preset of the sample's YAML"
        )
    chosen = {name: value for name, value in overrides.items() if value is not None}
    try:
        config = TrainingConfig.model_validate({**sample.presets[preset].model_dump(), **chosen})
        _refuse_searched(chosen, sample.presets[preset])
        _refuse_idle(config, sample.presets[preset])
    except ValidationError as error:
        raise ConfigError(f"run of sample {sample.name}: {all_sentences(error, TrainingConfig)}") from error
    except ValueError as error:
        raise ConfigError(f"run of sample {sample.name}: {error}") from error
    if config.gpus > sample.num_gpu_slots:
        raise ConfigError(
            f"run of sample {sample.name}: gpus is {config.gpus}, but its DAG reserves {sample.num_gpu_slots} slots of "
            f"the pool `gpu` (the largest gpus of its presets); to use {config.gpus}, set gpus: {config.gpus} in a "
            "preset of the YAML"
        )
    if config.seeds > 1 and not sample.trains_other_seeds:
        raise ConfigError(
            f"run of sample {sample.name}: seeds is {config.seeds}, but its DAG has no task that trains with other "
            f"seeds, since none of its presets does; set seeds: {config.seeds} in a preset of the YAML"
        )
    return config
