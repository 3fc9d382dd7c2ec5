import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tests.material.heavy_packages import HEAVY

STORY = [
    "resolve_run",
    "index_catalogue.plan_ranges",
    "index_catalogue.scan_range",
    "index_catalogue.merge_index",
    "notice_changes",
    "draw_sample",
    "fix_labels",
    "extract_features",
    "train_model",
    "evaluate_model",
    "audit_labels",
    "find_drift",
    "judge_model",
    "write_report",
    "ask_approver",
    "promote_model",
]
OTHER_DAGS = {
    f"cdiscount_{name}"
    for name in (
        "catalogue",
        "clean_up",
        "gauges",
        "predictions",
        "predictions_watch",
        "roll_back",
        "sample_comparison",
    )
}


def ids_in_order(dag):
    return [task.task_id for task in dag.topological_sort()]


def test_each_sample_has_its_dag(project_dags):
    assert {"cdiscount_wine", "cdiscount_mixed_bag"} <= set(project_dags)


@pytest.mark.parametrize("dag_id", ["cdiscount_wine", "cdiscount_mixed_bag"])
def test_a_sample_dag_tells_the_story_in_order(project_dags, dag_id):
    dag = project_dags[dag_id]

    assert sorted(dag.task_ids) == sorted(STORY)
    place = {task_id: number for number, task_id in enumerate(STORY)}
    for task in dag.tasks:
        assert all(place[above] < place[task.task_id] for above in task.upstream_task_ids)
    assert all(dag.get_task(task_id).upstream_task_ids for task_id in STORY[1:])


def test_every_pool_of_a_dag_is_in_pools_json(project_dags, project_dir):
    pools = {"default_pool", *json.loads((project_dir / "pools.json").read_text())}

    assert {task.pool for dag in project_dags.values() for task in dag.tasks} <= pools


def test_training_and_evaluation_take_the_gpu(project_dags):
    for dag in (project_dags["cdiscount_wine"], project_dags["cdiscount_mixed_bag"]):
        takers = {task.task_id for task in dag.tasks if task.pool == "gpu"}
        assert takers == {"extract_features", "train_model", "evaluate_model"}


GPU_TASKS = {
    "cdiscount_tea": {"extract_features", "train_model", "evaluate_model"},
    "cdiscount_predictions": {"answer_range"},
    "cdiscount_sample_comparison": {"extract_features", "extract_their_features"},
}


def placed(dags, **options):
    """Return which tasks have these options, by DAG."""
    return {
        dag_id: names
        for dag_id, dag in dags.items()
        if (names := {task.task_id for task in dag.tasks if all(getattr(task, n) == v for n, v in options.items())})
    }


