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


class StepLeftOut(Exception):  # noqa: N818 - an answer, not a fault
    """A run does without a step; the text says why."""


class DivergedError(DataError):
    """A training's loss or weights became NaN or infinite: the same training would again."""
