"""Which DAG a folder of reports belongs to: the right to read the DAG is the right to read its reports."""

import re
from pathlib import Path

from cdiscount_airflow.reports.files import folder_of
from cdiscount_tasks.artifacts.manifest import read_listed
from cdiscount_tasks.errors import DataError

CATALOGUE_DAG = "cdiscount_catalogue"
COMPARISON_DAG = "cdiscount_sample_comparison"
CLEAN_UP_DAG = "cdiscount_clean_up"
GAUGES_DAG = "cdiscount_gauges"
ROLL_BACK_DAG = "cdiscount_roll_back"
PREDICTIONS_DAG = "cdiscount_predictions"
PREFIX = "cdiscount_"

_SAMPLE = re.compile(r"[a-z0-9_]+")


def sample_dag_of(sample_name: str) -> str:
    """Return the id of a sample's DAG."""
    return f"{PREFIX}{sample_name}"


def sample_of(dag_id: str) -> str | None:
    """Return the sample whose reports a DAG writes; None: it writes none."""
    name = dag_id.removeprefix(PREFIX)
    others = (CATALOGUE_DAG, COMPARISON_DAG, CLEAN_UP_DAG, GAUGES_DAG, ROLL_BACK_DAG, PREDICTIONS_DAG)
    if dag_id in others or name == dag_id or not _SAMPLE.fullmatch(name):
        return None
    return name


def _compared_samples(reports_dir: Path, folder: str) -> list[str]:
    """Return the samples of a comparison as its manifest names them; where none does, the parts of the folder's name.

    Such a folder holds nothing that is served; parts that are no sample's name keep it from all who have not every
    right.
    """
    comparison_dir = folder_of(reports_dir, "comparison", folder)
    try:
        config = read_listed(comparison_dir)["config"] if comparison_dir else {}
    except DataError:
        config = {}
    samples = config.get("samples")
    if isinstance(samples, list) and samples and all(isinstance(sample, str) for sample in samples):
        return samples
    return folder.split("-")


def dags_of_folder(reports_dir: Path, group: str, folder: str) -> list[str]:
    """Return the DAGs of which a user must be allowed to read every one, to read a folder.

    Args:
        reports_dir: CDISCOUNT_REPORTS.
        group: The folder's parent: a sample's name, `catalogue` or `comparison`.
        folder: A run's folder, a catalogue_id, or a comparison's folder.
    """
    if group == "catalogue":
        return [CATALOGUE_DAG]
    if group == "comparison":
        # The page shows figures and pictures of each sample.
        return [COMPARISON_DAG, *map(sample_dag_of, _compared_samples(reports_dir, folder))]
    return [sample_dag_of(group)]
