"""How a search for knobs is shown."""

from cdiscount_tasks.pages.report.search import MOST_TRIALS, knob_value, render_search_section
from tests.material.html_page import Page

ACCURACY = {"value": 0.82, "low": 0.78, "high": 0.86, "n": 400, "num_groups": 380}
FACTS = {
    "best": 2, "accuracy": ACCURACY, "flattered": 0.021, "counted_by": "paired", "expected": 0.799, "num_draws": 3,
    "gain": {"value": 0.03, "low": 0.01, "high": 0.05, "n": 400, "num_groups": 380},
    "chosen": {"learning_rate": 0.00123456, "class_weights": True}, "ended_by": "trials",
    "effects": [
        {"knob": "learning_rate", "share": 0.64, "direction": -0.8, "by_chance": 0.01},
        {"knob": "class_weights", "share": 0.02, "direction": None, "by_chance": 0.7},
    ],
}  # fmt: skip


def trial(number, accuracy, state="complete"):
    return {
        "number": number, "knobs": {"learning_rate": 0.002 * number, "class_weights": False}, "state": state,
        "num_epochs": 3, "accuracy": accuracy, "low": None, "high": None, "loss": None, "seconds": 65.0,
    }  # fmt: skip


TRIALS = [trial(1, 0.79), trial(2, 0.82), trial(3, 0.5, "pruned"), trial(4, None, "diverged")]


def text_of(facts=FACTS, trials=TRIALS):
    return " ".join(Page(str(render_search_section(facts, trials))).text.split())


def test_it_says_what_was_tried_and_what_was_chosen():
    text = text_of()
    assert "4 trainings with other knobs were tried in 4 min 20 s, 1 of them cut short" in text
    assert "1 of them diverged" in text
    assert "those of trial 2: learning_rate: 0.001235 , class_weights: yes ." in text
    assert "no test product was looked at" in text


def test_it_says_plainly_what_the_best_owes_to_chance_and_how_that_was_counted():
    text = text_of()
    assert "2.1 points better than it is: about 79.9 % is to be expected" in text
    assert "mean of the largest of 3 draws from the normal distribution" in text
    assert "on the same products, by groups" in text
    assert "differs from it" in text_of({**FACTS, "counted_by": "interval"})


def test_a_gain_is_shown_only_where_its_interval_says_so():
    sure = {**FACTS, "gain": {**FACTS["gain"], "value": 0.05, "low": 0.03, "high": 0.07}}
    assert "Gain on validation: +5.0 points (+3.0 to +7.0)" in text_of(sure)
    assert "No gain shown: +3.0 points (+1.0 to +5.0)" in text_of()  # 2.1 of them may be chance
    assert "own knobs, which were tried first, are the best of those tried" in text_of({**FACTS, "best": 1})
    assert "nothing is said about the gain" in text_of({**FACTS, "gain": None})


def test_it_says_which_knobs_mattered():
    text = text_of()
    assert "learning_rate 64 % 1.0 % a lower accuracy yes" in text
    assert "class_weights 2 % 70.0 % — not shown" in text
    assert "Too few trials to tell" in text_of({**FACTS, "effects": []})


def test_the_chosen_trial_comes_first_and_those_that_were_cut_short_last():
    page = str(render_search_section(FACTS, TRIALS))
    rows = page[page.index("Trials of the search") :].split("<tr>")[2:]
    assert [row.split('class="num">')[1][0] for row in rows] == ["2", "1", "3", "4"]
    assert "chosen" in rows[0]


def test_of_many_trials_the_best_are_shown():
    many = [trial(number, 0.5 + number / 1000) for number in range(1, MOST_TRIALS + 11)]
    text = text_of(trials=many)
    assert f"The best {MOST_TRIALS} of {MOST_TRIALS + 10} trials." in text


def test_values_are_written_as_a_person_writes_them():
    assert [knob_value(value) for value in (True, False, 0.00012345678, 12, "mixup")] == [
        "yes", "no", "0.0001235", "12", "mixup"
    ]  # fmt: skip
