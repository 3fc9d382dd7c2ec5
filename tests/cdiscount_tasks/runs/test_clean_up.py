import os
import shutil
import signal
import sys
from dataclasses import replace

import pytest

from cdiscount_tasks.artifacts import files, locks, removal
from cdiscount_tasks.artifacts.catalogue_note import CatalogueNote, note_path, write_note
from cdiscount_tasks.artifacts.locks import lock_if_free, part_path
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import clean_up as clean_up_module
from cdiscount_tasks.runs import promotion, registry, replay
from cdiscount_tasks.runs.clean_up import clean_up, plan_clean_up
from cdiscount_tasks.stages.replay import Replayed
from tests.material.data_roots import NUM_BYTES, DataRoot, names, removed_by, set_age
from tests.material.registry_models import judged_as
from tools import verify

KEY = "0123456789abcdef"


def promote(root, run_id, at, expected):
    return promotion.promote(
        root.candidate(run_id, at), judged_as(), expected=expected, who="rule", environment=root.environment
    )


def test_an_export_goes_with_its_model(two_runs):
    root = two_runs.root
    gone, kept = [root.artifact("samples/wine", "export", "x", [at["model"]]) for at in (two_runs.old, two_runs.new)]
    removed = removed_by(root, keep_runs=1)
    assert {gone.name, two_runs.old["model"].name} <= removed
    assert kept.name not in removed


@pytest.mark.slow
def test_of_thirty_runs_the_newest_and_the_champions_stay_whole(root, monkeypatch):
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    monkeypatch.setenv("CDISCOUNT_DATA", str(root.environment.data_dir))
    runs = {number: root.run(f"run_{number}", days=100 - number) for number in range(30)}
    promote(root, "run_3", runs[3], None)
    promote(root, "run_7", runs[7], 1)
    plan = plan_clean_up(root.environment, keep_runs=5)
    assert sum(item.kind == "model" for item in plan.removed) == 23

    cleaned = clean_up(plan)

    assert cleaned.left == ()
    assert names(cleaned.removed) == names(plan.removed)
    stay = {3, 7, 25, 26, 27, 28, 29}
    for number, at in runs.items():
        assert root.run_dir(f"run_{number}").exists() == (number in stay)
        own = ("labels", "features", "model", "evaluation")
        assert {at[step].exists() for step in own} == {number in stay}
    assert root.index.exists()
    assert runs[0]["sample"].exists()
    assert len(list(root.environment.reports_dir.glob("wine/*/report.html"))) == 30
    assert verify.verify([root.environment.data_dir, root.environment.reports_dir]) == 0
    back = promotion.roll_back("wine", 1, who="ann", environment=root.environment)
    assert back.candidate.run_id == "run_3"
    found = registry.champion("wine", root.environment)
    assert all(path.is_dir() for path in (found.path, found.evaluation_dir, found.labels_dir, found.sample_dir))
    assert removed_by(root, 5) == set()


def test_without_a_number_every_run_with_a_report_is_kept(two_runs):
    assert plan_clean_up(two_runs.root.environment).removed == []


def test_the_number_of_the_environment_holds_unless_another_is_given(tmp_path):
    root = DataRoot(tmp_path, keep_runs=1)
    root.run("old", 90)
    root.run("new", 30)
    assert "old" in str(plan_clean_up(root.environment).removed)
    assert plan_clean_up(root.environment, keep_runs=2).removed == []


def test_what_no_run_names_is_removed_with_its_size_said(root):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    (item,) = plan_clean_up(root.environment).removed
    assert (item.path, item.kind) == (stray, "features")
    assert item.num_bytes > NUM_BYTES
    assert removed_by(root) == {stray.name}
    assert not list(stray.parent.glob(".*.part"))


