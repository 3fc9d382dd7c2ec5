"""What a stage calls: an artifact found by its recipe or made, with the result that the stage declares."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast, get_type_hints

from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.artifacts.publish import Made, build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError


class Result(TypedDict):
    """What a stage returns: strings and numbers. Each stage adds its counts.

    Attributes:
        path: Where the artifact is.
        reused: Whether it existed already.
    """

    path: str
    reused: bool


ResultT = TypeVar("ResultT", bound=Mapping[str, Any])


def _declared(result: type[ResultT], found: Mapping[str, Any]) -> ResultT:
    """Return of what is known of an artifact what the result declares; the rest is read in its manifest.

    What it declares as NotRequired may be missing.
    """
    may_lack: frozenset[str] = getattr(result, "__optional_keys__", frozenset())
    return cast(
        ResultT, {name: found[name] for name in get_type_hints(result) if name in found or name not in may_lack}
    )


def make(
    result: type[ResultT], recipe: Recipe, parent_dir: Path, write: Callable[[Path], Made], *, every_byte: bool = False
) -> ResultT:
    """Find the artifact of a recipe, or make it whole.

    Args:
        result: The stage's result: a TypedDict, a `Result` with the counts that `write` returns.
        recipe: What decides the content, and so the artifact's name.
        parent_dir: The folder in which the artifact will be.
        write: Called with an empty directory to fill.
        every_byte: Whether an artifact that exists is compared hash by hash (models), not only by size.
    """
    return _declared(result, build_artifact(recipe.dir_in(parent_dir), recipe, write, every_byte))


def make_page(result: type[ResultT], recipe: Recipe, out_dir: Path, write: Callable[[Path], Made]) -> ResultT:
    """Make the artifact of a page in the reports folder anew, in the place of one that is there.

    Args:
        result: The stage's result: a TypedDict of `path` and the counts that `write` returns.
        recipe: What decides the content; it does not name the folder.
        out_dir: The page's folder.
        write: Called with an empty directory to fill.
    """
    return _declared(result, rebuild_artifact(out_dir, recipe, write, setting="CDISCOUNT_REPORTS"))


def find_page(result: type[ResultT], recipe: Recipe, out_dir: Path, *, every_byte: bool = True) -> ResultT | None:
    """Return the result of a whole page that was made from exactly this recipe, or None.

    Args:
        result: As in `make_page`.
        recipe: What decides the content.
        out_dir: The page's folder.
        every_byte: Whether its files are compared hash by hash, not only by size.
    """
    try:
        manifest = read_manifest(out_dir)
        if manifest["key"] != recipe.key:
            return None
        if every_byte:
            verify_artifact(out_dir)
    except DataError:
        return None  # missing or damaged: it is made anew
    return _declared(result, {"path": str(out_dir), **manifest["result"]})
