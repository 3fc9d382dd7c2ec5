import json
from dataclasses import replace

import pytest

from cdiscount_tasks.artifacts.notes import note_result
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.comparable import NotComparableError, reasons_against
from cdiscount_tasks.runs.comparison import start_comparison


def compare(run_id="c1", **settings):
    return start_comparison(run_id, ["colours", "lights"], **settings)


def chosen(comparison):
    return [run.run_id for run in comparison.config.runs]


def test_the_last_finished_run_of_each_sample_is_compared(runs):
    for sample, run_id in (("colours", "old"), ("colours", "new"), ("lights", "only")):
        runs.finish(sample, run_id)
    assert chosen(compare()) == ["new", "only"]


def test_a_comparison_that_was_refused_chooses_its_runs_again_when_it_is_tried_again(runs):
    runs.finish("colours", "old")
    with pytest.raises(NotComparableError):
        compare()
    runs.finish("colours", "new")
    runs.finish("lights", "only")
    assert chosen(compare()) == ["new", "only"]


def test_a_run_can_be_asked_for_by_its_id_or_its_folder(runs):
    old = runs.finish("colours", "old")
    runs.finish("colours", "new")
    runs.finish("lights", "only")
    assert chosen(compare("c1", runs={"colours": "old"})) == ["old", "only"]
    assert chosen(compare("c2", runs={"colours": old.run_dir.name})) == ["old", "only"]


def test_every_sample_without_a_finished_run_is_named_at_once(runs):
    with pytest.raises(NotComparableError, match=r"colours has no finished run .*; sample lights has no finished run"):
        compare()


def test_a_sample_without_a_finished_run_is_refused_with_what_to_do(runs):
    runs.finish("colours", "old")
    with pytest.raises(NotComparableError, match=r"sample lights has no finished run .* trigger cdiscount_lights"):
        compare()


def test_other_presets_are_refused_with_what_to_do_and_what_stands(runs):
    runs.finish("colours", "short")
    runs.finish("lights", "short too")
    runs.finish("colours", "longer", preset="long")
    with pytest.raises(NotComparableError) as refusal:
        compare()
    sentence = str(refusal.value)
    assert (
        "has preset long, lights (run short too) has preset smoke: trigger cdiscount_lights with preset long"
        in sentence
    )
    assert json.dumps({"colours": "short", "lights": "short too"}) in sentence


def test_the_runs_that_the_refusal_offers_are_accepted(runs):
    runs.finish("colours", "short")
    runs.finish("lights", "short too")
    runs.finish("colours", "longer", preset="long")
    with pytest.raises(NotComparableError) as refusal:
        compare()
    offered = json.loads(str(refusal.value).rsplit("the param runs: ", 1)[1])
    assert chosen(compare(runs=offered)) == ["short", "short too"]


def test_another_network_of_the_same_preset_is_refused(runs):
    first, second = runs.finish("colours", "a", network="plain_cnn"), runs.finish("lights", "b")
    assert "trained with network plain_cnn and small_cnn" in reasons_against([first, second])[0]


def test_a_training_that_was_stopped_by_hand_is_compared_with_no_complete_one(runs):
    first, second = runs.finish("colours", "a"), runs.finish("lights", "b")
    note_result(second.run_dir, second.environment.work_dir, "model", {"stopped_after_epoch": 7})
    assert "trained with stopped_after_epoch None and 7" in reasons_against([first, second])[0]


def test_another_catalogue_is_refused(runs):
    first, second = runs.finish("colours", "a"), runs.finish("lights", "b", catalogue_id="beef")
    assert "is of catalogue c0ffee, lights (run b) of beef" in reasons_against([first, second])[0]


def test_how_many_other_seeds_are_trained_beside_the_model_may_differ(runs):
    first, second = runs.finish("colours", "a"), runs.finish("lights", "b")
    training = first.config.training.model_copy(update={"seeds": 3})
    beside = replace(first, config=first.config.model_copy(update={"training": training}))
    assert reasons_against([beside, second]) == []


def test_the_seed_of_training_may_differ(runs):
    assert reasons_against([runs.finish("colours", "a", seed=1), runs.finish("lights", "b", seed=2)]) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"samples": ["colours", "tea"]}, "samples has 'tea', expected some of colours, lights"),
        ({"samples": ["colours"]}, "expected two different samples or more"),
        ({"samples": ["colours", "colours"]}, "expected two different samples or more"),
        ({"samples": ["colours", "lights"], "runs": {"tea": "x"}}, "runs names tea, which samples does not"),
        (
            {"samples": ["colours", "lights"], "random_choices": {"products_per_category": 5}},
            "products_per_category is 5, expected 10 to 500",
        ),
    ],
)
def test_a_wrong_setting_is_refused(runs, settings, words):
    with pytest.raises(ConfigError, match=words):
        start_comparison("c1", **settings)


def test_a_run_whose_preset_searches_is_compared_with_one_that_searched_the_same(runs):
    first, second = runs.finish("colours", "a"), runs.finish("lights", "b")
    found = {"trials": 3, "budget_minutes": 5.0, "knobs": {"learning_rate": (1e-4, 1e-2)}}
    training = type(first.config.training).model_validate({**first.config.training.model_dump(), "search": found})

    def searching(run):
        return replace(run, config=run.config.model_copy(update={"training": training}))

    assert reasons_against([searching(first), searching(second)]) == []
    assert "were trained with search None and {" in reasons_against([first, searching(second)])[0]
