"""The tests mirror the code: whoever opens a module finds its test at the same path, and the other way round."""

from pathlib import Path

import pytest

TESTS_DIR = Path(__file__).resolve().parent
PROJECT_DIR = TESTS_DIR.parent
CODE = {
    "cdiscount_tasks": PROJECT_DIR / "cdiscount_tasks",
    "demo": PROJECT_DIR / "demo",
    "examples": PROJECT_DIR / "examples",
    "tools": PROJECT_DIR / "tools",
    "plugins/cdiscount_airflow": PROJECT_DIR / "plugins" / "cdiscount_airflow",
}
"""Folders of tests, and of the code that they mirror."""

SHORT = 60
"""A module of so few lines may be tested through those that use it."""

TESTED_ELSEWHERE = {
    "demo/bag": "draws: test_catalogue looks at all pictures together",
    "demo/books": "draws",
    "demo/bottle_looks": "draws",
    "demo/bottles": "draws",
    "demo/canvas": "draws",
    "demo/hardware": "draws",
    "demo/headboards": "draws",
    "demo/labels": "draws",
    "demo/lotions": "draws",
    "demo/others": "draws",
    "cdiscount_tasks/artifacts/disk_faults": "artifacts/test_momentary_faults, tools/test_command",
    "cdiscount_tasks/artifacts/fetching": "artifacts/test_bucket",
    "cdiscount_tasks/artifacts/pushing": "artifacts/test_bucket",
    "cdiscount_tasks/artifacts/local_manifest": "artifacts/test_publish, tools/test_verify",
    "cdiscount_tasks/artifacts/mirror": "artifacts/test_documents, test_bucket",
    "cdiscount_tasks/artifacts/manifest": "artifacts/test_publish, tools/test_verify",
    "cdiscount_tasks/artifacts/notes": "artifacts/test_publish",
    "cdiscount_tasks/catalogue/file": "stages/test_index, stages/test_index_attacked",
    "cdiscount_tasks/catalogue/layout": "catalogue/test_document, catalogue/test_usual_documents",
    "cdiscount_tasks/index/checks": "stages/test_index, stages/test_index_attacked",
    "cdiscount_tasks/index/copies": "index/test_profile",
    "cdiscount_tasks/index/joining": "stages/test_index, stages/test_index_attacked",
    "cdiscount_tasks/index/part_writer": "stages/test_index_attacked",
    "cdiscount_tasks/index/rows": "stages/test_catalogue_page, stages/test_index",
    "cdiscount_tasks/labelling/judging": "plugins/cdiscount_airflow/reports/test_judging",
    "cdiscount_tasks/labelling/keeping": "stages/test_labels, stages/test_labels_left_out",
    "cdiscount_tasks/learning/features/matched": "stages/test_comparison",
    "cdiscount_tasks/learning/measuring/judgements": "holds tuples alone; learning/measuring/test_promotion",
    "cdiscount_tasks/learning/networks/phases": "stages/test_model",
    "cdiscount_tasks/learning/pictures/shifted": "learning/pictures/test_inputs, test_read_ahead",
    "cdiscount_tasks/learning/networks/state": "learning/networks/test_training, test_checkpoints",
    "cdiscount_tasks/pages/comparison/random_choices_figure": "pages/comparison/test_page",
    "cdiscount_tasks/pages/labels/rows": "pages/labels/test_page, stages/test_report_labels",
    "cdiscount_tasks/pages/overview/rows": "pages/overview/test_page, reports/test_overview",
    "cdiscount_tasks/pages/report/metrics_json": "stages/test_report",
    "cdiscount_tasks/reports/folders": "reports/test_overview",
    "cdiscount_tasks/reports/suspects": "plugins/cdiscount_airflow/reports/test_judging",
    "cdiscount_tasks/stages/one_training": "stages/test_model, stages/test_features, stages/test_search",
    "cdiscount_tasks/stages/seed_trainings": "stages/test_seeds",
    "cdiscount_tasks/stages/trials": "stages/test_search",
    "cdiscount_tasks/learning/networks/backend": "learning/networks/test_training, on both backends",
    "cdiscount_tasks/runs/catalogue_steps": "dags/test_catalogue",
    "cdiscount_tasks/runs/comparison_steps": "whole/test_comparison_way",
    "cdiscount_tasks/runs/folders": "runs/test_run",
    "cdiscount_tasks/runs/input_files": "runs/test_run",
    "cdiscount_tasks/settings/comparison": "runs/test_comparison, tools/test_conf",
    "cdiscount_tasks/settings/networks": "machine/test_backbones, settings/test_sample",
    "cdiscount_tasks/settings/run": "settings/test_sample",
    "cdiscount_tasks/settings/variables": "settings/test_environment",
    "cdiscount_tasks/stages/inputs": "holds tuples alone",
    "cdiscount_tasks/tables/compared_labels": "stages/test_comparison",
    "cdiscount_tasks/tables/schemas": "holds schemas alone",
    "cdiscount_tasks/vocabulary": "holds words alone",
    "plugins/cdiscount_airflow/docs": "dags/test_category_samples",
    "plugins/cdiscount_airflow/failures": "tasks/test_stage_task",
    "plugins/cdiscount_airflow/sample_files": "dags/test_category_samples",
    "plugins/cdiscount_airflow/reports/judge_form": "reports/test_judging",
    "plugins/cdiscount_airflow/reports/judged_lists": "reports/test_judging",
    "plugins/cdiscount_airflow/reports/pages": "reports/test_listing, reports/test_airflow_runs",
    "plugins/cdiscount_airflow/reports/progress": "reports/test_stopping, reports/test_in_browser",
    "plugins/cdiscount_airflow/tasks/index": "dags/test_catalogue",
    "tools/airflow/dag_in_terminal": "whole/test_whole_way",
    "tools/airflow/up": "airflow/test_server, whole/airflow_ui",
    "tools/demo/demo": "whole/test_whole_way",
    "tools/run": "whole/test_whole_way",
}
"""Modules past SHORT lines without a test of their own name, and where they are tested."""

