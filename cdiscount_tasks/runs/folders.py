"""Where runs and indexes have their folders. Loads nothing heavy: Airflow's API server imports it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import xxhash

from cdiscount_tasks.artifacts.byte_ranges import ObjectPlace, Place, place_of, state_of
from cdiscount_tasks.artifacts.documents import pull
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.path_faults import fault_of

_LONGEST_RUN, _DIGEST = 100, len("-012345")
"""Of a run's folder in the name of a folder of two runs: how much is kept, and of its end."""

QUESTION = "question"
"""In the folder of a run: the pictures of the question whether its model is to become the champion."""

SKIPPED = "skipped"
"""An empty file in the folder of a run that was skipped, since nothing had changed: it is not going."""

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


def run_folder(run_id: str) -> str:
    """Return the folder name of a run: Airflow's run ids hold characters that folders and links cannot.

    They have up to 250 characters, and a folder's name at most 255 bytes: of long ids only the beginning is kept.

    Raises:
        ConfigError: If the id cannot be written as UTF-8.
    """
    try:
        digest = xxhash.xxh3_128_hexdigest(run_id.encode())
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"the run id {run_id!a} has half a character in it; trigger the run under another id"
        ) from error
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', run_id)[:200]}-{digest[:6]}"


def pair_folder(first: str, second: str) -> str:
    """Return the folder name of a page of two runs, given the names of theirs; of long ones the middle is left out."""
    names = (
        name if len(name) <= _LONGEST_RUN else f"{name[: _LONGEST_RUN - _DIGEST]}{name[-_DIGEST:]}"
        for name in (first, second)
    )
    return "--".join(names)


def report_dir_of(environment: Environment, sample_name: str, run_id: str) -> Path:
    """Return where a run's report is, or will be."""
    return environment.reports_dir / sample_name / run_folder(run_id)


def index_parent_dir(environment: Environment, catalogue_fingerprint: str) -> Path:
    """Return the folder of a catalogue's index and of the parts of its scan."""
    return environment.work_dir / "catalogues" / catalogue_fingerprint


def environment_of_run(
    environment: Environment, run_dir_of: Callable[[Environment], Path], *, begins: bool = False
) -> Environment:
    """Return the environment of a run that is frozen: that of the demo's artifacts, or that of real data's.

    CDISCOUNT_CATALOGUE decides between the two when a run begins. Afterwards the run is where its config is, so that
    workers which never read the catalogue need no such variable.

    Args:
        environment: As the variables of this machine say.
        run_dir_of: Gives the run's folder in an environment.
        begins: Whether it is the run's first task that asks. Where CDISCOUNT_CATALOGUE is set there, it decides: the
            demo may have had a run of the same id.

    Returns:
        The environment whose folder has the run's config; the one given where neither has.
    """
    is_demo = not environment.uses_demo_catalogue
    bring_up_to_date(environment)
    pull(run_dir_of(environment) / "config.json")  # which another machine may have frozen since
    if begins and is_demo:
        return environment
    catalogue_path: Place = environment.demo_dir / "catalogue.bson" if is_demo else environment.catalogue_path
    other = replace(environment, uses_demo_catalogue=is_demo, catalogue_path=catalogue_path)
    pull(run_dir_of(other) / "config.json")
    if (run_dir_of(environment) / "config.json").exists() or not (run_dir_of(other) / "config.json").exists():
        return environment
    return other


def catalogue_of_run(frozen: str, environment: Environment) -> Place:
    """Return the catalogue that a run reads: an object, which all machines reach, or a file where this machine has it.

    Args:
        frozen: Its URL, or its path on the machine that the run began on.
        environment: Of this machine: where that path has no file, CDISCOUNT_CATALOGUE names a file of the same name.
    """
    began, here = place_of(frozen), environment.catalogue_path
    if isinstance(began, ObjectPlace) or began.exists() or here.name != began.name:
        return began
    return here if isinstance(here, ObjectPlace) or here.exists() else began


def catalogue_fault(place: Place) -> str | None:
    """Say why a place has no catalogue; None: there is a file or an object.

    Raises:
        ConfigError: If the bucket cannot be used.
        OSError: If it does not answer for now.
    """
    if isinstance(place, Path):
        return fault_of(place, "file")
    try:
        state_of(place)
    except FileNotFoundError as error:
        return str(error.strerror)
    return None
