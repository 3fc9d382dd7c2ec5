"""`make restore FROM=/mnt/backups/cdiscount-....tar`: what `make backup` wrote, into places that hold nothing yet.

The archive is read to its end, and each file compared with its hash, before anything is written. Then all is written
aside, and each folder gets its name in one step: those that name others last, the database at the very end. A restore
that was stopped is called again: what is there already, byte for byte, is left as it is.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.files import _sync
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.locks import part_path, remove_dead_parts
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.environment import (
    Environment,
    check_data_folder,
    read_environment,
)
from cdiscount_tasks.settings.path_faults import fault_in_place_of
from tools.airflow.home import ToolError
from tools.backup import archive, database
from tools.backup.archive import Packed
from tools.backup.backup import named_path, wants_database
from tools.backup.contents import REGISTRY, Place, catalogues_needed, check_restorable, is_hidden, iter_files, places_of
from tools.command import exit_status, say

Files = Mapping[str, Packed]


def _archive() -> Path:
    example = "`make restore FROM=/mnt/backups/cdiscount-20260101T030000Z.tar`"
    return named_path("FROM", "file", f"an archive of `make backup`, as in {example}")


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers that can be compared."""
    return tuple(int(digits) for digits in re.findall(r"\d+", version)[:3])


def _check_head(path: Path, environment: Environment) -> str | None:
    """Check that an archive can be restored here; returns the name of the database's dump in it, None: it has none.

    Raises:
        DataError: If it is of another version.
        ToolError: If it is of another kind of catalogue, or of a newer Airflow.
    """
    head = archive.read_head(path)
    if head["demo"] != environment.uses_demo_catalogue:
        kinds = {True: "the demo's drawn catalogue", False: "a catalogue that CDISCOUNT_CATALOGUE names"}
        raise ToolError(
            f"{path}: is of {kinds[head['demo']]}, and this machine is set to {kinds[not head['demo']]}: "
            f"{'unset' if head['demo'] else 'set'} CDISCOUNT_CATALOGUE (the file need not be there yet)"
        )
    here, dumped = metadata.version("apache-airflow"), head["database"] if wants_database() else None
    if dumped and _numbers(head["airflow"]) > _numbers(here):
        raise ToolError(
            f"{path}: its database is of Airflow {head['airflow']}, expected at most {here}, which is installed here; "
            "install the version of this project that made it, or leave the database out with DATABASE=no"
        )
    return None if dumped is None else str(dumped)


def _files_of(place: Place, files: Files) -> dict[str, Packed]:
    """Return the files of a place, by their path in it."""
    return {
        name.removeprefix(f"{place.name}/"): packed
        for name, packed in files.items()
        if name.startswith(f"{place.name}/")
    }


def _is_same(place: Place, entry: str, files: Files) -> bool:
    """Tell whether an entry of a place holds exactly what the archive has of it."""
    path = place.folder / entry
    wanted = {name: packed for name, packed in files.items() if PurePosixPath(name).parts[0] == entry}
    found = [path] if path.is_file() else list(iter_files(path))
    if {one.relative_to(place.folder).as_posix() for one in found} != set(wanted):
        return False
    return all(
        one.stat().st_size == packed.size and hash_file(one) == packed.xxh3_128
        for one, packed in ((place.folder / name, packed) for name, packed in wanted.items())
    )


def _entries(place: Place) -> list[str]:
    """Return what is in a place, as far as a restore looks at it."""
    try:
        there = sorted(path.name for path in place.folder.iterdir())
    except FileNotFoundError:
        return []
    known = there if place.known is None else [name for name in there if name in place.known]
    return [name for name in known if not is_hidden(name) and _holds_something(place.folder / name)]


def _holds_something(path: Path) -> bool:
    """Tell whether there is more than folders and locks; what is still being written counts."""
    if not path.is_dir() or path.is_symlink():
        return True
    return any(not name.endswith(".lock") for _, _, names in os.walk(path) for name in names)


def _missing(place: Place, files: Files) -> set[str]:
    """Return which entries of a place have to be restored.

    Raises:
        ToolError: If it holds something that the archive does not have, or has otherwise.
    """
    if fault := fault_in_place_of(place.folder):
        raise ToolError(f"{place.folder}: {fault}, though {place.setting} names it; set it to a folder, or unset it")
    wanted = {PurePosixPath(name).parts[0] for name in files}
    for entry in _entries(place):
        if entry not in wanted or not _is_same(place, entry, files):
            raise ToolError(
                f"{place.folder}: holds {entry} already, expected a place that is empty: a restore replaces nothing. "
                f"Move it away, or name a different folder with {place.setting}"
            )
        wanted.discard(entry)
    return wanted


def _size_of(place: Place, entries: set[str], files: Files) -> int:
    of_place = _files_of(place, files)
    return sum(packed.size for name, packed in of_place.items() if PurePosixPath(name).parts[0] in entries)


def _check_database(dumped: str) -> database.Database:
    """Return the database to restore into.

    Raises:
        ToolError: If it holds something, or is of another kind.
    """
    found = database.the_database()
    if found.dump_name != dumped:
        raise ToolError(
            f"the archive has {dumped}, and Airflow's database here is {found.shown}: set "
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN to one of the archive's kind. Or leave Airflow's history, users and "
            "connections behind: create an empty database here, `airflow db migrate`, then `make restore FROM=... "
            "DATABASE=no`"
        )
    if database.exists(found):
        raise ToolError(
            f"{found.shown}: is not empty, expected an empty database: a restore replaces nothing. Move it away, name "
            "a different one (AIRFLOW_HOME, or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN), or leave it out with DATABASE=no"
        )
    return found


