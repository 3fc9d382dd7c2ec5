"""The files from outside that a sample's runs copy: names, fixes, a split; found, or refused with the reason."""

import logging
import os
import re
from pathlib import Path

from cdiscount_tasks.artifacts.files import MOST_INPUT_BYTES
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.run import FIXES_COPY, NAMES_COPY, SPLIT_COPY
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.path_faults import fault_of
from cdiscount_tasks.settings.sample import SampleConfig
from cdiscount_tasks.settings.sample_folder import sample_names

logger = logging.getLogger(__name__)

_FIXES_ENDINGS = (".csv", ".csv.txt", ".csv.csv", ".txt", ".tsv", ".xlsx", ".xls", ".ods")


def _check_fixes_name(fixes_path: Path) -> None:
    """Refuse a file that is meant as a sample's fixes under another name, where none has the right one."""
    meant = {f"{fixes_path.stem}{ending}" for ending in _FIXES_ENDINGS}
    found = sorted(path.name for path in fixes_path.parent.glob("*") if path.name.strip().lower() in meant)
    if found:
        raise ConfigError(
            f"{fixes_path.parent / found[0]}: a sample's fixes are read from {fixes_path.name}; save them as CSV under "
            "that name, or take the file away"
        )


def _unread_fixes(sample_name: str, environment: Environment) -> list[str]:
    """Return the files beside a sample's fixes whose names say that they are of this sample, though none reads them."""
    others = set(sample_names(environment.samples_dir)) - {sample_name}

    def names(name: str, file_name: str) -> bool:
        return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", file_name) is not None

    found = []
    for path in environment.label_fixes_dir.glob("[!.]*"):
        plain = path.name.casefold()
        longer = any(len(other) > len(sample_name) and names(other, plain) for other in others)
        if path.name != f"{sample_name}.csv" and plain.endswith(_FIXES_ENDINGS) and names(sample_name, plain):
            found += [] if longer or path.stem in others else [path.name]
    return sorted(found)


def tell_unread_fixes(sample_name: str, environment: Environment) -> None:
    """Warn of files beside a sample's fixes that look like fixes of it and are not read."""
    if unread := _unread_fixes(sample_name, environment):
        logger.warning(
            "%s: not read, though its name says that it is of this sample: fixes are read from %s.csv alone",
            ", ".join(str(environment.label_fixes_dir / name) for name in unread),
            sample_name,
        )


def input_files(sample: SampleConfig, environment: Environment) -> dict[str, Path]:
    """Return the outside files of a sample's runs by the name that their copies carry.

    Raises:
        ConfigError: If a file that a setting names is missing or no file.
    """
    fixes_path = environment.label_fixes_dir / f"{sample.name}.csv"
    sources = {
        NAMES_COPY: (environment.names_path, "CDISCOUNT_CATEGORY_NAMES"),
        FIXES_COPY: (fixes_path, "CDISCOUNT_LABEL_FIXES"),
        SPLIT_COPY: (
            environment.samples_dir / sample.split.file if sample.split.file is not None else None,
            f"split.file of sample {sample.name}",
        ),
    }
    if not os.path.lexists(fixes_path):
        _check_fixes_name(fixes_path)
        del sources[FIXES_COPY]
    found = {}
    for name, (source, setting) in sources.items():
        if source is None:
            continue
        if fault := fault_of(source, "file"):
            names_it = "names its folder" if name == FIXES_COPY else "names it"
            raise ConfigError(f"{source}: {fault}, though {setting} {names_it}")
        if (size := source.stat().st_size) > MOST_INPUT_BYTES:
            raise ConfigError(f"{source}: has {size:,} bytes, expected at most {MOST_INPUT_BYTES:,} ({setting})")
        found[name] = source
    return found