def test_a_queue_and_an_executor_place_exactly_what_networks_compute(read_dags, write_sample, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    settings = {"CDISCOUNT_GPU_QUEUE": "cards", "CDISCOUNT_GPU_EXECUTOR": "LocalExecutor"}
    dags, errors = read_dags(write_sample("tea"), **settings)

    assert not errors
    assert (
        placed(dags, queue="cards") == placed(dags, executor="LocalExecutor") == placed(dags, pool="gpu") == GPU_TASKS
    )


def test_without_the_variables_no_task_names_a_queue_or_an_executor(read_dags, write_sample):
    dags, errors = read_dags(write_sample("tea"))

    assert not errors
    assert set(placed(dags, queue="default", executor=None)) == set(dags)
    assert all(task.queue == "default" and task.executor is None for dag in dags.values() for task in dag.tasks)
    assert placed(dags, pool="gpu") == GPU_TASKS


def test_an_executor_that_is_not_configured_is_told_and_leaves_the_other_dags_alive(
    read_dags, write_sample, monkeypatch
):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    dags, errors = read_dags(write_sample("tea"), CDISCOUNT_GPU_EXECUTOR="CeleryExecutor")

    sentence = "CDISCOUNT_GPU_EXECUTOR is 'CeleryExecutor', which is not among Airflow's executors"
    assert "broken" in dags["cdiscount_tea"].tags
    assert sentence in dags["cdiscount_tea"].doc_md
    assert {Path(path).name for path in errors} == {"predictions.py", "sample_comparison.py"}
    assert all(sentence in error for error in errors.values())
    assert {"cdiscount_catalogue", "cdiscount_clean_up", "cdiscount_roll_back"} <= set(dags)


SEARCH = {"trials": 3, "budget_minutes": 5, "knobs": {"learning_rate": [0.0001, 0.01]}}


def test_a_sample_whose_presets_search_has_a_task_for_it_between_the_features_and_the_training(read_dags, write_sample):
    presets = {"smoke": {"epochs": 2}, "searched": {"epochs": 2, "search": SEARCH}}
    dags, errors = read_dags(write_sample("tea", presets=presets))

    assert not errors
    dag = dags["cdiscount_tea"]
    assert set(dag.task_ids) == {*STORY, "search_knobs"}
    task = dag.get_task("search_knobs")
    assert task.pool == "gpu"
    assert task.upstream_task_ids == {"fix_labels", "extract_features"}
    assert task.downstream_task_ids == {"train_model"}
    assert weight_of(dag.get_task("extract_features")) < weight_of(task) < weight_of(dag.get_task("train_model"))
    assert "search" not in dag.params


def test_a_sample_whose_presets_have_seeds_has_a_task_for_them_between_the_evaluation_and_the_report(
    read_dags, write_sample
):
    presets = {"smoke": {"epochs": 2}, "sure": {"epochs": 2, "seeds": 5, "gpus": 2}}
    dags, errors = read_dags(write_sample("tea", presets=presets))

    assert not errors
    dag = dags["cdiscount_tea"]
    assert set(dag.task_ids) == {*STORY, "train_other_seeds"}
    task = dag.get_task("train_other_seeds")
    assert (task.pool, task.pool_slots) == ("gpu", dag.get_task("train_model").pool_slots) == ("gpu", 2)
    assert task.upstream_task_ids == {"evaluate_model"}
    assert task.downstream_task_ids == {"write_report"}
    assert weight_of(dag.get_task("evaluate_model")) < weight_of(task) < weight_of(dag.get_task("write_report"))
    assert "seeds" not in dag.params


def test_a_search_that_cannot_be_is_a_broken_dag_with_its_sentence(read_dags, write_sample):
    search = {**SEARCH, "knobs": {"learning_rate": [0.01, 0.0001]}}
    dags, _ = read_dags(write_sample("tea", presets={"smoke": {"epochs": 2, "search": search}}))

    assert "broken" in dags["cdiscount_tea"].tags
    assert (
        "search.knobs.learning_rate is [0.01, 0.0001], expected the lower bound first" in dags["cdiscount_tea"].doc_md
    )


def weight_of(task):
    """Return what a pool orders the waiting tasks by, as the scheduler works it out."""
    from airflow.task.priority_strategy import validate_and_load_priority_weight_strategy

    return validate_and_load_priority_weight_strategy(task.weight_rule).get_weight(SimpleNamespace(task=task))


def test_a_finished_training_is_evaluated_before_another_one_begins(project_dags):
    wine = project_dags["cdiscount_wine"]
    weights = [weight_of(wine.get_task(name)) for name in ("extract_features", "train_model", "evaluate_model")]

    assert weights == sorted(set(weights))


def test_every_task_weighs_more_than_all_that_it_waits_for(project_dags):
    for dag in project_dags.values():
        for task in dag.tasks:
            before = [weight_of(dag.get_task(task_id)) for task_id in task.upstream_task_ids]
            assert all(weight < weight_of(task) for weight in before), f"{dag.dag_id}.{task.task_id}"


def test_every_dag_and_task_tells_what_it_does(project_dags):
    for dag in project_dags.values():
        assert dag.doc_md
        for task in dag.tasks:
            for word in ("**Reads**", "**Leaves**", "**If it fails**"):
                assert word in task.doc_md, f"{dag.dag_id}.{task.task_id}"


def test_every_task_has_owner_timeout_and_bounded_retries(project_dags):
    for task in (task for dag in project_dags.values() for task in dag.tasks):
        assert task.owner == "cdiscount"
        assert timedelta(0) < task.execution_timeout <= timedelta(days=7)
        # A machine that is lost takes a try with it: without a retry, the first task of a run would end it.
        assert 1 <= task.retries <= 3
        assert task.retry_delay <= timedelta(seconds=30)


def test_a_dag_runs_once_at_a_time_and_catches_nothing_up(project_dags):
    for dag in project_dags.values():
        assert dag.max_active_runs == 1
        assert dag.catchup is False


def test_merge_index_runs_when_no_range_was_left_to_scan(project_dags):
    merge = project_dags["cdiscount_wine"].get_task("index_catalogue.merge_index")

    assert merge.trigger_rule == "none_failed_min_one_success"
    assert "index_catalogue.plan_ranges" in merge.upstream_task_ids


def test_the_report_waits_for_the_audit_and_the_audit_for_the_features(project_dags):
    report = project_dags["cdiscount_wine"].get_task("write_report")
    audit = project_dags["cdiscount_wine"].get_task("audit_labels")

    assert "audit_labels" in report.upstream_task_ids
    assert {report.trigger_rule, audit.trigger_rule} == {"all_success"}
    assert "extract_features" in audit.upstream_task_ids


def test_drift_is_looked_for_once_the_champion_was_asked_about_new_products(project_dags):
    dag = project_dags["cdiscount_wine"]

    assert dag.get_task("find_drift").upstream_task_ids == {"extract_features", "evaluate_model"}
    assert "find_drift" in dag.get_task("write_report").upstream_task_ids


def test_a_model_is_promoted_after_its_report_and_after_a_person_was_asked(project_dags):
    dag = project_dags["cdiscount_wine"]
    asks, promotes = dag.get_task("ask_approver"), dag.get_task("promote_model")

    assert asks.upstream_task_ids == {"write_report"}
    assert promotes.upstream_task_ids == {"ask_approver"}
    assert {dag.get_task(name).pool for name in ("judge_model", "ask_approver", "promote_model")} == {"default_pool"}
    assert [outlet.name for outlet in promotes.outlets] == ["champion_changes_wine"]
    # The alias registers no asset: without the inlet, the first event of a new sample warns twice that it is unknown.
    assert [inlet.name for inlet in promotes.inlets] == ["champion_wine"]


def test_a_run_that_was_skipped_decides_nothing(project_dags):
    """Its tasks are skipped one after the other: a rule that takes skipped for done would promote without a model."""
    dag = project_dags["cdiscount_wine"]
    behind = dag.get_task("notice_changes").get_flat_relatives(upstream=False)

    assert {task.trigger_rule for task in behind} == {"all_success"}


def test_all_that_is_made_waits_for_the_look_for_changes(project_dags):
    dag = project_dags["cdiscount_wine"]
    behind = {task.task_id for task in dag.get_task("notice_changes").get_flat_relatives(upstream=False)}

    assert behind == set(STORY[STORY.index("draw_sample") :])
    before = {"resolve_run", *(task_id for task_id in STORY if task_id.startswith("index_catalogue"))}
    assert not before & set(dag.get_task("write_report").upstream_task_ids)


def test_a_failed_task_and_a_finished_report_are_told(read_dags, write_sample):
    dags, _ = read_dags(write_sample("tea"), CDISCOUNT_NOTIFY="log, email:ml-team@example.org")

    for dag in dags.values():
        for task in dag.tasks:
            told = task.partial_kwargs if task.is_mapped else vars(task)
            assert [type(way).__name__ for way in told["on_failure_callback"]] == ["LogNotifier", "EmailNotifier"]
    report = dags["cdiscount_tea"].get_task("write_report")
    assert [way.compose.__name__ for way in report.on_success_callback] == ["report_message"] * 2


def test_unpausing_waits_for_the_next_tick(read_dags, write_sample):
    dag = read_dags(write_sample("tea", schedule={"cron": "0 3 * * 1", "on_new_index": True}))[0]["cdiscount_tea"]

    assert dag.timetable.timetable.run_immediately == timedelta(0)
    assert dag.start_date is None


def test_the_samples_that_come_with_the_project_train_only_when_triggered(project_dags, project_dir):
    for name in ("wine", "mixed_bag"):
        assert project_dags[f"cdiscount_{name}"].schedule is None
        text = (project_dir / "include" / "samples" / f"{name}.yaml").read_text(encoding="utf-8")
        with_schedule = text.replace("# schedule:", "schedule:")
        assert yaml.safe_load(with_schedule)["schedule"]["on_new_index"] is True


def test_no_dag_can_be_backfilled(project_dags, read_dags, write_sample):
    scheduled = read_dags(write_sample("tea", schedule={"cron": "0 3 * * 1", "on_new_index": True}))[0]

    for dag in (*project_dags.values(), *scheduled.values()):
        assert {"manual", "scheduled", "asset_triggered"} <= {str(one.value) for one in dag.allowed_run_types}
        assert "backfill" not in {str(one.value) for one in dag.allowed_run_types}


def test_the_pages_say_that_the_demo_catalogue_is_drawn(read_dags, write_sample):
    folder = write_sample("tea")
    drawn, _ = read_dags(folder)
    real, _ = read_dags(folder, CDISCOUNT_CATALOGUE="/data/train.bson")

    assert DRAWN_WARNING in drawn["cdiscount_tea"].doc_md
    assert DRAWN_WARNING not in real["cdiscount_tea"].doc_md


def test_categories_that_the_names_lack_are_told_before_a_run_is_triggered(read_dags, write_sample, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("category_id,category_level1,category_level2,category_level3\n1000003400,A,B,C\n")
    dags, _ = read_dags(write_sample("tea"), CDISCOUNT_CATEGORY_NAMES=str(names))

    sentence = "the names CSV does not know the categories 1000003402"
    assert sentence in dags["cdiscount_tea"].description
    assert sentence in dags["cdiscount_tea"].doc_md


def test_a_broken_yaml_leaves_the_others_working(read_dags, write_sample):
    write_sample("tea")
    folder = write_sample("coffee", colour="black")
    (folder / "torn file.yaml").write_text("name: [")
    write_sample("index")

    dags, errors = read_dags(folder)

    assert not errors
    broken = {"cdiscount_coffee", "cdiscount_torn-file", "cdiscount_index.yaml"}
    assert set(dags) == {"cdiscount_tea", *OTHER_DAGS, *broken}
    assert {dag_id for dag_id, dag in dags.items() if "broken" in dag.tags} == broken


def test_a_broken_yaml_is_a_dag_that_says_what_is_wrong(read_dags, write_sample):
    from airflow.sdk.exceptions import AirflowFailException

    dag = read_dags(write_sample("coffee", colour="black"))[0]["cdiscount_coffee"]

    assert "coffee.yaml: colour is not a known setting" in dag.doc_md
    assert dag.schedule is None
    assert dag.task_ids == ["read_sample"]
    with pytest.raises(AirflowFailException, match="colour is not a known setting"):
        dag.get_task("read_sample").python_callable()


def shipped(dags):
    """Return DAGs as Airflow's DAG processor hands them on."""
    from airflow.serialization.serialized_objects import DagSerialization

    return {dag_id: json.dumps(DagSerialization.to_dict(dag)) for dag_id, dag in dags.items()}


def test_whatever_a_sample_file_is_called_it_is_listed_alone_as_broken(read_dags, write_sample):
    folder = write_sample("tea")
    text = (folder / "tea.yaml").read_text()
    names = [
        b"caf\xe9.yaml",
        b"x" * 250 + b".yaml",
        b"a b.yaml",
        b"a-b.yaml",
        b"chairs.yml",
        b"tea.yml",
        b"NEW.YAML.txt",
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(text)
    (folder / "folder.yaml").mkdir()
    (folder / "link.yaml").symlink_to(folder / "nothing")

    dags, errors = read_dags(folder)

    assert not errors
    assert len(shipped(dags)) == len({"tea", "folder", "link"}) + len(names) + len(OTHER_DAGS)
    assert "broken" not in dags["cdiscount_tea"].tags
    assert "rename it to chairs.yaml" in dags["cdiscount_chairs"].doc_md


def test_hidden_files_of_a_system_or_an_editor_are_no_samples(read_dags, write_sample):
    folder = write_sample("tea")
    (folder / "._tea.yaml").write_bytes(b"\0\5\x16\7\xff")
    (folder / ".#tea.yaml").symlink_to("user@host.4711:1")
    for name in ("tea.yaml~", "#tea.yaml#", ".tea.yaml.swp", "tea.yaml.bak"):
        (folder / name).write_text("name: [")

    dags, errors = read_dags(folder)

    assert not errors
    assert set(dags) == {"cdiscount_tea", *OTHER_DAGS}


@pytest.mark.parametrize("settings", [{"tags": ["x" * 101]}, {"tags": [""]}, {"title": "x" * 101}])
def test_what_airflow_or_the_form_would_refuse_breaks_its_own_sample_alone(read_dags, write_sample, settings):
    write_sample("tea")
    dags, errors = read_dags(write_sample("coffee", **settings))

    assert not errors
    assert "broken" in dags["cdiscount_coffee"].tags
    assert "broken" not in dags["cdiscount_tea"].tags


def test_a_dag_that_fails_half_way_is_listed_as_broken_and_leaves_no_half(write_sample):
    from airflow.sdk import dag, task
    from cdiscount_airflow.sample_files import build_dags

    def build(sample):
        @dag(dag_id=f"cdiscount_{sample.name}", schedule=None, auto_register=False)
        def half():
            @task
            def first():
                pass

            first()
            if sample.name == "coffee":
                raise RuntimeError("Airflow says no")

        return half()

    write_sample("tea")
    dags = build_dags(write_sample("coffee"), build)

    assert set(dags) == {"cdiscount_tea", "cdiscount_coffee"}
    assert dags["cdiscount_coffee"].task_ids == ["read_sample"]
    assert "Airflow refuses the DAG of this sample: Airflow says no" in dags["cdiscount_coffee"].doc_md


def test_a_cron_that_means_no_time_breaks_its_own_sample_alone(read_dags, write_sample):
    write_sample("tea", schedule={"cron": "0 3 * * 1"})
    dags, errors = read_dags(write_sample("coffee", schedule={"cron": "99 3 * * 1"}))

    assert not errors
    assert "broken" in dags["cdiscount_coffee"].tags
    assert "broken" not in dags["cdiscount_tea"].tags


def test_a_folder_without_samples_is_an_import_error_that_names_it(read_dags, tmp_path):
    dags, errors = read_dags(tmp_path / "nowhere")

    assert set(dags) == OTHER_DAGS
    assert "nowhere has no sample" in next(iter(errors.values()))


def test_the_dag_files_parse_without_heavy_libraries(project_dir, tmp_path):
    """All in one process: if all together load none, each by itself loads none."""
    program = "import sys, airflow.sdk\n"
    for dag_file in ("category_samples", "catalogue", "sample_comparison"):
        program += f"import {dag_file}; print({dag_file!r}, [name for name in {HEAVY} if name in sys.modules])\n"
    folders = os.pathsep.join(str(project_dir / name) for name in (".", "dags", "plugins"))
    environ = {**os.environ, "PYTHONPATH": folders, "AIRFLOW_HOME": str(tmp_path)}

    told = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)

    assert told.stdout.splitlines() == ["category_samples []", "catalogue []", "sample_comparison []"]
