"""The steps of an index, which every DAG that reads the catalogue begins with.

Each takes a sample and its run's id, or None for the catalogue as it is now, which the catalogue's own DAG indexes, or
the word PREDICTIONS for the file of a predictions run.
"""

from contextlib import suppress

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.catalogue.file import CONTENT_NOTE, content_sample, fingerprint
from cdiscount_tasks.catalogue.ranges import ByteRange
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import steps, summaries
from cdiscount_tasks.runs.catalogue import open_catalogue
from cdiscount_tasks.runs.predictions import PREDICTIONS, open_predictions
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.stages.index import merge_index, plan_ranges, scan_range
from cdiscount_tasks.stages.inputs import IndexPlace


def _place_of(sample_name: str | None, run_id: str) -> IndexPlace:
    """Return what is indexed, and where to."""
    if sample_name is None:
        return open_catalogue().index_place
    run = open_predictions(run_id) if sample_name == PREDICTIONS else open_run(sample_name, run_id)
    run.check_worker()
    return run.index_place


def _note_content(place: IndexPlace) -> None:
    """Note the content of the catalogue whose fingerprint names a folder, by which copies of it are known; once."""
    path = place.parent_dir / CONTENT_NOTE
    if path.exists():
        return
    with suppress(DataError):  # where the index is there, this machine need not have the file
        if fingerprint(place.catalogue_path) == place.parent_dir.name:
            text = f"{content_sample(place.catalogue_path)}\n"
            with disk_faults_told(place.parent_dir):
                place.parent_dir.mkdir(parents=True, exist_ok=True)
                replace_file(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def plan(sample_name: str | None, run_id: str) -> list[ByteRange]:
    """Cut the catalogue into byte ranges; none if it is indexed already."""
    place = _place_of(sample_name, run_id)
    _note_content(place)
    return plan_ranges(place.catalogue_path, place.parent_dir)


def scan(sample_name: str | None, run_id: str, byte_range: ByteRange) -> str:
    """Scan a byte range, and return what was found in a line."""
    place = _place_of(sample_name, run_id)
    return summaries.of_range(scan_range(place.catalogue_path, byte_range, place.parent_dir, place.max_rejected_share))


def merge(sample_name: str | None, run_id: str) -> str:
    """Join the scanned ranges into the index, and return what it holds in a line."""
    if sample_name is None:
        return summaries.of_index(merge_index(*_place_of(None, run_id)))
    if sample_name == PREDICTIONS:
        run = open_predictions(run_id)
        run.check_worker()
        return summaries.of_index(run.record("index", merge_index(*run.index_place)))
    return steps.make("index", sample_name, run_id)
