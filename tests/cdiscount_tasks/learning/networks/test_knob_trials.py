import pytest

from cdiscount_tasks.learning.networks.knob_trials import Trial, propose
from cdiscount_tasks.settings.search import Choice, Range

pytest.importorskip("optuna", reason="optuna is absent: `make setup` installs it once it is locked")

SPACE = {
    "learning_rate": Range(1e-4, 1e-1, is_whole=False, is_log=True),
    "epochs": Range(2, 9, is_whole=True, is_log=False),
    "mixing": Choice(("none", "mixup")),
}
OWN = {"learning_rate": 2e-3, "epochs": 5, "mixing": "none"}


def accuracy_of(knobs):
    return 0.9 - abs(knobs["learning_rate"] - 0.02) * 5 + (0.05 if knobs["mixing"] == "mixup" else 0)


def search_on(past, num_trials, seed=0):
    past = list(past)
    while len(past) < num_trials:
        knobs = propose(SPACE, OWN, past, num_trials, num_epochs=6, seed=seed).knobs
        past.append(Trial(knobs, "complete", accuracy_of(knobs), {1: 0.5}))
    return past


def test_the_first_trial_has_the_presets_own_knobs():
    assert propose(SPACE, OWN, [], 12, 6, seed=3).knobs == OWN


def test_every_trial_keeps_to_the_bounds():
    for trial in search_on([], 15):
        assert 1e-4 <= trial.knobs["learning_rate"] <= 1e-1
        assert trial.knobs["epochs"] in range(2, 10)
        assert trial.knobs["mixing"] in ("none", "mixup")


def test_the_same_seed_tries_the_same_and_another_seed_something_else():
    one, again, other = search_on([], 6), search_on([], 6), search_on([], 6, seed=1)
    assert one == again
    assert [trial.knobs for trial in one[1:]] != [trial.knobs for trial in other[1:]]


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_a_search_that_is_taken_up_again_tries_what_it_would_have_tried(cut):
    whole = search_on([], 8)
    assert search_on(whole[:cut], 8) == whole


def test_trials_after_the_first_third_come_near_the_good_ones():
    num_near = sum(0.005 < trial.knobs["learning_rate"] < 0.06 for trial in search_on([], 30)[10:])
    assert num_near >= 12  # a third of the scale: 7 of 20 by chance


def test_a_trial_that_diverged_is_no_hindrance():
    past = search_on([], 4)
    past[2] = Trial(past[2].knobs, "diverged", None, {})
    assert propose(SPACE, OWN, past, 12, 6, seed=0).knobs


def test_a_trial_that_is_worse_than_the_middle_one_is_cut_short_after_its_first_third():
    past = [Trial(OWN, "complete", 0.8, dict.fromkeys(range(1, 7), 0.8)) for _ in range(4)]
    bad, good = (propose(SPACE, OWN, past, 12, 6, seed=0) for _ in range(2))
    assert [bad.is_worth_going_on(epoch, 0.3) for epoch in (1, 2)] == [True, False]
    assert all(good.is_worth_going_on(epoch, 0.9) for epoch in range(1, 7))


def test_nothing_is_cut_short_while_few_trials_are_complete():
    past = [Trial(OWN, "complete", 0.8, dict.fromkeys(range(1, 7), 0.8)) for _ in range(3)]
    trial = propose(SPACE, OWN, past, 12, 6, seed=0)
    assert all(trial.is_worth_going_on(epoch, 0.1) for epoch in range(1, 7))


def test_nothing_is_cut_short_where_trials_have_different_numbers_of_epochs():
    past = [Trial(OWN, "complete", 0.8, dict.fromkeys(range(1, 7), 0.8)) for _ in range(4)]
    trial = propose(SPACE, OWN, past, 12, None, seed=0)
    assert all(trial.is_worth_going_on(epoch, 0.1) for epoch in range(1, 40))


def test_an_epoch_that_is_told_twice_counts_once():
    past = [Trial(OWN, "complete", 0.8, dict.fromkeys(range(1, 7), 0.8)) for _ in range(4)]
    trial = propose(SPACE, OWN, past, 12, 6, seed=0)
    assert trial.is_worth_going_on(3, 0.9)
    assert trial.is_worth_going_on(3, 0.1)
