from itertools import pairwise

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from cdiscount_airflow import forms

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.run import training_config
from cdiscount_tasks.settings.sample import SampleConfig
from cdiscount_tasks.settings.training import KNOBS, OFF_THE_FORM, TrainingConfig
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tools.conf import as_in_the_form

SAMPLE = SampleConfig(
    name="tea",
    title="Tea",
    categories=(1, 2),
    default_preset="slow",
    presets={"quick": TrainingConfig(epochs=1), "slow": TrainingConfig(epochs=100)},
)


REAL = read_environment({"CDISCOUNT_CATALOGUE": "/catalogues/train.bson"})
DEMO = read_environment({})


def filled(**values):
    """Return the form's values as a run sees them, checked as Airflow checks them."""
    form = ParamsDict(forms.params_of(SAMPLE, REAL))
    form.update(values)
    return form.validate()


def test_the_preset_comes_first_and_in_plain_sight():
    name, preset = next(iter(forms.params_of(SAMPLE, REAL).items()))

    assert name == "preset"
    assert preset.schema["enum"] == ["quick", "slow"]
    assert preset.value == "slow"
    assert "section" not in preset.schema
    assert "small_cnn, 96 px, up to 100 epochs" in preset.schema["description_md"]


def test_a_preset_says_what_it_is_for_and_how_long_it_took_here(tmp_path):
    environment = read_environment({"CDISCOUNT_DATA": str(tmp_path), "CDISCOUNT_CATALOGUE": "/catalogues/train.bson"})
    (tmp_path / "samples" / "tea").mkdir(parents=True)
    (tmp_path / "samples" / "tea" / "durations.json").write_text('{"quick": 125.0}', encoding="utf-8")
    quick = TrainingConfig(epochs=8, image_size=64, purpose="Does everything work?")
    sample = SAMPLE.model_copy(update={"presets": {**SAMPLE.presets, "quick": quick}})
    preset = forms.params_of(sample, environment)["preset"].schema

    told = "Does everything work? It takes about 2 minutes on this machine."
    assert f"- **quick**: {told} (small_cnn, 64 px, up to 8 epochs)" in preset["description_md"]
    assert preset["values_display"]["quick"] == f"quick: {told}"


def test_what_a_preset_is_for_is_no_knob_and_decides_nothing():
    said = TrainingConfig(purpose="Does everything work?")

    assert "purpose" not in forms.params_of(SAMPLE, REAL)
    assert said.model_dump() == TrainingConfig().model_dump()


def test_every_knob_is_empty_described_and_in_one_section():
    knobs = {name: param for name, param in forms.params_of(SAMPLE, REAL).items() if name != "preset"}

    assert sorted(knobs) == sorted(set(KNOBS) - OFF_THE_FORM)
    assert sum(map(len, forms.SECTIONS.values())) == len(knobs)
    for name, param in knobs.items():
        assert param.value is None
        assert param.description
        assert param.schema["title"]
        assert name in forms.SECTIONS[param.schema["section"]]


def test_the_knobs_of_a_section_stand_together():
    sections = [param.schema["section"] for param in list(forms.params_of(SAMPLE, REAL).values())[1:]]
    changes = sum(one != other for one, other in pairwise(sections))
    assert changes == len(forms.SECTIONS) - 1


def test_an_empty_knob_says_what_each_preset_has():
    form = forms.params_of(SAMPLE, REAL)
    assert "In the presets: quick 1, slow 100." in form["epochs"].description
    assert "In every preset: no." in form["class_weights"].description


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("no", False)])
def test_a_switch_has_a_third_state_and_takes_words(word, value):
    form = filled(class_weights=word)
    config = TrainingConfig.model_validate(forms.overrides_of(form, {"class_weights": word}))
    assert config.class_weights is value
    assert "class_weights" not in forms.overrides_of(filled(), {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "none"},
        {"epochs": 0},
        {"epochs": 501},
        {"epochs": 2.5},
        {"image_size": 31},
        {"learning_rate": 0},
        {"label_smoothing": 1},
        {"network": "resnet"},
        {"seed": -1},
    ],
)
def test_the_form_refuses_what_is_out_of_bounds(wrong):
    with pytest.raises(ParamValidationError):
        filled(**wrong)


