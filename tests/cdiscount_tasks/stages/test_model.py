import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.machine.gpu_use import GpuUse
from cdiscount_tasks.stages.model import model_recipe, train_model, training_folder
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES, HISTORY, LABEL_IMAGES
from tests.conftest import TINY_TRAINING


def load_weights(model_dir):
    import keras

    return keras.saving.load_model(Path(model_dir) / "model.keras", compile=False).get_weights()


def test_a_model_is_trained_on_the_images_that_may_be_learnt_from(tiny_model, labels_dir):
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES).to_pandas()
    assert tiny_model["num_train_images"] == images["learnt"].sum()


def test_the_model_says_what_it_wants_to_see(model_dir):
    contract = json.loads((model_dir / "input.json").read_text())
    assert (contract["image_size"], contract["channels"], contract["dtype"]) == (32, 3, "uint8")


def test_the_model_keeps_the_classes_that_it_was_trained_for(model_dir, labels_dir):
    assert read_table(model_dir / "classes.parquet", CLASSES).equals(
        read_table(labels_dir / "classes.parquet", CLASSES)
    )


def test_history_has_a_row_an_epoch(model_dir, tiny_model):
    history = read_table(model_dir / "history.parquet", HISTORY).to_pandas()
    assert history["epoch"].tolist() == [1, 2]
    assert tiny_model["validation_loss"] == history["validation_loss"].min()


def test_every_file_of_the_model_is_what_was_published(model_dir):
    assert verify_artifact(model_dir) == 5


def test_training_twice_with_one_seed_gives_the_same_weights(sample_dir, labels_dir, model_dir, tmp_path):
    again = train_model(sample_dir, labels_dir, None, tmp_path, TINY_TRAINING)
    one, other = load_weights(model_dir), load_weights(again["path"])
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert read_manifest(Path(again["path"]))["key"] == read_manifest(model_dir)["key"]


def test_a_model_that_stands_is_found_and_not_trained_again(sample_dir, labels_dir, tiny_model, artifacts_dir):
    assert train_model(sample_dir, labels_dir, None, artifacts_dir, TINY_TRAINING) == {**tiny_model, "reused": True}


