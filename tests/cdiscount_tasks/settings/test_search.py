import pytest
from pydantic import ValidationError

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings import search
from cdiscount_tasks.settings.search import Choice, Range, SearchConfig, check_optuna, space_of, value_in
from cdiscount_tasks.settings.sentences import all_sentences
from cdiscount_tasks.settings.training import KNOBS, TrainingConfig

RATES = [1e-4, 1e-2]


def preset_with(knobs, trials=12, budget_minutes=30, **preset):
    section = {"trials": trials, "budget_minutes": budget_minutes, "knobs": knobs}
    return TrainingConfig.model_validate({**preset, "search": section})


def sentence_of(*args, **preset):
    with pytest.raises(ValidationError) as caught:
        preset_with(*args, **preset)
    return all_sentences(caught.value, TrainingConfig)


def test_numbers_have_bounds_and_words_have_choices():
    knobs = {"learning_rate": RATES, "dropout": [0.0, 0.5], "epochs": [3, 9], "mixing": ["none", "mixup"]}
    space = space_of(preset_with(knobs).search, TrainingConfig)
    assert space == {
        "learning_rate": Range(1e-4, 1e-2, is_whole=False, is_log=True),
        "dropout": Range(0.0, 0.5, is_whole=False, is_log=False),
        "epochs": Range(3, 9, is_whole=True, is_log=False),
        "mixing": Choice(("none", "mixup")),
    }


def test_a_preset_with_a_search_comes_back_from_json_as_it_was():
    preset = preset_with({"learning_rate": RATES, "class_weights": [False, True], "batch_size": [8, 128]})
    assert TrainingConfig.model_validate_json(preset.model_dump_json()) == preset


def test_a_preset_without_a_search_is_written_as_before():
    assert "search" not in TrainingConfig().model_dump(mode="json")


def test_the_search_is_no_knob_of_a_run():
    assert "search" not in KNOBS


@pytest.mark.parametrize(
    ("knobs", "preset", "sentence"),
    [
        ({}, {}, "search.knobs is empty, expected at least 1 entry"),
        ({"learning_rate": RATES[::-1]}, {}, "expected the lower bound first .* write \\[0.0001, 0.01\\]"),
        ({"epochs": [3, 3]}, {}, "expected the lower bound first .* take the knob out"),
        ({"learning_rate": [1e-4]}, {}, "learning_rate is \\[0.0001\\], expected two numbers"),
        ({"epochs": [True, 3]}, {}, "epochs is \\[True, 3\\], expected two numbers"),
        ({"learning_rate": [1e-4, 2.0]}, {}, "learning_rate is 2.0, expected above 0 and at most 1"),
        ({"epochs": [1.5, 3]}, {}, "epochs is 1.5, expected integer 1 to 500"),
        ({"lerning_rate": RATES}, {}, "lerning_rate is not a known knob; did you mean learning_rate?"),
        ({"xyz": [1, 2]}, {}, "xyz is not a known knob; what can be searched are epochs, "),
        ({"network": ["small_cnn", "plain_cnn"]}, {}, "network cannot be searched, set it in the preset"),
        ({"mixing": ["none"]}, {}, "mixing is \\['none'\\], expected two or more different ones"),
        ({"mixing": ["none", "blend"]}, {}, "mixing is 'blend', expected 'none', 'mixup' or 'cutmix'"),
        ({"fine_tune_epochs": [0, 3]}, {}, "fine_tune_epochs is 3, but only pretrained weights are fine-tuned"),
        ({"dropout": [0.0, 0.5]}, {"network": "plain_cnn"}, "dropout is searched, but plain_cnn has no dropout"),
        ({"mixing_share": [0.1, 0.5]}, {}, "mixing_share is searched, but nothing is mixed"),
        ({"smaller_first": [0.0, 0.5]}, {"image_size": 90}, "image_size is 90; expected a multiple of 32 from 64 on"),
        ({"class_balance": [0, 1], "class_weights": [False, True]}, {}, "small classes would count twice as much"),
    ],
)
def test_a_search_that_cannot_be_is_refused_with_what_to_write(knobs, preset, sentence):
    import re

    assert re.search(sentence, sentence_of(knobs, **preset))


def test_one_trial_chooses_nothing():
    assert sentence_of({"learning_rate": RATES}, trials=1) == "search.trials is 1, expected 2 to 500"


def test_a_search_without_time_is_refused():
    assert "budget_minutes is 0, expected above 0" in sentence_of({"learning_rate": RATES}, budget_minutes=0)


def test_a_knob_that_does_something_in_some_trials_may_be_searched():
    preset_with({"mixing_share": [0.1, 0.5], "mixing": ["mixup", "none"]})


@pytest.mark.parametrize(("own", "nearest"), [(2e-3, 2e-3), (0.5, 1e-2), (1e-6, 1e-4)])
def test_the_presets_own_number_is_taken_into_the_bounds(own, nearest):
    assert value_in(Range(1e-4, 1e-2, is_whole=False, is_log=True), own) == nearest


@pytest.mark.parametrize("written", [["yes", "no"], ["yes", False], [True, False]])
def test_switches_may_be_words(written):
    preset = preset_with({"class_weights": written})
    tried = space_of(preset.search, TrainingConfig)["class_weights"]
    assert tried == Choice((True, False))
    assert value_in(tried, preset.class_weights) is False


def test_a_word_that_the_choices_lack_is_the_first_of_them():
    assert [value_in(Choice(("mixup", "cutmix")), own) for own in ("none", "cutmix")] == ["mixup", "cutmix"]


def test_optuna_is_asked_for_only_where_there_is_a_search(monkeypatch):
    monkeypatch.setattr(search, "find_spec", lambda _name: None)
    check_optuna(None)
    with pytest.raises(ConfigError, match="needs the package optuna, and it is not installed here: run `make setup`"):
        check_optuna(SearchConfig(trials=2, budget_minutes=1, knobs={"learning_rate": (1e-4, 1e-2)}))
