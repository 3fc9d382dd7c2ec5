"""What is new to be predicted: a file that a sample's YAML names, or the champion that is asked about it."""

import logging
import time
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.catalogue import QUIET_S
from cdiscount_tasks.runs.decisions import last_promotion
from cdiscount_tasks.runs.predictions import check_predicted_file, predictions_dir
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.sample import SampleConfig, read_sample
from cdiscount_tasks.settings.sample_folder import sample_paths

logger = logging.getLogger(__name__)


class News(NamedTuple):
    """A predictions run that nobody has begun yet: its id, which says what it is of, and what its form would say."""

    run_id: str
    conf: dict[str, Any]


def _path_of(sample: SampleConfig, environment: Environment) -> Path:
    assert sample.predictions is not None
    return (environment.samples_dir / Path(sample.predictions.catalogue).expanduser()).absolute()


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
    age_s = time.time() - path.stat().st_mtime
    if 0 <= age_s < QUIET_S:
        return f"{path} was written to {age_s:.0f} s ago; it is left alone until nothing has written for {QUIET_S} s"
    run_id = f"news__{sample.name}__decision-{made.number}__{fingerprint(path)}__{watched.precision}"
    if (predictions_dir(environment, run_id) / "config.json").exists():
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
        except (ConfigError, DataError) as error:
            logger.warning("%s: %s", path.stem, error)
            continue
        if isinstance(news, News):
            found.append(news)
        else:
            logger.info("%s: %s", path.stem, news)
    return found
