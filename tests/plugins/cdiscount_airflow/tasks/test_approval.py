"""The task that asks a person; replaced is only the call that puts the question into Airflow's database."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from cdiscount_airflow.tasks.approval import DECLINE, KEEP, PROMOTE, AskApprover

from cdiscount_tasks.runs import approval, deciding, replay
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.stages.replay import Replayed
from tests.material.colours_sample import Place
from tests.material.judged_pictures import add_pictures
from tests.material.judged_runs import SAMPLE, judge, judged_run, judgement_dir

RUN_ID = "manual__1"


@pytest.fixture
def place(tmp_path, tiny_path, monkeypatch):
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    return Place(tmp_path, tiny_path).use(monkeypatch)


@pytest.fixture
def asked(monkeypatch):
    """Return what was put into Airflow's database."""
    questions = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **facts: questions.append(SimpleNamespace(**facts)))
    return questions


@pytest.fixture
def context():
    instance = SimpleNamespace(id="0190", dag_id=f"cdiscount_{SAMPLE}", run_id=RUN_ID, task_id="ask_approver")
    return {"ti": instance, "task_instance": instance, "run_id": RUN_ID}


def task():
    return AskApprover(task_id="ask_approver", sample_name=SAMPLE)


def judged(place, wrong_share=0.4, **promotion):
    place.write(promotion=promotion)
    run = judged_run(RUN_ID, wrong_share)
    judge(run)
    return run


