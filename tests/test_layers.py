"""The layers of docs: each part of the package imports only what stands below it."""

import ast
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parents[1]
PACKAGE = "cdiscount_tasks"
GROUND = {"errors", "records"}
MAY_IMPORT = {
    "errors": set(),
    "records": set(),
    "csv_text": {"errors"},
    "parallel": GROUND,
    "strict_yaml": {"errors"},
    "sample_folder": {"errors", "strict_yaml"},
    "config_errors": {"errors", "strict_yaml"},
    "environment": {"errors"},
    "config": {"config_errors", "errors", "sample_folder", "strict_yaml"},
    "summaries": set(),
    "resolved_config": {"config"},
    "storage": GROUND | {"csv_text", "parallel"},
    "labelling": GROUND | {"config", "csv_text"},
    "learning": GROUND | {"config", "parallel"},
    "reporting": GROUND | {"config"},
    "backbones": GROUND | {"storage", "config"},
    "run": GROUND | {"storage", "environment", "config", "backbones"},
    "run_start": GROUND | {"storage", "environment", "config", "resolved_config", "backbones", "run"},
    "report_evidence": GROUND | {"learning", "reporting", "storage"},
    "report_suspects": GROUND | {"report_evidence", "reporting", "storage"},
    "report_folders": GROUND | {"reporting", "storage"},
    "report_changes": GROUND | {"report_folders", "reporting"},
    "reports_index": GROUND | {"learning", "report_changes", "report_folders", "reporting", "storage"},
    "finished_runs": GROUND | {"storage", "environment", "run"},
    "headline": {"errors", "storage"},
    "durations": {"errors", "storage", "environment", "run"},
    "catalogue": GROUND | {"sample_folder", "storage", "environment", "config", "run", "run_start"},
    "comparison_config": {"config", "config_errors", "errors"},
    "comparison": GROUND
    | {
        "storage",
        "environment",
        "config",
        "config_errors",
        "comparison_config",
        "run",
        "backbones",
        "finished_runs",
        "sample_folder",
    },
    "stages": GROUND
    | {
        "labelling",
        "learning",
        "reporting",
        "report_evidence",
        "report_suspects",
        "reports_index",
        "storage",
        "run",
        "environment",
        "config",
        "parallel",
        "backbones",
        "comparison_config",
    },
    "retraining": GROUND
    | {"storage", "environment", "config", "run", "finished_runs", "stages", "report_folders", "reports_index"},
    "demo": GROUND | {"storage"},
}
"""What the parts of the package may import of it, besides themselves."""

MAY_IMPORT_A_PROVIDER = {"notifiers.py": ("airflow.providers.smtp.",)}
"""Beside `airflow.sdk`, on the Airflow side."""

MAY_IMPORT_TENSORFLOW = {"learning/input_pipeline.py", "learning/devices.py"}
"""Everything else uses Keras' public API."""


def package_files():
    return sorted((PROJECT_DIR / PACKAGE).rglob("*.py"))


