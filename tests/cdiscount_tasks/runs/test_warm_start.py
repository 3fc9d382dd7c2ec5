"""Runs whose training begins with the champion's weights; the champion's model is one that no network could load."""

import json
import shutil

import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import steps
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.runs.warm_start import previous_model
from tests.material.judged_runs import SAMPLE, judge_and_decide, judged_run

WARM = {"weights": "champion"}


@pytest.fixture
def champion(no_network):
    run = judged_run("first", 0.4)
    assert judge_and_decide(run).outcome == "promoted"
    return run


def test_the_champion_of_then_is_frozen_when_the_run_starts(champion):
    run = start_run(SAMPLE, "warm", "smoke", WARM)
    started, at = run.config.started_from, champion.folders()
    assert (started.decision, started.run_id) == (1, "first")
    assert previous_model(run) == (at["model"], at["labels"], "first", 1)
    judge_and_decide(judged_run("second", 0.0))
    assert start_run(SAMPLE, "warm", "smoke", WARM).config.started_from == started
    assert start_run(SAMPLE, "warm 2", "smoke", WARM).config.started_from.run_id == "second"


def test_the_config_of_other_runs_says_nothing_of_it(champion):
    run = start_run(SAMPLE, "cold", "smoke")
    assert "started_from" not in json.loads((run.run_dir / "config.json").read_text())
    assert previous_model(run) is None


def test_the_champion_decides_which_model_is_made(champion):
    warm, at = start_run(SAMPLE, "warm", "smoke", WARM), champion.folders()
    plan = next(step for step in steps.STEPS if step.name == "model").plan(warm, at)
    assert plan.recipe().as_json()["inputs"]["champion"] == read_manifest(at["model"])["identity"]
    assert "features" not in plan.recipe().as_json()["inputs"]


def test_without_a_champion_the_run_is_refused_at_once(no_network):
    with pytest.raises(ConfigError, match="weights is 'champion', but no model of colours was promoted yet; set wei"):
        start_run(SAMPLE, "warm", "smoke", WARM)


@pytest.mark.parametrize(("knob", "value", "sentence"), [
    ("network", "plain_cnn", "network is 'plain_cnn', expected 'small_cnn' as the champion has it"),
    ("image_size", 64, "image_size is 64, expected 32 as the champion has it"),
])  # fmt: skip
def test_another_network_than_the_champions_is_refused_at_once(champion, knob, value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        start_run(SAMPLE, "warm", "smoke", {**WARM, knob: value})


def test_a_damaged_champion_is_refused_at_once(champion):
    (champion.folders()["model"] / "model.keras").write_text("something else")
    with pytest.raises(DataError, match="the champion of colours"):
        start_run(SAMPLE, "warm", "smoke", WARM)


def test_a_champion_that_was_removed_after_the_start_is_an_error_that_says_so(champion):
    run = start_run(SAMPLE, "warm", "smoke", WARM)
    shutil.rmtree(champion.folders()["model"])
    with pytest.raises(DataError, match=r"was removed since this run began with the weights of decision 1; trigger a"):
        previous_model(run)


@pytest.mark.parametrize("knob", [{"fine_tune_epochs": 2}, {"mirrored_features": "yes"}])
def test_knobs_of_imagenets_weights_are_refused(champion, knob):
    with pytest.raises(ConfigError, match=r"only pretrained weights are fine-tuned|without pretrained weights it does"):
        start_run(SAMPLE, "warm", "smoke", {**WARM, **knob})
