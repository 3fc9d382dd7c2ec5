import logging
import os
import shutil
import time
from pathlib import Path

import pytest

from cdiscount_tasks.runs.prediction_news import find_news
from cdiscount_tasks.runs.predictions import start_predictions
from cdiscount_tasks.settings.environment import read_environment
from tests.material.judged_runs import SAMPLE, judge_and_decide, judged_run


@pytest.fixture
def watched(no_network, tmp_path, tiny_path):
    """Return a file that the sample's YAML names, written an hour ago; the sample has a champion."""
    path = tmp_path / "tonight.bson"
    shutil.copyfile(tiny_path, path)
    an_hour_ago(path)
    no_network.write(predictions={"catalogue": "../tonight.bson", "precision": "none"})
    judge_and_decide(judged_run("first", 0.4))
    return path


def an_hour_ago(path):
    os.utime(path, (time.time() - 3600,) * 2)


def news():
    return find_news(read_environment())


def test_a_file_that_the_champion_was_not_asked_about_is_news(watched):
    (found,) = news()
    assert found.conf["sample"] == SAMPLE and found.conf["precision"] == "none"
    assert Path(found.conf["catalogue"]).samefile(watched)
    assert found.run_id.startswith("news__colours__decision-1__")


def test_what_was_begun_is_no_news_until_the_file_or_the_champion_is_another(watched, caplog):
    caplog.set_level(logging.INFO)
    (found,) = news()
    start_predictions(found.run_id, found.conf)
    assert news() == []
    assert "colours: decision 1 was asked about" in caplog.text
    with watched.open("ab") as file:
        file.write(watched.read_bytes())
    an_hour_ago(watched)
    (later,) = news()
    assert later.run_id != found.run_id
    start_predictions(later.run_id, later.conf)
    assert judge_and_decide(judged_run("second", 0.0)).outcome == "promoted"
    assert [one.run_id.split("__")[2] for one in news()] == ["decision-3"]


def test_a_file_that_something_still_writes_to_is_left_alone(watched, caplog):
    caplog.set_level(logging.INFO)
    os.utime(watched)
    assert news() == []
    assert "it is left alone until nothing has written for 60 s" in caplog.text


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda place: (place.folder / "tonight.bson").unlink(), "no such file"),
    (lambda place: place.write(), "its YAML names no file"),
    (lambda place: shutil.rmtree(place.data_dir / "registry"), "it has no champion yet"),
    (lambda place: place.write(predictions={"file": "x"}), "predictions.file"),
])  # fmt: skip
def test_of_a_sample_without_news_the_log_says_why(watched, no_network, caplog, change, sentence):
    caplog.set_level(logging.INFO)
    change(no_network)
    assert news() == []
    assert sentence in caplog.text
