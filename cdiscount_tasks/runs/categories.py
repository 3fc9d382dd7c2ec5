"""The categories of a sample: names of levels turned into ids, and compared with the catalogue's index."""

import difflib
import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.catalogue.names import CategoryNames, read_category_names
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.index.profile_file import profiled_indexes, read_profile
from cdiscount_tasks.runs.folders import catalogue_fault, index_parent_dir
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.path_faults import fault_of
from cdiscount_tasks.settings.sample import LEVEL_CHOICE, SampleConfig

logger = logging.getLogger(__name__)


def _advice(choice: re.Match[str], names: CategoryNames) -> str:
    close = names.close_to(int(choice["level"]), choice["name"])
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    if not len(names) and names.is_given:
        return "the names CSV (CDISCOUNT_CATEGORY_NAMES) has a first line but no names below it: fill it, or write ids"
    if not len(names):
        return "there are no names: set CDISCOUNT_CATEGORY_NAMES to the path of category_names.csv, or write ids"
    return "compare with the names CSV (CDISCOUNT_CATEGORY_NAMES), upper case and accents included"


def select_categories(sample: SampleConfig, names: CategoryNames) -> tuple[int, ...] | None:
    """Turn a sample's choice into ids, ascending; None for `all`.

    Raises:
        ConfigError: If a level's name is carried by no category of the names CSV, or fewer than two are selected.
    """
    if sample.categories == "all":
        return None
    ids: set[int] = set()
    for choice in sample.categories:
        if isinstance(choice, int):
            ids.add(choice)
            continue
        match = cast(re.Match[str], LEVEL_CHOICE.fullmatch(choice))
        found = names.ids_of(int(match["level"]), match["name"])
        if not found:
            raise ConfigError(f"sample {sample.name}: no category is called {choice!r}; {_advice(match, names)}")
        ids.update(found)
    if len(ids) < 2:
        raise ConfigError(
            f"sample {sample.name}: categories select {len(ids)} category, expected at least 2 to tell apart"
        )
    return tuple(sorted(ids))


def _unknown(sample: SampleConfig, categories: Sequence[int], names: CategoryNames) -> list[str]:
    """Say which categories the names CSV lacks; a catalogue that is not indexed may have them all the same."""
    unknown = [category for category in categories if len(names) and category not in names]
    few = ", ".join(map(str, unknown[:10]))
    return [f"sample {sample.name}: the names CSV does not know the categories {few}"] if unknown else []


@lru_cache(maxsize=1)
def _names_at(path: Path, _written: float) -> CategoryNames:
    """Read a names CSV once for all samples, as long as nobody writes to it."""
    return read_category_names(path)


def doubts_of_names(sample: SampleConfig, environment: Environment) -> list[str]:
    """Say which of a sample's categories the names CSV lacks, for a page: quick, and without the catalogue.

    Returns:
        Sentences; none where there is no CSV, or it cannot be read: a run tells that.
    """
    path = environment.names_path
    if path is None or fault_of(path, "file"):
        return []
    try:
        names = _names_at(path, path.stat().st_mtime)
        return _unknown(sample, select_categories(sample, names) or (), names)
    except ConfigError as error:
        return [str(error)]
    except (DataError, OSError):
        return []


def indexed_categories(environment: Environment) -> set[int] | None:
    """Return the categories of the catalogue's index; None: it has not been indexed yet."""
    if catalogue_fault(environment.catalogue_path):
        return None
    parent_dir = index_parent_dir(environment, fingerprint(environment.catalogue_path))
    for index_dir in profiled_indexes(parent_dir):
        try:
            return {int(category["category_id"]) for category in read_profile(index_dir)["categories"]}
        except (OSError, DataError, KeyError, TypeError, ValueError) as error:
            logger.info("categories are not compared with the index: %s", error)
    return None


def check_categories(
    sample: SampleConfig, categories: Sequence[int] | None, names: CategoryNames, environment: Environment
) -> list[str]:
    """Compare a sample's categories with the catalogue's index, where one stands.

    Returns:
        What is doubtful where none stands yet: categories that the names CSV does not know.

    Raises:
        ConfigError: If the catalogue has no product of a category.
    """
    indexed = indexed_categories(environment)
    if categories is None or indexed == set():
        return []
    if indexed is None:
        return _unknown(sample, categories, names)
    missing = [category for category in categories if category not in indexed]
    if missing:
        close = difflib.get_close_matches(str(missing[0]), map(str, sorted(indexed)), n=1, cutoff=0.9)
        hint = f"did you mean {close[0]} ({names[int(close[0])].level3})? Else take" if close else "take"
        raise ConfigError(
            f"sample {sample.name}: the catalogue has no product of category {', '.join(map(str, missing[:10]))}; "
            f"{hint} it out of the sample's categories, or set CDISCOUNT_CATALOGUE to a catalogue that has some"
        )
    return []
