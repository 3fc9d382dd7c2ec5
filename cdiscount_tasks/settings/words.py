"""A run's frozen config in words: the lines that its first task logs, and the one that the grid shows."""

import logging
from pathlib import Path
from typing import Any

from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.settings.training import knobs_of

logger = logging.getLogger(__name__)


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def overridden(config: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Return the knobs that differ from the preset, each with the run's value and the preset's."""
    preset = knobs_of(config.sample.presets[config.preset])
    return {knob: (value, preset[knob]) for knob, value in knobs_of(config.training).items() if value != preset[knob]}


def summary_of(config: RunConfig) -> str:
    """Tell in a line what a run makes."""
    changed = [
        f"{knob} {_word(value)} (preset: {_word(preset)})" for knob, (value, preset) in overridden(config).items()
    ]
    return f"preset {config.preset}{' with ' if changed else ''}{', '.join(changed)}"


def lines_of(config: RunConfig) -> list[str]:
    """Tell a run's config, a setting a line; what differs from the preset is marked."""
    sample, labels, changed = config.sample, config.labels, overridden(config)
    categories = "all" if config.draw.categories is None else f"{len(config.draw.categories)} categories"
    most = sample.max_products_per_category
    products = "all products of each" if most is None else f"at most {most:,} products of each"
    pictures = "" if config.draw.pictures == "copied" else "; pictures left in the catalogue"
    shares = labels.split
    split = shares.file or f"train {shares.train:g}, validation {shares.validation:g}, test {shares.test:g}"
    data = {
        "sample": f"{sample.name}: {categories}, {products}{pictures}",
        "catalogue": config.catalogue_path,
        "split": f"{split}; seed {labels.seed}",
        "labels": f"conflicts {labels.conflicts}, near_duplicates {labels.near_duplicates}, small_classes "
        f"{labels.small_classes}, max_products_per_image {labels.max_products_per_image}",
        "files": ", ".join(f"{name} from {path}" for name, path in config.input_sources.items()) or "none",
        "code": config.versions.get("code", "unknown"),
    }
    knobs = {
        knob: f"{_word(value)}   <- the preset has {_word(changed[knob][1])}" if knob in changed else _word(value)
        for knob, value in knobs_of(config.training).items()
    }
    width = max(map(len, [*data, *knobs]))
    return [
        *(f"{name:{width}}  {value}" for name, value in data.items()),
        f"{'preset':{width}}  {config.preset}",
        *(f"{name:{width}}  {value}" for name, value in knobs.items()),
    ]


def log_config(config: RunConfig, config_path: Path) -> None:
    """Log a run's config, by this module's logger: a terminal, which has little room, leaves it out."""
    logger.info("this run's config, frozen in %s:", config_path)
    for line in lines_of(config):
        logger.info("%s", line)
