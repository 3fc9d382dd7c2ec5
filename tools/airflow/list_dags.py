"""`make dags`: docs/dags.md, all DAGs of the project with schedule, purpose and tasks, as Airflow reads them."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.airflow.home import PROJECT_DIR, airflow_environ

_HEAD = """# All DAGs

Written by `make dags` from the DAG files; a test compares the two.

| DAG | purpose | runs by itself | tasks, in order |
|---|---|---|---|
"""


def _tasks(dag: Any) -> str:
    tasks = dag.topological_sort()
    return ", ".join(f"{task.task_display_name}{' (gpu)' if task.pool == 'gpu' else ''}" for task in tasks)


def _runs(dag: Any) -> str:
    """Say when a DAG runs by itself, once it is unpaused."""
    timetable = dag.timetable
    expression = getattr(getattr(timetable, "timetable", timetable), "expression", None)
    condition = getattr(timetable, "asset_condition", None)
    assets = [asset.name for asset in getattr(condition, "objects", ())]
    told = [f"`{expression}` UTC"] if expression else []
    return ", and ".join([*told, *([f"on {' or '.join(assets)}"] if assets else [])]) or "no"


def dag_table(dags: Mapping[str, Any]) -> str:
    """Return the text of docs/dags.md."""
    rows = [
        f"| `{dag_id}` | {dag.description} | {_runs(dag)} | {_tasks(dag)} |" for dag_id, dag in sorted(dags.items())
    ]
    return _HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Read the DAG files and write the document."""
    with tempfile.TemporaryDirectory(prefix="cdiscount-dags-") as home:
        os.environ.update(airflow_environ(Path(home)))
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - reads its settings when it is imported

        (PROJECT_DIR / "docs" / "dags.md").write_text(dag_table(DagBag(PROJECT_DIR / "dags").dags), encoding="utf-8")


if __name__ == "__main__":
    main()
