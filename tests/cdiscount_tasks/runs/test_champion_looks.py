"""Which looks are those of the champion that a run was judged against."""

from cdiscount_tasks.runs import promotion, registry
from cdiscount_tasks.runs.champion_looks import past_looks
from tests.material.judged_runs import SAMPLE, judge, judge_and_decide, judged_run


def looks_of(run):
    found = past_looks(run, run.folders())
    return [one.number for one in found.looks] if found else None


def test_a_first_model_was_judged_against_no_champion(no_network):
    run = judged_run("first", 0.4)
    assert past_looks(run, run.folders()) is None
    judge(run)
    assert past_looks(run, run.folders()) is None


def test_the_looks_are_those_at_the_same_champion_up_to_the_run_s_decision(no_network):
    judge_and_decide(judged_run("first", 0.4))
    second, worse, third = judged_run("second", 0.32), judged_run("worse", 0.5), judged_run("third", 0.1)
    for run in (second, worse, third):
        judge_and_decide(run)
    assert [looks_of(run) for run in (second, worse, third)] == [[1], [1], [1, 2]]
    found = past_looks(third, third.folders())
    first = registry.history(SAMPLE, third.environment)[0]
    assert found.since == first.at
    assert found.evaluation_dir == third.environment.work_dir / first.candidate.evaluation
    assert all((one.judgement_dir / "products.parquet").exists() for one in found.looks)


def test_a_new_champion_begins_with_no_look_and_one_that_came_back_has_its_own(no_network):
    judge_and_decide(judged_run("first", 0.4))
    judge_and_decide(judged_run("second", 0.2))
    third = judged_run("third", 0.05)
    judge(third)
    assert looks_of(third) == [2]
    promotion.roll_back(SAMPLE, 1, who="ann", environment=third.environment)
    fourth = judged_run("fourth", 0.02)
    judge(fourth)
    assert looks_of(fourth) == [1, 3]
