"""What a report says of other seeds, in words."""

import pytest

from cdiscount_tasks.pages.report.seeds import cut_short, ended, how_far, place_of_model, rate_knob, what_differs

SPREAD = {
    "mean": {"value": 0.81, "low": 0.78, "high": 0.84, "n": 400, "num_groups": 380}, "deviation": 0.0071,
    "lowest": 0.8, "highest": 0.82, "model": 0.815, "num_higher": 1, "num_equal": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({}, "; other chance in all weights to begin with, order, augmentation and dropout"),
        ({"network": "plain_cnn"}, "; other chance in all weights to begin with, order and augmentation"),
        (
            {"weights": "imagenet", "fine_tune_epochs": 3},
            ", the same pretrained weights; other chance in the first weights of the classifying layer alone, order, "
            "augmentation and dropout",
        ),
        (
            {"weights": "imagenet"},
            ", the same pretrained weights; other chance in the first weights of the classifying layer alone, order "
            "and dropout",
        ),
        (
            {"weights": "champion"},
            ", the champion's weights to begin with; other chance in order, augmentation and dropout",
        ),
    ],
)
def test_what_differs_depends_on_what_is_trained(training, words):
    training = {"network": "small_cnn", "weights": "none", "fine_tune_epochs": 0, **training}
    metrics = {"lineage": {"config": {"training": training}}}
    assert what_differs(metrics) == f"the same pictures, labels and knobs{words}"


@pytest.mark.parametrize(
    ("weights", "fine_tune_epochs", "knob"),
    [
        ("none", 0, "learning_rate"),
        ("imagenet", 0, "learning_rate"),
        ("imagenet", 3, "fine_tune_learning_rate"),
        ("champion", 0, "learning_rate"),
    ],
)
def test_the_rate_of_what_is_trained_last_is_to_be_lowered(weights, fine_tune_epochs, knob):
    training = {"weights": weights, "fine_tune_epochs": fine_tune_epochs}
    assert rate_knob({"lineage": {"config": {"training": training}}}) == knob


def test_without_other_seeds_nothing_is_known_of_them():
    assert how_far({}) == "how far another seed moves the accuracy is not measured"


def test_the_deviation_is_said_with_its_ends_and_the_number_of_seeds():
    words = how_far({"other_seeds": {"product": SPREAD, "num_complete": 4}, "model": {}})
    assert words == "over 5 seeds the accuracy had a standard deviation of 0.7 points (80.0 % to 82.0 %)"


def test_where_the_model_was_stopped_by_hand_the_others_are_said_to_be_cut_there():
    metrics = {
        "model": {"stopped": {"after_epoch": 7, "of": 30}},
        "other_seeds": {"product": SPREAD, "num_complete": 4},
    }
    assert how_far(metrics).endswith(
        "0.7 points (80.0 % to 82.0 %); none trained beyond epoch 7, where the model was stopped by hand"
    )
    assert cut_short(metrics).startswith(
        "The model's training was stopped by hand after epoch 7 of 30, and every other seed was cut there too"
    )
    assert cut_short({"model": {}}) == ""


@pytest.mark.parametrize(
    ("one", "of_whole", "of_cut"),
    [
        ({"state": "complete", "is_model": True, "num_epochs": 7}, "by itself", "by hand"),
        ({"state": "complete", "is_model": False, "num_epochs": 7}, "by itself", "cut where the model was stopped"),
        ({"state": "complete", "is_model": False, "num_epochs": 5}, "by itself", "by itself"),
        ({"state": "diverged", "is_model": False, "num_epochs": None}, "diverged", "diverged"),
        ({"state": "stopped", "is_model": False, "num_epochs": 3}, "by hand", "by hand"),
    ],
)
def test_how_a_training_ended_is_said(one, of_whole, of_cut):
    assert ended(one, {"model": {}}) == of_whole
    assert ended(one, {"model": {"stopped": {"after_epoch": 7, "of": 30}}}) == of_cut


def test_where_none_was_trained_to_its_end_that_is_said():
    words = how_far({"other_seeds": {"product": None, "num_complete": 0}})
    assert "no other seed was trained to its end" in words


@pytest.mark.parametrize(
    ("num_higher", "num_equal", "words"),
    [
        (0, 0, "the highest of 5: +0.5 points against the mean"),
        (1, 0, "number 2 from the top of 5: +0.5 points against the mean"),
        (4, 0, "the lowest of 5: +0.5 points against the mean"),
        (3, 1, "the lowest of 5, which 1 other has too: +0.5 points against the mean"),
        (0, 2, "the highest of 5, which 2 others have too: +0.5 points against the mean"),
        (0, 4, "the same as with every other seed"),
    ],
)
def test_the_place_of_the_model_is_said(num_higher, num_equal, words):
    assert place_of_model({**SPREAD, "num_higher": num_higher, "num_equal": num_equal}, 4) == words
