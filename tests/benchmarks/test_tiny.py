"""Every benchmark runs at a tiny size, so that it does not rot. Its figures mean nothing here."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import redirect_stdout, suppress
from importlib import import_module
from unittest.mock import patch

import bson
import pandas as pd
import pytest

from benchmarks.__main__ import SPEED, _lines, keep
from benchmarks.belief import clothing, planted_marks
from benchmarks.endurance import training_kills
from benchmarks.material.measure import Run, run_step
from benchmarks.speed import decoding
from cdiscount_tasks.pages.report.coverage import COVERAGE_PATH
from cdiscount_tasks.settings.environment import PROJECT_DIR

pytestmark = [pytest.mark.slow, pytest.mark.training]

TINY = {
    "benchmarks.belief.audit": (["--drawn", "300"], r"\| mixed_bag \| 2 % more wrong \| no picture of its category \|"),
    "benchmarks.belief.interval_coverage": (["--repeats", "20", "--without-bootstraps"], r"\| 1,000 \| 0.97 \| \d"),
    "benchmarks.belief.figure_coverage": (["--repeats", "1"], r"\| 0.9 \| 10 % \| 0.90 \| 3,000 \|"),
    "benchmarks.belief.promises": (["--repeats", "1"], r"\| 99 % \| 10,000 \| "),
    "benchmarks.belief.promotion_years": (
        ["--years", "1", "--products", "300", "--correlations", "0.5", "--many", "300"],
        r"\| ours, anchored \| 300 \| 1 \| 0\.7",
    ),
    "benchmarks.belief.seed_coverage": (["--repeats", "2", "--products", "60"], r"\| 60 \| \d+\.\d \| \d+\.0 \("),
    "benchmarks.belief.comparison_coverage": (["--repeats", "1", "--groups", "40"], r"\| 40 \| \d"),
    "benchmarks.belief.drift": (
        ["--pairs", "2", "--draws", "1", "--products", "200", "--clean", "absent"],
        r"\| drawn wine \| class renamed \| by groups, half and half \| \d+ \| 1 of 1 \|",
    ),
    "benchmarks.belief.features": (
        ["--products", "300", "--filters", "20", "--clean", "absent"],
        r"\| drawn wine \| descriptor \| 1316 \|",
    ),
    "benchmarks.speed.export": (
        ["--networks", "plain_cnn:32", "--images", "64", "--rounds", "1"],
        r"\| plain_cnn \| 32 \| model\.tflite \| \d+ \| \d+ \| \d",
    ),
    "benchmarks.speed.gpu": (
        ["--images", "64", "--batches", "4", "--steps", "2", "--where", "device", "--only", "loop", "--seconds", "0"],
        r'batch 4, pictures on the device \{.*"loop_per_s": \d',
    ),
    "benchmarks.speed.pictures_left": (
        ["--gb", "0.002", "--images", "300"],
        r"(?s)\| in_catalogue \| random \| 64 \| [\d,]+ \|.*in_catalogue: the rows of \d+ images",
    ),
    "benchmarks.endurance.index_kills": (["--gb", "0.002"], r"identity and tables differ after a scan: True"),
    "benchmarks.endurance.prediction_kills": (
        ["--kills", "1", "--images", "300", "--ranges", "2"],
        r"the same bytes: True; folders left behind: 0",
    ),
    "benchmarks.endurance.remote_catalogue": (
        ["--gb", "0.002", "--share", "0.2", "--delay-ms", "1"],
        r"(?s)\| bucket \| index \| \d+ \| .*the same index and sample from disk and bucket: True",
    ),
    "benchmarks.endurance.whole_catalogue": (
        ["--products", "500", "--categories", "9", "--decode-ahead"],
        r"\| evaluation \| .*\n\| seeds \| .* left out \|\n\| drift \| .* left out \|\n\| judgement .*\n"
        r"\| report \| .*, on \d+ test products",
    ),
    "benchmarks.endurance.large_sample": (["--images", "200", "--image-size", "32"], r'"num_train_images": \d'),
    "benchmarks.endurance.many_features": (
        ["--images", "1000", "--classes", "4", "--epochs", "1"],
        r'"limit_gib": "none", .*"weights": "\w',
    ),
}
"""Options, and what the output must hold."""

FEW_OF_EACH = 16
"""Photos of each category in each split: training, validation and test."""

TINY_SPEED = {
    "index": "--gb 0.002 --growth 0.001 0.002 --images 2000 --rounds 1",
    "labels": "--images 300 --rounds 1",
    "training": "--images 130 --image-size 32 --rounds 1 --networks plain_cnn",
    "decoding": "--rounds 1 --images 130 --image-size 32 --decoded 20 --sizes 32",
    "predictions": "--images 300 400 --image-size 32 --rounds 1",
    "report": "--products 2000",
    "dag_parsing": "--rounds 1 --samples 5",
}


PROCESSES = {
    "index", "dag_parsing",  # each step is a process, since what it loads is measured
    "benchmarks.endurance.index_kills",  # a step is killed
    "benchmarks.speed.gpu",  # runs on JAX
}  # fmt: skip
"""What runs by its command here too. The others run in the test's process: at these sizes, a process of its own takes
longer to load TensorFlow than to work."""

LIMITED = {("benchmarks.endurance.large_sample", "train"), ("benchmarks.endurance.many_features", "learn")}
"""Steps that limit their memory: each stays a process of its own, unless it is asked to do without a limit."""


def run(module: str, *options: object) -> str:
    command = [sys.executable, "-m", module, *map(str, options)]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_step_here(module: str, name: str, *arguments: object) -> Run:
    """Run a step as `measure.run_step` does, without a process of its own."""
    if (module, name) in LIMITED and "none" not in arguments:
        return run_step(module, name, *arguments)
    started, cpu_started = time.monotonic(), time.process_time()
    with redirect_stdout(io.StringIO()) as printed:
        getattr(import_module(module), name)(*map(str, arguments))
    took = time.monotonic() - started, time.process_time() - cpu_started
    *_, last = ["", *printed.getvalue().splitlines()]
    return Run(*took, 1.0, json.loads(last) if last.startswith("{") else {})


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Return what runs a benchmark's `main` with its options, and all its steps, in this process."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")  # a step unsets it

    def start(module: str, *options: object) -> str:
        main = import_module(module).main
        for name, loaded in list(sys.modules.items()):
            if name.startswith("benchmarks.") and hasattr(loaded, "run_step"):
                monkeypatch.setattr(loaded, "run_step", run_step_here)
        monkeypatch.setattr(sys, "argv", [module, *map(str, options)])
        with suppress(SystemExit):
            main()
        return capsys.readouterr().out

    import_module("cdiscount_tasks.machine.device")  # sets the variable of Keras' backend for all of this process
    with patch.dict(os.environ):  # a benchmark may set the places of its files
        yield start


@pytest.fixture(scope="module")
def real_products(real_data):
    """Return the documents of the real photos."""
    with real_data("clothing/catalogue.bson").open("rb") as file:
        return list(bson.decode_file_iter(file))


@pytest.fixture(scope="module")
def few_real_products(real_products, tmp_path_factory):
    """Return a catalogue of real products of three categories, as few as the planted faults may be 2 % of."""
    path = tmp_path_factory.mktemp("real") / "catalogue.bson"
    largest = [category_id for category_id, _ in Counter(one["category_id"] for one in real_products).most_common(3)]
    few = [one for wanted in largest for one in [each for each in real_products if each["category_id"] == wanted][:220]]
    path.write_bytes(b"".join(map(bson.encode, few)))
    return path


@pytest.fixture(scope="module")
def few_photos(real_products, real_data, tmp_path_factory):
    """Return a folder of test data with some photos of each category in each split, and no weights."""
    folder = tmp_path_factory.mktemp("few")
    for name in ("clothing", "weights"):
        (folder / name).mkdir()
    splits = pd.read_csv(real_data("clothing/splits.csv"))
    few = splits.groupby(["category_id", "split"]).head(FEW_OF_EACH)
    wanted = set(few["product_id"])
    documents = (bson.encode(one) for one in real_products if one["_id"] in wanted)
    (folder / "clothing" / "catalogue.bson").write_bytes(b"".join(documents))
    few.to_csv(folder / "clothing" / "splits.csv", index=False)
    shutil.copy(real_data("clothing/category_names.csv"), folder / "clothing")
    return folder


@pytest.fixture
def on_few_photos(few_photos, monkeypatch):
    """Let the benchmarks of the photos take few of them."""
    monkeypatch.setattr(clothing, "TEST_DATA_DIR", few_photos)
    for benchmark, name in ((decoding, "_PHOTOS"), (planted_marks, "_CLOTHING")):
        monkeypatch.setattr(benchmark, name, few_photos / "clothing" / "catalogue.bson")


@pytest.fixture
def on_few_photos_or_none(request):
    """As `on_few_photos`, where there are any."""
    if decoding._PHOTOS.exists():
        request.getfixturevalue("on_few_photos")


def test_every_benchmark_is_run_here():
    material = {
        "measure", "index_steps", "catalogue_of_all", "folds", "networks_of_sets", "ways_to_join",
        "ways_to_train"
    }  # fmt: skip
    names = {path.stem for path in (PROJECT_DIR / "benchmarks").glob("*/*.py")} - material
    assert names == {module.split(".")[-1] for module in TINY} | set(SPEED) | {
        "bucket_demo", "busy_pool", "clothing", "dirty", "fleet", "joining", "planted_marks", "presets",
        "promise_draws", "recipes", "training_kills"
    }  # fmt: skip
    assert set(TINY_SPEED) == set(SPEED)


@pytest.mark.parametrize("name", TINY_SPEED)
def test_a_benchmark_of_speed_fills_its_rows_and_keeps_those_of_others(run_here, on_few_photos_or_none, name, tmp_path):
    results = tmp_path / "results.json"
    results.write_text(json.dumps({name: {"before": {"figure": 1}}, "other": {"part": {"figure": 2}}}))
    options = ["--only", name, "--results", results, *TINY_SPEED[name].split()]
    out = run("benchmarks", *options) if name in PROCESSES else run_here("benchmarks.__main__", *options)
    written = json.loads(results.read_text())
    assert written["other"] == {"part": {"figure": 2}}
    assert written[name].pop("before") == {"figure": 1}
    committed = json.loads((PROJECT_DIR / "benchmarks" / "results.json").read_text())
    assert set(written[name]) >= set(committed.get(name, {})) - {"small_cnn"}
    for part, figures in written[name].items():
        assert len(figures.pop("machine")) > 10
        assert _lines(f"{name}.{part}", figures)
        for measured, value in _lines(f"{name}.{part}", figures):
            assert f"| {measured} | {value} |" in out


@pytest.fixture
def usual_ranges(monkeypatch):
    """Put back what a step of the predictions sets."""
    from cdiscount_tasks.catalogue import ranges
    from cdiscount_tasks.stages import predictions

    for where, name in (
        (ranges, "BLOCK_BYTES"),
        (ranges, "MIN_RANGE_BLOCKS"),
        (predictions, "_IMAGES_WORTH_PROCESSES"),
    ):
        monkeypatch.setattr(where, name, getattr(where, name))


@pytest.mark.parametrize("module", TINY)
def test_a_benchmark_runs_at_a_tiny_size(run_here, usual_ranges, module):
    options, told = TINY[module]
    assert re.search(told, (run if module in PROCESSES else run_here)(module, *options))


@pytest.mark.parametrize(
    ("module", "options", "part"),
    [
        ("interval_coverage", ["--repeats", 20, "--without-bootstraps"], "accuracy"),
        ("figure_coverage", ["--repeats", 1], "figures"),
        ("comparison_coverage", ["--repeats", 1, "--groups", 40, "--cells", 1], "comparison"),
    ],
)
def test_a_benchmark_writes_its_part_of_what_the_pages_say_of_intervals(run_here, module, options, part, tmp_path):
    path = tmp_path / "coverage.json"
    path.write_text('{"other": {}}')
    run_here(f"benchmarks.belief.{module}", *options, "--write", path)
    written, held = json.loads(path.read_text()), json.loads(COVERAGE_PATH.read_text())
    assert written["other"] == {}
    assert written[part].keys() == held[part].keys()
    assert f"benchmarks.belief.{module}" in held[part]["command"]


def test_recipes_are_ranked_by_folds_and_not_trained_twice(run_here, tmp_path):
    knobs = '{"epochs": 1, "image_size": 32}'
    sets = ["--sets", "wine:0", "wine:1", "--products", 400, "--folds", 2, "--few", 20]
    options = [*sets, "--knobs", knobs, "--folder", tmp_path]
    first = run_here("benchmarks.belief.recipes", *options, "--recipes", "smoke")
    assert re.search(r"wine:0, smoke: 2 trainings of \d+ CPU", first)
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/smoke-*/done.json")}
    assert len(trained) == 4
    both = run_here("benchmarks.belief.recipes", *options, "--recipes", "smoke", "original")
    share, difference = r"0\.\d+ \[[^|]*\]", r"[+-]?0\.\d+ \[[^|]*\]"
    row = rf"\| original \| \d+ (\| {share} \| {difference} ){{2}}\| 0\.\d+ \| {difference} \|"
    assert len(re.findall(row, both)) == 3  # of each set, and of both together
    assert "\nwine:0, wine:1 together\n" in both
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    for folder in (tmp_path / "wine-0", tmp_path / "wine-1"):
        splits = [pd.read_csv(path, index_col="product_id")["split"] for path in folder.glob("fold-*/split.csv")]
        judged = [set(split.index[split == "test"]) for split in splits]
        assert len(judged) == 2
        assert judged[0].isdisjoint(judged[1])
    fewer = ["--sets", "wine:0", *sets[3:-1], 10]
    run_here("benchmarks.belief.recipes", *fewer, "--knobs", knobs, "--folder", tmp_path, "--recipes", "smoke")
    again = {path for path, was in trained.items() if path.stat().st_mtime_ns != was}
    assert again == {path for path in trained if "wine-0" in path.parts}  # of other folds no answer is used again


def test_ways_to_join_are_compared_with_the_geometric_mean(run_here, weights_path, tmp_path):
    knobs = json.dumps({"network": "mobilenet_v3_small", "image_size": 32, "epochs": 1})
    ways = ["arithmetic", "power_of_count", "attention", "by_number"]
    folds = ["--sets", "wine:0", "--products", 1200, "--folds", 2, "--seeds", 0, "--folder", tmp_path, "--ways", *ways]
    options = [*folds, "--knobs", knobs, "--weights", weights_path.parent]
    first = run_here("benchmarks.belief.joining", *options)
    for way in ways:
        assert re.search(rf"\| {way} \| \d+\.\d \| 0\.\d+ \| [+-]0\.\d+", first)
    learnt = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("done.json")}
    assert run_here("benchmarks.belief.joining", *options).splitlines()[-7:] == first.splitlines()[-7:]
    assert {path: path.stat().st_mtime_ns for path in learnt} == learnt


def test_planted_faults_are_found_among_few_real_products(run_here, few_real_products):
    assert "all conflicts" in run_here("benchmarks.belief.dirty", "--clean", few_real_products)


def test_suspects_are_found_among_few_real_products(run_here, few_real_products, real_data):
    real_data("weights")
    assert "by_image" in run_here("benchmarks.belief.audit", "--clean", few_real_products)


def test_kinds_of_features_are_compared_among_few_real_products(run_here, few_real_products):
    # The network is left out here: on the drawn pictures above it has its turn.
    options = ("--products", 300, "--filters", 20, "--without-network", "--clean", few_real_products)
    out = run_here("benchmarks.belief.features", *options)
    assert re.search(r"\| descriptor \| \d+ of \d+ ", out)


def test_networks_are_compared_on_real_pictures(run_here, on_few_photos, tmp_path):
    knobs = json.dumps({"epochs": 1, "image_size": 32})
    options = ["--recipes", "small_cnn_12", "--knobs", knobs, "--seeds", 0, "--folder", tmp_path]
    assert "| small_cnn_12 |" in run_here("benchmarks.belief.clothing", *options)


def test_what_presets_promise_is_measured(run_here, on_few_photos, tmp_path):
    knobs = '{"epochs": 1, "image_size": 32}'
    options = ["--presets", "baseline", "--knobs", knobs, "--seeds", 0, "--folder", tmp_path]
    (row,) = [line for line in run_here("benchmarks.belief.presets", *options).splitlines() if "| baseline |" in line]
    assert "| no |" in row  # one epoch of a few photos keeps no promise


def test_a_training_on_real_pictures_is_killed(run_here, on_few_photos, monkeypatch):
    from cdiscount_tasks.learning.networks import progress

    for name in ("CHECKPOINT_S", "LEAST_BETWEEN_S"):
        monkeypatch.setattr(progress, name, getattr(progress, name))  # a step sets it
    monkeypatch.setattr(training_kills, "LONGEST_PAUSE_S", 0.1)  # an epoch of few photos is short
    out = run_here("benchmarks.endurance.training_kills", "--kills", 1, "--epochs", 6, "--image-size", 32)
    assert "1 kills, " in out
    assert "resumed 1 times" in out
    assert "final weight arrays equal: True" in out


@pytest.mark.airflow
def test_samples_are_triggered_at_once(give_database, tmp_path):
    give_database(tmp_path / "airflow")
    out = run("benchmarks.endurance.busy_pool", "--times", 1, "--products", 300, "--home", tmp_path / "airflow")
    assert "runs that succeeded: 2 of 2" in out


@pytest.mark.airflow
@pytest.mark.beside
def test_a_sample_runs_with_all_places_in_a_bucket(object_server):
    out = run("benchmarks.endurance.bucket_demo", "--samples", "wine", "--products", 600)
    assert re.search(r"\| list of all \(.* 200\) \| \d", out)
    assert "files and objects that hold the secret key: 0 of" in out


def test_one_part_replaces_its_own_row_alone(tmp_path):
    path = tmp_path / "results.json"
    keep(path, "index", {"warm": {"s": 1}, "cold": {"s": 2}})
    keep(path, "index", {"cold": {"s": 3}})
    parts = json.loads(path.read_text())["index"]
    assert (parts["warm"]["s"], parts["cold"]["s"]) == (1, 3)


@pytest.mark.parametrize("options", [["--gb", "1"], ["--only", "index", "--gbs", "1"], ["--only", "warm"]])
def test_a_wrong_option_is_refused_before_anything_is_measured(options):
    command = [sys.executable, "-m", "benchmarks", *options]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert options[-2] in done.stderr or options[-1] in done.stderr


def test_planted_marks_are_judged(run_here, on_few_photos):
    options = ("--cases", 1, "--epochs", 1, "--image-size", 32)
    assert re.search(r"found in [01] of 1 cases", run_here("benchmarks.belief.planted_marks", *options))