@pytest.mark.training
def test_labels_of_another_sample_are_an_error(sample_dir, labels_dir, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(sample_dir, half)
    from cdiscount_tasks.tables.parquet import write_table
    from cdiscount_tasks.tables.schemas import SAMPLE_IMAGES

    path = half / "images-00000.parquet"
    write_table(path, read_table(path, SAMPLE_IMAGES).slice(0, 20), SAMPLE_IMAGES)
    manifest = json.loads((half / "manifest.json").read_text())
    manifest["files"][path.name]["size"] = path.stat().st_size
    manifest["self_hash"] = hash_json({**manifest, "self_hash": None})
    write_json(half / "manifest.json", manifest)
    with pytest.raises(
        DataError, match="is not in the sample that the labels were made from; run again from draw_sample"
    ):
        train_model(half, labels_dir, None, tmp_path, TINY_TRAINING.model_copy(update={"epochs": 1}))


@pytest.mark.training
def test_a_model_with_a_changed_byte_is_moved_aside_and_trained_anew(sample_dir, labels_dir, tmp_path):
    config = TINY_TRAINING.model_copy(update={"epochs": 1})
    made = Path(train_model(sample_dir, labels_dir, None, tmp_path, config)["path"]) / "model.keras"
    content = bytearray(made.read_bytes())
    content[len(content) // 2] ^= 1
    made.write_bytes(content)
    again = train_model(sample_dir, labels_dir, None, tmp_path, config)
    assert not again["reused"]
    assert len(list(tmp_path.glob("model-*.damaged-*"))) == 1


@pytest.mark.training
def test_tensorboard_reads_the_figures_of_every_epoch(sample_dir, labels_dir, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    found = train_model(sample_dir, labels_dir, None, tmp_path, TINY_TRAINING, tmp_path / "logs")
    history = read_table(Path(found["path"]) / "history.parquet", HISTORY).to_pandas()
    logged = EventAccumulator(str(tmp_path / "logs" / Path(found["path"]).name / "train")).Reload()
    for name in ("train_loss", "validation_loss", "validation_accuracy", "learning_rate"):
        points = logged.Tensors(f"epoch/{name}")
        assert [point.step for point in points] == history["epoch"].tolist()
        assert np.allclose([make_ndarray(point.tensor_proto) for point in points], history[name])


@pytest.mark.training
def test_a_training_that_diverged_leaves_no_states_behind(sample_dir, labels_dir, tmp_path, monkeypatch):
    from cdiscount_tasks.learning.networks import training

    monkeypatch.setattr(training, "product_loss", lambda *_: (float("nan"), 0.5))
    with pytest.raises(DataError, match="training diverged in epoch 1"):
        train_model(sample_dir, labels_dir, None, tmp_path, TINY_TRAINING)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_checkpoints_go_when_the_model_is_published(tiny_model):
    assert not list(Path(tiny_model["path"]).parent.glob("*.training"))


def test_a_training_that_fails_publishes_nothing_and_is_continued_by_the_next(
    sample_dir, labels_dir, model_dir, tmp_path, monkeypatch
):
    from cdiscount_tasks.learning.networks import progress, training

    judged = []

    def die_in_the_second_epoch(self, network, judge=training._Validation.judge):
        judged.append(1)
        if len(judged) == 2:
            raise RuntimeError("the machine went away")
        return judge(self, network)

    monkeypatch.setattr(training._Validation, "judge", die_in_the_second_epoch)
    # An epoch of this training takes less than the time between two states.
    monkeypatch.setattr(progress, "LEAST_BETWEEN_S", 0.0)
    with pytest.raises(RuntimeError, match="went away"):
        train_model(sample_dir, labels_dir, None, tmp_path, TINY_TRAINING)
    assert [path.name.split("-")[0] for path in tmp_path.iterdir() if path.is_dir()] == ["model"]
    assert next(tmp_path.glob("model-*")).suffix == ".training"
    monkeypatch.undo()
    again = train_model(sample_dir, labels_dir, None, tmp_path, TINY_TRAINING)
    assert again["num_resumes"] == 1
    assert not list(tmp_path.glob("*.training"))
    one, other = load_weights(model_dir), load_weights(again["path"])
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def stop_after_first_epoch(monkeypatch):
    """Let somebody stop every training in its first epoch."""
    from cdiscount_tasks.artifacts.training_folder import want_stop
    from cdiscount_tasks.learning.networks import training

    def judge_and_stop(network, validation, state, judge=training._judge_epoch):
        for folder in stopped_in:
            want_stop(folder)
        return judge(network, validation, state)

    stopped_in = []
    monkeypatch.setattr(training, "_judge_epoch", judge_and_stop)
    return stopped_in.append


@pytest.mark.training
def test_a_stopped_training_has_a_key_of_its_own_and_leaves_that_of_the_complete_one_free(
    sample_dir, labels_dir, model_dir, tmp_path, stop_after_first_epoch
):
    inputs = sample_dir, labels_dir, None
    training_dir = training_folder(*inputs, tmp_path, TINY_TRAINING)
    stop_after_first_epoch(training_dir)
    noted = []
    found = train_model(*inputs, tmp_path, TINY_TRAINING, note=lambda _: noted.append(training_dir.exists()))
    assert (found["stopped_after_epoch"], found["num_epochs"], found["num_epochs_planned"]) == (1, 1, 2)
    assert read_manifest(Path(found["path"]))["config"]["stopped_after_epoch"] == 1
    assert noted == [True]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [Path(found["path"]).name] != [model_dir.name]
    assert found["path"] == str(model_recipe(*inputs, TINY_TRAINING, 1).dir_in(tmp_path))
    again = train_model(*inputs, tmp_path, TINY_TRAINING, stopped_after_epoch=1)
    assert again == {**found, "reused": True}


@pytest.mark.training
def test_a_stopped_model_that_is_gone_is_trained_to_there_again(
    sample_dir, labels_dir, tmp_path, stop_after_first_epoch
):
    inputs = sample_dir, labels_dir, None
    stop_after_first_epoch(training_folder(*inputs, tmp_path, TINY_TRAINING))
    found = Path(train_model(*inputs, tmp_path, TINY_TRAINING)["path"])
    weights = load_weights(found)
    shutil.rmtree(found)
    again = train_model(*inputs, tmp_path, TINY_TRAINING, stopped_after_epoch=1)
    assert again["path"] == str(found)
    assert all(np.array_equal(a, b) for a, b in zip(weights, load_weights(found), strict=True))


@pytest.mark.training
def test_a_training_that_was_stopped_and_killed_before_it_was_published_ends_the_same(
    sample_dir, labels_dir, tmp_path, monkeypatch, stop_after_first_epoch
):
    from cdiscount_tasks.stages import model

    inputs = sample_dir, labels_dir, None
    stop_after_first_epoch(training_folder(*inputs, tmp_path, TINY_TRAINING))
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="went away"):
        patch.setattr(model, "_write_model", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("went away")))
        train_model(*inputs, tmp_path, TINY_TRAINING)
    assert train_model(*inputs, tmp_path, TINY_TRAINING)["stopped_after_epoch"] == 1
    assert not list(tmp_path.glob("*.training"))


@pytest.mark.training
def test_what_the_gpus_did_is_in_the_result_and_a_long_wait_is_a_warning(
    sample_dir, labels_dir, tmp_path, monkeypatch, caplog
):
    from cdiscount_tasks.learning.networks.phases import Training
    from cdiscount_tasks.stages import model

    use = GpuUse(busy_share=0.62, idle_share=0.1, memory_peak_gib=3.1, num_samples=40)
    monkeypatch.setattr(model, "GpuWatch", lambda: nullcontext(SimpleNamespace(use=use)))
    on_gpu = {"device": "GPU, 1 x made-up", "input_wait_share": 0.35}
    monkeypatch.setattr(Training, "figures", lambda self, figures=Training.figures: figures(self) | on_gpu)
    config = TINY_TRAINING.model_copy(update={"epochs": 1})
    found = train_model(sample_dir, labels_dir, None, tmp_path, config)
    assert {**on_gpu, "gpu_busy_share": 0.62, "gpu_memory_peak_gib": 3.1}.items() <= found.items()
    assert train_model(sample_dir, labels_dir, None, tmp_path, config) == {**found, "reused": True}
    assert "The training waited for its input 35 % of the time" in caplog.text


def test_on_a_cpu_nothing_is_told_of_gpus(tiny_model):
    assert not {"gpu_busy_share", "gpu_memory_peak_gib"} & set(tiny_model)
