"""The YAML files that DAGs are made from, and the DAG that takes the place of a broken one."""

import hashlib
import logging
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

from airflow.sdk import DAG, dag, task
from airflow.sdk.exceptions import AirflowFailException

from cdiscount_airflow.failures import BROKEN_TAG, leave_reason
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.sample import REFUSED_SAMPLE_NAMES, SampleConfig, read_sample
from cdiscount_tasks.settings.sample_folder import sample_paths
from cdiscount_tasks.settings.strict_yaml import shown_path

logger = logging.getLogger(__name__)

_LONGEST_ID = 200
"""Airflow takes 250 characters; the notes of a run add some."""


def build_dags(samples_dir: Path, build: Callable[[SampleConfig], DAG]) -> dict[str, DAG]:
    """Build the DAG of each sample of a folder; one whose file is wrong, or that Airflow refuses, is listed as broken.

    Args:
        samples_dir: Holds the samples' YAML.
        build: Builds a sample's DAG.

    Returns:
        The DAGs by id.

    Raises:
        ConfigError: If the folder is missing or holds no sample: an empty list of DAGs would not say why.
    """
    paths = sample_paths(samples_dir)
    if not paths:
        raise ConfigError(f"{samples_dir} has no sample (*.yaml); CDISCOUNT_SAMPLES sets the folder")
    dags: dict[str, DAG] = {}
    broken: list[tuple[Path, str]] = []
    for path in paths:
        try:
            built = build(read_sample(path))
            built.validate()  # type: ignore[no-untyped-call]
        except ConfigError as error:
            broken.append((path, str(error)))
        except Exception as error:
            logger.warning("%s makes no DAG", shown_path(path), exc_info=True)
            what = " ".join(str(error).split())[:500] or type(error).__name__
            broken.append((path, f"{shown_path(path)}: Airflow refuses the DAG of this sample: {what}"))
        else:
            dags[built.dag_id] = built
    for path, sentence in broken:
        dag_id = broken_dag_id(path, dags)
        dags[dag_id] = broken_dag(path, sentence, dag_id)
    return dags


def broken_dag_id(path: Path, taken: Collection[str] = ()) -> str:
    """Return the id of a broken file's DAG: names of the project's own DAGs stay free, odd characters become `-`.

    Args:
        path: The file.
        taken: Ids of other DAGs.
    """
    name = path.name if path.stem in REFUSED_SAMPLE_NAMES else path.stem
    dag_id = f"cdiscount_{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}"
    if len(dag_id) <= _LONGEST_ID and dag_id not in taken:
        return dag_id
    return f"{dag_id[:_LONGEST_ID]}-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}"


def broken_dag(path: Path, sentence: str, dag_id: str) -> DAG:
    """Return a DAG that says what is wrong with a sample's file; the other samples' DAGs stay as they are."""
    name = shown_path(Path(path.name))

    @dag(
        dag_id=dag_id,
        dag_display_name=f"Cdiscount: {name} (broken)",
        description=sentence[:500],
        schedule=None,
        catchup=False,
        default_args={"owner": "cdiscount", "retries": 0},
        tags=["cdiscount", BROKEN_TAG],
        doc_md=f"# {name} is broken\n\n```\n{sentence}\n```\n\nCorrect the file: this page follows within a minute.",
        auto_register=False,
    )
    def broken() -> None:
        @task(task_display_name="Read the sample")
        def read_sample() -> None:
            """Fail with what is wrong with the sample's file."""
            leave_reason(sentence)
            raise AirflowFailException(sentence)

        read_sample()

    return broken()
