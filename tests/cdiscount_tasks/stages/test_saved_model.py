"""The saved model in a plain Python: a fresh process where nothing of this package can be imported."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.settings.networks import NETWORKS
from cdiscount_tasks.stages.evaluation import evaluate_model
from cdiscount_tasks.stages.model import train_model
from cdiscount_tasks.tables import parquet
from cdiscount_tasks.tables.labels import read_jpegs
from cdiscount_tasks.tables.schemas import CLASSES, prediction_schema
from tests.conftest import TINY_TRAINING
from tests.material.extreme_runs import Extreme, make_run

pytestmark = pytest.mark.training

ALONE = """
import importlib.util
assert importlib.util.find_spec("cdiscount_tasks") is None
"""


def run_alone(code, folder, *arguments):
    """Run code in a fresh process in a folder, with the packages of this Python and nothing of the project."""
    told = subprocess.run(
        [sys.executable, "-I", "-c", ALONE + code, *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    return told.stdout


LOAD_AND_PREDICT = """
import sys, keras, numpy
for path in sys.argv[1:]:
    model = keras.models.load_model(path)
    assert not model.compiled, path
    numpy.save(path + ".npy", model.predict(numpy.load(path + ".in.npy"), verbose=0))
"""


WHOLE, HALF, FOLDED = "float32", "mixed_bfloat16", True
SAVED = [(name, WHOLE, False) for name in NETWORKS]
SAVED += [("small_cnn", HALF, False), ("mobilenet_v3_small", WHOLE, FOLDED), ("mobilenet_v3_small", HALF, FOLDED)]


def test_every_network_saved_after_training_loads_and_predicts_in_a_plain_python(tmp_path, weights_path):
    import keras

    from cdiscount_tasks.learning.networks.build import build_network, without_training
    from cdiscount_tasks.learning.networks.objective import compile_network
    from cdiscount_tasks.settings.training import TrainingConfig

    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    expected = {}
    for name, precision, folded in SAVED:
        keras.config.set_dtype_policy(precision)
        try:
            network = build_network(name, 32, 4, weights_path if folded else None)
        finally:
            keras.config.set_dtype_policy("float32")
        compile_network(network, TrainingConfig(), 10, jit_compile=False)
        path = tmp_path / f"{name}-{precision}-{folded}.keras"
        without_training(network).save(path)
        np.save(f"{path}.in.npy", pictures)
        expected[path] = network.predict(pictures, verbose=0)
    run_alone(LOAD_AND_PREDICT, tmp_path, *expected)
    for path, found in expected.items():
        assert np.allclose(np.load(f"{path}.npy"), found, atol=1e-6), path


def test_a_saved_model_holds_no_state_of_its_training(sample_dir, labels_dir, tmp_path):
    training = TINY_TRAINING.model_copy(update={"network": "small_cnn", "epochs": 1})
    trained = train_model(sample_dir, labels_dir, None, tmp_path, training)
    size = (Path(trained["path"]) / "model.keras").stat().st_size
    assert 4 * trained["num_parameters"] < size < 4.4 * trained["num_parameters"] + 100_000


def test_what_a_plain_python_predicts_is_what_the_evaluation_says(model_dir, sample_dir, labels_dir, tmp_path):
    evaluation_dir = Path(evaluate_model(sample_dir, labels_dir, model_dir, tmp_path)["path"])
    schema = prediction_schema(4, by_image=True)
    rows = parquet.read_table(evaluation_dir / "image_predictions.parquet", schema).to_pandas()
    keys = list(zip(rows["product_id"].tolist(), rows["image_number"].tolist(), strict=True))
    for number, jpeg in enumerate(read_jpegs(sample_dir, keys)[key] for key in keys):
        (tmp_path / f"{number:04}.jpg").write_bytes(jpeg)
    code = f"""
import keras, numpy, pathlib
from PIL import Image
model = keras.models.load_model({str(model_dir / "model.keras")!r})
paths = sorted(pathlib.Path().glob("*.jpg"))
pixels = numpy.stack([numpy.asarray(Image.open(path).convert("RGB").resize((32, 32), 2)) for path in paths])
both = numpy.log(model.predict(pixels, verbose=0)) + numpy.log(model.predict(pixels[:, :, ::-1], verbose=0))
both = numpy.exp(both / 2)
numpy.save("found.npy", both / both.sum(axis=1, keepdims=True))
"""
    run_alone(code, tmp_path)
    assert np.allclose(np.load(tmp_path / "found.npy"), np.stack(rows["probabilities"]), atol=1e-5)


def test_the_model_names_its_classes_by_class_index(model_dir):
    names = json.loads((model_dir / "class_names.json").read_text("utf-8"))
    classes = parquet.read_table(model_dir / "classes.parquet", CLASSES).to_pandas()
    assert names == classes["category_id"].astype(str).tolist()


RUN_EACH = """
import os, sys
for folder, lines in zip(sys.argv[1::2], sys.argv[2::2]):
    os.chdir(folder)
    exec(lines, {"__name__": "__main__"})
"""
LEVEL_NAMES = {"named": ("ALL", "WARM", "VIN \u00ab CHATEAU\u0302 \u00bb"), "without names": None}


def test_the_lines_of_the_model_card_name_a_picture(tmp_path):
    """Each card's lines in a folder with the picture alone; in one process, since it loads TensorFlow."""
    asked, expected = [], []
    for name, names in LEVEL_NAMES.items():
        place, elsewhere = tmp_path / f"{name}, 'quotes' and \u00e9", tmp_path / f"picture {name}"
        run = make_run(place, Extreme("right", level_names=names), audited=False)
        (lines,) = re.findall(r"```python\n(.*?)```", (run.report_dir / "MODEL_CARD.md").read_text("utf-8"), re.DOTALL)
        assert len(lines.splitlines()) == 6
        predictions = pd.read_parquet(run.report_dir / "predictions.parquet").query("split == 'test'")
        one = predictions.iloc[-1]
        (jpeg,) = read_jpegs(run.dirs["sample"], [(int(one["product_id"]), 0)]).values()
        elsewhere.mkdir()
        (elsewhere / "picture.jpg").write_bytes(jpeg)
        asked += [elsewhere, lines]
        category_id = str(run.config.draw.categories[one["predicted"]])
        expected.append((f"{names[2]} ({category_id})" if names else category_id, one["probabilities"].max()))
    told = run_alone(RUN_EACH, tmp_path, *asked).splitlines()
    assert len(told) == len(expected)
    for line, (wanted, most) in zip(told, expected, strict=True):
        named, _, probability = line.strip().rpartition(" ")
        assert named == wanted
        assert float(probability) == pytest.approx(most, abs=1e-4)
