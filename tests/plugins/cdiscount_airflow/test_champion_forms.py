import pytest
from cdiscount_airflow import champion_forms

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.predictions import TARGETS, PredictionsParams


def test_the_form_of_a_roll_back_changes_nothing_as_it_is():
    params = champion_forms.roll_back_params(["everything", "mixed_bag", "wine"])
    assert {name: param.value for name, param in params.items()} == {
        "sample": "wine",
        "decision": None,
        "reason": "",
    }


@pytest.mark.parametrize("samples", [[], ["wine"]])
def test_forms_can_be_shown_with_few_samples_or_none(samples):
    for params in (
        champion_forms.roll_back_params(samples),
        champion_forms.predictions_params(samples, read_environment({})),
    ):
        assert params["sample"].value == (samples[0] if samples else "")
        assert ("enum" in params["sample"].schema) == bool(samples)


def test_the_form_of_predictions_names_the_file_that_an_empty_field_means():
    params = champion_forms.predictions_params(["wine"], read_environment({"CDISCOUNT_CATALOGUE": "/data/train.bson"}))
    assert "Now that is /data/train.bson." in params["catalogue"].description


def test_each_promise_of_the_form_is_one_that_the_config_knows():
    params = champion_forms.predictions_params(["wine"], read_environment({}))
    assert params["precision"].schema["enum"] == list(TARGETS)
    assert set(params["precision"].schema["values_display"]) == set(TARGETS)
    assert set(params) == set(PredictionsParams.model_fields)


@pytest.mark.parametrize("settings", [champion_forms.roll_back_settings, champion_forms.predictions_settings])
def test_a_key_that_the_form_does_not_have_is_refused(settings):
    with pytest.raises(ConfigError, match=r"'sampel' is not a setting of this run; did you mean sample\?"):
        settings({}, {"sampel": "wine"})
