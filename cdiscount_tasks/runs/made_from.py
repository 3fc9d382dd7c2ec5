"""What a step of a run has made, and from what, by the hashes that the artifacts' own manifests have: for lineage."""

from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.runs import steps
from cdiscount_tasks.runs.run import Run, open_run


class Dataset(NamedTuple):
    """Something that steps make or read.

    Attributes:
        name: The same for every version: `wine.model`; of what all samples share `catalogue`, `catalogue.index`.
        version: Of its content: what the keys of later artifacts count it as.
        place: Where it is: an artifact's folder, relative to the data folder or the reports; of the catalogue its path.
        num_files, num_bytes: As its manifest says; None: of the catalogue.
    """

    name: str
    version: str
    place: str
    num_files: int | None = None
    num_bytes: int | None = None


class MadeFrom(NamedTuple):
    """What a step read and made."""

    inputs: tuple[Dataset, ...]
    output: Dataset


def _place(run: Run, folder: Path) -> str:
    for root in (run.environment.work_dir, run.environment.reports_dir):
        if folder.is_relative_to(root):
            return folder.relative_to(root).as_posix()
    return str(folder)


def _dataset(run: Run, step: str, folder: Path) -> Dataset:
    manifest = read_manifest(folder)
    sizes = [int(file["size"]) for file in manifest["files"].values()]
    owner = "catalogue" if step == "index" else run.config.sample.name
    return Dataset(f"{owner}.{step}", str(manifest["identity"]), _place(run, folder), len(sizes), sum(sizes))


def made_from(step: str, sample_name: str, run_id: str) -> MadeFrom | None:
    """Return what a step that has just ended has made and from what; None: it made nothing.

    Args:
        step: Its name.
        sample_name: Of the run.
        run_id: Airflow's.

    Raises:
        DataError: If the run or an artifact of it is missing or damaged.
    """
    run = open_run(sample_name, run_id)
    at = run.folders()
    if step not in at:
        return None
    inputs = next(one for one in steps.STEPS if one.name == step).inputs
    could_read = [_dataset(run, name, at[name]) for name in inputs if name in at]
    counted = set(map(str, read_manifest(at[step])["inputs"].values()))  # a model learns from features, or from none
    read = [one for one in could_read if one.version in counted]
    if step == "index":
        catalogue_id = str(run.recorded()["index"]["catalogue_id"])
        read = [Dataset("catalogue", catalogue_id, str(run.catalogue_path))]
    return MadeFrom(tuple(read), _dataset(run, step, at[step]))
