"""The errors that a user can cause and mend. Everything else is a bug."""

from collections.abc import Sequence


class ConfigError(Exception):
    """A setting is wrong: a sample's YAML, a trigger form's value, an environment variable."""


class DataError(Exception):
    """Input data is wrong: the catalogue, a names, fixes or split file, or an artifact on disk."""


class ClassError(DataError):
    """Some classes of a sample cannot be split or learnt; without them the others can.

    Attributes:
        category_ids: Which, ascending.
        detail: Why, of one of them, in a few words.
    """

    def __init__(self, sentence: str, category_ids: Sequence[int], detail: str) -> None:
        """Take the sentence that refuses the sample, the classes, and why each is refused."""
        super().__init__(sentence)
        self.category_ids, self.detail = tuple(category_ids), detail


class RunNotHereError(DataError):
    """A run's frozen config is not where this machine looks for it.

    Attributes:
        path: Where it would be; in a bucket, the URL.
        first_task: The task that freezes it.
        root: The id of this machine's data root; empty: it has none.
        place: That root as this machine sees it: its folder, and the machine's name.
    """

    def __init__(self, path: str, first_task: str, root: str, place: str) -> None:
        """Take what the sentence names."""
        super().__init__(f"{path}: the run has no frozen config; clear its task {first_task} first")
        self.path, self.first_task, self.root, self.place = path, first_task, root, place

    def seen_from(self, root: str, place: str) -> str:
        """Return the sentence where it is known in which data root the first task froze the config, and where."""
        is_in_bucket = "://" in self.path
        alike = "set CDISCOUNT_DATA alike on every worker" if is_in_bucket else "mount the same folder on every worker"
        if root == self.root:
            return (
                f"{self.path}: the run's config was removed since its task {self.first_task}, or CDISCOUNT_DATA leads "
                f"this machine to a copy of the data root ({self.place}; the run began in {place}); {alike} and clear "
                "this task, or trigger a new run"
            )
        told = self.root or f"without an id (empty{'' if is_in_bucket else ', or not mounted'})"
        return (
            f"{self.path}: the run has no config here. CDISCOUNT_DATA leads this machine to {self.place}, which is the "
            f"data root {told}, but the run's task {self.first_task} froze its config in "
            f"{place}, the data root {root}: {alike}{'' if is_in_bucket else ', set CDISCOUNT_DATA to it'}, and clear "
            "this task; clearing the first one would begin a second run there"
        )


class StepLeftOut(Exception):  # noqa: N818 - an answer, not a fault
    """A run does without a step; the text says why."""


class DivergedError(DataError):
    """A training's loss or weights became NaN or infinite: the same training would again."""
