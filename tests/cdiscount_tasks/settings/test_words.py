import json

import pytest
from pydantic import ValidationError

from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SampleConfig
from cdiscount_tasks.settings.training import KNOBS, TrainingConfig
from cdiscount_tasks.settings.words import lines_of, overridden, summary_of


@pytest.fixture
def config():
    sample = SampleConfig(
        name="tea",
        title="Tea",
        categories=(1, 2),
        default_preset="slow",
        presets={"slow": TrainingConfig(epochs=100)},
    )
    return RunConfig(
        run_id="manual__1",
        sample=sample,
        preset="slow",
        draw=DrawConfig(categories=(1, 2)),
        labels=LabelConfig(categories=(1, 2)),
        training=TrainingConfig(epochs=3, class_weights=True),
        catalogue_path="/data/train.bson",
        catalogue_fingerprint="f",
        max_rejected_share=0.01,
        inputs={"category_names.csv": "h"},
        input_sources={"category_names.csv": "/data/category_names.csv"},
        versions={"code": "0123456789ab"},
    )


def test_what_differs_from_the_preset_is_known_with_both_values(config):
    assert overridden(config) == {"epochs": (3, 100), "class_weights": (True, False)}


def test_the_summary_names_the_preset_and_what_differs(config):
    assert summary_of(config) == "preset slow with epochs 3 (preset: 100), class_weights yes (preset: no)"


def test_a_knob_that_only_the_preset_or_only_the_run_has_off_its_default_is_told(config):
    mixed, plain = TrainingConfig(epochs=100, mixing="cutmix"), config.sample.presets["slow"]
    sets = config.model_copy(update={"training": mixed})
    sample = config.sample.model_copy(update={"presets": {"slow": mixed}})
    resets = config.model_copy(update={"sample": sample, "training": plain})
    assert overridden(sets) == {"mixing": ("cutmix", "none")}
    assert overridden(resets) == {"mixing": ("none", "cutmix")}


def test_a_run_of_the_preset_as_it_is_says_no_more(config):
    as_it_is = config.model_copy(update={"training": config.sample.presets["slow"]})
    assert summary_of(as_it_is) == "preset slow"
    assert not any("<-" in line for line in lines_of(as_it_is))


def test_every_knob_has_a_line_and_what_differs_is_marked(config):
    lines = {line.split()[0]: line for line in lines_of(config)}

    assert set(KNOBS) <= set(lines)
    assert lines["epochs"].endswith("3   <- the preset has 100")
    assert "<-" not in lines["image_size"]


def test_pictures_that_are_not_copied_are_named(config):
    left = config.model_copy(update={"draw": DrawConfig(categories=(1, 2), pictures="in_catalogue")})
    assert "tea: 2 categories, all products of each; pictures left in the catalogue" in "\n".join(lines_of(left))
    assert "left in the catalogue" not in "\n".join(lines_of(config))


def test_the_lines_name_catalogue_split_and_files(config):
    told = "\n".join(lines_of(config))
    for words in ("/data/train.bson", "train 0.7, validation 0.15, test 0.15; seed 0", "/data/category_names.csv"):
        assert words in told


HEAD = TrainingConfig(network="mobilenet_v2", weights="imagenet")


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"fine_tune_epochs": 3}, {"fine_tune_epochs": (3, 0)}),
        (
            {"fine_tune_epochs": 3, "chosen_epoch": "loss"},
            {"fine_tune_epochs": (3, 0), "chosen_epoch": ("loss", "auto")},
        ),
    ],
)
def test_of_a_run_that_tunes_it_is_told_what_was_set_and_no_more(config, knobs, told):
    presets = {"slow": HEAD}
    changed = {"sample": config.sample.model_copy(update={"presets": presets}), "training": HEAD.with_knobs(knobs)}
    assert overridden(config.model_copy(update=changed)) == told


@pytest.mark.parametrize(("knobs", "kept"), [({}, "last"), ({"chosen_epoch": "accuracy"}, "accuracy")])
def test_a_run_that_was_frozen_before_tuning_kept_its_last_epoch_goes_on_by_the_loss(config, knobs, kept):
    tuned = HEAD.with_knobs({"fine_tune_epochs": 3, **knobs})
    sample = config.sample.model_copy(update={"presets": {"slow": tuned, "head": HEAD}})
    frozen = config.model_copy(update={"training": tuned, "sample": sample})
    assert RunConfig.model_validate_json(frozen.model_dump_json()) == frozen
    older = frozen.model_dump(mode="json")
    for written in (older["training"], older["sample"]["presets"]["slow"]):
        del written["chosen_epoch"]
    found = RunConfig.model_validate_json(json.dumps(older))
    assert frozen.training.epoch_chosen_by == kept
    assert found.training.epoch_chosen_by == found.sample.presets["slow"].epoch_chosen_by == "loss"
    assert found.sample.presets["head"] == HEAD


@pytest.mark.parametrize("damage", [{"sample": {"presets": [1]}}, {"sample": 3}, {"training": [3]}, {}])
def test_a_damaged_config_is_refused_whatever_it_holds(damage):
    with pytest.raises(ValidationError):
        RunConfig.model_validate_json(json.dumps(damage))
