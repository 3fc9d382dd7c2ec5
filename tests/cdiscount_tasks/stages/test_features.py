"""A frozen network's features, and the transfer that starts from them, with weights that the test makes itself."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.learning.pictures.inputs import hold_images
from cdiscount_tasks.stages.evaluation import evaluate_model
from cdiscount_tasks.stages.features import extract_features
from cdiscount_tasks.stages.inputs import Pretrained
from cdiscount_tasks.stages.model import train_model
from cdiscount_tasks.tables.features import read_features, read_features_of
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import HISTORY, LABEL_IMAGES, features_schema
from tests.conftest import TINY_TRANSFER

NUM_FEATURES = 576


@pytest.fixture(scope="module")
def made_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("transfer")


@pytest.fixture(scope="module")
def pretrained(tiny_features, weights_path):
    return Pretrained(weights_path, Path(tiny_features["path"]))


@pytest.fixture(scope="module")
def transferred(sample_dir, labels_dir, pretrained, made_dir):
    return train_model(sample_dir, labels_dir, pretrained, made_dir, TINY_TRANSFER)


@pytest.fixture(scope="module")
def untuned(sample_dir, labels_dir, pretrained, made_dir):
    config = TINY_TRANSFER.model_copy(update={"fine_tune_epochs": 0})
    return train_model(sample_dir, labels_dir, pretrained, made_dir, config)


def test_features_have_a_row_for_each_image_of_the_labels(tiny_features, labels_dir):
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES)
    rows = read_table(Path(tiny_features["path"]) / "features.parquet", features_schema(NUM_FEATURES, mirrored=True))
    for column in ("product_id", "image_number"):
        assert rows[column].to_pylist() == images[column].to_pylist()
    assert (tiny_features["num_images"], tiny_features["num_features"]) == (images.num_rows, NUM_FEATURES)


def test_how_fast_the_pictures_were_looked_at_is_told_and_nothing_of_gpus_on_a_cpu(tiny_features):
    assert tiny_features["images_per_s"] > 0
    assert not {"gpu_busy_share", "gpu_memory_peak_gib"} & set(tiny_features)


def test_features_are_what_the_frozen_network_sees_in_the_picture_and_its_mirror_image(
    tiny_features, sample_dir, labels_dir, weights_path, tmp_path
):
    from cdiscount_tasks.learning.networks.build import build_extractor

    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES).slice(0, 5)
    rows = rows_of(sample_dir, images["product_id"].to_numpy(), images["image_number"].to_numpy())
    held = hold_images(lambda: SampleImages(sample_dir), rows, 32, tmp_path)
    extractor = build_extractor("mobilenet_v3_small", 32, weights_path)
    vectors = read_features(Path(tiny_features["path"]))[:5]
    for side in (False, True):
        pixels = held.take(np.arange(5), np.full(5, side), np.zeros((5, 2), int))
        assert np.allclose(vectors[:, int(side)], np.asarray(extractor(pixels, training=False)), rtol=2**-10, atol=1e-4)


def test_mirror_images_are_computed_only_where_they_are_wanted(
    tiny_features, sample_dir, labels_dir, weights_path, tmp_path
):
    config = TINY_TRANSFER.model_copy(update={"mirrored_features": False})
    plain = extract_features(sample_dir, labels_dir, weights_path, tmp_path, config)
    both, alone = (read_features(Path(found["path"])) for found in (tiny_features, plain))
    assert (both.shape[1], alone.shape[1]) == (2, 1)
    assert np.array_equal(both[:, 0], alone[:, 0])


def test_some_pictures_features_are_those_among_all(features_dir):
    every = read_features(features_dir)[:, 0]
    wanted = np.arange(len(every)) % 3 == 1
    assert np.array_equal(read_features_of(features_dir, wanted), every[wanted])


def test_other_epochs_use_the_same_features(tiny_features, sample_dir, labels_dir, weights_path, artifacts_dir):
    again = TINY_TRANSFER.model_copy(update={"epochs": 9, "fine_tune_epochs": 0, "seed": 3})
    assert extract_features(sample_dir, labels_dir, weights_path, artifacts_dir, again) == {
        **tiny_features,
        "reused": True,
    }


def test_the_history_tells_both_phases(transferred):
    history = read_table(Path(transferred["path"]) / "history.parquet", HISTORY).to_pandas()
    assert history["phase"].tolist() == ["head"] * 3 + ["fine_tune"]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert transferred["num_epochs"] == 4
    assert transferred["validation_loss"] == history["validation_loss"].min()
    assert history["validation_loss"].idxmin() + 1 == transferred["best_epoch"]


def test_the_model_says_whose_weights_it_began_with(transferred):
    origin = json.loads((Path(transferred["path"]) / "input.json").read_text())["weights"]
    assert (origin["file"], origin["licence"]) == ("mobilenet_v3_small_notop.weights.h5", "Apache-2.0")
    assert len(origin["xxh3_128"]) == 32


def load_weights(model_dir):
    import keras

    return keras.saving.load_model(Path(model_dir) / "model.keras", compile=False).get_weights()


def test_tuning_moves_the_upper_layers_alone_and_no_batch_statistics(transferred, weights_path):
    from cdiscount_tasks.learning.networks.build import build_network

    before = build_network("mobilenet_v3_small", 32, 4, weights_path)
    same = {}
    names = [weight.path for weight in before.weights]
    for name, old, new in zip(names, before.get_weights(), load_weights(transferred["path"]), strict=True):
        same[name] = np.array_equal(old, new)
    moved = [name for name, is_same in same.items() if not is_same]
    assert any("probabilities" in name for name in moved)
    assert any("conv" in name for name in moved)
    assert not any(word in name for name in moved for word in ("moving_", "gamma", "beta"))
    assert all(same[name] for name in names[: len(names) // 2])


def test_a_transfer_that_died_while_tuning_ends_with_the_same_weights(
    sample_dir, labels_dir, pretrained, transferred, tmp_path, monkeypatch
):
    from cdiscount_tasks.learning.networks import training

    judged = []

    def die_while_tuning(self, network, judge=training._Validation.judge):
        judged.append(1)
        if len(judged) == 4:  # three epochs of the head, then the first epoch of tuning
            raise RuntimeError("the machine went away")
        return judge(self, network)

    monkeypatch.setattr(training._Validation, "judge", die_while_tuning)
    with pytest.raises(RuntimeError, match="went away"):
        train_model(sample_dir, labels_dir, pretrained, tmp_path, TINY_TRANSFER)
    monkeypatch.undo()
    again = train_model(sample_dir, labels_dir, pretrained, tmp_path, TINY_TRANSFER)
    pairs = zip(load_weights(transferred["path"]), load_weights(again["path"]), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_tuning_that_does_harm_leaves_the_frozen_network_with_its_head(
    sample_dir, labels_dir, pretrained, untuned, tmp_path, caplog, monkeypatch
):
    from cdiscount_tasks.learning.networks import training

    judged = []

    def judge_tuning_harshly(self, network, judge=training._Validation.judge):
        judged.append(1)
        loss, accuracy, num_predicted = judge(self, network)
        return loss + (100 if len(judged) > 3 else 0), accuracy, num_predicted

    by_loss = TINY_TRANSFER.model_copy(update={"chosen_epoch": "loss"})
    monkeypatch.setattr(training._Validation, "judge", judge_tuning_harshly)
    harmed = train_model(sample_dir, labels_dir, pretrained, tmp_path, by_loss)
    assert harmed["best_epoch"] == untuned["best_epoch"] <= 3
    assert "the frozen network with its classifying layer is kept" in caplog.text
    pairs = zip(load_weights(harmed["path"]), load_weights(untuned["path"]), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_without_tuning_the_network_is_the_frozen_one_with_the_head(sample_dir, labels_dir, untuned, made_dir):
    assert untuned["num_epochs"] == 3
    evaluated = evaluate_model(sample_dir, labels_dir, Path(untuned["path"]), made_dir)
    assert evaluated["num_test_products"] > 0


def test_half_precision_gives_features_too(tiny_features, sample_dir, labels_dir, weights_path, tmp_path):
    config = TINY_TRANSFER.model_copy(update={"precision": "mixed_bfloat16", "mirrored_features": False})
    halved = read_features(Path(extract_features(sample_dir, labels_dir, weights_path, tmp_path, config)["path"]))
    whole = read_features(Path(tiny_features["path"]))[:, :1]
    assert halved.dtype == np.float32
    assert np.abs(halved - whole).max() < 0.05 * np.abs(whole).max()


def with_weights(folder, weights_path, value):
    """Write the same network's file with every weight of one layer set to a value."""
    import keras

    network = keras.applications.MobileNetV3Small(include_top=False, weights=weights_path, input_shape=(32, 32, 3))
    network.layers[2].set_weights([np.full_like(weight, value) for weight in network.layers[2].get_weights()])
    path = folder / weights_path.name
    network.save_weights(path)
    return path


