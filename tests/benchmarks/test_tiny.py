"""Every benchmark runs at a tiny size, by its command, so that it does not rot. Its figures mean nothing here."""

import json
import re
import subprocess
import sys
from collections import Counter

import bson
import pytest

from benchmarks.__main__ import SPEED, _lines, keep
from cdiscount_tasks.pages.report.coverage import COVERAGE_PATH
from cdiscount_tasks.settings.environment import PROJECT_DIR

TINY = {
    "benchmarks.belief.interval_coverage": (["--repeats", "20", "--without-bootstraps"], r"\| 1,000 \| 0.97 \| \d"),
    "benchmarks.belief.figure_coverage": (["--repeats", "1"], r"\| 0.9 \| 10 % \| 0.90 \| 3,000 \|"),
    "benchmarks.belief.promises": (["--repeats", "1"], r"\| 99 % \| 10,000 \| "),
    "benchmarks.belief.comparison_coverage": (["--repeats", "1", "--groups", "40"], r"\| 40 \| \d"),
    "benchmarks.endurance.index_kills": (["--gb", "0.002"], r"identity and tables differ after a scan: True"),
    "benchmarks.endurance.large_sample": (["--images", "500", "--image-size", "32"], r'"num_train_images": \d'),
}
"""Options, and what the output must hold."""

TINY_SPEED = {
    "index": "--gb 0.002 --growth 0.001 0.002 --images 2000 --rounds 1",
    "labels": "--images 300 --rounds 1",
    "training": "--images 130 --image-size 32 --rounds 1 --networks plain_cnn",
    "report": "--products 2000",
    "dag_parsing": "--rounds 1 --samples 3",
}


def run(module: str, *options: object) -> str:
    command = [sys.executable, "-m", module, *map(str, options)]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def few_real_products(real_data, tmp_path_factory):
    """Return a catalogue of the real products of three categories, as many as planted faults may be 2 % of."""
    path = tmp_path_factory.mktemp("real") / "catalogue.bson"
    with real_data("clothing/catalogue.bson").open("rb") as file:
        products = list(bson.decode_file_iter(file))
    largest = dict(Counter(product["category_id"] for product in products).most_common(3))
    path.write_bytes(b"".join(bson.encode(product) for product in products if product["category_id"] in largest))
    return path


def test_every_benchmark_is_run_here():
    names = {path.stem for path in (PROJECT_DIR / "benchmarks").glob("*/*.py")} - {"measure", "index_steps"}
    assert names == {module.split(".")[-1] for module in TINY} | set(SPEED) | {
        "audit", "busy_pool", "clothing", "dirty", "training_kills"
    }  # fmt: skip
    assert set(TINY_SPEED) == set(SPEED)


@pytest.mark.parametrize("name", TINY_SPEED)
def test_a_benchmark_of_speed_fills_its_rows_and_keeps_those_of_others(name, tmp_path):
    results = tmp_path / "results.json"
    results.write_text(json.dumps({name: {"before": {"figure": 1}}, "other": {"part": {"figure": 2}}}))
    out = run("benchmarks", "--only", name, "--results", results, *TINY_SPEED[name].split())
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


@pytest.mark.parametrize("module", TINY)
def test_a_benchmark_runs_at_a_tiny_size(module):
    options, told = TINY[module]
    assert re.search(told, run(module, *options))


@pytest.mark.parametrize(
    ("module", "options", "part"),
    [
        ("interval_coverage", ["--repeats", 20, "--without-bootstraps"], "accuracy"),
        ("figure_coverage", ["--repeats", 1], "figures"),
        ("comparison_coverage", ["--repeats", 1, "--groups", 40, "--cells", 1], "comparison"),
    ],
)
def test_a_benchmark_writes_its_part_of_what_the_pages_say_of_intervals(module, options, part, tmp_path):
    path = tmp_path / "coverage.json"
    path.write_text('{"other": {}}')
    run(f"benchmarks.belief.{module}", *options, "--write", path)
    written, held = json.loads(path.read_text()), json.loads(COVERAGE_PATH.read_text())
    assert written["other"] == {}
    assert written[part].keys() == held[part].keys()
    assert f"benchmarks.belief.{module}" in held[part]["command"]


def test_planted_faults_are_found_among_few_real_products(few_real_products):
    assert "all conflicts" in run("benchmarks.belief.dirty", "--clean", few_real_products)


def test_suspects_are_found_among_few_real_products(few_real_products, real_data):
    real_data("weights")
    assert "by_image" in run("benchmarks.belief.audit", "--clean", few_real_products)


def test_networks_are_compared_on_real_pictures(real_data, tmp_path):
    real_data("clothing/catalogue.bson")
    knobs = json.dumps({"epochs": 1, "image_size": 32})
    options = ["--recipes", "small_cnn_12", "--knobs", knobs, "--seeds", 0, "--folder", tmp_path]
    assert "| small_cnn_12 |" in run("benchmarks.belief.clothing", *options)


def test_a_training_on_real_pictures_is_killed(real_data):
    real_data("clothing/catalogue.bson")
    out = run("benchmarks.endurance.training_kills", "--kills", 1, "--epochs", 2, "--image-size", 32)
    assert "final weight arrays equal: True" in out


@pytest.mark.airflow
def test_samples_are_triggered_at_once():
    out = run("benchmarks.endurance.busy_pool", "--times", 1, "--products", 300)
    assert "runs that succeeded: 2 of 2" in out


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