def test_the_note_of_where_a_samples_images_are_goes_with_the_sample(root):
    kept = root.run("one", 30)["sample"]
    stray = root.artifact("samples/wine", "sample", "nobody's")
    for sample_dir in (kept, stray):
        write_note(sample_dir, CatalogueNote(root.environment.catalogue_path, 9))
    assert removed_by(root) == {stray.name}
    assert (note_path(kept).exists(), note_path(stray).exists()) == (True, False)
    assert root.environment.catalogue_path.exists()


def test_the_note_of_a_sample_that_is_gone_is_removed_unless_a_run_is_going(root):
    root.run("one", 30)
    path = note_path(root.path / "samples" / "wine" / f"sample-{KEY}")
    write_note(path.with_name(f"sample-{KEY}"), CatalogueNote(root.environment.catalogue_path, 9))
    root.run("going", 0.1, finished=False)
    assert removed_by(root) == set()
    shutil.rmtree(root.run_dir("going"))
    assert path.name in removed_by(root)
    assert not path.exists()


def test_the_plan_removes_nothing_and_gives_a_reason_for_all_that_stays(two_runs):
    plan = plan_clean_up(two_runs.root.environment, keep_runs=1)
    assert two_runs.old["model"].is_dir()
    assert all(item.kept_for for item in plan.kept)
    assert {item.kept_for for item in plan.kept if item.path in two_runs.new.values()} == {
        "a run among the newest of its sample"
    }


def test_what_was_not_said_is_not_removed(root):
    root.run("one", 30)
    plan = plan_clean_up(root.environment)
    root.artifact("samples/wine", "features", "nobody's")
    assert clean_up(plan).removed == ()


def test_what_was_said_and_is_needed_by_now_stays(root):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "was nobody's")
    plan = plan_clean_up(root.environment)
    root.run("two", 20, features=stray)
    assert clean_up(plan).removed == ()
    assert stray.is_dir()


def test_beside_a_run_that_is_going_nothing_of_its_sample_is_removed(root):
    root.run("one", 30)
    root.run("other", 30, sample="mixed_bag")
    strays = [root.artifact(f"samples/{sample}", "features", "nobody's") for sample in ("wine", "mixed_bag")]
    unused = root.artifact("catalogues/fedcba9876543210", "index", "old")
    root.run("going", 0.1, finished=False)
    assert removed_by(root, 1) == {strays[1].name}
    assert strays[0].is_dir()
    assert unused.is_dir()


def test_an_index_that_no_run_names_is_removed_unless_it_is_that_of_the_catalogue_that_is_set(root):
    root.run("one", 30)
    present = fingerprint(root.environment.catalogue_path)
    kept, gone = (root.artifact(f"catalogues/{name}", "index", name) for name in (present, "fedcba9876543210"))
    assert removed_by(root) == {gone.name}
    assert kept.is_dir()
    assert root.index.is_dir()


def test_a_run_that_begins_after_the_plan_keeps_what_it_may_find(root, monkeypatch):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    plan = plan_clean_up(root.environment)
    real = removal.lock_if_free

    def late(path):
        if not root.run_dir("late").exists():
            root.run_dir("late").mkdir()
        return real(path)

    monkeypatch.setattr(removal, "lock_if_free", late)
    cleaned = clean_up(plan)
    assert cleaned.removed == ()
    assert "may need it" in cleaned.left[0]
    assert stray.is_dir()


def test_a_skipped_run_keeps_nobody_waiting(root):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    root.run_dir("skipped").mkdir()
    (root.run_dir("skipped") / "skipped").touch()
    assert removed_by(root) == {stray.name}
    set_age(root.run_dir("skipped"), 2)
    assert removed_by(root) == {root.run_dir("skipped").name}


def test_a_failed_run_can_be_continued_for_two_weeks(root):
    root.run("one", 30)
    failed = root.run("failed", 13, finished=False)
    assert removed_by(root) == set()
    set_age(root.run_dir("failed"), 15)
    own = {failed[step].name for step in ("labels", "features", "model", "evaluation")}
    assert removed_by(root) == {root.run_dir("failed").name, *own}


