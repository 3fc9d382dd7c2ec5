import pytest

from cdiscount_tasks.settings.training import KNOBS, OFF_THE_FORM, TrainingConfig, knobs_in_effect


def test_other_seeds_are_those_after_the_models_with_its_knobs():
    preset = TrainingConfig(seed=2**31 - 2, seeds=4, epochs=7, dropout=0.3)
    others = preset.other_seeds()
    assert [other.seed for other in others] == [2**31 - 1, 0, 1]
    assert {other.model_copy(update={"seed": 0}) for other in others} == {TrainingConfig(seed=0, epochs=7, dropout=0.3)}
    assert TrainingConfig().other_seeds() == []


def test_what_decides_a_model_does_not_name_the_seeds_beside_it():
    assert TrainingConfig(seeds=5).of_model() == TrainingConfig().of_model() == TrainingConfig().model_dump(mode="json")


def test_knobs_that_came_later_are_written_nowhere_at_their_default():
    written = TrainingConfig().model_dump(mode="json")
    assert OFF_THE_FORM.isdisjoint(written)
    assert set(written) | OFF_THE_FORM == set(KNOBS)
    changed = TrainingConfig(mixing="cutmix", average_weights=1.0, smaller_first=0.4, class_balance=0.5)
    assert TrainingConfig.model_validate(changed.model_dump(mode="json")) == changed
    added = {"mixing": "cutmix", "average_weights": 1.0, "smaller_first": 0.4, "class_balance": 0.5}
    assert changed.model_dump() == {**TrainingConfig().model_dump(), **added}


TUNED = {"network": "mobilenet_v2", "weights": "imagenet", "fine_tune_epochs": 3}
FROZEN = {**TUNED, "fine_tune_epochs": 0}


@pytest.mark.parametrize(
    ("knobs", "kept"),
    [
        ({}, "loss"),
        ({"chosen_epoch": "last"}, "last"),
        (FROZEN, "loss"),
        ({**FROZEN, "chosen_epoch": "last"}, "loss"),  # of a classifying layer, whatever is asked for
        ({"weights": "champion"}, "loss"),
        (TUNED, "last"),
        ({**TUNED, "chosen_epoch": "loss"}, "loss"),
        ({**TUNED, "chosen_epoch": "accuracy"}, "accuracy"),
    ],
)
def test_tuning_keeps_its_last_epoch_unless_the_preset_wants_another(knobs, kept):
    preset = TrainingConfig(**knobs)
    assert preset.epoch_chosen_by == knobs_in_effect(preset)["chosen_epoch"] == kept
    assert TrainingConfig.model_validate_json(preset.model_dump_json()) == preset == preset.with_knobs({})
    assert preset.of_model().get("chosen_epoch", "loss") == kept


@pytest.mark.parametrize("chosen_by", ["auto", "loss", "accuracy"])
def test_which_epoch_is_kept_outlives_knobs_that_come_on_top(chosen_by):
    frozen = TrainingConfig(**FROZEN, chosen_epoch=chosen_by)
    assert frozen.with_knobs({"fine_tune_epochs": 4}).epoch_chosen_by == {"auto": "last"}.get(chosen_by, chosen_by)
    tuned = TrainingConfig(**TUNED, chosen_epoch=chosen_by)
    from_scratch = tuned.with_knobs({"network": "small_cnn", "weights": "none", "fine_tune_epochs": 0})
    assert from_scratch.epoch_chosen_by == {"auto": "loss"}.get(chosen_by, chosen_by)


def test_models_by_their_loss_keep_the_keys_that_they_had_before_the_knob():
    assert TrainingConfig(chosen_epoch="loss").of_model() == TrainingConfig().of_model()
    assert "chosen_epoch" not in TrainingConfig(**TUNED, chosen_epoch="loss").of_model()


@pytest.mark.parametrize(
    ("image_size", "smaller"), [(64, 32), (96, 64), (160, 128), (192, 128), (224, 160), (512, 384)]
)
def test_smaller_images_are_of_the_multiple_of_32_next_to_three_quarters(image_size, smaller):
    assert TrainingConfig(image_size=image_size).smaller_size == smaller
