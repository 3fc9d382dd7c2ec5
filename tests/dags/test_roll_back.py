from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from cdiscount_tasks.runs import registry, replay
from cdiscount_tasks.stages.replay import Replayed
from tests.material.colours_sample import Place
from tests.material.judged_runs import SAMPLE, judge_and_decide, judged_run


@pytest.fixture
def dag(project_dags):
    return project_dags["cdiscount_roll_back"]


@pytest.fixture
def two_champions(tmp_path, tiny_path, monkeypatch):
    """Make a second champion of the sample `colours`, whose models no network could load."""
    place = Place(tmp_path, tiny_path).use(monkeypatch)
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    for run_id, wrong in (("first", 0.4), ("second", 0.1)):
        assert judge_and_decide(judged_run(run_id, wrong)).outcome == "promoted"
    return place


class Events(dict):
    """What a task says of its outlets."""

    added = ()

    def __missing__(self, alias):
        return SimpleNamespace(add=lambda asset, extra: setattr(self, "added", (*self.added, (asset, extra))))


@pytest.fixture
def call(dag, monkeypatch):
    """Return what calls the task's body as Airflow does, with the form's values."""
    from cdiscount_airflow.tasks import stage_task

    monkeypatch.setattr(stage_task, "leave_reason", lambda *_: None)

    def act(try_number=1, **conf):
        params, events = {**{name: dag.params[name] for name in dag.params}, **conf}, Events()
        dag_run = SimpleNamespace(run_type="manual", conf=conf, triggering_user_name="ada")
        given = {"params": params, "dag_run": dag_run, "ti": SimpleNamespace(try_number=try_number)}
        said = dag.get_task("roll_back").python_callable(**given, outlet_events=events)
        return said, events.added

    return act


def test_it_runs_by_hand_alone_and_in_no_gpu_slot(dag):
    assert not dag.timetable.can_be_scheduled
    assert dag.get_task("roll_back").pool == "default_pool"


def test_the_form_offers_the_samples(dag):
    assert dag.params.get_param("sample").schema["enum"] == ["everything", "mixed_bag", "wine"]
    assert dag.params["decision"] is None


def test_without_a_decision_the_champions_are_listed_and_nothing_is_changed(two_champions, call):
    said, events = call(sample=SAMPLE)
    assert "before it: decision 1" in said
    assert (registry.champion(SAMPLE).run_id, events) == ("second", ())


def test_a_roll_back_names_who_triggered_it_and_makes_an_event(two_champions, call):
    said, events = call(sample=SAMPLE, decision=1, reason="too slow")
    assert "the model of decision 1 (run first) is the champion again (ada)" in said
    assert registry.champion(SAMPLE).run_id == "first"
    ((asset, extra),) = events
    assert (asset.name, extra["back_to"], extra["who"]) == ("champion_colours", 1, "ada")
    assert registry.history(SAMPLE)[-1].reason == "too slow"


def test_a_try_after_one_that_was_cut_off_is_the_same_roll_back(two_champions, call):
    first, again = call(sample=SAMPLE, decision=1), call(sample=SAMPLE, decision=1, try_number=2)
    assert first[0] == again[0]
    assert len([entry for entry in registry.history(SAMPLE) if entry.kind == "roll_back"]) == 1


@pytest.mark.parametrize(("conf", "sentence"), [
    ({"decision": 2}, "decision 2 of colours made no champion"),
    ({"decison": 1}, "'decison' is not a setting of this run; did you mean decision"),
])  # fmt: skip
def test_a_wrong_choice_fails_at_once_with_its_sentence(two_champions, call, conf, sentence):
    with pytest.raises(AirflowFailException, match=sentence):
        call(sample=SAMPLE, **conf)
