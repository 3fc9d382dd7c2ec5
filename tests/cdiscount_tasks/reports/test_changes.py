import json
import re
from dataclasses import replace

import numpy as np
import pytest

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.reports.changes import CHANGE_FILE, as_change, with_changes
from cdiscount_tasks.reports.folders import oldest_first, read_report, report_folders
from cdiscount_tasks.reports.overview import write_reports_index
from tests.material.finished_reports import write_finished

DAY_S = 86_400
FIRST_S = 1_790_000_000
NUM_TEST = 200
TRAINING = {"epochs": 8, "image_size": 64, "seed": 0}
DATA = {"conflicts": "drop_image", "seed": 0}


class Reports:
    """A reports folder to which runs are added, a day after each other."""

    def __init__(self, folder):
        self.folder = folder
        self.number = 0

    def add(self, name, every=4, training=None, num_fixes=0, catalogue_id="c0ffee", weights=None, place=None, **more):
        """Add a run that errs at every so-many-th product."""
        at = FIRST_S + self.number * DAY_S
        self.number += 1
        training = {**TRAINING, **(training or {})}
        right = np.arange(NUM_TEST) % every > 0
        out_dir = write_finished(self.folder, name, right=right, at=at, **(place or {}))
        config = {"training": training, "draw": {"seed": 0}, "labels": {**DATA, **more.pop("labels", {})}}
        config["inputs"] = {"label_fixes.csv": f"hash of {num_fixes}"} if num_fixes else {}
        changed = {
            "catalogue": {"origin": "file", "catalogue_id": catalogue_id},
            "labels": {"human_fixes": {"num_relabelled": num_fixes, "num_confirmed": 0, "num_excluded": 0}},
            "lineage": {
                "overrides": {knob: value for knob, value in training.items() if value != TRAINING[knob]},
                "config": config,
                "weights": weights,
                "versions": {},
                "artifacts": {"labels": {"name": f"labels-{num_fixes}"}, "model": {"name": f"model-{name}"}},
                "files": {"predictions.parquet": hash_file(out_dir / "predictions.parquet")},
            },
            **more,
        }
        write_finished(self.folder, name, right=right, at=at, **(place or {}), **changed)

    def newest(self, *, computed=True):
        if computed:
            write_reports_index(self.folder)
        read = oldest_first([read_report(self.folder, *one) for one in report_folders(self.folder)])
        return with_changes(self.folder, read)[-1]


@pytest.fixture
def reports(tmp_path):
    return Reports(tmp_path)


def test_label_fixes_leave_the_test_products_the_same_so_the_change_is_paired(reports):
    reports.add("before")
    reports.add("after", every=10, num_fixes=40)

    change = reports.newest().change

    assert change.low < change.points < change.high
    assert (change.words, change.since) == ("better", ("40 label fixes since",))
    assert change.note == "the same 200 test products"


def test_a_trial_with_other_knobs_is_not_what_the_next_run_is_compared_with(reports):
    reports.add("plain")
    reports.add("trial", every=2, training={"epochs": 2})
    reports.add("again")

    change = reports.newest().change

    assert (change.points, change.against) == (0.0, "2026-09-21 14:13")


def test_a_run_of_the_same_words_with_other_settings_in_its_preset_is_another_kind(reports):
    reports.add("before")
    reports.add("edited", training={"image_size": 96}, preset="smoke")

    change = reports.newest().change

    assert change.against == "a run with different settings: smoke, 2026-09-21 14:13"
    assert "image size 64 -> 96" in change.since


def test_a_run_that_was_stopped_by_hand_is_another_kind_than_complete_ones(reports):
    reports.add("before")
    reports.add("stopped", every=2, model={"stopped": {"after_epoch": 3, "of": 8}})

    stopped = reports.newest()

    assert stopped.preset_words == "smoke, stopped by hand after epoch 3"
    assert stopped.change.against == "a run with different settings: smoke, 2026-09-21 14:13"
    reports.add("again")
    assert reports.newest().change.against == "2026-09-21 14:13"


