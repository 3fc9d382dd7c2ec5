"""`make backup TO=/mnt/backups`: what cannot be made again, in one file, also while Airflow works.

That is: registries with what their champions need, reports, label fixes, and Airflow's database. A data root or reports
in a bucket are left out: let the bucket keep old versions.
"""

import os
import shutil
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.locks import part_path, remove_dead_parts
from cdiscount_tasks.runs.registry import registered_samples
from cdiscount_tasks.settings.environment import Environment, check_folders, read_environment
from cdiscount_tasks.settings.path_faults import fault_of
from tools.airflow.home import ToolError
from tools.backup import archive, contents, database
from tools.command import exit_status, say


def wants_database() -> bool:
    """Tell whether DATABASE leaves the database in.

    Raises:
        ToolError: If it is something else than `no`.
    """
    wanted = os.environ.get("DATABASE", "")
    if wanted not in ("", "no", "yes"):
        raise ToolError(f"DATABASE is {wanted!r}, expected no, which leaves Airflow's database out, or nothing")
    return wanted != "no"


def named_path(variable: str, wanted: Literal["file", "folder"], expected: str) -> Path:
    """Return the file or folder that a variable names.

    Raises:
        ToolError: If it is none.
    """
    named = os.environ.get(variable, "")
    path = Path(named).expanduser().absolute()
    fault = fault_of(path, wanted) if named else None
    if not named or fault:
        found = f": {fault}".removesuffix(f", expected a {wanted}") if fault else ""
        raise ToolError(f"{variable} is {named!r}{found}, expected {expected}")
    return path


def _folder(environment: Environment) -> Path:
    """Return the folder that TO names.

    Raises:
        ToolError: If it is none, or one of those that are backed up.
    """
    folder = named_path("TO", "folder", "a folder on a different disk, as in `make backup TO=/mnt/backups`")
    for place in contents.places_of(environment):
        if folder.is_relative_to(place.folder):
            raise ToolError(
                f"TO is {str(folder)!r}, which is in {place.folder}, which is backed up; name a folder elsewhere"
            )
    return folder


def _kind(environment: Environment) -> str:
    return "the demo's drawn catalogue" if environment.uses_demo_catalogue else "a catalogue of your own"


def _of_other_kind(environment: Environment) -> str | None:
    """Say which registries of the other kind of catalogue the data root has, and how to back them up; None: none."""
    other = replace(environment, uses_demo_catalogue=not environment.uses_demo_catalogue)
    if not (samples := registered_samples(other)):
        return None
    how = "unset CDISCOUNT_CATALOGUE" if other.uses_demo_catalogue else "set CDISCOUNT_CATALOGUE to its file"
    return f"{other.work_dir}, of {_kind(other)}, has registries ({', '.join(samples)}): to back up these, {how}"


def _nothing_there(environment: Environment, fault: str) -> ToolError:
    of_other = _of_other_kind(environment)
    return ToolError(
        f"{environment.work_dir}: {fault}, expected the data folder of {_kind(environment)}, with its registries; set "
        "CDISCOUNT_DATA, CDISCOUNT_REPORTS and CDISCOUNT_CATALOGUE as Airflow has them (cron has none of them: see "
        f"'Back up and restore' in docs/using.md){f'. {of_other}' if of_other else ''}"
    )


def _find(environment: Environment) -> contents.Contents:
    """Return what there is to back up.

    Raises:
        ToolError: If there is no data folder, or nothing to keep: a back-up of nothing is none.
    """
    elsewhere = contents.buckets_of(environment)
    if environment.data_url is None and (fault := fault_of(environment.work_dir, "folder")):
        raise _nothing_there(environment, fault)
    found = contents.find_contents(environment)
    if found.files or found.registries or found.left_out:
        return found
    if not elsewhere:
        raise _nothing_there(environment, "there is no registry, no report and no label fix")
    if not (wants_database() and database.exists(database.the_database())):
        raise ToolError(
            f"{' and '.join(elsewhere.values())}: what is in a bucket stays there, and there is neither a label fix "
            "nor a database of Airflow to back up; set CDISCOUNT_LABEL_FIXES and AIRFLOW_HOME as Airflow has them"
        )
    return found


