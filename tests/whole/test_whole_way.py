"""The whole way in one process: a tiny catalogue, `make run` twice, what it says and what it must leave."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

NUM_PRODUCTS = 300
STAGES = ["index", "sample", "labels", "features", "model", "evaluation", "audit"]


LEFT_BY_ANOTHER_PROJECT = {
    "AIRFLOW__CORE__DAGS_FOLDER": "/nowhere",
    "AIRFLOW__CORE__PLUGINS_FOLDER": "/nowhere",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nowhere/x",
    "AIRFLOW__SECRETS__BACKEND": "no.such.Backend",
    "AIRFLOW_CONFIG": "/nowhere.cfg",
    "PYTHONWARNINGS": "error",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "PRESET": "smoke\r",
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
}
"""What the first run finds in its shell."""


class Place:
    """A data root, an Airflow home and a reports folder of their own."""

    def __init__(self, project_dir, root):
        self.project_dir, self.root = project_dir, root
        mine = {"CDISCOUNT_DATA": "data", "CDISCOUNT_REPORTS": "reports", "AIRFLOW_HOME": "airflow"}
        mine |= {"KERAS_HOME": "keras"}  # no weights, whatever this machine has
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CDISCOUNT_", "AIRFLOW"))}
        self.environ = {
            **kept,
            **{name: str(root / folder) for name, folder in mine.items()},
            "PYTHONPATH": str(project_dir),
        }

    def start(self, *command, **settings):
        environ = {**self.environ, **settings}
        return subprocess.run([sys.executable, *command], env=environ, capture_output=True, text=True, check=False)

    def run_sample(self, **settings):
        return self.start("-m", "tools.run", **settings)

    def runs(self):
        """Return the artifacts of each run of wine, first run first."""
        paths = sorted((self.root / "data/demo/samples/wine/runs").glob("*/artifacts.json"))
        return [json.loads(path.read_text()) for path in paths]

    def report_dirs(self):
        """Return the report's folder of each run of wine, first run first."""
        paths = sorted((self.root / "data/demo/samples/wine/runs").glob("*/artifacts.json"))
        return [self.root / "reports" / "wine" / path.parent.name for path in paths]


@pytest.fixture(scope="module")
def place(project_dir, tmp_path_factory, give_database):
    """Return a place with a small demo catalogue, in a folder with signs that URLs read otherwise."""
    place = Place(project_dir, tmp_path_factory.mktemp("a ?b %41 #é"))
    give_database(place.root / "airflow" / "template")
    demo_dir = place.root / "data" / "demo"
    drawn = place.start("-m", "demo", "--out", str(demo_dir), "--products", str(NUM_PRODUCTS))
    assert drawn.returncode == 0, drawn.stderr
    return place


@pytest.fixture(scope="module")
def two_runs(place):
    """Run wine twice with the same settings, first in a shell in which other projects have left theirs."""
    settings = {"SAMPLE": "wine", "PRESET": "smoke", "CONF": '{"epochs": 1}', "CDISCOUNT_UI_PORT": "18080"}
    told = [place.run_sample(**{**settings, **left}) for left in (LEFT_BY_ANOTHER_PROJECT, {})]
    for each in told:
        assert each.returncode == 0, each.stdout[-3000:] + each.stderr[-3000:]
    return told


@pytest.fixture(scope="module")
def told(two_runs):
    """Return what the first run says."""
    return two_runs[0].stdout


def metrics_of(report_dir):
    return json.loads((report_dir / "metrics.json").read_text())


def test_a_run_leaves_its_report(two_runs, place):
    for report_dir in place.report_dirs():
        names = {path.name for path in report_dir.iterdir()}
        assert {"report.html", "metrics.json", "manifest.json", "predictions.parquet"} <= names
    assert (place.root / "reports" / "index.html").exists()


def test_without_weights_the_descriptor_prices_the_leak_and_finds_suspects_and_the_report_names_it(two_runs, place):
    run = place.runs()[0]
    report_dir = place.report_dirs()[0]
    page = (report_dir / "report.html").read_text("utf-8")

    assert run["features"]["network"] == "descriptor"
    assert metrics_of(report_dir)["suspects"]["num_products_judged"] > 0
    assert metrics_of(report_dir)["leak"]["reason"] is None
    assert "A logistic classifier learns from the descriptor of shapes and colours that comes with the project" in page
    assert "ot computed" not in page


def test_the_terminal_tells_accuracy_and_report(two_runs, place):
    headline, report_path, decision = two_runs[0].stdout.splitlines()[-3:]

    assert headline.startswith("Wine: product accuracy ")
    assert Path(report_path.strip()).is_file()
    assert "decision 1: this model " in decision


