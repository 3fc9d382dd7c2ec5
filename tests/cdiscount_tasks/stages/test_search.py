import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages import search
from cdiscount_tasks.stages.inputs import Pretrained
from cdiscount_tasks.stages.model import train_model
from cdiscount_tasks.stages.one_training import Material
from cdiscount_tasks.tables.search import read_search
from tests.conftest import TINY_TRAINING, TINY_TRANSFER

pytest.importorskip("optuna", reason="optuna is absent: `make setup` installs it once it is locked")

SEARCH = {"trials": 3, "budget_minutes": 10, "knobs": {"learning_rate": (1e-4, 1e-2), "class_weights": (False, True)}}
TUNED = {"network": "mobilenet_v2", "weights": "imagenet", "fine_tune_epochs": 3}


def preset_with(**changes):
    return TrainingConfig.model_validate({**TINY_TRAINING.model_dump(), "search": {**SEARCH, **changes}})


@pytest.fixture(autouse=True)
def small_validation_will_do(monkeypatch):
    monkeypatch.setattr(search, "FEWEST_GROUPS", 3)


@pytest.fixture
def material(tensorflow, sample_dir, labels_dir):
    return Material(sample_dir, labels_dir, None)


@pytest.fixture(scope="module")
def undisturbed(tensorflow, sample_dir, labels_dir, tmp_path_factory):
    """Return the result of a search of three trials that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FEWEST_GROUPS", 3)
        return search.search_knobs(
            Material(sample_dir, labels_dir, None), tmp_path_factory.mktemp("search"), preset_with()
        )


def knobs_of(result):
    return [trial["knobs"] for trial in read_search(Path(result["path"])).trials]


def test_a_search_tries_the_presets_own_knobs_first_and_chooses_the_best(undisturbed):
    facts, trials = read_search(Path(undisturbed["path"]))

    assert [trial["number"] for trial in trials] == [1, 2, 3]
    assert trials[0]["knobs"] == {"learning_rate": 2e-3, "class_weights": False}
    assert all(1e-4 <= trial["knobs"]["learning_rate"] <= 1e-2 for trial in trials)
    complete = [trial for trial in trials if trial["state"] == "complete"]
    assert facts["accuracy"]["value"] == max(trial["accuracy"] for trial in complete)
    assert (
        facts["chosen"]
        == trials[undisturbed["best_trial"] - 1]["knobs"]
        == search.chosen_knobs(Path(undisturbed["path"]))
    )
    assert undisturbed["expected_accuracy"] <= undisturbed["best_accuracy"]
    assert verify_artifact(Path(undisturbed["path"])) == 2


def test_its_states_go_when_the_search_is_published(undisturbed):
    assert not list(Path(undisturbed["path"]).parent.glob("*.training"))


def test_a_search_that_stands_is_found(undisturbed, material):
    found = search.search_knobs(material, Path(undisturbed["path"]).parent, preset_with())
    assert found == {**undisturbed, "reused": True}


KILLED = """
import os, sys
from pathlib import Path
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages import search, trial_journal, trials
from cdiscount_tasks.stages.one_training import Material

sample_dir, labels_dir, artifacts_dir, preset, where = sys.argv[1:]
search.FEWEST_GROUPS = 3
note_trial, note_epoch = trial_journal.TrialJournal.note_trial, trial_journal.TrialJournal.note_epoch

def dying_between(self, ended, right):
    note_trial(self, ended, right)
    if where == "between":
        os.kill(os.getpid(), 9)

def dying_within(self, phase, epoch, accuracy):
    note_epoch(self, phase, epoch, accuracy)
    if where == "within" and len(self.ended) == 1:
        os.kill(os.getpid(), 9)

