"""The clean-up of a data root: what nobody needs is said first and removed second; reports are never removed.

What is needed, and by whom, `runs/references.py` finds. Only what has a name of this project's is looked at, links are
never followed, and whatever else is in the folders is left alone.
"""

import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cdiscount_tasks.artifacts.catalogue_note import SUFFIX, note_path
from cdiscount_tasks.artifacts.locks import lock_if_free
from cdiscount_tasks.artifacts.removal import delete_part, is_left_over, is_real_folder, remove_folder, size_and_change
from cdiscount_tasks.runs import bucket_remains
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.kept_runs import COMPARISON, SAMPLE_NAME, TAKEN_UP_S, find_runs, group_folders
from cdiscount_tasks.runs.needed import References
from cdiscount_tasks.runs.predictions import PREDICTIONS
from cdiscount_tasks.runs.references import find_references
from cdiscount_tasks.runs.steps import STEPS
from cdiscount_tasks.settings.environment import Environment, check_data_folder

logger = logging.getLogger(__name__)

RUN, CHECKPOINT, PARTS, SET_ASIDE, LEFT_OVER = "run folder", "checkpoint", "scan", "damaged", "left over"
NOTE, REMAINS = "note", "objects without a manifest"
"""Kinds of what is looked at, beside the nouns of artifacts."""

NOUNS = frozenset({step.name for step in STEPS if step.name != "report"} | {"export", "random_choices"})
PREDICTED = frozenset({"answers", "predictions"})
"""Of a sample's folder, and of that of its predictions."""

_ARTIFACT = re.compile(r"(?P<noun>[a-z_]+)-[0-9a-f]{16}")
_NOTE = re.compile(rf"(?P<sample>sample-[0-9a-f]{{16}}){re.escape(SUFFIX)}")
_TRAINING = re.compile(r"(?P<made>(model|search|seeds)-[0-9a-f]{16})\.training")
_PARTS = re.compile(r"parts-[0-9a-f]{16}")
_SET_ASIDE = re.compile(r"[a-z_]+-[0-9a-f]{16}\.damaged-[0-9a-f]{8}")
_CATALOGUE = re.compile(r"[0-9a-f]{16}")
_LOCK, _RUN_LOCK = ".clean_up.lock", ".artifacts.lock"

CONTINUED = "a training or a scan of the last 14 days, which may be continued"
SEEN = "damaged within the last 14 days, and set aside to be looked at"
MAY_BE_NEEDED = "a run is going, which may need it"


class Item(NamedTuple):
    """A folder of the data root, or what a killed task has left of one.

    Attributes:
        path: Where it is.
        kind: The noun of an artifact, or one of the kinds above.
        num_bytes: Of its files.
        kept_for: Why it stays; empty: nothing needs it.
        lock_path: Of who makes it; None: nobody holds one.
    """

    path: Path
    kind: str
    num_bytes: int
    kept_for: str
    lock_path: Path | None = None


@dataclass(frozen=True)
class Plan:
    """What a clean-up would do.

    Attributes:
        environment: Where things are.
        keep_runs: How many finished runs of each sample are kept; None: all that have a report.
        items: All that was looked at.
        left_alone: What has no name of this project's, in a sentence each.
    """

    environment: Environment
    keep_runs: int | None
    items: tuple[Item, ...]
    left_alone: tuple[str, ...]

    @property
    def removed(self) -> list[Item]:
        """Return what nothing needs; run folders first, so that a kill leaves no run with half of its artifacts."""
        return sorted((item for item in self.items if not item.kept_for), key=lambda item: item.kind != RUN)

    @property
    def kept(self) -> list[Item]:
        """Return what stays."""
        return [item for item in self.items if item.kept_for]


class Cleaned(NamedTuple):
    """What a clean-up has removed, and what it had to leave, in a sentence each."""

    removed: tuple[Item, ...]
    left: tuple[str, ...]


def _is_recent(changed_s: float) -> bool:
    return time.time() - changed_s < TAKEN_UP_S


def _is_written_in(folder: Path) -> bool:
    """Tell whether somebody is writing in a folder right now."""
    return any(not is_left_over(part) for part in folder.glob(".*.part")) or bucket_remains.is_written_in(folder)


