"""What the clean-up removes of predictions, and of what they ask: the plan and its removal together."""

from types import SimpleNamespace

import pytest

from cdiscount_tasks.artifacts import removal
from cdiscount_tasks.artifacts.locks import lock_if_free
from cdiscount_tasks.runs.clean_up import clean_up, plan_clean_up
from cdiscount_tasks.runs.clean_up_words import lines_of_plan
from tests.material.data_roots import names, removed_by, set_age
from tools import verify

KEY = "0123456789abcdef"


@pytest.fixture
def asked(two_runs):
    """Return a root whose older run nothing but predictions can need, and that run's artifacts."""
    return SimpleNamespace(root=two_runs.root, at=two_runs.old)


def test_of_predictions_the_newest_of_a_sample_stay_whole_and_of_older_ones_what_was_joined(asked):
    root = asked.root
    first, second = root.predictions("first", 50, asked.at), root.predictions("second", 20, asked.at)
    removed = removed_by(root, 2)
    assert removed == {first["answers-0"].name, first["answers-64"].name}
    assert first["predictions"].is_dir()
    assert removed_by(root, 1) >= {first["predictions"].name, root.predictions_dir("first").name}
    assert all(path.is_dir() for path in (*second.values(), asked.at["model"], asked.at["evaluation"]))
    assert len(list(root.environment.reports_dir.glob("predictions/*/*/predictions.html"))) == 2
    assert verify.verify([root.environment.data_dir, root.environment.reports_dir]) == 0
    assert removed_by(root, 1) == set()


def test_predictions_without_a_page_are_kept_for_two_weeks_with_the_model_that_they_ask(asked):
    root = asked.root
    at = root.predictions("failed", 13, asked.at, finished=False)
    removed_by(root, 1)
    assert all(path.is_dir() for path in (*at.values(), asked.at["model"], root.predictions_dir("failed")))
    set_age(root.predictions_dir("failed"), 15)
    gone = {asked.at["model"], asked.at["evaluation"], asked.at["labels"], *at.values()}
    assert removed_by(root, 1) == {path.name for path in (*gone, root.predictions_dir("failed"))}


def test_the_plan_names_answers_and_predictions(asked):
    root = asked.root
    root.predictions("failed", 15, asked.at, finished=False)
    lines = lines_of_plan(plan_clean_up(root.environment, 2))
    assert any(line.endswith("  answers to byte ranges of catalogues") for line in lines)
    assert any(line.endswith("  predictions") for line in lines)


@pytest.mark.parametrize(("text", "is_known"), [("", True), ("{", False)])
def test_beside_predictions_that_are_going_nothing_of_the_asked_sample_is_removed(asked, text, is_known):
    root = asked.root
    root.run("other", 30, sample="mixed_bag")
    folders = ("samples/wine", "predictions/wine", "samples/mixed_bag", "predictions/mixed_bag")
    nouns = [("features" if folder.startswith("samples") else "answers", folder) for folder in folders]
    strays = [root.artifact(folder, noun, "nobody's") for noun, folder in nouns]
    unused = root.artifact("catalogues/fedcba9876543210", "index", "old")
    root.predictions("going", 0.1, asked.at, finished=False)
    if text:
        (root.predictions_dir("going") / "config.json").write_text(text)
    assert removed_by(root) == ({path.name for path in strays[2:]} if is_known else set())
    assert unused.is_dir()


@pytest.mark.parametrize("has_config", [True, False])
def test_predictions_that_begin_after_the_plan_keep_the_model_that_they_may_ask(asked, monkeypatch, has_config):
    root = asked.root
    plan = plan_clean_up(root.environment, 1)
    assert asked.at["model"] in {item.path for item in plan.removed}
    real, begun = removal.lock_if_free, []

    def late(path):
        if not begun:
            begun.append(root.predictions_dir("late"))
            begun[0].mkdir(parents=True)
            if has_config:
                (begun[0] / "config.json").write_text('{"sample": "wine"}')
        return real(path)

    monkeypatch.setattr(removal, "lock_if_free", late)
    cleaned = clean_up(plan)
    assert asked.at["model"].is_dir()
    assert any("of predictions may need it" in sentence for sentence in cleaned.left)


def test_what_killed_predictions_left_goes_and_what_is_held_damaged_or_foreign_stays(asked):
    root = asked.root
    root.predictions("done", 20, asked.at)
    wine = root.path / "predictions" / "wine"
    part = wine / f".answers-{KEY}.{'0' * 8}-1-1-{'0' * 8}.part"
    damaged = wine / f"answers-{KEY}.damaged-01234567"
    foreign = [wine / f"model-{KEY}", wine.parent / "My Notes", wine.parent / "runs" / "notes"]
    for folder in (part, damaged, *foreign):
        folder.mkdir()
        set_age(folder, 13)
    (wine.parent / "notes").write_text("no folder")
    (wine / f"predictions-{KEY}").symlink_to(asked.at["model"])
    stray = root.artifact("predictions/wine", "answers", "nobody's")
    with lock_if_free(stray.with_name(f".{stray.name}.lock")):
        cleaned = clean_up(plan_clean_up(root.environment))
    assert names(cleaned.removed) == {part.name}
    assert cleaned.left == (f"{stray}: it is in use",)
    left_alone = plan_clean_up(root.environment).left_alone
    assert {path for path in foreign if any(repr(str(path)) in sentence for sentence in left_alone)} == set(foreign)
    set_age(damaged, 15)
    assert removed_by(root) == {damaged.name, stray.name}
    assert all(path.is_dir() for path in foreign)
