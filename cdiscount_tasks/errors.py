"""The errors that a user can cause and mend. Everything else is a bug."""


class ConfigError(Exception):
    """A setting is wrong: a sample's YAML, a trigger form's value, an environment variable."""


class DataError(Exception):
    """Input data is wrong: the catalogue, a names, fixes or split file, or an artifact on disk."""


class StepLeftOut(Exception):  # noqa: N818 - an answer, not a fault
    """A run does without a step; the text says why."""


class DivergedError(DataError):
    """A training's loss or weights became NaN or infinite: the same training would again."""
