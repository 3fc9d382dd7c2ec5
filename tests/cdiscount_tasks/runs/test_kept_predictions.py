import json
from pathlib import PurePosixPath

import pytest

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.runs.references import find_references
from tests.material.data_roots import set_age

NEWEST = "a run among the newest of its sample"
TAKEN_UP = "a run without a report, of the last 14 days, which may be continued"
ASKED = ("model", "evaluation", "labels", "sample")


@pytest.fixture
def old(root):
    """Return the artifacts of a run that only a predictions run can need: its sample has a newer one."""
    at = root.run("old", 60)
    root.run("new", 30)
    return at


def why(root, path, keep_runs=1):
    """Return why a folder of the root is kept."""
    return find_references(root.environment, keep_runs).why_kept(PurePosixPath(path.relative_to(root.path)))


def reasons(root, paths, keep_runs=1):
    return {why(root, path, keep_runs) for path in paths}


def test_the_model_of_a_run_that_nobody_asks_is_not_kept(root, old):
    assert why(root, old["model"]) == ""


def test_predictions_without_a_page_keep_all_that_they_ask_for_two_weeks(root, old):
    at = root.predictions("asks", 13, old, finished=False)
    everything = [root.predictions_dir("asks"), *at.values(), *(old[part] for part in ASKED)]
    assert reasons(root, everything) == {TAKEN_UP}
    set_age(root.predictions_dir("asks"), 15)
    own = [path for path in everything if path != old["sample"]]  # which the newer run shares
    assert reasons(root, own) == {""}


def test_what_the_asked_model_was_made_from_is_kept_too(root, old):
    root.predictions("asks", 3, old, finished=False)
    assert why(root, old["features"]) == ""  # this one was made without them
    drawn = root.artifact("samples/wine", "features", "of the model")
    asked = {**old, "model": root.artifact("samples/wine", "model", "with features", [drawn])}
    root.predictions("asks more", 3, asked, finished=False)
    assert why(root, drawn) == "an artifact that is kept was made from it"


def test_predictions_whose_index_is_not_made_yet_keep_one_that_others_have_made(root, old):
    at = root.predictions("asks", 3, old, finished=False)
    (root.predictions_dir("asks") / "artifacts.json").unlink()
    set_age(root.predictions_dir("asks"), 3)
    assert why(root, at["index"].parent) == TAKEN_UP


def test_the_newest_finished_predictions_keep_answers_model_and_index_and_older_ones_what_was_joined(root, old):
    first, second = root.predictions("first", 50, old), root.predictions("second", 20, old)
    for path in (*second.values(), *(old[part] for part in ("model", "evaluation", "labels"))):
        assert why(root, path, None) == "a run that has a report"
    assert why(root, first["predictions"], None) == "a run that has a report"
    assert reasons(root, (first["answers-0"], first["answers-64"]), None) == {""}
    assert reasons(root, (first["predictions"], root.predictions_dir("first"))) == {""}
    assert reasons(root, second.values()) == {NEWEST}


def test_the_number_holds_for_the_predictions_of_each_sample(root, old):
    other = root.run("one", 60, sample="mixed_bag")
    root.predictions("of wine", 20, old)
    at = root.predictions("of bag", 50, other, sample="mixed_bag")
    assert reasons(root, at.values()) == {NEWEST}


def test_runs_of_a_sample_and_predictions_do_not_count_together(root, old):
    root.predictions("asks", 1.5, old)
    assert why(root, root.run_dir("new")) == NEWEST


def test_finished_predictions_of_the_last_day_can_still_be_made_anew(root, old):
    young = root.predictions("young", 0.5, old)
    root.predictions("younger", 0.1, old)
    assert reasons(root, young.values()) == {"a run of the last day, which may still be going"}


