"""A model that cannot be trusted though its manifest is right: one sentence each, and nothing is published."""

import io
import json
import zipfile

import numpy as np
import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages.evaluation import evaluate_model
from cdiscount_tasks.tables.features import read_features, read_features_of
from tests.material.compared_runs import write_features
from tests.material.extreme_runs import Extreme, label_run, publish_model, told_network
from tests.material.sealing import seal


@pytest.fixture(scope="module")
def dirs(tensorflow, tmp_path_factory):
    return label_run(tmp_path_factory.mktemp("labelled"), Extreme())[1]


def repacked(content, name, change):
    """Return the bytes of a zip with one member changed; None leaves it out."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for one in old.namelist():
            data = change(old.read(one)) if one == name else old.read(one)
            if data is not None:
                new.writestr(one, data)
    return packed.getvalue()


NESTED = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
DAMAGES = {
    "no zip": lambda _: b"weights",
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "no config": lambda content: repacked(content, "config.json", lambda _: None),
    "config that is no JSON": lambda content: repacked(content, "config.json", lambda _: b"\xff{"),
    "config of another kind": lambda content: repacked(content, "config.json", lambda _: b"[]"),
    "config that is empty": lambda content: repacked(content, "config.json", lambda _: b"{}"),
    "config nested without end": lambda content: repacked(content, "config.json", lambda _: NESTED),
    "config of an unknown layer": lambda content: repacked(
        content, "config.json", lambda config: config.replace(b"GlobalAveragePooling2D", b"NoSuchLayer")
    ),
    "no weights": lambda content: repacked(content, "model.weights.h5", lambda _: None),
    "weights cut": lambda content: repacked(content, "model.weights.h5", lambda data: data[:-3000]),
    "weights of other bytes": lambda content: repacked(content, "model.weights.h5", lambda data: b"\0" * len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_that_does_not_load_is_one_sentence_that_names_the_file(dirs, tmp_path, damage):
    model_dir = publish_model(told_network("right", 3), dirs["labels"], tmp_path)
    path = model_dir / "model.keras"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    seal(model_dir)
    with pytest.raises(DataError, match=r"model\.keras: cannot be loaded \(\w+: .*; remove .*model-\w+ and run again"):
        evaluate_model(dirs["sample"], dirs["labels"], model_dir, tmp_path)
    assert not list(tmp_path.glob("evaluation-*"))


@pytest.mark.parametrize("answers", ["not a number", "infinite"])
def test_weights_that_are_no_numbers_give_no_evaluation(dirs, tmp_path, answers):
    model_dir = publish_model(told_network(answers, 3), dirs["labels"], tmp_path)
    with pytest.raises(DataError, match=r"model\.keras: 1 of 2 weights are no finite numbers .*; remove "):
        evaluate_model(dirs["sample"], dirs["labels"], model_dir, tmp_path)
    assert not list(tmp_path.glob("evaluation-*"))


def test_answers_that_are_no_numbers_give_no_evaluation(dirs, tmp_path):
    network = told_network("right", 3)
    huge = [np.full_like(weight, 3e38) for weight in network.layers[-1].get_weights()]
    network.layers[-1].set_weights([huge[0], -huge[1]])  # finite weights, whose sums are not
    model_dir = publish_model(network, dirs["labels"], tmp_path)
    with pytest.raises(DataError, match=r"model\.keras: \d+ of its \d+ answers are no finite numbers; remove"):
        evaluate_model(dirs["sample"], dirs["labels"], model_dir, tmp_path)
    assert not list(tmp_path.glob("evaluation-*"))


def test_a_model_with_other_outputs_than_classes_gives_no_evaluation(dirs, tmp_path):
    model_dir = publish_model(told_network("right", 2), dirs["labels"], tmp_path)
    with pytest.raises(DataError, match=r"model\.keras: answers with 2 classes, expected 3; remove"):
        evaluate_model(dirs["sample"], dirs["labels"], model_dir, tmp_path)


@pytest.mark.parametrize(("contract", "sentence"), [
    ({"image_size": 48}, "takes pictures of 32 x 32 pixels, but input.json beside it says 48"),
    ({"resize": "by eye"}, "wants pictures scaled by 'by eye', this code does"),
])  # fmt: skip
def test_a_contract_that_is_not_the_models_gives_no_evaluation(dirs, tmp_path, contract, sentence):
    model_dir = publish_model(told_network("right", 3), dirs["labels"], tmp_path)
    told = json.loads((model_dir / "input.json").read_text())
    write_json(model_dir / "input.json", {**told, **contract})
    seal(model_dir)
    with pytest.raises(DataError, match=sentence):
        evaluate_model(dirs["sample"], dirs["labels"], model_dir, tmp_path)


@pytest.mark.parametrize("read", [read_features, lambda folder: read_features_of(folder, np.ones(36, bool))])
def test_features_that_are_no_numbers_are_refused(dirs, tmp_path, read):
    with pytest.raises(DataError, match=r"features\.parquet: holds features that are no finite numbers; remove"):
        read(write_features(tmp_path, dirs["labels"], apart=np.inf))
