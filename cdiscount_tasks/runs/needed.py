"""What of a data root is needed, and why: by its path, by the name of an index, or since nobody can know."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cdiscount_tasks.runs.kept_runs import FoundRun


@dataclass
class References:
    """What is needed.

    Attributes:
        runs: All that were found, by the path of their folder.
        named: Why each path is kept, relative to the data root; the first reason that was found.
        indexes: Why indexes are kept that are known by their name alone.
        unknown: Why everything below a path is kept, by that path: what would name it cannot be read.
    """

    runs: dict[Path, FoundRun] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def name(self, paths: Iterable[str], why: str) -> None:
        """Note why paths are kept."""
        for path in paths:
            self.named.setdefault(PurePosixPath(path).as_posix(), why)

    def do_not_know(self, groups: Iterable[str], sentence: str) -> None:
        """Note that what is below some folders cannot be judged, nor the indexes, which all samples share."""
        for group in (*groups, "catalogues"):
            self.unknown.setdefault(group, sentence)

    def why_kept(self, path: PurePosixPath) -> str:
        """Return why a path is kept; empty: nothing that is kept needs it."""
        for group, sentence in self.unknown.items():
            if path.is_relative_to(group):
                return f"it is not known what needs it: {sentence}"
        return self.named.get(path.as_posix(), "") or self.indexes.get(path.name, "")