def test_answers_that_two_runs_share_are_kept_for_the_newer(root, old):
    first = root.predictions("first", 50, old)
    root.predictions("second", 20, old)
    run_dir = root.predictions_dir("second")
    notes = read_json(run_dir / "artifacts.json")
    notes["answers-0"]["path"] = str(first["answers-0"].relative_to(root.path))
    write_json(run_dir / "artifacts.json", notes)
    set_age(run_dir, 20)
    assert why(root, first["answers-0"]) == NEWEST


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"sample": "wine"}', '{"sample": "wine", "asked": 3}', "\0"])
def test_a_damaged_config_keeps_what_the_run_may_ask(root, old, text):
    at = root.predictions("asks", 3, old, finished=False)
    path = root.predictions_dir("asks") / "config.json"
    path.write_text(text)
    set_age(path.parent, 3)
    assert f"it is not known what needs it: {path}: is missing or damaged" in why(root, old["model"])
    assert why(root, at["index"]) != ""
    assert why(root, root.artifact("predictions/wine", "answers", "nobody's")) != ""


def test_a_damaged_config_of_old_predictions_that_nobody_continued_keeps_nothing(root, old):
    root.predictions("asks", 15, old, finished=False)
    (root.predictions_dir("asks") / "config.json").write_text("{")
    set_age(root.predictions_dir("asks"), 15)
    assert why(root, old["model"]) == ""


def test_a_damaged_config_of_finished_predictions_keeps_its_sample_alone_which_the_page_names(root, old):
    root.predictions("asks", 20, old)
    other = root.artifact("samples/mixed_bag", "features", "nobody's")
    (root.predictions_dir("asks") / "config.json").write_text("{")
    set_age(root.predictions_dir("asks"), 20)
    assert "is missing or damaged" in why(root, old["model"])
    assert why(root, other) == ""


@pytest.mark.parametrize("text", ["{", "[]", '{"index": 3}', "\0"])
def test_damaged_notes_keep_the_answers_the_indexes_and_the_model(root, old, text):
    at = root.predictions("asks", 3, old, finished=False)
    (root.predictions_dir("asks") / "artifacts.json").write_text(text)
    set_age(root.predictions_dir("asks"), 3)
    assert "artifacts.json: is damaged" in why(root, at["answers-0"])
    assert "artifacts.json: is damaged" in why(root, root.index)
    assert why(root, old["model"]) == TAKEN_UP


def test_damaged_notes_of_finished_predictions_are_made_up_for_by_their_page(root, old):
    first = root.predictions("first", 50, old)
    root.predictions("second", 20, old)
    (root.predictions_dir("first") / "artifacts.json").write_text("{")
    set_age(root.predictions_dir("first"), 50)
    assert why(root, first["predictions"], None) == "a run that has a report"
    page_dir = root.environment.reports_dir / "predictions" / "wine" / root.predictions_dir("first").name
    (page_dir / "manifest.json").write_text("{")
    set_age(page_dir, 50)
    assert "mend or remove that page" in why(root, first["predictions"], None)


def test_a_run_that_has_decided_nothing_yet_names_nothing(root, old):
    root.predictions_dir("begins").mkdir(parents=True)
    assert why(root, root.predictions_dir("begins")) == "a run of the last day, which may still be going"
    assert why(root, old["model"]) == ""


def test_a_page_keeps_the_predictions_of_a_run_whose_folder_is_gone(root, old):
    at = root.predictions("gone", 40, old)
    root.predictions_dir("gone").rename(root.path / "elsewhere")
    assert why(root, at["predictions"], None) == "a page of predictions whose run's folder is gone"
    assert why(root, at["answers-0"], None) == ""
    assert why(root, at["predictions"]) == ""


def test_a_page_that_cannot_be_read_keeps_all_predictions_of_its_sample(root, old):
    at = root.predictions("gone", 40, old)
    root.predictions_dir("gone").rename(root.path / "elsewhere")
    path = root.environment.reports_dir / "predictions" / "wine" / root.predictions_dir("gone").name / "manifest.json"
    other = root.artifact("predictions/mixed_bag", "answers", "nobody's")
    for text in ("{", json.dumps({"config": {}})):
        path.write_text(text)
        assert f"{path.parent}: cannot be read" in why(root, at["answers-0"], None)
        assert why(root, other, None) == ""
