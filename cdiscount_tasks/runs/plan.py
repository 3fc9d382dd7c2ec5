"""What a step of a run would do, before anything of it is done."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.recipe import Recipe

Folders = Mapping[str, Path]
"""Where the artifacts of a run are, by step; a step that was left out is missing."""


class Plan(NamedTuple):
    """What a step would do: nothing has been read yet but settings.

    Attributes:
        recipe: Gives what decides the artifact; builds nothing.
        make: Finds the artifact or makes it; returns the stage's result.
    """

    recipe: Callable[[], Recipe]
    make: Callable[[], Mapping[str, Any]]