A_SECOND_IDEA = {
    "cdiscount_tasks/artifacts/test_momentary_faults": "the whole room on a file system with faults",
    "cdiscount_tasks/pages/comparison/test_names": "the page and the stage with hostile names",
    "cdiscount_tasks/pages/test_in_browser": "all pages",
    "cdiscount_tasks/stages/test_add_a_stage": "the stage of docs/add-a-stage.md",
    "cdiscount_tasks/stages/test_catalogue_names": "the catalogue's page with hostile names",
    "cdiscount_tasks/stages/test_damaged_model": "every stage that reads a model",
    "cdiscount_tasks/stages/test_golden_output": "all stages",
    "cdiscount_tasks/stages/test_saved_model": "every stage that reads a model",
    "plugins/cdiscount_airflow/reports/test_in_browser": "all of Airflow's pages of reports",
    "plugins/cdiscount_airflow/reports/test_judging_in_browser": "the form and the lists together",
    "plugins/cdiscount_airflow/reports/test_judging": "the form and the lists together",
    "tools/airflow/test_home_page": "a folder of settings for Airflow",
    "tools/setup/test_find_python": "a shell script",
}
"""Tests that are called neither like a module nor like one with a second idea (`test_labels_bad_input`): of what."""


def mirrored():
    """Yield the name of each module and the path of its test."""
    for tests, code in CODE.items():
        for path in sorted(code.rglob("*.py")):
            name = path.relative_to(code).with_suffix("")
            if path.name not in ("__init__.py", "__main__.py"):
                yield f"{tests}/{name}", path, TESTS_DIR / tests / name.parent / f"test_{name.name}.py"


def test_each_long_module_has_its_test_at_the_same_path():
    missing = [
        name
        for name, path, test in mirrored()
        if not test.exists() and len(path.read_text(encoding="utf-8").splitlines()) > SHORT
    ]
    assert [name for name in missing if name not in TESTED_ELSEWHERE] == []


def test_each_test_has_its_module_at_the_same_path():
    names = {test.relative_to(TESTS_DIR).with_suffix("").as_posix() for _, _, test in mirrored()}
    tests = {path for folder in CODE for path in (TESTS_DIR / folder).rglob("test_*.py")}
    strays = sorted({path.relative_to(TESTS_DIR).with_suffix("").as_posix() for path in tests} - names)
    strays = [stray for stray in strays if not any(stray.startswith(f"{name}_") for name in names)]
    assert [stray for stray in strays if stray not in A_SECOND_IDEA] == []


@pytest.mark.parametrize("name", TESTED_ELSEWHERE)
def test_what_is_tested_elsewhere_exists(name):
    assert name in {known for known, _, _ in mirrored()}


@pytest.mark.parametrize("name", A_SECOND_IDEA)
def test_a_second_idea_exists(name):
    assert (TESTS_DIR / f"{name}.py").exists()