trial_journal.TrialJournal.note_trial, trial_journal.TrialJournal.note_epoch = dying_between, dying_within
search.search_knobs(
    Material(Path(sample_dir), Path(labels_dir), None), Path(artifacts_dir),
    TrainingConfig.model_validate_json(preset),
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["between", "within"])
def test_a_search_that_was_killed_ends_with_the_same_trials(undisturbed, material, tmp_path, where):
    command = [sys.executable, "-c", KILLED, str(material.sample_dir), str(material.labels_dir), str(tmp_path)]
    killed = subprocess.run(
        [*command, preset_with().model_dump_json(), where], cwd=PROJECT_DIR, capture_output=True, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    (folder,) = tmp_path.glob("search-*.training")
    assert len((folder / "trials.jsonl").read_text().splitlines()) == (3 if where == "between" else 4)

    again = search.search_knobs(material, tmp_path, preset_with())

    one, other = (read_search(Path(result["path"])) for result in (undisturbed, again))
    assert one.facts == other.facts
    assert [{**trial, "seconds": 0} for trial in one.trials] == [{**trial, "seconds": 0} for trial in other.trials]
    assert not list(tmp_path.glob("*.training"))


def test_the_chosen_knobs_make_the_model_that_the_trial_was(undisturbed, material, tmp_path):
    chosen = preset_with().with_knobs(search.chosen_knobs(Path(undisturbed["path"])))
    model = train_model(material.sample_dir, material.labels_dir, None, tmp_path, chosen)

    assert "search" not in read_manifest(Path(model["path"]))["config"]
    assert model["validation_accuracy"] == pytest.approx(undisturbed["best_accuracy"], abs=1e-6)


@pytest.mark.slow
@pytest.mark.training
def test_trials_of_a_transfer_learn_from_the_features_and_are_compared_by_the_epochs_that_tune(
    sample_dir, labels_dir, features_dir, weights_path, tmp_path, monkeypatch
):
    from cdiscount_tasks.stages import trials

    told = []
    go_on = trials.Proposal.is_worth_going_on
    monkeypatch.setattr(
        trials.Proposal, "is_worth_going_on", lambda self, *epoch: told.append(epoch) or go_on(self, *epoch)
    )
    knobs = {
        "fine_tune_learning_rate": (1e-5, 1e-3), "learning_rate": (1e-4, 1e-2), "chosen_epoch": ("accuracy", "last")
    }  # fmt: skip
    preset = {**TINY_TRANSFER.model_dump(), "search": {**SEARCH, "trials": 2, "knobs": knobs}}
    material = Material(sample_dir, labels_dir, Pretrained(weights_path, features_dir))
    found = search.search_knobs(material, tmp_path, TrainingConfig.model_validate(preset))

    assert [trial["num_epochs"] for trial in read_search(Path(found["path"])).trials] == [4, 4]
    assert knobs_of(found)[0]["chosen_epoch"] == "last"  # the preset's own: it tunes, and leaves the knob out
    assert [epoch for epoch, _ in told] == [1, 1]
    assert set(read_manifest(Path(found["path"]))["inputs"]) == {"sample", "labels", "features"}


@pytest.mark.parametrize(
    ("preset", "searched", "phase"),
    [
        ({"epochs": 6}, {"learning_rate": (1e-4, 1e-2)}, ("train", 6)),
        ({"epochs": 6}, {"epochs": (5, 60)}, ("train", None)),
        ({"epochs": 6, **TUNED}, {"epochs": (5, 60)}, ("fine_tune", 3)),
        ({"epochs": 6, **TUNED}, {"fine_tune_epochs": (2, 9)}, ("fine_tune", None)),
        ({"epochs": 6, **TUNED, "fine_tune_epochs": 0}, {"learning_rate": (1e-4, 1e-2)}, ("head", 6)),
    ],
)
def test_trials_are_compared_on_the_way_where_they_have_as_many_epochs(preset, searched, phase):
    from cdiscount_tasks.settings.search import space_of
    from cdiscount_tasks.stages.trials import _deciding_phase

    config = TrainingConfig.model_validate({"network": "small_cnn", **preset, "search": {**SEARCH, "knobs": searched}})
    assert _deciding_phase(config, space_of(config.search, TrainingConfig)) == phase


def test_a_sample_too_small_to_validate_is_refused_with_its_number(material, labels_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "FEWEST_GROUPS", 500)
    products = pd.read_parquet(labels_dir / "products.parquet")
    num = products[products["split"] == "validation"]["group_id"].nunique()
    with pytest.raises(DataError, match=rf"validation has {num} groups of products, and a search needs at least 500"):
        search.search_knobs(material, tmp_path, preset_with())
    assert not list(tmp_path.glob("search-*"))


def test_a_budget_that_is_over_before_a_trial_is_done_is_refused(material, tmp_path):
    with pytest.raises(DataError, match=r"budget of 0\.0001 minutes was over before a trial was trained to its end"):
        search.search_knobs(material, tmp_path, preset_with(budget_minutes=1e-4))
    assert not list(tmp_path.glob("search-*.training"))


def test_a_budget_that_is_over_later_chooses_among_the_trials_until_then(material, tmp_path, monkeypatch):
    from cdiscount_tasks.stages import trials

    now = [0.0]
    monkeypatch.setattr(trials.time, "monotonic", lambda: now[0])
    note = trials.TrialJournal.note_trial

    def note_and_wait(self, ended, right):
        note(self, ended._replace(seconds=400.0), right)
        now[0] += 400

    monkeypatch.setattr(trials.TrialJournal, "note_trial", note_and_wait)
    found = search.search_knobs(material, tmp_path, preset_with())
    assert (found["num_trials"], found["ended_by"]) == (2, "budget")


def test_a_trial_that_diverges_does_not_end_the_search(material, tmp_path, monkeypatch):
    from cdiscount_tasks.errors import DivergedError
    from cdiscount_tasks.stages import trials

    train = trials._train

    def diverge_first(material, config, training_dir, running):
        if training_dir.name == "trial-001":
            raise DivergedError("the loss is not finite")
        return train(material, config, training_dir, running)

    monkeypatch.setattr(trials, "_train", diverge_first)
    found = search.search_knobs(material, tmp_path, preset_with())
    facts, tried = read_search(Path(found["path"]))
    assert (found["num_diverged"], tried[0]["state"], tried[0]["accuracy"]) == (1, "diverged", None)
    assert facts["gain"] is None
    assert found["best_trial"] in (2, 3)


def test_a_search_in_which_every_trial_diverges_says_what_to_lower(material, tmp_path, monkeypatch):
    from cdiscount_tasks.errors import DivergedError
    from cdiscount_tasks.stages import trials

    def diverge(*_):
        raise DivergedError("the loss is not finite")

    monkeypatch.setattr(trials, "_train", diverge)
    with pytest.raises(DataError, match=r"none of the search's 3 trials .* lower the upper bound of learning_rate"):
        search.search_knobs(material, tmp_path, preset_with())


def test_without_optuna_a_sentence_names_it(sample_dir, labels_dir, monkeypatch):
    monkeypatch.setattr("cdiscount_tasks.settings.search.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="needs the package optuna, and it is not installed here"):
        search.search_recipe(sample_dir, labels_dir, None, preset_with())


def test_another_budget_is_another_search(sample_dir, labels_dir):
    recipes = [search.search_recipe(sample_dir, labels_dir, None, preset_with(trials=trials)) for trials in (3, 4, 3)]
    assert recipes[0].key == recipes[2].key != recipes[1].key
    assert json.loads(json.dumps(recipes[0].config))["search"]["trials"] == 3
