import pytest

STORY = [
    "resolve_comparison",
    "extract_features",
    "draw_categories",
    "tie_groups",
    "extract_their_features",
    "judge_choices",
    "write_comparison",
]


@pytest.fixture
def dag(project_dags):
    return project_dags["cdiscount_sample_comparison"]


def test_the_comparison_tells_the_story_in_order(dag):
    assert sorted(dag.task_ids) == sorted(STORY)
    place = {task_id: number for number, task_id in enumerate(STORY)}
    for task in dag.tasks:
        assert all(place[above] < place[task.task_id] for above in task.upstream_task_ids)
    assert all(dag.get_task(task_id).upstream_task_ids for task_id in STORY[1:])


def test_the_page_is_written_though_random_choices_were_skipped(dag):
    written = dag.get_task("write_comparison")
    assert written.trigger_rule == "none_failed_min_one_success"
    assert {"resolve_comparison", "extract_features", "judge_choices"} <= set(written.upstream_task_ids)


def test_features_take_the_gpu_one_after_another(dag):
    assert {task.task_id for task in dag.tasks if task.pool == "gpu"} == {"extract_features", "extract_their_features"}


def test_it_runs_whenever_one_of_the_two_samples_has_a_new_report(dag):
    condition = dag.timetable.asset_condition
    assert type(condition).__name__ == "AssetAny"
    assert {asset.name for asset in condition.objects} == {"report_wine", "report_mixed_bag"}


def test_each_sample_publishes_its_own_report_under_one_name(project_dags):
    for sample in ("wine", "mixed_bag"):
        publishers = {
            (dag_id, task.task_id, asset.uri)
            for dag_id, dag in project_dags.items()
            for task in dag.tasks
            for asset in task.outlets
            if asset.name == f"report_{sample}"
        }
        assert publishers == {(f"cdiscount_{sample}", "write_report", f"cdiscount://reports/{sample}")}


def test_the_form_offers_samples_runs_and_the_size_of_the_random_choices(dag):
    assert dag.params["samples"] == ["wine", "mixed_bag"]
    assert dag.params["runs"] is None
    assert dag.params["products_per_category"] == 60
    schema = dag.params.get_param("products_per_category").schema
    assert (schema["minimum"], schema["maximum"]) == (10, 500)