def test_weights_that_changed_since_the_features_were_extracted_are_refused(
    sample_dir, labels_dir, pretrained, weights_path, tmp_path
):
    other = pretrained._replace(weights_path=with_weights(tmp_path, weights_path, 0.5))
    with pytest.raises(DataError, match=r"was extracted with another weights than this training has .* clear the task"):
        train_model(sample_dir, labels_dir, other, tmp_path, TINY_TRANSFER)
    larger = TINY_TRANSFER.model_copy(update={"image_size": 64})
    with pytest.raises(DataError, match="was extracted with another image_size than"):
        train_model(sample_dir, labels_dir, pretrained, tmp_path, larger)


def test_weights_that_are_no_numbers_are_an_error_and_nothing_is_published(
    sample_dir, labels_dir, weights_path, tmp_path
):
    broken = with_weights(tmp_path, weights_path, np.nan)
    with pytest.raises(DataError, match=r"\d of \d+ weights are no finite numbers .* get the file again"):
        extract_features(sample_dir, labels_dir, broken, tmp_path, TINY_TRANSFER)
    assert not list(tmp_path.glob("features-*"))


def test_features_that_half_precision_does_not_hold_are_an_error_that_names_the_weights(
    sample_dir, labels_dir, weights_path, tmp_path
):
    import keras

    network = keras.applications.MobileNetV3Small(include_top=False, weights=weights_path, input_shape=(32, 32, 3))
    last = network.get_layer("conv_1")
    last.set_weights([1e9 * last.get_weights()[0]])
    path = tmp_path / weights_path.name
    network.save_weights(path)
    with pytest.raises(
        DataError, match=r"notop\.weights\.h5: makes features of up to \d.*e\+\d+, expected 0.0001 to 65,504"
    ):
        extract_features(sample_dir, labels_dir, path, tmp_path, TINY_TRANSFER)
    assert not list(tmp_path.glob("features-*"))


