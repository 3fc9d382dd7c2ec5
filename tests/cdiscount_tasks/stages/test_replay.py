import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages.replay import Replayed, Tolerance, choose_images, compare, repeat_answers, tolerance_of
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.predictions import ImageProbabilities
from cdiscount_tasks.vocabulary import TEST, VALIDATION
from tests.material.sealing import seal

EXACT = Tolerance(1e-5, 1e-5)


def images_of(class_index, split=TEST):
    return pd.DataFrame({"split": split, "class_index": class_index})


def test_images_are_chosen_from_all_classes_alike():
    class_index = np.repeat([0, 1, 2, 3], [1000, 500, 70, 3])
    chosen = choose_images(images_of(class_index))
    assert np.bincount(class_index[chosen]).tolist() == [92, 91, 70, 3]
    assert (np.diff(chosen) > 0).all()


def test_the_same_images_are_chosen_again():
    images = images_of(np.arange(5000) % 7)
    assert choose_images(images).tolist() == choose_images(images).tolist()


def test_of_more_classes_than_images_as_many_are_looked_at():
    class_index = np.arange(2000) % 1000
    chosen = choose_images(images_of(class_index))
    assert len(set(class_index[chosen])) == 256


def test_only_test_images_are_chosen_and_all_where_they_are_few():
    images = pd.concat([images_of([0, 1], VALIDATION), images_of([0, 1, 1])], ignore_index=True)
    assert choose_images(images).tolist() == [2, 3, 4]
    assert choose_images(images_of([0], VALIDATION)).tolist() == []


@pytest.mark.parametrize(
    ("precision", "device", "most"),
    [
        ("float32", "CPU, 2 cores", 1e-5),
        ("float32", "GPU, 1 x NVIDIA A100", 0.05),
        ("mixed_float16", "GPU, 1 x Tesla V100", 0.05),
        ("mixed_bfloat16", "GPU, 1 x NVIDIA H100", 0.3),
        ("mixed_bfloat16", "CPU, 2 cores", 0.3),
    ],
)
def test_what_is_allowed_follows_from_where_and_how_exactly_it_was_recorded(precision, device, most):
    assert tolerance_of(precision, device).most == most


def recorded_as(probabilities, classes=None):
    probabilities = np.array(probabilities, np.float32)
    classes = np.broadcast_to(np.arange(2), probabilities.shape) if classes is None else np.array(classes)
    images = pd.DataFrame({"product_id": [71, 72], "image_number": [0, 3]})
    return ImageProbabilities(images, classes, probabilities)


RECORDED = [[0.75, 0.25], [0.5, 0.5]]


def test_answers_that_are_nearly_the_same_pass():
    answers = np.add(RECORDED, [[0, 0], [5e-6, -5e-6]])
    found = compare(recorded_as(RECORDED), answers, EXACT, Path("model.keras"))
    assert found.num_images == 2
    assert found.max_difference == pytest.approx(5e-6, rel=1e-3)


def test_answers_that_differ_are_refused_with_the_image_what_was_expected_and_found():
    answers = np.add(RECORDED, [[0, 0], [2e-5, -3e-5]])
    words = (
        r"model.keras: gives image 3 of product 72 the probability 0\.499970 for class 1, expected 0\.500000 as its "
        r"evaluation recorded, to 1e-05 .* run again from evaluate_model"
    )
    with pytest.raises(DataError, match=words):
        compare(recorded_as(RECORDED), answers, EXACT, Path("model.keras"))


def test_answers_that_all_differ_a_little_are_refused_where_single_ones_may_differ():
    answers = np.array(RECORDED) + 0.02
    assert compare(recorded_as(RECORDED), answers, Tolerance(0.05, 0.03), Path("m")) == Replayed(
        2, pytest.approx(0.02, rel=1e-3), 0.05
    )
    with pytest.raises(DataError, match=r"\(0.02 in the mean of 2 images, expected up to 0.005\)"):
        compare(recorded_as(RECORDED), answers, Tolerance(0.05, 0.005), Path("m"))


def test_of_many_classes_those_are_compared_that_were_kept():
    answers = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    recorded = recorded_as([[0.7, 0.2], [0.6, 0.3]], [[2, 1], [0, 1]])
    assert compare(recorded, answers, EXACT, Path("m")).max_difference < 1e-6


@pytest.fixture
def own(tmp_path, model_dir, evaluation_dir):
    """Return copies of the tiny model and its evaluation, which a test may change."""
    copies = [tmp_path / folder.name for folder in (model_dir, evaluation_dir)]
    for source, copy in zip((model_dir, evaluation_dir), copies, strict=True):
        shutil.copytree(source, copy)
    return copies


@pytest.mark.training
def test_a_model_repeats_its_answers(own, sample_dir):
    found = repeat_answers(*own, sample_dir)
    assert found.num_images > 4
    assert found.max_difference <= found.tolerance == 1e-5


@pytest.mark.training
def test_an_answer_that_was_recorded_differently_is_found(own, sample_dir):
    path = own[1] / "image_predictions.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    place = next(number for number, row in enumerate(rows) if row["split"] == TEST)
    rows[place]["probabilities"][0] += 1e-4
    write_table(path, {name: [row[name] for row in rows] for name in table.column_names}, table.schema)
    seal(own[1])
    words = f"gives image {rows[place]['image_number']} of product {rows[place]['product_id']} the probability"
    with pytest.raises(DataError, match=words):
        repeat_answers(*own, sample_dir)


@pytest.mark.training
def test_an_evaluation_of_another_model_or_sample_is_refused(own, sample_dir, labels_dir):
    with pytest.raises(DataError, match=r"is of sample .*, expected .*; run again from evaluate_model"):
        repeat_answers(*own, labels_dir)
    manifest = {**read_json(own[0] / "manifest.json"), "identity": "another"}
    write_json(own[0] / "manifest.json", manifest)
    seal(own[0])
    with pytest.raises(DataError, match=r"is of model .*, expected another; run again from evaluate_model"):
        repeat_answers(*own, sample_dir)


@pytest.mark.training
def test_a_model_that_is_damaged_or_does_not_load_is_refused(own, sample_dir):
    path = own[0] / "model.keras"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match=r"model\.keras: its hash is"):
        repeat_answers(*own, sample_dir)
    path.write_bytes(whole[: len(whole) // 2])
    seal(own[0])
    with pytest.raises(DataError, match=r"model\.keras: cannot be loaded"):
        repeat_answers(*own, sample_dir)