class _Walk:
    """A walk over the data root; `left_alone` has what it met and does not know."""

    def __init__(self, environment: Environment, found: References) -> None:
        self.environment, self.root, self.found = environment, environment.work_dir, found
        self.left_alone: list[str] = []
        self.going = [run for run in found.runs.values() if run.is_going]

    def items(self) -> Iterator[Item]:
        """Yield all that is known."""
        for folder in group_folders(self.root):
            if folder.name != PREDICTIONS:
                yield from self._items_in(folder)
        yield from self._items_below(self.root / PREDICTIONS, SAMPLE_NAME)
        yield from self._items_below(self.root / "catalogues", _CATALOGUE)
        for path, num_bytes in bucket_remains.find_remains(self.environment):
            yield Item(path, REMAINS, num_bytes, "")

    def _items_below(self, parent: Path, names: re.Pattern[str]) -> Iterator[Item]:
        """Yield what is in the folders of a folder: the catalogues', or the samples' with predictions."""
        for folder in self._entries(parent) if is_real_folder(parent) else ():
            if folder.name == "runs" and parent.name == PREDICTIONS:
                yield from self._run_items(folder)
            elif names.fullmatch(folder.name) and folder.is_dir():
                yield from self._items_in(folder)
            else:
                self._leave(folder)

    def _items_in(self, folder: Path) -> Iterator[Item]:
        relative = PurePosixPath(folder.relative_to(self.root))
        is_going = any(run.may_need(relative) for run in self.going) or _is_written_in(folder)
        for path in self._entries(folder):
            if path.name == "runs":
                yield from self._run_items(path)
            elif item := self._item(path, is_going):
                yield item

    def _entries(self, folder: Path) -> list[Path]:
        return sorted(path for path in folder.iterdir() if not self._is_link(path))

    def _is_link(self, path: Path) -> bool:
        if path.is_symlink():
            self.left_alone.append(f"{path}: is a link; links are not followed")
        return path.is_symlink()

    def _leave(self, path: Path) -> None:
        if path.is_dir():
            self.left_alone.append(f"{str(path)!r}: no folder of this project has such a name")

    def _why_kept(self, path: Path) -> str:
        relative = PurePosixPath(path.relative_to(self.root))
        return self.found.why_kept(relative) or self.found.why_kept(relative.parent)

    def _run_items(self, runs_dir: Path) -> Iterator[Item]:
        for path in self._entries(runs_dir):
            if path in self.found.runs:
                kept_for, lock_path = self.found.why_kept(PurePosixPath(path.relative_to(self.root))), path / _RUN_LOCK
                # One that is not there is not made: the folder would look as if something had been written.
                yield Item(path, RUN, size_and_change(path)[0], kept_for, lock_path if lock_path.exists() else None)
            elif item := self._left_over(path):
                yield item
            else:
                self._leave(path)

    def _left_over(self, path: Path) -> Item | None:
        """Return what a task that died has left unfinished, or a clean-up that was killed."""
        if path.name.startswith(".") and path.name.endswith(".part"):
            num_bytes, _ = size_and_change(path)
            return Item(path, LEFT_OVER, num_bytes, "" if is_left_over(path) else "it is being written")
        return None

    def _item(self, path: Path, is_going: bool) -> Item | None:
        """Return what is at a path of a sample's folder, or of a catalogue's; None: nothing of this project's."""
        if path.name.startswith("."):
            return self._left_over(path)  # else it is a lock
        if not path.is_dir():
            return self._note_item(path, is_going)
        num_bytes, changed_s = size_and_change(path)
        nouns = PREDICTED if path.parents[1] == self.root / PREDICTIONS else NOUNS
        if (named := _ARTIFACT.fullmatch(path.name)) and named["noun"] in nouns:
            kept_for = self._why_kept(path) or (MAY_BE_NEEDED if is_going else "")
            return Item(path, named["noun"], num_bytes, kept_for, path.with_name(f".{path.name}.lock"))
        return self._passing_item(path, num_bytes, CONTINUED if _is_recent(changed_s) else "", is_going)

    def _note_item(self, path: Path, is_going: bool) -> Item | None:
        """Return the note of a sample that is gone: a clean-up was killed between the two, or a person removed one."""
        named = _NOTE.fullmatch(path.name)
        if named is None or path.with_name(named["sample"]).exists():
            return None  # it goes with its sample; or it is durations.json
        return Item(path, NOTE, path.lstat().st_size, MAY_BE_NEEDED if is_going else "")

    def _passing_item(self, path: Path, num_bytes: int, continued: str, is_going: bool) -> Item | None:
        """Return what is no artifact yet, or no more."""
        if training := _TRAINING.fullmatch(path.name):
            lock_path = path.with_name(f".{training['made']}.lock")
            return Item(path, CHECKPOINT, num_bytes, continued, lock_path)
        if _PARTS.fullmatch(path.name):
            kept_for = continued or (MAY_BE_NEEDED if is_going else "")
            return Item(path, PARTS, num_bytes, kept_for, path.with_name(".parts.lock"))
        if _SET_ASIDE.fullmatch(path.name):
            return Item(path, SET_ASIDE, num_bytes, SEEN if continued else "")
        self._leave(path)
        return None


