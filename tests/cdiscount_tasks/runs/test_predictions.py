"""Predictions runs: which model is asked about which file; no network is loaded for it."""

import json
import shutil
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import predictions
from cdiscount_tasks.runs.predictions import open_predictions, start_predictions
from tests.material.finished_reports import write_finished
from tests.material.judged_runs import SAMPLE, judge_and_decide, judged_run

ASK = {"sample": SAMPLE}


@pytest.fixture
def champion(no_network):
    """Return the run whose model is the champion."""
    run = judged_run("first", 0.4)
    assert judge_and_decide(run).outcome == "promoted"
    return run


def test_the_champion_is_asked_about_the_catalogue_that_is_set(champion, place):
    run = start_predictions("p1", ASK)
    asked, at = run.config.asked, champion.folders()
    assert (asked.run_id, asked.decision, asked.origin) == ("first", 1, "file")
    assert run.catalogue_path == place.catalogue_path
    assert run.config.target_precision == 0.95
    assert run.model == (at["model"], at["evaluation"], at["labels"], at["sample"])


def test_a_retry_asks_the_same_model_about_the_same_file(champion):
    first = start_predictions("p1", {**ASK, "precision": "none"})
    judge_and_decide(judged_run("second", 0.0))
    assert start_predictions("p1", ASK).config == open_predictions("p1").config == first.config
    assert start_predictions("p2", ASK).config.asked.run_id == "second"


@pytest.mark.parametrize(("precision", "target"), [("95", 0.95), ("99", 0.99), ("none", None)])
def test_the_promise_is_one_of_three(champion, precision, target):
    assert start_predictions("p1", {**ASK, "precision": precision}).config.target_precision == target


def test_a_file_that_is_named_is_the_one_that_is_asked_about(champion, tmp_path, tiny_path):
    other = tmp_path / "other.bson"
    other.write_bytes(tiny_path.read_bytes())
    run = start_predictions("p1", {**ASK, "catalogue": str(other)})
    assert run.index_place.catalogue_path == other
    assert run.index_place.parent_dir.name == run.config.catalogue_fingerprint


def test_the_model_of_a_finished_run_can_be_named(champion):
    second = judged_run("second", 0.3)
    second.record("report", {"path": str(second.report_dir)})
    write_finished(second.environment.reports_dir, second.run_dir.name, SAMPLE)
    asked = start_predictions("p1", {**ASK, "model": "second"}).config.asked
    assert (asked.run_id, asked.decision, asked.since) == ("second", None, None)
    assert asked.accuracy == pytest.approx(0.7)


def test_the_facts_for_the_page_link_the_report_where_it_is(champion):
    run = start_predictions("p1", ASK)
    assert (run.facts["report"], run.facts["model_origin"]) == (None, "file")
    champion.report_dir.mkdir(parents=True)
    (champion.report_dir / "report.html").write_text("")
    assert (run.out_dir / run.facts["report"]).resolve() == champion.report_dir / "report.html"
    assert json.loads(json.dumps(run.facts)) == run.facts


@pytest.mark.parametrize(("given", "sentence"), [
    ({"sample": SAMPLE, "model": "x"}, "has no finished run 'x'; expected `champion`, or the id of a run"),
    ({"sample": SAMPLE, "precision": "90"}, "precision is '90', expected '95', '99' or 'none'"),
    ({"sample": SAMPLE, "precison": "95"}, "precison"),
    ({"sample": SAMPLE, "allow_drawn": "maybe"}, "allow_drawn is 'maybe'"),
    ({"sample": SAMPLE, "catalogue": "/nowhere/x.bson"}, "/nowhere/x.bson: no such file; name the BSON file whose"),
    ({"sample": "typo"}, "typo.yaml"),
    ({}, "sample"),
])  # fmt: skip
def test_a_wrong_parameter_is_refused_with_what_was_expected(champion, given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        start_predictions("p1", given)


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"", r"is empty \(0 bytes\)"), (b"PK\x03\x04" + b"x" * 99, "is a ")]
)
def test_a_file_that_is_no_catalogue_is_refused_at_once(champion, tmp_path, content, sentence):
    path = tmp_path / "x.bson"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence):
        start_predictions("p1", {**ASK, "catalogue": str(path)})


def test_without_a_champion_the_way_out_is_named(no_network):
    with pytest.raises(ConfigError, match=r"sample colours has no champion yet; run it \(`make run SAMPLE=colours`\)"):
        start_predictions("p1", ASK)


def test_a_damaged_champion_is_refused_at_once(champion):
    (champion.folders()["model"] / "model.keras").write_text("something else")
    with pytest.raises(DataError, match="the champion of colours"):
        start_predictions("p1", ASK)


def indexed(run, origin):
    """Record an index of a kind of pictures."""
    run.index_place.parent_dir.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("index", 1, {"origin": origin})
    folder = recipe.dir_in(run.index_place.parent_dir)
    run.record("index", build_artifact(folder, recipe, lambda _: Made({"origin": origin})))
    return run


def test_a_model_of_real_pictures_is_not_asked_about_drawn_ones_unless_that_is_allowed(champion):
    refused = indexed(start_predictions("p1", ASK), "drawn")
    with pytest.raises(DataError, match="holds pictures that the demo drew, but the model of run first learnt from"):
        refused.check_kind()
    allowed = start_predictions("p2", {**ASK, "allow_drawn": "yes"})
    allowed.record("index", {"path": str(refused.folders()["index"])})
    allowed.check_kind()
    indexed(start_predictions("p3", ASK), "file").check_kind()


@pytest.mark.parametrize(("change", "sentence"), [
    (Path.unlink, "no frozen config; clear its task resolve_predictions first"),
    (lambda path: path.write_text("{}"), "is damaged or of another version"),
    (lambda path: path.write_text(path.read_text().replace('"p1"', '"p9"')), "is of run p9"),
])  # fmt: skip
def test_a_config_that_is_not_the_runs_is_an_error_that_names_it(champion, change, sentence):
    run = start_predictions("p1", ASK)
    change(run.run_dir / "config.json")
    with pytest.raises(DataError, match=sentence):
        open_predictions("p1")


def test_a_model_that_a_clean_up_removes_while_the_run_begins_is_refused(champion, monkeypatch):
    real = predictions.create_document
    model_dir = champion.folders()["model"]

    def late(path, data):
        shutil.move(model_dir, model_dir.with_name(".gone"))
        return real(path, data)

    monkeypatch.setattr(predictions, "create_document", late)
    with pytest.raises(DataError, match=f"{model_dir.name}: was removed while this run began; trigger a new run"):
        start_predictions("p1", ASK)
