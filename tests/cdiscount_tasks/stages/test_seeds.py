import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import DataError, DivergedError
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.sample import SplitConfig
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages import model, seed_trainings, seeds
from cdiscount_tasks.stages.evaluation import evaluate_model
from cdiscount_tasks.stages.inputs import LabelFiles, Pretrained, PreviousModel
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.one_training import Material
from cdiscount_tasks.tables.seeds import read_seeds
from tests.conftest import TINY_LABELS, TINY_TRAINING, TINY_TRANSFER

THREE = TINY_TRAINING.model_copy(update={"seeds": 3})


@pytest.fixture
def material(tensorflow, sample_dir, labels_dir):
    return Material(sample_dir, labels_dir, None)


@pytest.fixture(scope="module")
def undisturbed(tensorflow, sample_dir, labels_dir, tmp_path_factory):
    """Return the result of two other seeds that nothing disturbed."""
    return seeds.train_other_seeds(Material(sample_dir, labels_dir, None), tmp_path_factory.mktemp("seeds"), THREE)


def rows_of(result):
    return read_seeds(Path(result["path"])).seeds


def same(one, other):
    """Tell whether two artifacts say the same, but for how long it took."""
    rows = [[{**row, "seconds": 0} for row in found.seeds] for found in (one, other)]
    return rows[0] == rows[1] and all(np.array_equal(one[at], other[at]) for at in range(1, len(one)))


def test_the_seeds_after_the_models_are_trained_and_judged(undisturbed, labels_dir):
    found = read_seeds(Path(undisturbed["path"]))
    assert [(row["seed"], row["state"]) for row in found.seeds] == [(1, "complete"), (2, "complete")]
    assert [row["num_epochs"] for row in found.seeds] == [TINY_TRAINING.epochs] * 2
    labels = pd.read_parquet(labels_dir / "products.parquet")
    tested = labels.loc[labels["split"] == "test", "product_id"].tolist()
    assert found.product_ids.tolist() == tested
    assert found.right_products.shape == (len(tested), 2)
    assert found.right_images.shape == (len(found.image_product_ids), 2)
    accuracies = found.right_products.mean(axis=0)
    assert (undisturbed["lowest_accuracy"], undisturbed["highest_accuracy"]) == (accuracies.min(), accuracies.max())
    assert verify_artifact(Path(undisturbed["path"])) == 3


def test_each_is_the_training_that_a_model_with_its_seed_is(undisturbed, sample_dir, labels_dir, tmp_path):
    trained = model.train_model(sample_dir, labels_dir, None, tmp_path, TINY_TRAINING.model_copy(update={"seed": 2}))
    evaluation_dir = Path(evaluate_model(sample_dir, labels_dir, Path(trained["path"]), tmp_path)["path"])

    found = read_seeds(Path(undisturbed["path"]))
    assert found.seeds[1]["validation_loss"] == trained["validation_loss"]
    for name, right in (("predictions", found.right_products), ("image_predictions", found.right_images)):
        rows = pd.read_parquet(evaluation_dir / f"{name}.parquet").query("split == 'test'")
        assert right[:, 1].tolist() == (rows["predicted"] == rows["class_index"]).tolist()


def test_the_model_is_the_same_with_other_seeds_beside_it_and_without(sample_dir, labels_dir, features_dir):
    for config, start in ((TINY_TRAINING, None), (TINY_TRANSFER, features_dir)):
        recipes = [
            model.model_recipe(sample_dir, labels_dir, start, config.model_copy(update={"seeds": num}))
            for num in (1, 2, 20)
        ]
        assert len({recipe.key for recipe in recipes}) == 1
        assert "seeds" not in recipes[2].config


def test_another_number_of_seeds_is_another_artifact(sample_dir, labels_dir):
    recipes = [
        seeds.seeds_recipe(sample_dir, labels_dir, None, TINY_TRAINING.model_copy(update={"seeds": num}))
        for num in (2, 3, 2)
    ]
    assert recipes[0].key == recipes[2].key != recipes[1].key
    assert recipes[1].key != seeds.seeds_recipe(sample_dir, labels_dir, None, THREE, 1).key


def test_its_states_go_when_it_is_published_and_what_stands_is_found(undisturbed, material):
    folder = Path(undisturbed["path"]).parent
    assert not list(folder.glob("*.training"))
    assert seeds.train_other_seeds(material, folder, THREE) == {**undisturbed, "reused": True}


