"""The YAML files that DAGs are made from, and the DAG that stands in for one that is broken."""

import re
from pathlib import Path

from airflow.sdk import DAG, dag, task
from airflow.sdk.exceptions import AirflowFailException

from cdiscount_airflow.failures import BROKEN_TAG, leave_reason
from cdiscount_tasks.config import REFUSED_SAMPLE_NAMES
from cdiscount_tasks.errors import ConfigError


def yaml_paths(samples_dir: Path) -> list[Path]:
    """Return the sample files of a folder, by name.

    Raises:
        ConfigError: If the folder is missing or holds none: an empty list of DAGs would not tell why.
    """
    paths = sorted(samples_dir.glob("*.yaml"))
    if not paths:
        raise ConfigError(f"{samples_dir}: no sample (*.yaml) stands there; CDISCOUNT_SAMPLES sets the folder")
    return paths


def sample_names(samples_dir: Path) -> list[str]:
    """Return the names of a folder's samples, none where it is missing; whether each can be read is not asked."""
    return sorted(path.stem for path in samples_dir.glob("*.yaml"))


def broken_dag_id(path: Path) -> str:
    """Return the id of a broken file's DAG: names of the project's own DAGs stay free, odd characters become `-`."""
    name = path.name if path.stem in REFUSED_SAMPLE_NAMES else path.stem
    return f"cdiscount_{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}"


def broken_dag(path: Path, error: ConfigError) -> DAG:
    """Return a DAG that tells what is wrong with a sample's file; the other samples' DAGs stay as they are."""
    sentence = str(error)

    @dag(
        dag_id=broken_dag_id(path),
        dag_display_name=f"Cdiscount: {path.name} (broken)",
        description=sentence[:500],
        schedule=None,
        catchup=False,
        default_args={"owner": "cdiscount", "retries": 0},
        tags=["cdiscount", BROKEN_TAG],
        doc_md=f"# {path.name} is broken\n\n```\n{sentence}\n```\n\nMend the file: this page follows within a minute.",
    )
    def broken() -> None:
        @task(task_display_name="Read the sample")
        def read_sample() -> None:
            """Fail with what is wrong with the sample's file."""
            leave_reason(sentence)
            raise AirflowFailException(sentence)

        read_sample()

    return broken()
