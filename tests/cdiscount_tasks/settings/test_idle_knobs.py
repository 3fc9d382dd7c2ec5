import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.run import training_config
from cdiscount_tasks.settings.sample import SampleConfig
from cdiscount_tasks.settings.training import TrainingConfig

TRANSFER = {"network": "mobilenet_v2", "weights": "imagenet"}


def sample_with(preset):
    presets = {"quick": TrainingConfig(**preset)}
    return SampleConfig(name="tea", title="Tea", categories=(1, 2), default_preset="quick", presets=presets)


@pytest.mark.parametrize(
    ("preset", "knobs", "words"),
    [
        ({}, {"fine_tune_share": 0.5}, "fine_tune_share is 0.5, but without pretrained weights it does nothing"),
        ({}, {"mirrored_features": True}, "mirrored_features is True, but without pretrained weights"),
        (TRANSFER, {"fine_tune_learning_rate": 0.01}, "without tuning it does nothing; set fine_tune_epochs"),
        (TRANSFER, {"fine_tune_lowest_rate": 0.1}, "without tuning it does nothing; set fine_tune_epochs"),
        (TRANSFER, {"mixing": "mixup"}, "mixing is mixup, but a frozen network does not see changed pictures"),
        ({}, {"crop_area": 0.3}, "crop_area is 0.3, but without crops it does nothing; set augmentation: crops"),
        ({}, {"mixing_share": 0.3}, "mixing_share is 0.3, but nothing is mixed; set mixing: mixup or cutmix"),
        ({"network": "plain_cnn"}, {"dropout": 0.3}, "dropout is 0.3, but plain_cnn has no dropout"),
        (TRANSFER, {"smaller_first": 0.5}, "smaller_first is 0.5, but a frozen network does not see changed pictures"),
        ({"epochs": 4}, {"smaller_first": 0.2}, "smaller_first is 0.2, but of 4 epochs it is not one; set a larger"),
        ({"weights": "champion"}, {"dropout": 0.3}, "dropout is 0.3, but the champion's own stays"),
        (TRANSFER, {"average_weights": 1.0}, "average_weights is 1.0, but of a classifying layer on a frozen network"),
        (TRANSFER, {"chosen_epoch": "last"}, "chosen_epoch is last, but of a classifying layer on a frozen network"),
        (
            {"chosen_epoch": "last"},
            {"early_stopping_patience": 3},
            "early_stopping_patience is 3, but the last epoch is kept, so that none is left out",
        ),
    ],
)
def test_a_knob_that_would_do_nothing_is_refused(preset, knobs, words):
    with pytest.raises(ConfigError, match=words):
        training_config(sample_with(preset), "quick", knobs)


def test_a_knob_without_effect_may_be_switched_off():
    preset = {**TRANSFER, "fine_tune_epochs": 8, "smaller_first": 0.75, "augmentation": "crops", "chosen_epoch": "last"}
    off = {"fine_tune_epochs": 0, "smaller_first": 0, "augmentation": "shifts", "chosen_epoch": "loss"}
    found = training_config(sample_with(preset), "quick", off)
    assert (found.smaller_first, found.augmentation, found.chosen_epoch) == (0, "shifts", "loss")


def test_a_knob_that_repeats_its_preset_is_not_refused():
    config = training_config(sample_with({}), "quick", {"fine_tune_share": 1.0, "mirrored_features": False})
    assert config == TrainingConfig()
