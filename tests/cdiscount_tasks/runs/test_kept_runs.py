import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest

from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.kept_runs import (
    DAY_S,
    FoundRun,
    find_runs,
    group_folders,
    iter_kept,
    linked_folders,
)
from tests.material.data_roots import set_age

RUNS_DIR = Path("/data/samples/wine/runs")


def run_of(name, days, finished=True, skipped=False, preset=None):
    when = datetime.now(UTC) - timedelta(days=days) if finished else None
    return FoundRun("wine", RUNS_DIR / name, None, when, time.time() - days * DAY_S, skipped, preset)


def kept(runs, keep_runs=None):
    return {run.folder.name: why for run, why in iter_kept(runs, keep_runs)}


def test_all_runs_with_a_report_are_kept_or_the_newest_of_them():
    runs = [run_of(f"r{days}", days) for days in (10, 40, 20, 30)]
    assert set(kept(runs)) == {"r10", "r20", "r30", "r40"}
    assert set(kept(runs, 2)) == {"r10", "r20"}


def test_the_newest_run_of_each_preset_is_kept_too_for_the_look_for_changes():
    runs = [run_of("trial", 10, preset="smoke"), run_of("nightly", 20, preset="baseline")]
    older = [run_of("older", 30, preset="baseline"), run_of("unknown", 40)]
    assert set(kept([*runs, *older], 1)) == {"trial", "nightly"}


def test_runs_without_a_report_do_not_count_among_the_newest():
    runs = [run_of("done", 40), run_of("failed", 3, finished=False)]
    assert set(kept(runs, 1)) == {"done", "failed"}


@pytest.mark.parametrize(("days", "is_kept"), [(0.5, True), (5, True), (13.9, True), (14.1, False)])
def test_a_run_without_a_report_is_kept_for_two_weeks(days, is_kept):
    assert bool(kept([run_of("failed", days, finished=False)])) == is_kept


HOUR_S = 3600


@pytest.mark.parametrize(
    ("days", "hours", "is_kept"), [(2, 0, True), (13.9, 0, True), (14.1, 0, False), (16.9, 72, True), (17.1, 72, False)]
)
def test_a_judged_run_that_waits_for_its_decision_is_kept_as_long_as_a_person_may_answer_and_two_weeks(
    days, hours, is_kept
):
    waits = run_of("waits", days)._replace(judgement="samples/wine/judgement-0f", answer_s=hours * HOUR_S)
    newer = [run_of("newer", 1.5), run_of("newest", 1.1)]
    assert ("waits" in kept([waits, *newer], 1)) == is_kept


def test_a_judged_run_about_which_was_decided_is_kept_as_others_are():
    run = run_of("run", 2)._replace(judgement="samples/wine/judgement-0f", answer_s=72 * HOUR_S)
    runs, again = [run, run_of("newest", 1.1)], ("run", "samples/wine/judgement-1f")
    assert "run" not in {found.folder.name for found, _ in iter_kept(runs, 1, {("run", run.judgement)})}
    # Judged again, since the champion had moved meanwhile: that judgement has no decision yet.
    assert "run" in {found.folder.name for found, _ in iter_kept(runs, 1, {again})}


def test_runs_are_found_with_their_judgement_and_how_long_a_person_may_answer(root):
    judgement = root.artifact("samples/wine", "judgement", "one")
    for run_id, promotion in (("asks", {"approval": "required", "approval_hours": 5}), ("none", {"approval": "none"})):
        root.run(run_id, 30, judgement=judgement)
        config = {"run_id": run_id, "preset": "smoke", "sample": {"promotion": {"approval_hours": 72, **promotion}}}
        (root.run_dir(run_id) / "config.json").write_text(json.dumps(config))
    root.run("older", 30)
    (root.run_dir("older") / "artifacts.json").write_text("{")
    found = {run.folder.name: run for run in find_runs(root.environment, root.path / "samples" / "wine")}
    asks, none, older = (found[run_folder(name)] for name in ("asks", "none", "older"))
    assert (asks.judgement, asks.answer_s) == (f"samples/wine/{judgement.name}", 5 * HOUR_S)
    assert (none.judgement, none.answer_s) == (asks.judgement, 0.0)
    assert (older.judgement, older.answer_s) == (None, 0.0)


def test_a_run_of_the_last_day_is_kept_whatever_the_number():
    assert set(kept([run_of("new", 0.2), run_of("newest", 0.1)], 1)) == {"new", "newest"}


def test_a_run_of_tomorrow_is_kept():
    ahead = run_of("ahead", -1, finished=False)
    assert ahead.is_going
    assert kept([ahead])


