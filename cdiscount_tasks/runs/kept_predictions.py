"""What predictions need: all that they ask while they may be continued, what was joined once they have a page.

The newest finished predictions of each sample keep all too: from their answers a different promised precision is joined
without asking the network again.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.json_files import DAMAGE, read_json
from cdiscount_tasks.artifacts.manifest import MANIFEST
from cdiscount_tasks.artifacts.notes import NOTES, noted_results
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.kept_runs import FoundRun, iter_kept
from cdiscount_tasks.runs.needed import References
from cdiscount_tasks.runs.predictions import PREDICTIONS
from cdiscount_tasks.settings.environment import Environment

OF_PAGE = "a page of predictions whose run's folder is gone"


def _asked_by(config: dict[str, Any]) -> list[str]:
    """Return what a run asks: the model's artifacts, and the folder of the file's index."""
    asked = config["asked"]
    return [
        *(str(asked[part]) for part in ("model", "evaluation", "labels", "sample")),
        f"catalogues/{config['catalogue_fingerprint']}",
    ]


def _name_all(found: References, run: FoundRun, why: str) -> None:
    """Note all that a run needs to be continued: the model, the index, the answers so far."""
    path, sample = run.folder / "config.json", run.asked_sample
    own = [PREDICTIONS] if sample is None else [f"{PREDICTIONS}/{sample}"]
    try:
        noted = noted_results(run.folder)
        found.name((str(result["path"]) for result in noted.values() if "path" in result), why)
    except (DataError, *DAMAGE) as error:
        found.do_not_know(own, f"{run.folder / NOTES}: is damaged ({type(error).__name__}); remove {run.folder}")
        noted = {}
    if not path.exists() and not (run.folder / NOTES).exists():
        return  # it has not decided yet
    try:
        found.name(_asked_by(read_json(path)), why)
    except (DataError, *DAMAGE) as error:
        sentence = f"{path}: is missing or damaged ({type(error).__name__}); remove {run.folder}"
        found.do_not_know([*own, "samples" if sample is None else f"samples/{sample}"], sentence)


def _joined_of_page(page_dir: Path) -> str:
    """Return which predictions a page shows.

    Raises:
        DataError: If its manifest cannot be read.
    """
    try:
        manifest = read_json(page_dir / MANIFEST)
        sample, key = str(manifest["config"]["sample"]), str(manifest["inputs"]["predictions"])
    except (DataError, *DAMAGE) as error:
        raise DataError(f"{page_dir}: cannot be read ({error}); mend or remove that page") from error
    return f"{PREDICTIONS}/{sample}/predictions-{key}"


def _name_joined(found: References, run: FoundRun, why: str) -> None:
    """Note what a finished run has joined, by its notes or else by its page."""
    assert run.report_dir is not None
    try:
        found.name([str(noted_results(run.folder)["predictions"]["path"])], why)
    except (DataError, *DAMAGE):
        try:
            found.name([_joined_of_page(run.report_dir)], why)
        except DataError as error:
            found.do_not_know([PREDICTIONS], str(error))


def _by_sample(runs: Iterable[FoundRun]) -> Iterator[list[FoundRun]]:
    """Yield the runs that ask a sample's model, sample by sample; those of an unknown one together."""
    runs = list(runs)
    for sample in sorted({run.asked_sample or "" for run in runs}):
        yield [run for run in runs if (run.asked_sample or "") == sample]


def _when(run: FoundRun) -> tuple[datetime, str]:
    assert run.finished is not None
    return run.finished, run.folder.name


def name_predictions(found: References, runs: Sequence[FoundRun], keep_runs: int | None, work_dir: Path) -> None:
    """Note what predictions runs need.

    Args:
        found: Where it is noted.
        runs: All of the data root.
        keep_runs: How many of each sample that have a page are kept; None: all.
        work_dir: The data root.
    """
    for of_sample in _by_sample(runs):
        newest = max((run for run in of_sample if run.finished is not None), key=_when, default=None)
        for run, why in iter_kept(of_sample, keep_runs):
            found.name([run.folder.relative_to(work_dir).as_posix()], why)
            if run.finished is None or run.is_young or run is newest:
                _name_all(found, run, why)
            else:
                _name_joined(found, run, why)


def name_lone_pages(found: References, environment: Environment) -> None:
    """Note what pages show whose run has no folder here: it was removed, or is of a different data root."""
    for path in sorted(environment.reports_dir.glob(f"{PREDICTIONS}/*/*/{MANIFEST}")):
        page_dir = path.parent
        runs_dir = environment.work_dir / PREDICTIONS / "runs"
        if page_dir.name.startswith(".") or runs_dir / page_dir.name in found.runs:
            continue
        try:
            found.name([_joined_of_page(page_dir)], OF_PAGE)
        except DataError as error:
            found.do_not_know([PREDICTIONS], str(error))