def test_a_finished_report_is_told_once_in_the_terminal(two_runs, place):
    report_path = place.report_dirs()[0] / "report.html"

    told = two_runs[0].stdout + two_runs[0].stderr
    assert told.count(str(report_path)) == 1
    assert "Failed to run task callback" not in told


def test_a_manual_run_is_never_skipped(two_runs, place):
    assert not (place.root / "reports" / "wine" / "skipped.json").exists()
    assert len(place.runs()) == 2


def test_metrics_hold_every_figure_with_its_interval(two_runs, place):
    metrics = metrics_of(place.report_dirs()[0])

    assert metrics["schema_version"] == 1
    assert metrics["catalogue"]["origin"] == "drawn"
    assert metrics["lineage"]["config"]["training"]["epochs"] == 1
    test = metrics["test"]
    for figure in (test["product"]["accuracy"], test["image"]["accuracy"]):
        assert set(figure) == {"value", "low", "high", "n", "num_groups"}
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    f1 = test["product"]["macro_f1"]
    assert 0 <= f1["value"] <= 1
    assert (f1["low"] is None) == (f1["high"] is None)
    assert f1["low"] is None or f1["low"] <= f1["value"] <= f1["high"]
    assert 0 < test["baseline"]["majority"]["value"] < 1


def test_totals_reconcile(two_runs, place):
    run = place.runs()[0]
    index, sample, labels = run["index"], run["sample"], run["labels"]

    assert index["num_documents"] == index["num_products"] + index["num_rejected_documents"]
    assert sample["num_images"] == labels["num_images"] + labels["num_rejected_images"]
    splits = [labels[f"num_{split}_products"] for split in ("train", "validation", "test")]
    assert sum(splits) == labels["num_products"]
    report_dir = place.report_dirs()[0]
    assert metrics_of(report_dir)["test"]["product"]["accuracy"]["n"] == labels["num_test_products"]


def test_no_picture_is_in_two_splits(two_runs, place):
    certificate = metrics_of(place.report_dirs()[0])["split_certificate"]

    assert (certificate["shared_content_hashes"], certificate["shared_pixel_hashes"]) == (0, 0)


def test_the_second_run_finds_every_artifact_again(two_runs, place):
    first, second = place.runs()

    assert not any(first[stage]["reused"] for stage in STAGES)
    assert all(second[stage]["reused"] for stage in STAGES)
    assert all(first[stage]["path"] == second[stage]["path"] for stage in STAGES)
    one, other = map(metrics_of, place.report_dirs())
    assert one["test"] == other["test"]


def test_no_throw_away_home_is_left(two_runs, place):
    assert not list((place.root / "airflow").glob("run-*"))


def test_a_run_that_fails_ends_with_the_sentence_of_its_task(place):
    told = place.run_sample(SAMPLE="wine", CDISCOUNT_CATALOGUE="/nowhere.bson")

    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].startswith("/nowhere.bson: no catalogue stands there")


def test_a_run_names_the_settings_that_it_does_not_use_and_then_says_that_it_starts(told):
    first, second, *_ = told.splitlines()

    assert first.startswith("ignored (set for another Airflow project")
    assert "AIRFLOW__CORE__PLUGINS_FOLDER" in first
    assert second == "starting Airflow in this process (10 to 30 s)"


def test_a_terminal_shows_sentences_and_neither_stamps_nor_places(told):
    lines = told.splitlines()

    assert not [line for line in lines if "loc=" in line or "[info" in line or "unrunnable" in line]
    assert "Traceback" not in told
    assert max(map(len, lines)) < 500
    assert "warning: " in told  # the first run that indexes a catalogue says what was rejected


def test_of_a_runs_config_a_terminal_shows_what_differs_from_the_preset(told):
    paragraphs = [paragraph.splitlines() for paragraph in told.split("\n\n")]

    (resolved,) = [lines for lines in paragraphs if lines[:1] == ["Resolve the run"]]
    assert resolved[-1] == "  preset smoke with epochs 1 (preset: 8)"
    assert len(resolved) == 2 or "pretrained network" in resolved[1], resolved  # where none are


def test_a_mapped_task_is_headed_by_its_name(told):
    assert "\nScan a byte range (0.0 to " in told


def test_the_result_is_told_once_and_links_lead_to_no_other_port(told):
    assert told.count("product accuracy") == 1
    assert told.count("report.html") == 1
    assert "8080/" not in told


def test_samples_that_may_not_be_compared_are_refused_before_airflow(two_runs, place):
    compared = place.start("-m", "tools.compare")

    assert compared.returncode == 1
    assert compared.stdout == ""
    assert compared.stderr.startswith("\nsample mixed_bag has no finished run in ")
    assert len(compared.stderr.strip().splitlines()) == 1
