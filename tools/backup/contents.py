"""What a back-up holds of the data folder, the reports and the label fixes.

Of the data folder: the registries, and what their champions need, those of before too, since one may roll back to them.
The rest is made again from the catalogue. What is in a bucket stays there: the bucket is to keep old versions.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cdiscount_tasks.artifacts.byte_ranges import Place as CataloguePlace
from cdiscount_tasks.artifacts.catalogue_note import SUFFIX, note_path, read_note
from cdiscount_tasks.artifacts.manifest import MANIFEST, verify_artifact
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.decisions import Candidate, Entry, last_promotion
from cdiscount_tasks.runs.history import read_history, writing
from cdiscount_tasks.runs.references import find_references_of_champions
from cdiscount_tasks.settings.environment import Environment
from tools.airflow.home import ToolError

DATA, REPORTS, LABEL_FIXES = "data", "reports", "label_fixes"
REGISTRY = "registry"
_OF_DATA = (REGISTRY, "samples", "catalogues")
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


class Place(NamedTuple):
    """A folder that is backed up, and restored.

    Attributes:
        name: Of its folder in the archive.
        folder: Here.
        setting: The environment variable that moves it.
        known: Which entries of it a restore looks at; None: all.
    """

    name: str
    folder: Path
    setting: str
    known: tuple[str, ...] | None = None


def places_of(environment: Environment) -> tuple[Place, ...]:
    """Return the folders, in the order in which they are restored: what names the rest comes last; no bucket."""
    places = (
        Place(LABEL_FIXES, environment.label_fixes_dir, "CDISCOUNT_LABEL_FIXES"),
        Place(REPORTS, environment.reports_dir, "CDISCOUNT_REPORTS"),
        Place(DATA, environment.work_dir, "CDISCOUNT_DATA", (*_OF_DATA, "comparison", "predictions")),
    )
    elsewhere = buckets_of(environment)
    return tuple(place for place in places if place.setting not in elsewhere)


def buckets_of(environment: Environment) -> dict[str, str]:
    """Return the places that are in buckets: the URL of each, by the environment variable that names it."""
    urls = {"CDISCOUNT_DATA": environment.data_url, "CDISCOUNT_REPORTS": environment.reports_url}
    return {setting: url for setting, url in urls.items() if url is not None}


def check_restorable(path: Path, environment: Environment, names: Iterable[str]) -> None:
    """Refuse an archive that has something of a place which is in a bucket here: nothing of it is left out unsaid.

    Args:
        path: Of the archive.
        environment: Of this machine.
        names: Of the files in the archive.

    Raises:
        ToolError: If it does.
    """
    found = {PurePosixPath(name).parts[0] for name in names}
    for setting, url in buckets_of(environment).items():
        name = {"CDISCOUNT_DATA": DATA, "CDISCOUNT_REPORTS": REPORTS}[setting]
        if name in found:
            raise ToolError(
                f"{path}: has {name}, and {setting} is {url} here, expected a folder: a restore writes into no bucket. "
                f"Set {setting} to a folder for the restore"
            )


class Item(NamedTuple):
    """A file to back up, and its name in the archive."""

    name: str
    path: Path


@dataclass
class Contents:
    """What is backed up.

    Attributes:
        registries: The bytes of the registries' files and when they were written, by name in the archive: a decision
            may be recorded while the rest is copied.
        files: All others.
        champions: What is in use by sample, before it is known whether it is damaged.
        left_out: What is damaged, in a sentence each.
    """

    registries: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    files: list[Item] = field(default_factory=list)
    champions: dict[str, Candidate] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def num_bytes(self) -> int:
        """Return how many bytes there are to copy."""
        return sum(path.stat().st_size for _, path in self.files)

    @property
    def whole_champions(self) -> list[str]:
        """Return the samples whose champion is backed up with all that it needs to answer, by name."""
        names = {item.name for item in self.files}
        return [
            sample
            for sample, one in self.champions.items()
            if all(f"{DATA}/{part}/{MANIFEST}" in names for part in (one.model, one.evaluation, one.labels, one.sample))
        ]


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is a lock, or is still being written; or keeps an empty folder in git."""
    return name.startswith(".")


