"""The finished runs of a sample: those whose report and artifacts stand."""

import json
import logging
from collections.abc import Iterator

from cdiscount_tasks.artifacts.json_files import DAMAGE
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest, when_finished
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import steps
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.run import Run, open_run
from cdiscount_tasks.settings.environment import Environment

logger = logging.getLogger(__name__)


def _read_run(environment: Environment, sample_name: str, folder: str) -> Run | None:
    """Return a run by its folder's name, if all that is needed of it stands."""
    config_path = environment.work_dir / "samples" / sample_name / "runs" / folder / "config.json"
    if not config_path.is_file():
        return None  # of another data root
    try:
        run = open_run(sample_name, json.loads(config_path.read_text("utf-8"))["run_id"])
        folders = run.folders()
        for step in steps.STEPS:
            if step.needed:
                read_manifest(folders[step.name])
    except (DataError, FileNotFoundError, *DAMAGE) as error:
        logger.info("run %s of %s is left out: %s", folder, sample_name, error)
        return None
    return run


def iter_finished_runs(environment: Environment, sample_name: str) -> Iterator[Run]:
    """Yield a sample's runs whose report and artifacts stand, the one first whose report was finished last."""
    bring_up_to_date(environment)
    folders = [path.parent for path in (environment.reports_dir / sample_name).glob(f"*/{MANIFEST}")]
    found = [(when_finished(folder), folder.name) for folder in folders if not folder.name.startswith(".")]
    for _, folder in sorted(found, reverse=True):
        if (run := _read_run(environment, sample_name, folder)) is not None:
            yield run


def finished_runs(environment: Environment, sample_name: str) -> list[Run]:
    """Return a sample's runs whose report and artifacts stand, in the order in which their reports were finished."""
    return list(iter_finished_runs(environment, sample_name))[::-1]
