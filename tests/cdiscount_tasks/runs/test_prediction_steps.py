"""A whole predictions run of the tiny catalogue, step by step as its tasks do it, with a network of a few lines."""

import csv
import logging

import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.runs import asked_model, index_steps, prediction_steps
from cdiscount_tasks.runs.predictions import PREDICTIONS, open_predictions
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.predictions import AskedModel
from cdiscount_tasks.stages import predictions as stage
from tests.material.answering_models import ColourNetwork, write_answering_model

RUN = "p 1"


@pytest.fixture
def asked(place, labels_dir, sample_dir, monkeypatch):
    """Let a model of the tiny catalogue's categories be asked, which answers by the mean colour of images."""
    monkeypatch.setenv("CDISCOUNT_MAX_REJECTED_SHARE", "0.5")  # the tiny catalogue has documents of every fault
    root = read_environment().work_dir
    folder = root / "samples" / "colours"
    folder.mkdir(parents=True)
    at = {}
    for name, made in (("labels", labels_dir), ("sample", sample_dir)):
        (folder / made.name).symlink_to(made)
        at[name] = (folder / made.name).relative_to(root).as_posix()
    model = write_answering_model(folder, labels_dir, sample_dir)
    at |= {
        "model": f"samples/colours/{model.model_dir.name}",
        "evaluation": f"samples/colours/{model.evaluation_dir.name}",
    }
    facts = {"run_id": "r1", "preset": "smoke", "report": "colours/r1", "accuracy": 0.9, "origin": "file"}
    found = AskedModel(**facts, decision=4, since="2026-11-27T00:00:00+00:00", **at)
    monkeypatch.setattr(asked_model, "_the_champion", lambda *_: found)
    monkeypatch.setattr(stage, "_open_network", lambda *_: (ColourNetwork(), Device("CPU, a few lines", False)))
    return place


def index(run_id):
    for byte_range in index_steps.plan(PREDICTIONS, run_id):
        index_steps.scan(PREDICTIONS, run_id, byte_range)
    return index_steps.merge(PREDICTIONS, run_id)


def answer_all(run_id):
    index(run_id)
    return [prediction_steps.answer(run_id, byte_range) for byte_range in prediction_steps.plan(run_id)]


def test_a_run_goes_from_a_file_to_its_tables(asked, place):
    said = prediction_steps.resolve(RUN, {"sample": "colours"})
    assert said == (f"{place.catalogue_path}: the champion (decision 4) of colours, run r1, answers at 95 % precision")
    (answers,) = answer_all(RUN)
    assert "images/s on CPU" in answers
    assert open_predictions(RUN).folders()["answers-0"].parent == open_predictions(RUN).artifacts_dir
    joined = prediction_steps.join(RUN)
    run = open_predictions(RUN)
    result = run.recorded()["predictions"]
    assert result["num_documents"] == result["num_predicted"] + result["num_rejected"]
    assert f"{result['num_documents']:,} documents: {result['num_predicted']:,} predicted" in joined
    with (run.folders()["predictions"] / "submission.csv").open(newline="") as file:
        ids = [row["_id"] for row in csv.DictReader(file)]
    assert len(ids) == len(set(ids))


def test_a_file_that_is_indexed_and_answered_is_not_read_again(asked, caplog):
    prediction_steps.resolve(RUN, {"sample": "colours"})
    answer_all(RUN)
    prediction_steps.join(RUN)
    caplog.set_level(logging.INFO)
    prediction_steps.resolve("p 2", {"sample": "colours", "precision": "none"})
    assert index_steps.plan(PREDICTIONS, "p 2") == []
    assert index("p 2").endswith("(reused)")
    assert all(line.endswith("(reused)") for line in answer_all("p 2"))
    assert "100.0 % answered" in prediction_steps.join("p 2")  # the promise is the join's, and the answers are not


def test_answers_that_are_missing_name_the_task_to_clear(asked):
    prediction_steps.resolve(RUN, {"sample": "colours"})
    index(RUN)
    with pytest.raises(DataError, match=r"have not been predicted .* clear the task answer_range"):
        prediction_steps.join(RUN)
