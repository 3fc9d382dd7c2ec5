"""The catalogue that this machine is set to: where its index and its page stand, and which samples look at it."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.categories import select_categories
from cdiscount_tasks.runs.folders import index_parent_dir
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.start import check_catalogue
from cdiscount_tasks.settings.environment import Environment, check_data_folder, read_environment
from cdiscount_tasks.settings.path_faults import fault_of
from cdiscount_tasks.settings.sample import read_sample
from cdiscount_tasks.settings.sample_folder import sample_paths
from cdiscount_tasks.stages.inputs import IndexPlace, SampleChoice

logger = logging.getLogger(__name__)

QUIET_S = 60
"""A catalogue that was written to within a minute is probably still being copied."""

ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Catalogue:
    """The catalogue as it is now; one that changes meanwhile has another fingerprint, and so another folder."""

    environment: Environment
    fingerprint: str

    @property
    def catalogue_path(self) -> Place:
        """Return the BSON file, or the object."""
        return self.environment.catalogue_path

    @property
    def names_path(self) -> Path | None:
        """Return the names CSV; None: ids stand as names."""
        return self.environment.names_path

    @property
    def index_parent_dir(self) -> Path:
        """Return the folder of the catalogue's index and of the parts of its scan."""
        return index_parent_dir(self.environment, self.fingerprint)

    @property
    def index_place(self) -> IndexPlace:
        """Return what is indexed, and where to."""
        return IndexPlace(self.catalogue_path, self.index_parent_dir, self.environment.max_rejected_share)

    def page_dir(self, catalogue_id: str) -> Path:
        """Return where the page of the catalogue's content stands."""
        return self.environment.reports_dir / "catalogue" / catalogue_id

    def samples(self) -> list[SampleChoice]:
        """Return the choices of all samples that can be read, by name; a broken one is told and left out.

        Raises:
            DataError: If the names CSV is damaged.
        """
        names = read_category_names(self.names_path)
        found = []
        for path in sample_paths(self.environment.samples_dir):
            try:
                sample = read_sample(path)
                found.append(SampleChoice(sample.name, sample.title, select_categories(sample, names)))
            except ConfigError as error:
                logger.warning("the catalogue's page leaves a sample out: %s", error)
        return found


def open_catalogue() -> Catalogue:
    """Look at the catalogue that the environment names.

    Raises:
        ConfigError: If it or the names CSV is missing, or it is empty; says what to set.
    """
    environment = read_environment()
    check_data_folder(environment)
    bring_up_to_date(environment)
    if environment.names_path is not None and (fault := fault_of(environment.names_path, "file")):
        raise ConfigError(f"{environment.names_path}: {fault}, though CDISCOUNT_CATEGORY_NAMES names it")
    return Catalogue(environment, fingerprint(check_catalogue(environment)))


def reason_to_wait(environment: Environment) -> str | None:
    """Say why there is nothing to index yet: no catalogue, or one that is still being written; None: go on."""
    try:
        path = check_catalogue(environment)
    except (ConfigError, StoreAway) as error:
        return str(error)
    if not isinstance(path, Path):
        return None  # an object appears when all of it has been written
    age_s = time.time() - path.stat().st_mtime
    if 0 <= age_s < QUIET_S:
        return f"{path}: was written to {age_s:.0f} s ago; it is left alone until nothing has written for {QUIET_S} s"
    return None