def event(chosen, user=None):
    return {
        "chosen_options": [chosen], "params_input": {}, "responded_by_user": user, "timedout": user is None,
        "responded_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }  # fmt: skip


def test_where_the_yaml_wants_no_approval_the_task_ends_at_once(place, asked, context):
    run = judged(place)
    assert task().execute(context) == "the sample's YAML wants no approval"
    assert asked == []
    assert deciding.decide(run).who == deciding.RULE


def test_about_a_model_that_is_not_promoted_nobody_is_asked(place, asked, context):
    judged(place, 0.7, approval="required")
    assert task().execute(context) == "the judgement does not promote this model"
    assert asked == []


def test_outside_the_ui_the_answer_is_no(place, asked, context):
    run = judged(place, approval="required")
    operator = task()
    operator.can_ask = False
    assert operator.execute(context) == approval.NO_UI
    assert asked == []
    assert deciding.decide(run).outcome == "not_promoted"


def test_the_task_waits_for_those_who_may_answer_as_long_as_the_frozen_config_says(place, asked, context):
    judged(place, approval="required", approvers=["ann", "bob"], approval_hours=5)
    place.write(promotion={"approval": "none"})  # changes nothing of a run that began
    with pytest.raises(TaskAwaitingInput) as waits:
        task().execute(context)
    (question,) = asked
    assert waits.value.timeout == timedelta(hours=5)
    assert waits.value.method_name == "execute_complete"
    assert question.assigned_users == [{"id": "ann", "name": "ann"}, {"id": "bob", "name": "bob"}]
    no = DECLINE  # there is no champion that could be kept
    assert (question.options, question.defaults, question.multiple) == ([PROMOTE, no], [no], False)
    assert "(there is no champion yet)" in question.body


def test_where_there_is_a_champion_a_no_keeps_it(place, asked, context):
    place.write()
    first = judged_run("first", 0.4)
    judge(first)
    deciding.decide(first)
    judged(place, 0.1, approval="required")
    with pytest.raises(TaskAwaitingInput):
        task().execute(context)
    assert (asked[0].options, asked[0].defaults) == ([PROMOTE, KEEP], [KEEP])
    assert "(against the champion of 20" in asked[0].body


def test_the_question_holds_the_verdict_and_a_link_to_the_report(place, asked, context):
    judged(place, approval="required")
    with pytest.raises(TaskAwaitingInput):
        task().execute(context)
    (question,) = asked
    assert question.assigned_users is None  # whoever may answer Airflow's questions
    assert question.subject == "Colours: is this model to become the champion?"
    assert question.body.startswith("**The first model that is better than always answering the largest class**")
    assert f"[The report](/dags/cdiscount_{SAMPLE}/runs/{RUN_ID}/" in question.body


def test_the_pictures_of_the_question_have_addresses_of_the_reports_app(place, asked, context, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
    run = judged(place, approval="required")
    add_pictures(run)
    with pytest.raises(TaskAwaitingInput):
        task().execute(context)
    names = sorted(path.name for path in (run.run_dir / "question").iterdir())
    assert len(names) == 3
    for name in names:
        assert f"](/airflow/evaluation_reports/questions/{SAMPLE}/{run.run_dir.name}/{name})" in asked[0].body
    assert len(asked[0].body) < 4000


def test_below_a_prefix_the_link_to_the_report_begins_with_it(place, asked, context, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
    judged(place, approval="required")
    with pytest.raises(TaskAwaitingInput):
        task().execute(context)
    assert f"[The report](/airflow/dags/cdiscount_{SAMPLE}/runs/{RUN_ID}/" in asked[0].body


@pytest.mark.parametrize(("chosen", "user", "outcome", "who"), [
    (PROMOTE, {"id": "7", "name": "ann"}, "promoted", "ann"), (KEEP, {"id": "7", "name": "ann"}, "not_promoted", "ann"),
    (KEEP, None, "not_promoted", "nobody"), (DECLINE, {"id": "7", "name": "ann"}, "not_promoted", "ann"),
])  # fmt: skip
def test_an_answer_is_noted_and_decides(place, asked, context, chosen, user, outcome, who):
    run = judged(place, approval="required")
    line = task().execute_complete(context, event(chosen, user))
    assert line == f"{chosen}: {user['name'] if user else 'nobody answered in time'}"
    noted = approval.answer_of(open_run(SAMPLE, RUN_ID))
    assert (noted.approved, noted.at) == (chosen == PROMOTE, "2026-01-02T03:04:05+00:00")
    found = deciding.decide(run)
    assert (found.outcome, found.who, found.answer) == (outcome, who, chosen)


def test_an_answer_that_was_not_offered_is_refused(place, asked, context):
    run = judged(place, approval="required")
    with pytest.raises(ValueError, match="not in"):
        task().execute_complete(context, event("Promote everything", {"id": "7", "name": "ann"}))
    assert approval.answer_of(run).answer == approval.NOT_ASKED


def test_an_answer_that_was_given_twice_is_the_same_answer(place, asked, context):
    run = judged(place, approval="required")
    for _ in range(2):
        task().execute_complete(context, event(PROMOTE, {"id": "7", "name": "ann"}))
    found = deciding.decide(run)
    assert deciding.decide(run) == found


def test_a_name_in_braces_is_no_template():
    assert AskApprover.template_fields == ()


def test_its_page_and_its_limits_are_those_of_the_other_tasks():
    operator = task()
    assert all(word in operator.doc_md for word in ("**Reads**", "**Leaves**", "**If it fails**"))
    assert operator.response_timeout is not None
    assert operator.pool == "default_pool"


def test_after_another_judgement_of_the_run_nobody_is_asked_the_old_question(place, asked, context):
    run = judged(place, approval="required")
    for _ in range(2):  # a task that is cleared asks again
        with pytest.raises(TaskAwaitingInput):
            task().execute(context)
    run.record("judgement", judge(judged_run("manual__2", 0.45)))
    with pytest.raises(AirflowFailException, match="trigger a new run"):
        task().execute(context)
    assert len(asked) == 2


def test_where_everybody_is_an_admin_the_log_says_who_may_answer(place, asked, context, monkeypatch, caplog):
    judged(place, approval="required", approvers=["ann"])
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    with pytest.raises(TaskAwaitingInput):
        task().execute(context)
    assert "whoever opens the question may answer it, not only ann" in caplog.text
    caplog.clear()
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
    with pytest.raises(TaskAwaitingInput):
        task().execute(context)
    assert "whoever opens" not in caplog.text


def test_a_judgement_that_cannot_be_read_fails_at_once_with_its_sentence(place, asked, context):
    run = judged(place, approval="required")
    (judgement_dir(run) / "judgement.json").write_text("{")
    with pytest.raises(AirflowFailException, match=r"judgement\.json"):
        task().execute(context)
    assert asked == []
