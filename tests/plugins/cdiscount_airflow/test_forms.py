import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from cdiscount_airflow import forms

from cdiscount_tasks.config import SampleConfig, TrainingConfig
from cdiscount_tasks.environment import read_environment
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.records import DRAWN_WARNING

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
    assert "at most 100 epochs" in preset.schema["description_md"]


def test_every_knob_is_empty_described_and_in_the_section():
    knobs = {name: param for name, param in forms.params_of(SAMPLE, REAL).items() if name != "preset"}

    assert list(knobs) == list(TrainingConfig.model_fields)
    for param in knobs.values():
        assert param.value is None
        assert param.description
        assert param.schema["title"]
        assert param.schema["section"] == forms.KNOBS_SECTION


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
    with pytest.raises(ConfigError, match="'epoch', which is no parameter of this DAG; did you mean epochs"):
        forms.overrides_of(filled(), {"epoch": 3})


def test_an_unknown_key_without_a_close_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="known are preset, network, weights, image_size"):
        forms.overrides_of(filled(), {"zzz": 3})


def test_the_form_of_a_drawn_catalogue_says_so():
    assert DRAWN_WARNING in forms.params_of(SAMPLE, DEMO)["preset"].schema["description_md"]
    assert DRAWN_WARNING not in forms.params_of(SAMPLE, REAL)["preset"].schema["description_md"]


def test_a_knob_tells_its_bounds():
    assert forms.params_of(SAMPLE, REAL)["image_size"].description.endswith("Expected: 32 to 512.")
