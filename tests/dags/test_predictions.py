from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from cdiscount_tasks.runs.prediction_news import News

STORY = [
    "resolve_predictions",
    "index_catalogue.plan_ranges",
    "index_catalogue.scan_range",
    "index_catalogue.merge_index",
    "plan_answers",
    "answer_range",
    "join_answers",
    "write_page",
]


@pytest.fixture
def dag(project_dags):
    return project_dags["cdiscount_predictions"]


@pytest.fixture
def watch(project_dags):
    return project_dags["cdiscount_predictions_watch"]


@pytest.fixture
def call(monkeypatch):
    """Return what calls a task's body as Airflow does, with the form's values."""
    from cdiscount_airflow.tasks import stage_task

    monkeypatch.setattr(stage_task, "leave_reason", lambda *_: None)
    monkeypatch.setattr(stage_task, "get_current_context", lambda: {"ti": SimpleNamespace(xcom_push=lambda *_: None)})

    def act(dag, task_id, **conf):
        params = {**{name: dag.params[name] for name in dag.params}, **conf}
        body = dag.get_task(task_id).python_callable
        given = {"params": params, "dag_run": SimpleNamespace(run_type="manual", conf=conf), "run_id": "p 1"}
        return body(**{name: value for name, value in given.items() if name in body.__wrapped__.__code__.co_varnames})

    return act


def test_the_predictions_tell_the_story_in_order(dag):
    assert sorted(dag.task_ids) == sorted(STORY)
    place = {task_id: number for number, task_id in enumerate(STORY)}
    for task in dag.tasks:
        assert all(place[above] < place[task.task_id] for above in task.upstream_task_ids)
    assert all(dag.get_task(task_id).upstream_task_ids for task_id in STORY[1:])


def test_the_network_alone_takes_the_gpu_a_range_at_a_time(dag):
    assert {task.task_id for task in dag.tasks if task.pool == "gpu"} == {"answer_range"}
    assert type(dag.get_task("answer_range")).__name__ == "DecoratedMappedOperator"


def test_the_form_offers_the_samples_and_the_promises(dag):
    schemas = {name: dag.params.get_param(name).schema for name in dag.params}
    assert schemas["sample"]["enum"] == ["everything", "mixed_bag", "wine"]
    assert schemas["precision"]["enum"] == ["95", "99", "none"]
    assert {name: dag.params[name] for name in ("catalogue", "model", "precision", "allow_drawn")} == {
        "catalogue": "", "model": "champion", "precision": "95", "allow_drawn": "no",
    }  # fmt: skip


def test_the_form_says_what_the_config_takes(dag):
    from cdiscount_tasks.settings.predictions import PredictionsParams

    assert set(dag.params) == set(PredictionsParams.model_fields)
    PredictionsParams.model_validate({name: dag.params[name] for name in dag.params})


@pytest.mark.parametrize(("conf", "sentence"), [
    ({"catalogue": "/nowhere/x.bson"}, "/nowhere/x.bson: no such file"),
    ({"catalog": "x"}, "'catalog' is not a setting of this run; did you mean catalogue"),
])  # fmt: skip
def test_a_wrong_choice_fails_at_once_with_its_sentence(dag, call, tmp_path, monkeypatch, conf, sentence):
    for name in ("DATA", "REPORTS"):
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(tmp_path / name))
    with pytest.raises(AirflowFailException, match=sentence):
        call(dag, "resolve_predictions", sample="wine", **conf)


def test_the_watch_looks_every_hour_and_on_every_new_champion(watch):
    assert watch.timetable.timetable.expression == "15 * * * *"
    champions = {asset.name for asset in watch.timetable.asset_condition.objects}
    assert champions == {"champion_everything", "champion_mixed_bag", "champion_wine"}
    assert watch.get_task("start_predictions").upstream_task_ids == {"notice_news"}


def test_news_are_started_by_the_ids_that_say_what_they_are_of(watch, call, monkeypatch):
    from cdiscount_tasks.runs import prediction_news

    found = [News("news__wine__decision-1__c0ffee__95", {"sample": "wine", "catalogue": "/x", "precision": "95"})]
    monkeypatch.setattr(prediction_news, "find_news", lambda _: found)
    assert call(watch, "notice_news") == [{"trigger_run_id": found[0].run_id, "conf": found[0].conf}]


def test_without_news_the_run_is_skipped(watch, call, monkeypatch):
    from cdiscount_tasks.runs import prediction_news

    monkeypatch.setattr(prediction_news, "find_news", lambda _: [])
    with pytest.raises(AirflowSkipException):
        call(watch, "notice_news")
