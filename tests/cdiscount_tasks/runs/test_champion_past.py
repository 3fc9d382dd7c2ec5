"""Which judgements are those of the champion that a run was judged against."""

from cdiscount_tasks.runs import approval, deciding, promotion, registry
from cdiscount_tasks.runs.champion_past import champion_past
from tests.material.judged_runs import SAMPLE, judge, judge_and_decide, judged_run

NOT = "not_promoted"


def runs_in_past_of(run):
    return [one.run_id for one in champion_past(run, run.folders()).judgements]


def test_a_first_model_was_judged_against_no_champion(no_network):
    run = judged_run("first", 0.4)
    assert champion_past(run, run.folders()) is None
    judge(run)
    assert champion_past(run, run.folders()) is None


def test_every_judgement_against_the_same_champion_counts_up_to_the_run_s_own(no_network):
    judge_and_decide(judged_run("first", 0.4))
    second, worse, third = judged_run("second", 0.32), judged_run("worse", 0.5), judged_run("third", 0.1)
    for run in (second, worse, third):
        judge(run)
        before = runs_in_past_of(run)
        judge_and_decide(run)
        assert runs_in_past_of(run) == before  # a report that is made again says the same
    assert runs_in_past_of(second) == ["second"]
    assert runs_in_past_of(third) == ["second", "worse", "third"]
    found = champion_past(third, third.folders())
    first = registry.history(SAMPLE, third.environment)[0]
    assert found.since == first.at
    assert found.evaluation_dir == third.environment.work_dir / first.candidate.evaluation
    assert all((one.folder / "judgement.json").exists() for one in found.judgements)
    assert [one.run_id for one in found.declined] == ["second", "worse"]
    refused = [one for one in registry.history(SAMPLE, third.environment) if getattr(one, "outcome", "") == NOT]
    assert [one.why for one in found.declined] == [one.reason for one in refused]
    assert champion_past(second, second.folders()).declined == ()


def test_a_new_champion_begins_anew_and_one_that_came_back_has_its_own_past(no_network):
    judge_and_decide(judged_run("first", 0.4))
    judge_and_decide(judged_run("second", 0.2))
    third = judged_run("third", 0.05)
    judge(third)
    assert runs_in_past_of(third) == ["third"]
    promotion.roll_back(SAMPLE, 1, who="ann", environment=third.environment)
    fourth = judged_run("fourth", 0.02)
    judge(fourth)
    assert runs_in_past_of(fourth) == ["second", "fourth"]


def test_a_model_that_a_person_refused_is_told_as_refused_where_a_later_run_brings_it_again(no_network):
    judge_and_decide(judged_run("first", 0.4))
    no_network.write(promotion={"approval": "required"})
    refused, again = judged_run("refused", 0.1), judged_run("again", 0.1, model="refused")
    judge(refused)
    approval.note_answer(refused, approved=False, who="ada", answer="Keep the champion", at="")
    assert deciding.decide(refused).outcome == NOT
    judge(again)
    assert again.folders()["judgement"] == refused.folders()["judgement"]
    for _ in range(2):  # also where the report is made again
        found = champion_past(again, again.folders())
        assert [(one.run_id, one.why) for one in found.declined] == [("refused", "ada answered: Keep the champion.")]
        assert runs_in_past_of(again) == ["again"]
        deciding.decide(again)
    assert champion_past(refused, refused.folders()).declined == ()