def test_a_checkpoint_stays_for_two_weeks_and_so_does_what_its_run_names(root):
    root.run("one", 30)
    failed = root.run("failed", 20, finished=False)
    training_dir = root.path / "samples" / "wine" / f"model-{KEY}.training"
    training_dir.mkdir()
    (training_dir / "state.npz").write_bytes(b"x")
    (root.run_dir("failed") / "training.json").write_text(f'{{"folder": "{training_dir.name}"}}')
    set_age(root.run_dir("failed"), 20)
    assert removed_by(root) == set()
    set_age(training_dir, 15)
    assert {training_dir.name, failed["labels"].name, root.run_dir("failed").name} <= removed_by(root)


@pytest.mark.parametrize("noun", ["search", "seeds"])
def test_trainings_beside_a_model_stay_for_two_weeks_too(root, noun):
    root.run("one", 30)
    training_dir = root.path / "samples" / "wine" / f"{noun}-{KEY}.training"
    training_dir.mkdir()
    (training_dir / "kept").write_bytes(b"x")
    set_age(training_dir, 13)
    assert removed_by(root) == set()
    set_age(training_dir, 15)
    assert removed_by(root) == {training_dir.name}


def test_scans_that_nobody_continued_and_damaged_artifacts_go_after_two_weeks(root):
    root.run("one", 30)
    parts = root.path / "catalogues" / "fedcba9876543210" / f"parts-{KEY}"
    damaged = root.path / "samples" / "wine" / f"labels-{KEY}.damaged-01234567"
    for folder in (parts, damaged):
        folder.mkdir(parents=True)
        set_age(folder, 13)
    assert removed_by(root) == set()
    for folder in (parts, damaged):
        set_age(folder, 15)
    assert removed_by(root) == {parts.name, damaged.name}


def test_an_artifact_that_somebody_holds_is_left(root):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    with lock_if_free(stray.with_name(f".{stray.name}.lock")):
        cleaned = clean_up(plan_clean_up(root.environment))
    assert cleaned.left == (f"{stray}: it is in use",)
    assert stray.is_dir()


def test_a_part_that_is_being_written_keeps_its_sample(root):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    part_path(stray.with_name(f"labels-{KEY}")).mkdir()
    assert removed_by(root) == set()
    assert stray.is_dir()


def test_what_a_killed_task_left_is_removed(root):
    root.run("one", 30)
    part = root.path / "samples" / "wine" / f".labels-{KEY}.{'0' * 8}-1-1-{'0' * 8}.part"
    part.mkdir()
    set_age(part, 0.01)
    assert removed_by(root) == set()
    set_age(part, 1)
    assert removed_by(root) == {part.name}


def test_a_kill_between_the_two_halves_leaves_nothing_under_the_artifacts_name(root):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    plan = plan_clean_up(root.environment)
    process = os.fork()
    if process == 0:
        shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        clean_up(plan)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(process, 0)[1])
    (left,) = stray.parent.glob(f".{stray.name}.*.part")
    assert not stray.exists()
    assert verify.verify([root.path]) == 0
    assert removed_by(root) == {left.name}
    assert not left.exists()


WATCHED = {module.__file__ for module in (clean_up_module, removal, locks, files)}


def die_at(number):
    """Let this process die right before the given line of the watched modules, counted from 1."""
    left = number

    def in_frame(_frame, event, _argument):
        nonlocal left
        left -= event == "line"
        if left == 0:
            os._exit(9)
        return in_frame

    sys.settrace(lambda frame, *_: in_frame if frame.f_code.co_filename in WATCHED else None)