def test_where_nothing_is_comparable_it_says_what_it_compares_with(reports):
    reports.add("trial", every=2, training={"epochs": 2})
    reports.add("plain")

    change = reports.newest().change

    assert change.against == "a run with different settings: smoke with epochs 2, 2026-09-21 14:13"
    assert change.since == ("epochs 2 -> 8",)


def test_another_seed_of_the_training_is_comparable_and_named(reports):
    reports.add("before")
    reports.add("after", every=5, training={"seed": 77})

    change = reports.newest().change

    assert change.against == "2026-09-21 14:13"
    assert "seed 0 -> 77" in change.since


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"catalogue_id": "beef"}, "a different catalogue"),
        ({"weights": "a"}, {"weights": "b"}, "other pretrained weights"),
        ({"num_fixes": 3}, {"num_fixes": 2}, "1 label fix fewer"),
        ({}, {"labels": {"conflicts": "keep"}}, "conflicts drop_image -> keep"),
    ],
)
def test_what_else_differs_is_named(reports, before, after, words):
    reports.add("before", **before)
    reports.add("after", every=5, **after)

    assert reports.newest().change.since == (words,)


def test_of_comparable_runs_one_of_the_same_catalogue_is_taken(reports):
    reports.add("first", every=5)
    reports.add("other", catalogue_id="beef", place={"first_id": 900})
    reports.add("back", every=5)

    change = reports.newest().change

    assert (change.against, change.note) == ("2026-09-21 14:13", "the same predictions")


def test_two_runs_that_err_at_the_same_products_say_why_there_is_no_interval(reports):
    reports.add("a")
    run = reports.newest()
    stored = {"how": "paired", "points": 0.0, "low": None, "high": None, "num_products": 200, "num_common": 200}
    note = as_change(stored, run, run).note
    assert note == "the same 200 test products, each right or wrong in both runs, so there is no interval"


def test_the_same_products_in_other_categories_are_not_paired(reports):
    reports.add("before")
    reports.add("after", place={"first_class": 1})

    change = reports.newest().change

    assert change.low is None
    assert change.note == "the same test products in other categories, so there is no interval"


@pytest.mark.parametrize("text", ["{", "[]", '{"points": "high", "low": 1, "high": 2}', "{}"])
def test_a_stored_change_that_cannot_be_read_is_computed_again(reports, text):
    reports.add("before")
    reports.add("after", every=10)
    reports.newest()
    (reports.folder / "wine" / "after" / CHANGE_FILE).write_text(text)

    assert reports.newest(computed=False).change.low is None
    assert reports.newest().change.low is not None


def test_a_stored_change_of_another_run_is_not_shown(reports):
    reports.add("before")
    reports.add("after", every=10)
    reports.newest()
    path = reports.folder / "wine" / "after" / CHANGE_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "against_predictions": "0"}))

    change = reports.newest(computed=False).change

    assert change.low is None
    assert re.match("no interval: the two are compared when", change.note)


def test_more_epochs_are_not_told_of_a_run_that_was_stopped_before_them(reports):
    reports.add("before")
    reports.add("stopped", every=2, training={"epochs": 30}, model={"stopped": {"after_epoch": 4, "of": 30}})

    assert reports.newest().change.since == ("stopped by hand after epoch 4", "epochs allowed 8 -> 30")


def test_a_stop_of_the_earlier_run_is_told_too(reports):
    reports.add("stopped", every=2, model={"stopped": {"after_epoch": 4, "of": 8}})
    reports.add("after")

    assert reports.newest().change.since == ("the earlier run was stopped by hand after epoch 4",)


def test_a_run_that_was_stopped_at_the_same_epoch_is_not_said_to_have_trained_nothing(reports):
    stopped = {"model": {"stopped": {"after_epoch": 4, "of": 8}}}
    reports.add("a", **stopped)
    reports.add("b", **stopped)
    assert reports.newest().trained == "trained a model"

    first, second = (replace(run, artifacts={"model": "model-a"}) for run in [reports.newest()] * 2)
    assert with_changes(reports.folder, [first, second])[-1].trained == "the same model as that of 2026-09-22 14:13"
