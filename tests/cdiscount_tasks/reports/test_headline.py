import json

import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.headline import accuracy_in_words, preset_in_words, read_headline, sentence
from tests.material.finished_reports import change_metrics, write_finished


def test_a_headline_has_accuracy_interval_model_and_relative_path(tmp_path):
    headline = read_headline(write_finished(tmp_path, "run-1", run_id="manual__1"))

    figures = [headline[f"product_accuracy{end}"] for end in ("", "_low", "_high")]
    assert figures == [0.75, 0.65, 0.85]
    assert (headline["run_id"], headline["preset"], headline["drawn"]) == ("manual__1", "smoke", False)
    assert headline["report_path"] == "wine/run-1/report.html"


def test_the_knobs_that_differ_stand_beside_the_preset(tmp_path):
    headline = read_headline(write_finished(tmp_path))

    assert preset_in_words({**headline, "overrides": {}}) == "smoke"
    assert preset_in_words({**headline, "overrides": {"epochs": 2, "seed": 1}}) == "smoke with epochs 2, seed 1"


def test_a_headline_is_carried_as_json(tmp_path):
    headline = read_headline(write_finished(tmp_path))

    assert json.loads(json.dumps(headline)) == headline


@pytest.mark.parametrize(
    ("above_baseline", "certified", "verdict"),
    [
        (True, True, "above the majority baseline, the split is certified"),
        (False, True, "not shown to be above the majority baseline, the split is certified"),
        (True, False, "above the majority baseline, the split has leaks"),
    ],
)
def test_the_verdict_is_told_in_words(tmp_path, above_baseline, certified, verdict):
    folder = write_finished(tmp_path, verdict={"above_baseline": above_baseline, "certified": certified})

    assert read_headline(folder)["verdict"] == verdict


def test_the_sentence_has_the_baseline_beside_the_accuracy(tmp_path):
    assert sentence(read_headline(write_finished(tmp_path))) == (
        "Wine: product accuracy 75.0 %, 65.0 to 85.0 (95 % interval, 4 test products); "
        "always answering the largest class: 50.0 %"
    )


def test_what_is_undefined_is_no_number():
    nothing = {"product_accuracy": None, "product_accuracy_low": None, "product_accuracy_high": None}

    assert accuracy_in_words(nothing) == "undefined"
    assert accuracy_in_words({**nothing, "product_accuracy": 0.5}) == "50.0 %"


def test_a_damaged_metrics_json_says_what_to_do(tmp_path):
    folder = write_finished(tmp_path)
    change_metrics(folder, lambda metrics: {**metrics, "verdict": {}})

    with pytest.raises(DataError, match=r"metrics\.json has no headline .*clear the task write_report"):
        read_headline(folder)


def test_a_training_that_was_stopped_is_named_beside_the_preset(tmp_path):
    headline = read_headline(write_finished(tmp_path, model={"stopped": {"after_epoch": 4, "of": 30}}))

    assert preset_in_words(headline) == "smoke, stopped by hand after epoch 4"