@pytest.mark.slow
def test_a_kill_at_any_line_leaves_every_artifact_whole_and_the_next_clean_up_ends_the_work(root, tmp_path):
    for number in range(4):
        at = root.run(f"run_{number}", days=60 - number)
        root.predictions(f"predictions_{number}", 50 - number, at)
    clean = {str(item.path.relative_to(root.path)) for item in plan_clean_up(root.environment, 1).kept}
    copy_dir = tmp_path / "copy"
    environment = replace(root.environment, data_dir=copy_dir)
    number, num_killed = 1, 0
    while True:
        shutil.copytree(root.path, copy_dir)
        plan = plan_clean_up(environment, 1)
        process = os.fork()
        if process == 0:
            die_at(number)
            clean_up(plan)
            os._exit(0)
        was_killed = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
        assert verify.verify([copy_dir]) == 0
        clean_up(plan_clean_up(environment, 1))
        after = plan_clean_up(environment, 1)
        assert after.removed == []
        assert {str(item.path.relative_to(copy_dir)) for item in after.kept} == clean
        assert not list(copy_dir.rglob(".*.part"))
        shutil.rmtree(copy_dir)
        if not was_killed:
            break
        number, num_killed = number + 97, num_killed + 1
    assert num_killed > 20


def test_a_second_clean_up_at_once_removes_nothing(root):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    plan = plan_clean_up(root.environment)
    with lock_if_free(root.path / ".clean_up.lock"):
        assert "a different clean-up is at work" in clean_up(plan).left[0]
    assert stray.is_dir()


def test_what_cannot_be_removed_is_said_and_left(root, monkeypatch):
    root.run("one", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    plan = plan_clean_up(root.environment)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(stray), "rename", refuse)
    assert clean_up(plan).left == (f"{stray}: it cannot be removed (Permission denied)",)


def test_a_damaged_history_keeps_everything(two_runs, monkeypatch):
    monkeypatch.setattr(replay, "replay", lambda *_: Replayed(256, 0.0, 1e-5))
    root = two_runs.root
    monkeypatch.setenv("CDISCOUNT_DATA", str(root.environment.data_dir))
    promote(root, "old", two_runs.old, None)
    plan = plan_clean_up(root.environment, keep_runs=1)
    path = root.path / "registry" / "wine" / "history.jsonl"
    path.write_text(path.read_text().replace("old", "odd"))
    for act in (lambda: plan_clean_up(root.environment, keep_runs=1), lambda: clean_up(plan)):
        with pytest.raises(DataError, match=r"nothing is removed, since the history of wine is needed: .*line 1"):
            act()
    assert two_runs.old["model"].is_dir()


def test_links_and_foreign_names_are_left_alone(root, tmp_path):
    root.run("one", 30)
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "file").write_text("precious")
    set_age(outside, 400)
    wine = root.path / "samples" / "wine"
    (wine / f"model-{KEY}").symlink_to(outside)
    (wine / "runs" / "linked-012345").symlink_to(outside)
    (wine / f"labels-{KEY}").write_text("no folder")
    for name in ("my notes", "labels-0123", "a\nb", f"predictions-{KEY}"):
        (wine / name).mkdir()
        set_age(wine / name, 400)
    stray = root.artifact("samples/wine", "features", "has a link in it")
    (stray / "link").symlink_to(outside)

    plan = plan_clean_up(root.environment)

    assert names(clean_up(plan).removed) == {stray.name}
    assert (outside / "deep" / "file").read_text() == "precious"
    assert {"my notes", "labels-0123", "a\nb", f"predictions-{KEY}"} <= {path.name for path in wine.iterdir()}
    assert sum("is a link" in sentence for sentence in plan.left_alone) == 2
    assert sum("no folder of this project" in sentence for sentence in plan.left_alone) == 4


@pytest.mark.parametrize("link", ["samples", "samples/wine", "samples/wine/runs"])
def test_where_runs_are_behind_a_link_nothing_that_they_may_need_is_removed(root, tmp_path, link):
    at = root.run("one", 30)
    path = root.path / link
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert removed_by(root) == set()
    assert all(folder.is_dir() for folder in at.values())


def test_an_empty_data_folder_is_clean(tmp_path):
    root = DataRoot(tmp_path)
    shutil.rmtree(root.path)
    assert clean_up(plan_clean_up(root.environment)) == ((), ())
