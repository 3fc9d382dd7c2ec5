"""Which DAG a folder of reports belongs to: the right to read the DAG is the right to read its reports."""

import re

CATALOGUE_DAG = "cdiscount_catalogue"
COMPARISON_DAG = "cdiscount_sample_comparison"
PREFIX = "cdiscount_"

_SAMPLE = re.compile(r"[a-z0-9_]+")


def sample_dag_of(sample_name: str) -> str:
    """Return the id of a sample's DAG."""
    return f"{PREFIX}{sample_name}"


def sample_of(dag_id: str) -> str | None:
    """Return the sample whose reports a DAG writes; None: it writes none."""
    name = dag_id.removeprefix(PREFIX)
    if dag_id in (CATALOGUE_DAG, COMPARISON_DAG) or name == dag_id or not _SAMPLE.fullmatch(name):
        return None
    return name


def dags_of_folder(group: str, folder: str) -> list[str]:
    """Return the DAGs of which a user must be allowed to read every one, to read a folder.

    Args:
        group: The folder's parent: a sample's name, `catalogue` or `comparison`.
        folder: A run's folder, a catalogue_id, or the names of the compared samples, joined by `-`.
    """
    if group == "catalogue":
        return [CATALOGUE_DAG]
    if group == "comparison":
        # The page shows figures and pictures of each sample.
        return [COMPARISON_DAG, *map(sample_dag_of, folder.split("-"))]
    return [sample_dag_of(group)]