def test_a_skipped_run_is_kept_for_a_day_and_is_not_going():
    young, old = run_of("young", 0.5, finished=False, skipped=True), run_of("old", 2, finished=False, skipped=True)
    assert not young.is_going
    assert set(kept([young, old])) == {"young"}


def test_runs_are_found_with_their_reports(root):
    root.run("one", 30)
    root.run("two", 20, finished=False)
    one, two = find_runs(root.environment, root.path / "samples" / "wine")
    assert abs((datetime.now(UTC) - one.finished) - timedelta(days=30)) < timedelta(minutes=1)
    assert two.finished is None
    assert abs(time.time() - two.changed_s - 20 * DAY_S) < 60
    assert not two.is_going


def test_a_skipped_run_that_was_continued_is_going(root):
    run_dir = root.run_dir("one")
    run_dir.mkdir(parents=True)
    (run_dir / "skipped").touch()
    set_age(run_dir, 0.5)
    assert find_runs(root.environment, root.path / "samples" / "wine")[0].is_skipped
    (run_dir / "artifacts.json").write_text("{}")
    assert find_runs(root.environment, root.path / "samples" / "wine")[0].is_going


def test_a_training_that_moves_keeps_its_run_young(root):
    root.run("one", 30, finished=False)
    folder = root.path / "samples" / "wine" / f"model-{'0' * 16}.training"
    (folder / "train").mkdir(parents=True)
    (root.run_dir("one") / "training.json").write_text(f'{{"folder": "{folder.name}"}}')
    set_age(root.run_dir("one"), 30)
    assert find_runs(root.environment, root.path / "samples" / "wine")[0].is_going


def test_links_files_and_foreign_names_are_no_runs(root):
    root.run("one", 30)
    runs_dir = root.path / "samples" / "wine" / "runs"
    (runs_dir / "linked-012345").symlink_to(root.run_dir("one"))
    (runs_dir / "file-012345").touch()
    (runs_dir / "foreign").mkdir()
    assert [run.folder.name for run in find_runs(root.environment, runs_dir.parent)] == [run_folder("one")]


def test_folders_that_have_runs_are_real_and_those_of_samples_have_a_samples_name(root):
    samples = root.path / "samples"
    for name in ("wine", "Not A Sample", "mixed_bag"):
        (samples / name).mkdir(parents=True)
    (samples / "linked").symlink_to(samples / "wine")
    (root.path / "comparison").mkdir()
    (root.path / "predictions").mkdir()
    assert [path.name for path in group_folders(root.path)] == ["mixed_bag", "wine", "comparison", "predictions"]
    assert linked_folders(root.path) == [samples / "linked"]


def test_predictions_are_found_with_their_page_and_whose_model_they_ask(root):
    at = root.run("one", 30)
    root.predictions("done", 20, at)
    root.predictions("failed", 5, at, finished=False)
    done, failed = find_runs(root.environment, root.path / "predictions")
    assert abs((datetime.now(UTC) - done.finished) - timedelta(days=20)) < timedelta(minutes=1)
    assert (done.asked_sample, failed.asked_sample, failed.finished) == ("wine", "wine", None)


@pytest.mark.parametrize("text", ["{", "[]", '{"sample": {"name": "wine"}}', '{"sample": "../wine"}'])
def test_where_the_config_does_not_say_whose_model_is_asked_the_page_does(root, text):
    at = root.run("one", 30)
    for run_id, finished in (("done", True), ("failed", False)):
        root.predictions(run_id, 20, at, finished=finished)
        (root.predictions_dir(run_id) / "config.json").write_text(text)
    done, failed = find_runs(root.environment, root.path / "predictions")
    assert (done.asked_sample, failed.asked_sample) == ("wine", None)


SAMPLES_FOLDERS = ("samples/wine", "samples/mixed_bag", "comparison", "predictions/wine", "predictions/mixed_bag")


@pytest.mark.parametrize(("group", "asked", "needed"), [
    ("wine", None, "samples/wine"),
    ("comparison", None, "samples/wine samples/mixed_bag comparison"),
    ("predictions", "wine", "samples/wine predictions/wine"),
    ("predictions", None, "samples/wine samples/mixed_bag predictions/wine predictions/mixed_bag"),
])  # fmt: skip
def test_what_a_run_that_is_going_may_need(group, asked, needed):
    run = run_of("going", 0.1, finished=False)._replace(group=group, asked_sample=asked)
    assert [folder for folder in SAMPLES_FOLDERS if run.may_need(PurePosixPath(folder))] == needed.split()
    assert run.may_need(PurePosixPath("catalogues/0123456789abcdef"))