def _make_part(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    part = part_path(folder / "restore")
    part.mkdir(mode=0o700)
    remove_dead_parts(part, folder / "restore")
    return part


def _write(path: Path, content: archive.Content, written_s: float) -> tuple[int, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        facts = archive.copy_hashed(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.utime(path, (written_s, written_s))
    return facts


def _unpack(path: Path, targets: Mapping[str, Path], files: Files) -> None:
    """Write files of an archive aside.

    Args:
        path: The archive.
        targets: Where each goes, by its name in the archive.
        files: Of the archive, as they were when it was checked.

    Raises:
        DataError: If one is not what it was then.
    """
    for name, written_s, content in archive.iter_members(path):
        if name in targets and _write(targets[name], content, written_s) != files[name][:2]:
            raise DataError(f"{path}: {name} in it was changed while it was restored; nothing was restored: try again")


def _put_in_place(part: Path, folder: Path) -> None:
    """Give what was written aside its names; the registry, which names the rest, last."""
    for parent, _, _ in os.walk(part):
        _sync(Path(parent))
    for path in sorted(part.iterdir(), key=lambda path: (path.name == REGISTRY, path.name)):
        place = folder / path.name
        if place.is_dir():
            shutil.rmtree(place)  # it holds nothing, or locks alone
        path.rename(place)
    _sync(folder)


def _check_room(needed: Mapping[Path, int]) -> None:
    """Refuse to begin where a disk is too small; folders of one disk need room together."""
    by_disk: dict[int, tuple[Path, int]] = {}
    for folder, num_bytes in needed.items():
        there = next(path for path in (folder, *folder.parents) if path.exists())
        disk = there.stat().st_dev
        by_disk[disk] = there, by_disk.get(disk, (there, 0))[1] + num_bytes
    for there, num_bytes in by_disk.values():
        if (free := shutil.disk_usage(there).free) < num_bytes:
            raise ToolError(
                f"{there}: {free / 1e6:,.0f} MB are free, expected {num_bytes / 1e6:,.0f} MB for what is restored; "
                "free space there"
            )


def _restore(path: Path, files: Files, missing: Mapping[Place, set[str]], dumped: str | None, into: Path | None) -> int:
    """Write all aside, then put it in place; returns how many files that were.

    Args:
        path: The archive.
        files: Of it.
        missing: What each place lacks.
        dumped: The name of the database's dump; None: it is left out.
        into: Where that is written.
    """
    parts: dict[Place, Path] = {}
    try:
        for place in (place for place, entries in missing.items() if entries):
            with disk_faults_told(place.folder, place.setting):
                parts[place] = _make_part(place.folder)
        targets = {
            f"{place.name}/{name}": part / name
            for place, part in parts.items()
            for name in _files_of(place, files)
            if PurePosixPath(name).parts[0] in missing[place]
        }
        num_files = len(targets)
        if dumped and into:
            targets[dumped] = into
        _unpack(path, targets, files)
        for place, part in parts.items():
            _put_in_place(part, place.folder)
        return num_files
    finally:
        for part in parts.values():
            shutil.rmtree(part, ignore_errors=True)


def main() -> None:
    """Restore an archive and say what is there now."""
    started, environment, path = time.monotonic(), read_environment(), _archive()
    check_data_folder(environment)
    dumped = _check_head(path, environment)
    target = _check_database(dumped) if dumped else None
    files = archive.check_archive(path)
    check_restorable(path, environment, files)
    if not files:
        raise ToolError(f"{path}: the archive holds no file; there is nothing to restore")
    missing = {place: _missing(place, _files_of(place, files)) for place in places_of(environment)}
    # The dump lies beside SQLite's file, which it becomes; PostgreSQL's is read once.
    folder = target.path.parent if target and target.path else environment.work_dir
    needed = {place.folder: _size_of(place, entries, files) for place, entries in missing.items()}
    _check_room({**needed, folder: needed.get(folder, 0) + (files[dumped].size if dumped else 0)})
    with disk_faults_told(environment.work_dir):
        # A database has users and connections; the data folder is read by others too.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if target and target.path else 0o777)
        into = part_path(folder / "database")
        try:
            num_files = _restore(path, files, missing, dumped, into)
            if target:
                database.load(target, into)
        finally:
            into.unlink(missing_ok=True)
    say(
        f"{path}: restored {num_files:,} files{f' and the database {target.shown}' if target else ''} in "
        f"{time.monotonic() - started:.1f} s; `make verify` compares them with their hashes, "
        "`make champion SAMPLE=...` names a model in use"
    )
    for catalogue, num in catalogues_needed(environment).items():
        if isinstance(catalogue, Path) and not catalogue.exists():
            say(
                f"{catalogue}: {num} sample{'s have' if num > 1 else ' has'} the pictures there; put the catalogue "
                "there, or set CDISCOUNT_CATALOGUE and trigger a run of the sample, which notes the new place"
            )


if __name__ == "__main__":
    sys.exit(exit_status(main))