KILLED = """
import os, sys
from pathlib import Path
from cdiscount_tasks.learning.networks import checkpoints, progress
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages import seeds
from cdiscount_tasks.stages.one_training import Material

sample_dir, labels_dir, artifacts_dir, preset, where = sys.argv[1:]
progress.LEAST_BETWEEN_S = 0.0  # a checkpoint after each epoch
keep_outcome, save = seeds.keep_outcome, checkpoints.Checkpoints.save

def dying_between(path, outcome):
    keep_outcome(path, outcome)
    if where == "between":
        os.kill(os.getpid(), 9)

def dying_within(self, *state):
    saved = save(self, *state)
    if where == "within" and "seed-02" in str(self._folder):
        os.kill(os.getpid(), 9)
    return saved

seeds.keep_outcome, checkpoints.Checkpoints.save = dying_between, dying_within
seeds.train_other_seeds(
    Material(Path(sample_dir), Path(labels_dir), None), Path(artifacts_dir),
    TrainingConfig.model_validate_json(preset),
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["between", "within"])
def test_what_was_killed_ends_with_the_same_artifact(undisturbed, material, tmp_path, where, monkeypatch):
    command = [sys.executable, "-c", KILLED, str(material.sample_dir), str(material.labels_dir), str(tmp_path)]
    killed = subprocess.run(
        [*command, THREE.model_dump_json(), where], cwd=PROJECT_DIR, capture_output=True, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    (folder,) = tmp_path.glob("seeds-*.training")
    assert [path.name for path in folder.glob("seed-*.npz")] == ["seed-01.npz"]
    assert bool(list(folder.glob("seed-02/train/*.npz"))) == (where == "within")
    trained = []
    train = seeds.train_and_judge
    monkeypatch.setattr(seeds, "train_and_judge", lambda *given: trained.append(given[2].seed) or train(*given))

    again = seeds.train_other_seeds(material, tmp_path, THREE)

    assert trained == [2]
    assert Path(again["path"]).name == Path(undisturbed["path"]).name
    assert same(*(read_seeds(Path(result["path"])) for result in (undisturbed, again)))
    assert not list(tmp_path.glob("*.training"))


def test_a_seed_that_diverges_is_told_and_the_others_are_trained(undisturbed, material, tmp_path, monkeypatch, caplog):
    train = seed_trainings._train

    def diverge_first(material, config, *rest):
        if config.seed == 1:
            raise DivergedError("training diverged in epoch 1: the loss or a weight is not finite")
        return train(material, config, *rest)

    monkeypatch.setattr(seed_trainings, "_train", diverge_first)
    made = seeds.train_other_seeds(material, tmp_path, THREE)

    assert (made["num_seeds"], made["num_diverged"]) == (2, 1)
    assert "seed 1: training diverged in epoch 1" in caplog.text
    found = read_seeds(Path(made["path"]))
    assert [(row["state"], row["num_epochs"], row["validation_loss"] is None) for row in found.seeds] == [
        ("diverged", None, True),
        ("complete", 2, False),
    ]
    whole = read_seeds(Path(undisturbed["path"]))
    assert found.right_products.tolist() == whole.right_products[:, 1:].tolist()


def test_where_every_seed_diverges_there_is_an_artifact_without_accuracies(material, tmp_path, monkeypatch):
    def diverge(*_):
        raise DivergedError("the loss is not finite")

    monkeypatch.setattr(seed_trainings, "_train", diverge)
    made = seeds.train_other_seeds(material, tmp_path, THREE)
    assert (made["num_diverged"], made["lowest_accuracy"], made["highest_accuracy"]) == (2, None, None)
    assert read_seeds(Path(made["path"])).right_images.shape[1] == 0


def test_others_are_no_longer_than_a_model_that_was_stopped_by_hand(material, tmp_path):
    made = seeds.train_other_seeds(material, tmp_path, THREE, stopped_after_epoch=1)
    assert [(row["state"], row["num_epochs"]) for row in rows_of(made)] == [("complete", 1)] * 2
    assert read_manifest(Path(made["path"]))["config"]["stopped_after_epoch"] == 1


def test_one_that_is_stopped_by_hand_is_told_and_never_found_by_who_wants_whole_ones(material, tmp_path):
    two = TINY_TRAINING.model_copy(update={"seeds": 2})
    folder = seeds.seeds_recipe(material.sample_dir, material.labels_dir, None, two).dir_in(tmp_path)
    stop_path = folder.with_suffix(".training") / "seed-01" / "stop"
    stop_path.parent.mkdir(parents=True)
    stop_path.touch()

    made = seeds.train_other_seeds(material, tmp_path, two)

    assert (made["num_stopped"], made["lowest_accuracy"]) == (1, None)
    assert [(row["state"], row["num_epochs"]) for row in rows_of(made)] == [("stopped", 1)]
    assert made["path"] != str(folder)
    assert read_manifest(Path(made["path"]))["config"]["stopped_seeds"] == {"1": 1}
    assert not list(tmp_path.glob("*.training"))

    whole = seeds.train_other_seeds(material, tmp_path, two)

    assert (whole["path"], whole["reused"], whole["num_stopped"]) == (str(folder), False, 0)
    assert [(row["state"], row["num_epochs"]) for row in rows_of(whole)] == [("complete", TINY_TRAINING.epochs)]


def test_what_was_kept_of_other_products_is_trained_again(undisturbed, material, tmp_path):
    recipe = seeds.seeds_recipe(material.sample_dir, material.labels_dir, None, THREE)
    folder = recipe.dir_in(tmp_path).with_suffix(".training")
    folder.mkdir()
    short = seeds.SeedOutcome(1, "complete", 1, 1, 1.0, 0.1, 1.0, np.ones(2, bool), np.ones(3, bool))
    seeds.keep_outcome(folder / "seed-01.npz", short)
    made = seeds.train_other_seeds(material, tmp_path, THREE)
    assert same(read_seeds(Path(made["path"])), read_seeds(Path(undisturbed["path"])))


@pytest.mark.slow
@pytest.mark.training
def test_other_seeds_of_a_transfer_learn_from_the_features(
    tensorflow, sample_dir, labels_dir, features_dir, weights_path, tmp_path
):
    config = TINY_TRANSFER.model_copy(update={"seeds": 2})
    material = Material(sample_dir, labels_dir, Pretrained(weights_path, features_dir))
    made = seeds.train_other_seeds(material, tmp_path, config)
    assert [row["num_epochs"] for row in rows_of(made)] == [4]
    assert set(read_manifest(Path(made["path"]))["inputs"]) == {"sample", "labels", "features"}


@pytest.mark.slow
@pytest.mark.training
def test_with_the_champions_weights_they_are_judged_by_what_the_models_evaluation_judges(
    tensorflow, index_dir, sample_dir, labels_dir, model_dir, tmp_path
):
    """Under another split the champion has learnt from products of test: neither may count them."""
    rules = TINY_LABELS.model_copy(update={"split": SplitConfig(train=0.6, validation=0.2, test=0.2)})
    new_dir = Path(fix_labels(index_dir, sample_dir, LabelFiles(), tmp_path, rules)["path"])
    config = TrainingConfig.model_validate({**TINY_TRAINING.model_dump(), "weights": "champion", "seeds": 2})
    start = PreviousModel(model_dir, labels_dir, "r1", 1)

    made = seeds.train_other_seeds(Material(sample_dir, new_dir, start), tmp_path, config)
    trained = model.train_model(sample_dir, new_dir, start, tmp_path, config)
    evaluated = evaluate_model(sample_dir, new_dir, Path(trained["path"]), tmp_path)

    judged = pd.read_parquet(Path(evaluated["path"]) / "predictions.parquet").query("split == 'test'")
    found = read_seeds(Path(made["path"]))
    assert evaluated["num_left_out"] > 0
    assert found.product_ids.tolist() == judged["product_id"].tolist()
    assert found.seeds[0]["state"] == "complete"
    assert set(read_manifest(Path(made["path"]))["inputs"]) == {"sample", "labels", "champion"}


def test_where_no_test_product_is_left_it_is_refused_before_anything_is_trained(
    index_dir, sample_dir, labels_dir, model_dir, tmp_path, monkeypatch
):
    """Drawn anew, the few products of test are all known to the champion."""
    rules = TINY_LABELS.model_copy(update={"seed": 4})
    new_dir = Path(fix_labels(index_dir, sample_dir, LabelFiles(), tmp_path, rules)["path"])
    config = TrainingConfig.model_validate({**TINY_TRAINING.model_dump(), "weights": "champion", "seeds": 2})
    start = PreviousModel(model_dir, labels_dir, "r1", 1)
    monkeypatch.setattr(seeds, "train_and_judge", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(DataError, match="no image of the test split is left that the champion has not learnt from"):
        seeds.train_other_seeds(Material(sample_dir, new_dir, start), tmp_path, config)
    assert not list(tmp_path.glob("seeds-*"))


def test_one_seed_alone_is_a_callers_mistake(material, tmp_path):
    with pytest.raises(ValueError, match="there is no other to train with"):
        seeds.train_other_seeds(material, tmp_path, TINY_TRAINING)