def iter_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in order; hidden ones and links are left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            path = Path(parent, name)
            if not is_hidden(name) and not path.is_symlink() and path.is_file():
                yield path


def _hold(folder: Path, held: ExitStack) -> list[Entry]:
    """Hold a registry, so that its files say the same; returns its lines.

    Where this user cannot write (a read-only snapshot) it is read as it is: whoever opens it restored finishes what a
    decision of that moment had begun, as after a process that died.
    """
    try:
        return held.enter_context(writing(folder))
    except ConfigError as error:
        if not (isinstance(error.__cause__, OSError) and error.__cause__.errno in _NOT_WRITABLE):
            raise
        return read_history(folder)


def _read_registries(contents: Contents, environment: Environment) -> None:
    for name in registry.registered_samples(environment):
        folder = registry.registry_dir(name, environment)
        with ExitStack() as held:
            if promotion := last_promotion(_hold(folder, held)):
                contents.champions[name] = promotion.candidate
            for path in iter_files(folder):
                at = f"{DATA}/{path.relative_to(environment.work_dir).as_posix()}"
                contents.registries[at] = path.read_bytes(), path.stat().st_mtime


def _add_folder(contents: Contents, name: str, root: Path, folder: Path) -> None:
    """Add the files below a folder; of an artifact in it only once it was compared with its hashes."""
    damaged: set[Path] = set()
    for path in iter_files(folder):
        if path.name == MANIFEST:
            try:
                verify_artifact(path.parent)
            except DataError as error:
                damaged.add(path.parent)
                contents.left_out.append(str(error))
        contents.files.append(Item(f"{name}/{path.relative_to(root).as_posix()}", path))
    if damaged:
        contents.files = [item for item in contents.files if not damaged.intersection(item.path.parents)]


def _add_needed(contents: Contents, environment: Environment) -> None:
    """Add what champions need: artifacts, the folders of their runs, and the indexes that all samples share."""
    root, found = environment.work_dir, find_references_of_champions(environment)
    for pattern in ("samples/*/*-*", "samples/*/runs/*", "catalogues/*/*"):
        for folder in sorted(root.glob(pattern)):
            is_ours = folder.is_dir() and not folder.is_symlink() and not is_hidden(folder.name)
            if is_ours and found.why_kept(PurePosixPath(folder.relative_to(root))):
                _add_folder(contents, DATA, root, folder)
                if (note := note_path(folder)).is_file():  # of a sample whose pictures stayed in the catalogue
                    contents.files.append(Item(f"{DATA}/{note.relative_to(root).as_posix()}", note))


def catalogues_needed(environment: Environment) -> dict[CataloguePlace, int]:
    """Return the catalogues in which samples of the data folder left their pictures, and of how many samples each.

    Raises:
        DataError: If such a sample's note is damaged.
    """
    if environment.data_url is not None:
        return {}  # what those samples need stays beside them
    notes = environment.work_dir.glob(f"samples/*/sample-*{SUFFIX}")
    return dict(Counter(read_note(path.with_name(path.name.removesuffix(SUFFIX))).catalogue for path in sorted(notes)))


def find_contents(environment: Environment) -> Contents:
    """Find what there is to back up, and compare each artifact with its hashes.

    Raises:
        ConfigError: If the data folder cannot be used.
        DataError: If a registry is damaged: which champions it has cannot be known.
        OSError: If something cannot be read for now.
    """
    contents = Contents()
    if environment.data_url is None:
        _read_registries(contents, environment)  # first: what is decided later, the references below name too
        _add_needed(contents, environment)
    for place in places_of(environment):
        if place.name != DATA:
            _add_folder(contents, place.name, place.folder, place.folder)
    return contents