def _check_room(folder: Path, num_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise ToolError(
            f"{folder}: {free / 1e6:,.0f} MB are free, expected {num_bytes / 1e6:,.0f} MB for the archive; free space "
            "there, or name a different folder with TO"
        )


def _dump(folder: Path) -> tuple[str, Path] | None:
    """Dump the database beside the archive; returns its name in that and where it is, None: there is none."""
    found = database.the_database()
    if not database.exists(found):
        say(f"no database of Airflow in {found.shown}: its runs, users and connections are not in the archive")
        return None
    path = part_path(folder / "database")
    path.touch(mode=0o600)
    remove_dead_parts(path, folder / "database")
    try:
        database.dump(found, path)
    except BaseException:
        path.unlink()
        raise
    return found.dump_name, path


def head_of(environment: Environment, dumped: str | None) -> dict[str, object]:
    """Return what an archive says of itself first."""
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "airflow": metadata.version("apache-airflow"),
        "database": dumped,
        "demo": environment.uses_demo_catalogue,
    }


def _write(path: Path, environment: Environment, found: contents.Contents, dumped: tuple[str, Path] | None) -> None:
    with (
        disk_faults_told(path, "TO"),
        archive.writing(path, head_of(environment, dumped[0] if dumped else None)) as writer,
    ):
        for name, (content, written_s) in found.registries.items():
            writer.add_bytes(name, content, written_s)
        for item in found.files:
            writer.add(item.name, item.path)
        if dumped:
            writer.add(*dumped)


def _say_what(environment: Environment, found: contents.Contents) -> bool:
    """Say of what the archive is; returns whether all that it should have is in it.

    The demo's registries are no loss. Those of one's own catalogue are, if only a variable was not set.
    """
    for setting, url in contents.buckets_of(environment).items():
        say(
            f"not in it: {url}, which {setting} names. The bucket is the only copy: let it keep old versions of "
            "objects, so that what is removed by mistake can be brought back"
        )
    if environment.data_url is not None:
        return _tell_left_out(found)
    champions = ", ".join(found.whole_champions) or "none"
    say(f"of {environment.work_dir}, the data folder of {_kind(environment)}; samples with their champion: {champions}")
    of_other = _of_other_kind(environment)
    if of_other and not environment.uses_demo_catalogue:
        say(f"not in it: {of_other}")
    elif of_other:
        found.left_out.append(of_other)
    return _tell_left_out(found)


def _tell_left_out(found: contents.Contents) -> bool:
    """Say what is left out though it should be there; returns whether nothing is."""
    for sentence in found.left_out:
        print(f"left out: {sentence}", file=sys.stderr)
    return not found.left_out


def main() -> int:
    """Write the archive and say what is in it; returns the exit status: 1 where something was left out."""
    started, environment = time.monotonic(), read_environment()
    check_folders(environment)
    folder = _folder(environment)
    found = _find(environment)
    dumped = _dump(folder) if wants_database() else None
    path = folder / f"cdiscount-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"
    try:
        _check_room(folder, found.num_bytes + (dumped[1].stat().st_size if dumped else 0))
        _write(path, environment, found, dumped)
    finally:
        if dumped:
            dumped[1].unlink()
    num_files = len(found.files) + len(found.registries)
    say(
        f"{path}: {path.stat().st_size / 1e6:,.1f} MB, {num_files:,} files"
        f"{' and the database' if dumped else ', without a database'}, in {time.monotonic() - started:.1f} s"
    )
    is_whole = _say_what(environment, found)
    for catalogue, num in contents.catalogues_needed(environment).items():
        say(f"not in it: {catalogue}, in which {num} sample{'s have' if num > 1 else ' has'} pictures")
    if dumped:
        say("not in it: Airflow's keys (secrets.json in AIRFLOW_HOME, or AIRFLOW__CORE__FERNET_KEY); keep them apart")
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(exit_status(main))