def part_of(path):
    """Return the layer that a file of the package belongs to: its folder, or the module itself."""
    first = path.relative_to(PROJECT_DIR / PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_names(path):
    """Return the full names of all that a file imports, wherever in the file it does so."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            # `from cdiscount_tasks import errors` names a module, `from cdiscount_tasks.errors import X` a thing in it.
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def modules_below(path, package):
    """Return the parts of a package that a file imports."""
    return {name.split(".")[1] for name in imported_names(path) if name.startswith(f"{package}.")}


def relative(path):
    return str(path.relative_to(PROJECT_DIR / PACKAGE))


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_a_module_imports_only_layers_below_it(path):
    part = part_of(path)
    if part == "__init__":
        assert not modules_below(path, PACKAGE)
        return
    assert part in MAY_IMPORT, f"{part} is a new part of the package: give it a place among the layers"
    above = modules_below(path, PACKAGE) - MAY_IMPORT[part] - {part}
    assert not above, f"{relative(path)} imports {sorted(above)}"


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / PACKAGE / "stages").glob("*.py")), ids=relative)
def test_a_stage_imports_no_other_stage(path):
    others = {name for name in imported_names(path) if name.startswith(f"{PACKAGE}.stages")}
    assert not others


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_the_package_does_not_know_airflow(path):
    known = {name.split(".")[0] for name in imported_names(path)}
    assert not known & {"airflow", "cdiscount_airflow", "dags", "plugins", "tools"}


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_tensorflow_is_imported_only_where_pictures_come_in_and_devices_are_set_up(path):
    imports_it = "tensorflow" in {name.split(".")[0] for name in imported_names(path)}
    assert not imports_it or relative(path) in MAY_IMPORT_TENSORFLOW


REPORTS_APP = PROJECT_DIR / "plugins" / "cdiscount_airflow" / "reports"
"""Runs inside Airflow's API server, and so may import of Airflow what asks who reads and which runs there are."""

PLUGIN_MAY_IMPORT = {
    "airflow.api_fastapi.auth.managers.base_auth_manager.COOKIE_NAME_JWT_TOKEN",
    "airflow.api_fastapi.auth.managers.models.resource_details.DagAccessEntity",
    "airflow.api_fastapi.core_api.security.GetUserDep",
    "airflow.api_fastapi.core_api.security.get_user",
    "airflow.api_fastapi.core_api.security.requires_access_dag",
    "airflow.models.dag.DagModel",
    "airflow.models.dag.DagTag",
    "airflow.models.dagrun.DagRun",
    "airflow.models.dagrun.DagRunNote",
    "airflow.models.log.Log",
    "airflow.models.taskinstance.TaskInstance",
    "airflow.models.xcom.XComModel",
    "airflow.plugins_manager.AirflowPlugin",
    "airflow.utils.session.create_session",
}
"""Beyond the SDK; an update of Airflow that moves one of them is mended in the modules that name it."""

PLUGIN_FILES = [PROJECT_DIR / "plugins" / "evaluation_reports.py", *sorted(REPORTS_APP.glob("*.py"))]
DAG_SIDE_FILES = sorted(set((PROJECT_DIR / "plugins").rglob("*.py")) - set(PLUGIN_FILES))


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: path.name)
def test_the_plugin_imports_few_things_of_airflow_all_named_here(path):
    of_airflow = {name for name in imported_names(path) if name.split(".")[0] == "airflow"}
    assert of_airflow <= PLUGIN_MAY_IMPORT


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: path.name)
def test_the_plugin_reads_reports_and_renders_pages_alone(path):
    parts = {
        "csv_text",
        "environment",
        "errors",
        "labelling",
        "records",
        "report_changes",
        "report_folders",
        "reporting",
        "run",
        "storage",
    }
    assert modules_below(path, PACKAGE) <= parts


@pytest.mark.parametrize("path", DAG_SIDE_FILES, ids=lambda path: path.name)
def test_the_dag_side_does_not_load_the_plugin(path):
    assert not {name for name in imported_names(path) if name.startswith("cdiscount_airflow.reports")}


@pytest.mark.parametrize("path", DAG_SIDE_FILES, ids=lambda path: path.name)
def test_the_airflow_side_imports_the_sdk_alone_of_airflow(path):
    of_airflow = [name for name in imported_names(path) if name.startswith("airflow")]
    allowed = ("airflow.sdk.", *MAY_IMPORT_A_PROVIDER.get(path.name, ()))
    assert all(name.startswith(allowed) for name in of_airflow)


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_imports_the_sdk_alone_of_airflow(path):
    of_airflow = [name for name in imported_names(path) if name.startswith("airflow")]
    assert all(name.startswith("airflow.sdk.") for name in of_airflow)


def test_the_layers_have_no_circle():
    left = {part: set(below) for part, below in MAY_IMPORT.items()}
    while left:
        ground = [part for part, below in left.items() if not below & left.keys()]
        assert ground, f"a circle among {sorted(left)}"
        for part in ground:
            del left[part]
