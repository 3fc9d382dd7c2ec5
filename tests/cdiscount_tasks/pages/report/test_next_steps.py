import copy

import pytest

from cdiscount_tasks.pages.parts.words import ClassName
from cdiscount_tasks.pages.report.next_steps import next_steps

NAMES = [ClassName("RED", "RED", 1), ClassName("WHITE", "WHITE", 2)]
FIGURE = {"value": 0.9, "low": 0.88, "high": 0.92, "n": 5000, "num_groups": 4000}
GOOD = {
    "verdict": {"certified": True, "above_baseline": True},
    "leak": {
        "reason": None,
        "network": "mobilenet_v2",
        "accuracy": {"certified": {**FIGURE, "value": 0.7, "low": 0.6}},
    },
    "model": {"input": {"weights": None}, "best_epoch": 5, "num_epochs": 8},
    "lineage": {"config": {"training": {"weights": "none", "fine_tune_epochs": 3}}},
    "validation": {"product": {"accuracy": FIGURE}},
    "suspects": {
        "num_listed": 0,
        "num_suspects_listed": 0,
        "num_suspects": 9,
        "num_products_judged": 90,
        "num_mistakes": 8,
        "num_mistakes_suspect": 1,
        "reviews": {"lists": []},
    },
    "test": {
        "image": {"accuracy": FIGURE},
        "baseline": {"majority": {**FIGURE, "value": 0.55}},
        "product": {
            "accuracy": FIGURE,
            "confusion": {"pairs": []},
            "per_class": [{"too_few_to_judge": False}, {"too_few_to_judge": False}],
        },
    },
}


def changed(**values):
    """Return the good metrics with some values changed, by dotted name with `__` for the dot."""
    metrics = copy.deepcopy(GOOD)
    for name, value in values.items():
        *way, last = name.split("__")
        place = metrics
        for part in way:
            place = place[part]
        place[last] = value
    return metrics


def test_where_nothing_is_amiss_nothing_is_advised():
    assert next_steps(GOOD, NAMES) == []


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"verdict__certified": False}, "Use none of these figures"),
        ({"verdict__above_baseline": False, "test__baseline__majority": FIGURE}, "Do not use this model"),
        ({"verdict__above_baseline": False}, "Test on products like those of train"),
        ({"test__image__accuracy": {**FIGURE, "value": 0.5}}, "Start from a pretrained network"),
        ({"other_seeds": {"num_diverged": 1, "seeds": [{}, {}, {}]}}, "Lower the learning_rate"),
        ({"model__best_epoch": 8}, "Train for more epochs"),
        ({"suspects__num_listed": 12}, "Judge the label suspects"),
        ({"test__product__accuracy": {**FIGURE, "num_groups": 171}}, "Measure on more products"),
        ({"test__product__per_class": [{"too_few_to_judge": True}]}, "Measure on more products"),
    ],
)
def test_each_figure_that_is_amiss_leads_to_its_advice(change, advice):
    assert [step.what for step in next_steps(changed(**change), NAMES)] == [advice]


def test_the_most_confused_pair_is_named():
    metrics = changed(test__product__confusion={"pairs": [{"true": 1, "predicted": 0, "n": 12, "share": 0.364}]})
    assert next_steps(metrics, NAMES)[0].why == "WHITE is taken for RED 12 times, 36.4 % of its test products."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"suspects__num_listed": 3, "suspects__num_suspects_listed": 1},
            "Look at 1 label that looks wrong, and 2 drawn at random to estimate how many labels are wrong.",
        ),
        (
            {"suspects__num_listed": 2, "suspects__num_suspects_listed": 2},
            "Look at 2 labels that look wrong. Nobody has done so",
        ),
        ({"model__best_epoch": 1, "model__num_epochs": 1}, "There was only one epoch, so nobody knows yet whether"),
        (
            {"other_seeds": {"num_diverged": 1, "seeds": [{}, {}, {}]}},
            "1 of 2 trainings with other seeds diverged: the next one may do so too.",
        ),
        ({"other_seeds": {"num_diverged": 1, "seeds": [{}, {}]}}, "The one with another seed diverged: the next one"),
        ({"model__best_epoch": 8}, "The last of 8 epochs did best on validation"),
    ],
)
def test_advice_claims_no_more_than_the_counts_say(change, sentence):
    (step,) = next_steps(changed(**change), NAMES)
    assert step.why.startswith(sentence)


