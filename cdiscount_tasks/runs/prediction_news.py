"""What is new to be predicted: a file that a sample's YAML names, or the champion that is asked about it."""

import logging
import time
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.manifest import MANIFEST
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.catalogue import QUIET_S
from cdiscount_tasks.runs.decisions import last_promotion
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.predictions import PREDICTIONS, check_predicted_file, given_catalogue, predictions_dir
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.sample import SampleConfig, read_sample
from cdiscount_tasks.settings.sample_folder import sample_paths

logger = logging.getLogger(__name__)


class News(NamedTuple):
    """A predictions run that nobody has begun yet: its id, which says what it is of, and what its form would say."""

    run_id: str
    conf: dict[str, Any]


def _path_of(sample: SampleConfig, environment: Environment) -> Place:
    assert sample.predictions is not None
    return given_catalogue(sample.predictions.catalogue, environment.samples_dir)


def _news_of(sample: SampleConfig, environment: Environment) -> News | str:
    """Return a sample's news, or why there is nothing to do.

    Raises:
        ConfigError: If the file is missing or no catalogue.
        DataError: If the registry is damaged.
    """
    watched = sample.predictions
    if watched is None:
        return "its YAML names no file (predictions: {catalogue: ...})"
    made = last_promotion(registry.history(sample.name, environment))
    if made is None:
        return "it has no champion yet"
    path = _path_of(sample, environment)
    check_predicted_file(path)
    # An object appears when all of it has been written.
    age_s = time.time() - path.stat().st_mtime if isinstance(path, Path) else QUIET_S
    if 0 <= age_s < QUIET_S:
        return f"{path} was written to {age_s:.0f} s ago; it is left alone until nothing has written for {QUIET_S} s"
    run_id = f"news__{sample.name}__decision-{made.number}__{fingerprint(path)}__{watched.precision}"
    page_dir = environment.reports_dir / PREDICTIONS / sample.name / run_folder(run_id)  # no clean-up removes it
    if (predictions_dir(environment, run_id) / "config.json").exists() or (page_dir / MANIFEST).exists():
        return f"decision {made.number} was asked about {path} as it is now: run {run_id}"
    return News(run_id, {"sample": sample.name, "catalogue": str(path), "precision": watched.precision})


def find_news(environment: Environment) -> list[News]:
    """Return what is to be predicted now, a run a sample; of every other sample the log says why not.

    Args:
        environment: Where things are.
    """
    found = []
    for path in sample_paths(environment.samples_dir):
        try:
            news = _news_of(read_sample(path), environment)
        except (ConfigError, DataError, StoreAway) as error:
            logger.warning("%s: %s", path.stem, error)
            continue
        if isinstance(news, News):
            found.append(news)
        else:
            logger.info("%s: %s", path.stem, news)
    return found