def test_a_share_that_reaches_no_layer_is_an_error(sample_dir, labels_dir, pretrained, tmp_path):
    nothing = TINY_TRANSFER.model_copy(update={"fine_tune_share": 0.001})
    with pytest.raises(ConfigError, match=r"fine_tune_share is 0\.001: the top 0 layers .* raise it"):
        train_model(sample_dir, labels_dir, pretrained, tmp_path, nothing)


def test_weights_of_another_network_are_an_error_that_names_the_file(sample_dir, labels_dir, weights_path, tmp_path):
    other = TINY_TRANSFER.model_copy(update={"network": "mobilenet_v2"})
    with pytest.raises(ConfigError, match=r"notop\.weights\.h5: does not fit the network mobilenet_v2 .*ImageNet"):
        extract_features(sample_dir, labels_dir, weights_path, tmp_path, other)


def test_features_that_are_damaged_are_an_error_that_names_them(sample_dir, labels_dir, pretrained, tmp_path):
    copied = tmp_path / pretrained.features_dir.name
    shutil.copytree(pretrained.features_dir, copied)
    content = bytearray((copied / "features.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (copied / "features.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"features\.parquet: is damaged"):
        train_model(sample_dir, labels_dir, pretrained._replace(features_dir=copied), tmp_path, TINY_TRANSFER)
