import pytest

from cdiscount_tasks.runs import looks, registry
from cdiscount_tasks.runs.decisions import ChampionMovedError
from tests.material.registry_models import make_candidate

IN_BOTH = pytest.mark.parametrize("promoted", ["disk", pytest.param("bucket", marks=pytest.mark.slow)], indirect=True)


@pytest.fixture
def look(promoted):
    def record(challenger, expected):
        inputs = {"margin": 0.01}
        return looks.record_look("wine", challenger, expected, "judgement-{}".format, inputs, promoted.environment)

    return record


def following(promoted, challenger):
    return tuple(looks.next_look(registry.history("wine", promoted.environment), challenger))


@IN_BOTH
def test_looks_are_counted_by_challenger_and_the_same_again_is_the_same_look(promoted, look):
    promoted("first")
    assert following(promoted, "evaluation-a") == (1, False)
    first = look("evaluation-a", 1)
    assert (first.number, first.look, first.judgement, first.inputs) == (2, 1, "judgement-1", {"margin": 0.01})
    assert (first.champion, first.champion_evaluation) == (1, "evaluation-first")
    assert look("evaluation-b", 1).look == 2
    assert following(promoted, "evaluation-a") == (1, True)
    assert look("evaluation-a", 1) == first
    assert following(promoted, "evaluation-c") == (3, False)
    assert len(registry.history("wine", promoted.environment)) == 3


@IN_BOTH
def test_the_same_challenger_against_another_champion_is_a_new_look(promoted, look):
    promoted("first")
    look("evaluation-a", 1)
    second = promoted("second").number
    assert following(promoted, "evaluation-a") == (2, False)
    assert look("evaluation-a", second).look == 2


@IN_BOTH
def test_after_a_roll_back_a_pair_that_was_looked_at_is_the_same_look(promoted, look):
    from cdiscount_tasks.runs import promotion

    promoted("first")
    look("evaluation-a", 1)
    promoted("second")
    back = promotion.roll_back("wine", 1, who="ann", environment=promoted.environment)
    assert look("evaluation-a", back.number).look == 1


@IN_BOTH
def test_the_first_look_needs_no_champion(promoted, look):
    found = look(make_candidate(promoted.environment, "first").evaluation_name, None)
    assert (found.number, found.look, found.champion, found.champion_evaluation) == (1, 1, None, None)


@IN_BOTH
def test_a_look_at_what_is_not_the_champion_any_more_is_not_recorded(promoted, look):
    promoted("first")
    promoted("second")
    with pytest.raises(ChampionMovedError, match="that of decision 2"):
        look("evaluation-a", 1)
    assert len(registry.history("wine", promoted.environment)) == 2