@pytest.mark.parametrize(
    ("training", "knob"),
    [
        ({"weights": "none", "fine_tune_epochs": 3}, "epochs"),
        ({"weights": "imagenet", "fine_tune_epochs": 0}, "epochs"),
        ({"weights": "imagenet", "fine_tune_epochs": 0, "chosen_epoch": "last"}, "epochs"),
        ({"weights": "imagenet", "fine_tune_epochs": 3}, "fine_tune_epochs"),
    ],
)
def test_the_knob_that_makes_a_training_longer_is_named(training, knob):
    (step,) = next_steps(changed(model__best_epoch=8, lineage__config__training=training), NAMES)
    assert step.why.endswith(f": raise {knob} when you trigger the next run.")


def test_a_preset_that_keeps_the_last_epoch_says_nothing_about_more_of_them():
    training = {"weights": "none", "fine_tune_epochs": 0, "chosen_epoch": "last"}
    assert next_steps(changed(model__best_epoch=8, lineage__config__training=training), NAMES) == []


@pytest.mark.parametrize(
    ("num_products", "training", "advised"),
    [
        (17, {"weights": "imagenet", "fine_tune_epochs": 3}, True),
        (400, {"weights": "imagenet", "fine_tune_epochs": 3}, False),
        (17, {"weights": "imagenet", "fine_tune_epochs": 0}, False),
        (17, {"weights": "none", "fine_tune_epochs": 0}, False),
        (17, {"weights": "imagenet", "fine_tune_epochs": 3, "chosen_epoch": "accuracy"}, True),
        (17, {"weights": "imagenet", "fine_tune_epochs": 3, "chosen_epoch": "last"}, False),
        (17, {"weights": "imagenet", "fine_tune_epochs": 3, "chosen_epoch": "auto"}, False),
    ],
)
def test_few_products_of_validation_are_not_to_choose_an_epoch_of_tuning(num_products, training, advised):
    few = {**FIGURE, "n": num_products}
    steps = next_steps(changed(validation__product__accuracy=few, lineage__config__training=training), NAMES)
    assert [step.what for step in steps] == ["Keep the last epoch"] * advised
    assert all(f"Validation has {num_products} products: " in step.why for step in steps)


def test_the_suspects_come_first_where_a_quarter_of_the_wrong_answers_have_one():
    change = {"model__best_epoch": 8, "suspects__num_listed": 2, "suspects__num_suspects_listed": 2}
    change |= {"test__image__accuracy": {**FIGURE, "value": 0.5}}
    few, many = (next_steps(changed(**change, suspects__num_mistakes_suspect=n), NAMES) for n in (1, 2))
    pretrained, suspects, longer = (
        "Start from a pretrained network",
        "Judge the label suspects",
        "Train for more epochs",
    )
    assert [step.what for step in few] == [pretrained, suspects, longer]
    assert [step.what for step in many] == [suspects, pretrained, longer]


def test_a_network_that_loses_to_shapes_and_colours_has_not_learnt_enough():
    metrics = changed(test__image__accuracy={**FIGURE, "value": 0.5}, leak__network="descriptor")
    (step,) = next_steps(metrics, NAMES)
    assert step.what == "Train with a different preset"
    assert "it has not learnt enough" in step.why


def test_a_network_that_began_with_weights_is_not_told_to():
    metrics = changed(test__image__accuracy={**FIGURE, "value": 0.5}, model__input={"weights": {"file": "w.h5"}})
    assert next_steps(metrics, NAMES) == []


def test_a_list_that_came_back_is_not_asked_for_again():
    assert next_steps(changed(suspects__num_listed=12, suspects__reviews={"lists": ["0123"]}), NAMES) == []


def test_faults_come_before_what_could_be_better():
    metrics = changed(model__best_epoch=8, verdict__above_baseline=False, test__baseline__majority=FIGURE)
    assert [step.link for step in next_steps(metrics, NAMES)] == ["#curves", "#curves"]
    assert next_steps(metrics, NAMES)[0].what == "Do not use this model"
