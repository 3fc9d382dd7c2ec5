"""The plugin as Airflow's plugin manager loads it, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parents[2]
HEAVY = ["pandas", "tensorflow", "keras", "pyarrow", "matplotlib", "sklearn", "scipy", "PIL"]
LOAD = f"""
import json, sys
before = set(sys.modules)
from airflow import plugins_manager
apps, _ = plugins_manager.get_fastapi_plugins()
views, _ = plugins_manager._get_ui_plugins()
told = {{
    "plugins": [plugin.name for plugin in plugins_manager._get_plugins()[0] if "$PLUGINS_FOLDER" in str(plugin.source)],
    "errors": plugins_manager.get_import_errors(),
    "apps": [app["url_prefix"] for app in apps],
    "views": views,
    "heavy": [name for name in {HEAVY} if name in sys.modules],
}}
print("told:" + json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Load the plugins folder as the API server does, and tell what is loaded."""
    home = tmp_path_factory.mktemp("airflow")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    settings = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_DIR / "plugins")}
    settings |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": str(PROJECT_DIR)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD], env={**kept, **settings}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.rpartition("told:")[2])


def test_the_folder_holds_one_plugin(told):
    assert told["plugins"] == ["evaluation_reports"]
    assert told["errors"] == {}
    assert told["apps"] == ["/evaluation_reports"]


def test_the_plugin_loads_nothing_heavy_into_the_api_server(told):
    assert told["heavy"] == []


def test_there_is_a_page_a_tab_on_each_dag_and_one_on_each_run(told):
    assert [view["destination"] for view in told["views"]] == ["nav", "dag", "dag_run"]
    assert all(view["url_route"] for view in told["views"])


def test_the_page_in_the_navigation_has_a_name_that_is_not_cut_off_and_an_icon(told):
    nav = told["views"][0]
    assert nav["name"] == "Reports"
    assert nav["icon"] == "evaluation_reports/icon.svg"


def test_addresses_are_relative_to_the_ui_so_that_a_prefix_stays(told):
    assert not any(view["href"].startswith(("/", "http")) for view in told["views"])