def plan_clean_up(environment: Environment, keep_runs: int | None = None) -> Plan:
    """Find what nothing needs; removes nothing.

    Args:
        environment: Where things are.
        keep_runs: How many finished runs of each sample are kept; None: as CDISCOUNT_KEEP_RUNS says.

    Raises:
        ConfigError: If something else is in the data folder's place.
        DataError: If a history is damaged: what its champions need cannot be known.
        OSError: If something cannot be read for now.
    """
    check_data_folder(environment)
    keep_runs = environment.keep_runs if keep_runs is None else keep_runs
    if not environment.work_dir.is_dir():
        return Plan(environment, keep_runs, (), ())
    bucket_remains.show_trainings(environment)
    walk = _Walk(environment, find_references(environment, keep_runs))
    items = tuple(walk.items())
    return Plan(environment, keep_runs, items, tuple(walk.left_alone))


def _why_not(environment: Environment, item: Item) -> str:
    """Say why something stays after all: looked at anew with its lock held, right before it would lose its name."""
    bring_up_to_date(environment)
    if item.kind == RUN:
        run = next((run for run in find_runs(environment, item.path.parents[1]) if run.folder == item.path), None)
        return "something of it was written meanwhile" if run is None or run.is_young else ""
    if item.kind in (CHECKPOINT, PARTS, SET_ASIDE):
        return "something of it was written meanwhile" if _is_recent(size_and_change(item.path)[1]) else ""
    root, folder = environment.work_dir, item.path.parent
    groups = group_folders(root)
    if folder.parent != root / "catalogues":  # which all samples share
        groups = [path for path in groups if path in (folder, root / COMPARISON, root / PREDICTIONS)]
    relative = PurePosixPath(folder.relative_to(root))
    found = (run for group in groups for run in find_runs(environment, group) if run.is_going)
    going = (run for run in found if run.may_need(relative))
    return next((f"the run {run.folder.name} of {run.group} may need it" for run in going), "")


def _remove(environment: Environment, item: Item) -> str:
    if item.kind == LEFT_OVER:
        return delete_part(item.path) if is_left_over(item.path) else ""
    if item.kind == REMAINS:
        return bucket_remains.remove_remains(item.path)
    if item.kind == NOTE:
        return _why_not(environment, item) or bucket_remains.remove_note(item.path)
    reason = remove_folder(item.path, item.lock_path, lambda: _why_not(environment, item))
    if item.kind == "sample" and not item.path.exists():
        return bucket_remains.remove_note(note_path(item.path))
    return reason


def clean_up(plan: Plan) -> Cleaned:
    """Remove what a plan says, as far as nothing has come to need it since.

    A second clean-up at the same time removes nothing. A kill at any moment leaves every artifact whole, or a hidden
    part of one, which the next clean-up removes.

    Raises:
        ConfigError: If the file system has no locks.
        DataError: If a history is damaged by now.
    """
    environment, said = plan.environment, {item.path for item in plan.removed}
    removed, left = [], []
    if not environment.work_dir.is_dir():
        return Cleaned((), ())
    with lock_if_free(environment.work_dir / _LOCK) as is_free:
        if not is_free:
            return Cleaned((), ("a different clean-up is at work: this one has removed nothing",))
        for item in plan_clean_up(environment, plan.keep_runs).removed:
            if item.path not in said:
                continue
            reason = _remove(environment, item)
            if os.path.lexists(item.path) or reason:
                left.append(f"{item.path}: {reason}")
                logger.warning("left: %s: %s", item.path, reason)
            else:
                removed.append(item)
    bucket_remains.bound_caches(environment)
    return Cleaned(tuple(removed), tuple(left))
