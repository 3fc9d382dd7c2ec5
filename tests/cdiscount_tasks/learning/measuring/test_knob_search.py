import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.knob_search import Tried, best_of, judge_search, knob_effects


def draw_trials(random, num_trials, num_groups, accuracies):
    """Draw which products some trials have right, where a product is as hard for all of them."""
    hard = random.random(num_groups)
    rights = [(hard + random.normal(0, 0.2, num_groups)) < accuracies[trial] for trial in range(num_trials)]
    return [Tried(number, 0.5, right) for number, right in enumerate(rights, start=1)]


def test_of_equally_accurate_trials_the_one_with_the_lower_loss_is_the_best_and_then_the_first():
    right = np.array([True, False])
    assert best_of([Tried(1, 0.5, right), Tried(2, 0.4, right), Tried(3, 0.4, right)]).number == 2


@pytest.mark.slow
def test_what_the_best_owes_to_chance_is_what_it_loses_on_other_products():
    random, gaps, told = np.random.default_rng(1), [], []
    for _ in range(200):
        both = draw_trials(random, 12, 800, [0.7] * 12)
        seen = [one._replace(right=one.right[:400]) for one in both]
        best = best_of(seen)
        found = judge_search(seen, np.arange(400), num_draws=12)
        gaps.append(best.right[:400].mean() - both[best.number - 1].right[400:].mean())
        told.append(found["flattered"])
    assert np.mean(told) == pytest.approx(np.mean(gaps), abs=0.006)
    assert np.mean(told) > 0.01


def test_copies_in_a_group_make_the_figure_less_certain():
    trials = draw_trials(np.random.default_rng(2), 5, 100, [0.7] * 5)
    copied = [one._replace(right=np.repeat(one.right, 4)) for one in trials]
    alone = judge_search(copied, np.arange(400), 5)["flattered"]
    grouped = judge_search(copied, np.repeat(np.arange(100), 4), 5)["flattered"]
    assert grouped == pytest.approx(2 * alone, rel=0.2)


def test_more_draws_flatter_more():
    trials = draw_trials(np.random.default_rng(3), 4, 200, [0.7] * 4)
    few, many = (judge_search(trials, np.arange(200), num)["flattered"] for num in (4, 40))
    assert 0 < few < many


def test_a_single_complete_trial_is_counted_by_its_own_interval():
    trials = draw_trials(np.random.default_rng(4), 1, 200, [0.7])
    found = judge_search(trials, np.arange(200), num_draws=6)
    assert found["counted_by"] == "interval"
    assert found["expected"] < found["accuracy"]["value"]


def test_the_gain_is_measured_against_the_presets_own_knobs():
    trials = draw_trials(np.random.default_rng(5), 2, 400, [0.6, 0.8])
    found = judge_search(trials, np.arange(400), 2)
    assert found["best"] == 2
    assert found["gain"]["value"] == pytest.approx(trials[1].right.mean() - trials[0].right.mean())
    assert found["gain"]["low"] > 0


def test_without_the_presets_own_trial_nothing_is_said_of_the_gain():
    trials = draw_trials(np.random.default_rng(5), 3, 100, [0.6, 0.8, 0.7])
    assert judge_search(trials[1:], np.arange(100), 3)["gain"] is None


def test_a_knob_that_decides_is_told_from_one_that_does_not():
    random = np.random.default_rng(6)
    knobs = [
        {"rate": float(rate), "word": word, "seed": float(other)}
        for rate, word, other in zip(random.random(30), random.choice(["a", "b"], 30), random.random(30), strict=True)
    ]
    accuracies = [0.5 - 0.3 * one["rate"] + (0.2 if one["word"] == "b" else 0) for one in knobs]
    effects = {effect["knob"]: effect for effect in knob_effects(knobs, accuracies)}
    assert effects["rate"]["direction"] < 0
    assert effects["word"]["direction"] is None
    assert effects["rate"]["by_chance"] < 0.05
    assert effects["word"]["by_chance"] < 0.05
    assert effects["seed"]["by_chance"] > 0.05


def test_a_knob_without_effect_is_said_to_matter_as_rarely_as_promised():
    random = np.random.default_rng(7)
    said = [
        knob_effects([{"rate": float(rate)} for rate in random.random(12)], random.random(12).tolist())[0]
        for _ in range(60)
    ]
    assert sum(effect["by_chance"] < 0.05 for effect in said) <= 8


def test_few_trials_tell_nothing_and_equal_ones_no_knob():
    assert knob_effects([{"rate": 0.1}] * 4, [0.5] * 4) == []
    (effect,) = knob_effects([{"rate": 0.1 * number} for number in range(6)], [0.5] * 6)
    assert (effect["share"], effect["by_chance"]) == (0.0, 1.0)
