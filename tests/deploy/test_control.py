"""The environment of the services that run no task: it reads DAG files and plugins, without networks and tables."""

import json
import subprocess

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR

pytestmark = pytest.mark.deploy

PYTHON = PROJECT_DIR / ".venv-control" / "bin" / "python"
READ = """
import importlib.util, json
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_import_errors, get_plugin_info

bag = DagBag("dags")
plugins = [each["name"] for each in get_plugin_info()]
absent = [name for name in ("tensorflow", "keras", "pyarrow", "pandas") if importlib.util.find_spec(name) is None]
print(json.dumps([sorted(bag.dags), bag.import_errors, plugins, get_import_errors(), absent]))
"""


def test_services_read_dags_and_plugins_without_networks_and_tables(tmp_path):
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is absent: `make deploy-test` makes it")
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PROJECT_DIR),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_DIR / "plugins"),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "CDISCOUNT_GPU_SLOTS": "2",
        "KERAS_BACKEND": "jax",
    }
    answer = subprocess.run(
        [PYTHON, "-c", READ], env=environ, cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    dags, errors, plugins, plugin_errors, absent = json.loads(answer.stdout.splitlines()[-1])
    assert (errors, plugin_errors) == ({}, {})
    assert {"cdiscount_wine", "cdiscount_predictions", "cdiscount_sample_comparison"} <= set(dags)
    assert "evaluation_reports" in plugins
    assert absent == ["tensorflow", "keras", "pyarrow", "pandas"]