@pytest.mark.parametrize(
    "right", [{}, {"preset": "quick", "epochs": 3}, {"network": "plain_cnn"}, {"learning_rate": 0.5}]
)
def test_the_form_takes_what_the_config_takes(right):
    overrides = forms.overrides_of(filled(**right), right)

    assert overrides == {name: value for name, value in right.items() if name != "preset"}
    TrainingConfig.model_validate(overrides)


def test_an_unknown_key_is_refused_with_names_that_are_close():
    with pytest.raises(ConfigError, match="'epoch' is not a setting of this run; did you mean epochs"):
        forms.overrides_of(filled(), {"epoch": 3})


def test_an_unknown_key_without_a_close_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="known are preset, network, weights, image_size"):
        forms.overrides_of(filled(), {"zzz": 3})


def test_the_form_of_a_drawn_catalogue_says_so():
    assert DRAWN_WARNING in forms.params_of(SAMPLE, DEMO)["preset"].schema["description_md"]
    assert DRAWN_WARNING not in forms.params_of(SAMPLE, REAL)["preset"].schema["description_md"]


def test_a_knob_tells_its_bounds():
    assert "Expected: 32 to 512." in forms.params_of(SAMPLE, REAL)["image_size"].description


def comparison_form(known, **values):
    form = ParamsDict(forms.comparison_params(known))
    form.update(values)
    return form.validate()


def test_a_comparison_offers_the_samples_that_stand():
    schema = forms.comparison_params(["mixed_bag", "tea", "wine"])["samples"].schema
    assert schema["examples"] == ["mixed_bag", "tea", "wine"]
    assert comparison_form(["mixed_bag", "tea", "wine"])["samples"] == ["wine", "mixed_bag"]


@pytest.mark.parametrize("samples", [["wine"], ["wine", "wine"], ["wine", "beer"]])
def test_a_comparison_refuses_samples_that_cannot_be_compared(samples):
    with pytest.raises(ParamValidationError):
        comparison_form(["mixed_bag", "wine"], samples=samples)


def test_without_wine_and_mixed_bag_the_first_two_samples_are_compared():
    assert comparison_form(["coffee", "tea", "water"])["samples"] == ["coffee", "tea"]


def test_a_folder_without_samples_leaves_the_comparison_a_form():
    assert comparison_form([])["samples"] == ["wine", "mixed_bag"]


def test_an_unknown_key_of_a_comparison_is_refused():
    with pytest.raises(ConfigError, match="'sample' is not a setting of this run; did you mean samples"):
        forms.comparison_settings(comparison_form(["mixed_bag", "wine"]), {"sample": ["wine"]})


def test_a_dag_without_a_form_refuses_every_key():
    forms.refuse_conf({})
    forms.refuse_conf(None)
    with pytest.raises(ConfigError, match="conf has 'preset', but this DAG takes no parameters"):
        forms.refuse_conf({"preset": "smoke"})


@pytest.mark.parametrize("value", [None, True, False, 0, 1, 2, 3.0, 0.5, 1e9, "yes", "no", "1", "true", "none", [], {}])
@pytest.mark.parametrize("knob", list(TrainingConfig.model_fields))
def test_what_make_run_lets_through_the_form_takes(knob, value):
    try:
        training_config(SAMPLE, "quick", {knob: value})
    except ConfigError:
        return
    filled(**as_in_the_form({knob: value}))


def test_a_preset_that_trains_with_other_seeds_says_so():
    assert forms.preset_summary(TrainingConfig(seeds=5)).endswith("up to 30 epochs, with 4 other seeds beside it")
    assert forms.preset_summary(TrainingConfig(seeds=2)).endswith(", with 1 other seed beside it")


def test_the_number_of_seeds_is_taken_from_a_conf():
    assert forms.overrides_of({"preset": "smoke"}, {"seeds": 3}) == {"seeds": 3}


def test_a_preset_that_searches_says_so():
    search = {"trials": 12, "budget_minutes": 30, "knobs": {"learning_rate": (1e-4, 1e-2)}}
    preset = TrainingConfig.model_validate({"purpose": "The best of many.", "search": search})
    assert forms.preset_summary(preset).endswith("up to 30 epochs, 12 trials of its knobs before)")
