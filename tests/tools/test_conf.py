import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR
from tools import command, compare, run
from tools.airflow.home import ToolError
from tools.conf import as_in_the_form, read_conf

SAMPLE = "name: {name}\ntitle: Tea\ncategories: [11, 22]\ndefault_preset: smoke\npresets: {{smoke: {{}}}}\n"
TOOLS = {"run": run.run_sample, "compare": compare.compare_samples}


@pytest.fixture
def place(tmp_path):
    """Make two samples and a file in place of a catalogue; returns the settings of a machine that has these alone."""
    for folder in ("samples", "fixes"):
        (tmp_path / folder).mkdir()
    for name in ("tea", "coffee"):
        (tmp_path / "samples" / f"{name}.yaml").write_text(SAMPLE.format(name=name))
    (tmp_path / "samples" / "chairs.yml").write_text(SAMPLE.format(name="chairs"))
    (tmp_path / "cat.bson").write_bytes(b"x")
    settings = {
        "CATALOGUE": "cat.bson", "SAMPLES": "samples", "LABEL_FIXES": "fixes", "DATA": "data", "REPORTS": "reports",
    }  # fmt: skip
    own = {f"CDISCOUNT_{name}": str(tmp_path / path) for name, path in settings.items()}
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CDISCOUNT_")}
    return {**plain, **own, "AIRFLOW_HOME": str(tmp_path / "airflow")}


@pytest.fixture
def start(place, monkeypatch, capsys):
    """Call what one of the tools calls, in this process: it says what it would say in its own; returns what ended."""

    def call(tool, **environ):
        monkeypatch.setattr(os, "environ", {**place, **environ})
        return SimpleNamespace(returncode=command._outcome(TOOLS[tool]), stderr=capsys.readouterr().err)

    call.home = Path(place["AIRFLOW_HOME"])
    return call


def assert_refused(done, home, words):
    """Check that a tool said one sentence, and did not begin with Airflow."""
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not home.exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_ends_in_a_sentence_and_a_status_before_airflow_starts(place, tool):
    command = [sys.executable, "-m", f"tools.{tool}"]
    environ = {**place, "SAMPLE": "tea", "CONF": "{'epochs': 3}"}
    done = subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False)
    assert_refused(done, Path(place["AIRFLOW_HOME"]), "CONF is \"{'epochs': 3}\", not JSON")


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ('{"class_weights": "true"}', "class_weights is 'true', expected yes or no"),
        ('{"class_weights": 1}', "class_weights is 1, expected yes or no"),
        ('{"epochs": "3"}', "epochs is '3', expected integer 1 to 500; write it without quotes"),
        ('{"epochs": 0}', "epochs is 0, expected 1 to 500"),
        ('{"epochs": 3.0}', "epochs is 3.0, expected integer 1 to 500"),
        ('{"epochs": true}', "epochs is True, expected integer"),
        ('{"learning_rate": "0.01"}', "learning_rate is '0.01', expected number above 0 and at most 1; write"),
        ('{"learning_rate": true}', "learning_rate is True, expected number"),
        ('{"learning_rate": NaN}', "learning_rate is nan"),
        ('{"epochs": 3, "epochs": 5}', "CONF has 'epochs' twice; leave one of them"),
        ("epochs=1", "CONF is 'epochs=1', not JSON"),
        ('{"epoch": 3}', "epoch is not a known setting; did you mean epochs?"),
        ('{"preset": null}', "preset is None, expected one of smoke"),
        ('{"preset": ["smoke"]}', "preset is ['smoke'], expected one of smoke"),
        ('{"\\ud800": 1}', "not JSON"),
        ("{'epochs': 3}", "not JSON"),
        ("[" * 100_000, "CONF is nested too deep"),
        ("[1]", "expected a JSON object"),
    ],
)  # fmt: skip
def test_a_wrong_conf_of_a_run_ends_in_a_sentence_before_airflow_starts(start, conf, words):
    assert_refused(start("run", SAMPLE="tea", CONF=conf), start.home, words)


def test_a_preset_that_is_named_twice_is_refused(start):
    done = start("run", SAMPLE="tea", PRESET="smoke", CONF='{"preset": "long"}')
    assert_refused(done, start.home, "PRESET is 'smoke' and the preset of CONF 'long'; leave one of them")


def test_a_preset_that_the_sample_does_not_have_is_refused(start):
    assert_refused(start("run", SAMPLE="tea", PRESET="nope"), start.home, "preset is 'nope', expected one of smoke")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tee", "SAMPLE is 'tee', expected one of: coffee, tea"),
        ("tea\t", r"SAMPLE is 'tea\t', expected one of"),
        ("chairs", "chairs.yml: a sample's file ends in .yaml; rename it to chairs.yaml"),
    ],
)
def test_a_wrong_sample_ends_in_a_sentence(start, name, words):
    assert_refused(start("run", SAMPLE=name), start.home, words)


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ('{"samples": ["tea", "tea"]}', "samples is ['tea', 'tea'], expected two different samples or more"),
        ('{"samples": ["tea"]}', "expected two different samples or more"),
        ('{"samples": ["tea", "cofee"]}', "samples has 'cofee', expected some of coffee, tea; did you mean coffee?"),
        ('{"samples": "tea"}', "samples is 'tea', expected a list"),
        ('{"samples": null}', "samples is None, expected a list"),
        ('{"samples": [["tea"], 1]}', "samples has ['tea'], 1, expected some of"),
        ('{"samples": ["tea", "coffee"], "runs": ["r1"]}', "runs is ['r1'], expected run ids by sample"),
        ('{"samples": ["tea", "coffee"], "runs": {"tea": 5}}', "runs.tea is 5, expected the id of a run as text"),
        ('{"samples": ["tea", "coffee"], "runs": {"wine": "x"}}', "runs names wine, which samples does not"),
        ('{"samples": ["tea", "coffee"], "products_per_category": "60"}', "products_per_category is '60', expected "),
        ('{"samples": ["tea", "coffee"], "products_per_category": true}', "products_per_category is True, expected "),
        ('{"samples": ["tea", "coffee"], "products_per_category": 5}', "products_per_category is 5, expected 10"),
        ('{"sample": ["tea", "coffee"]}', "conf has 'sample', which is not a parameter; did you mean samples?"),
        ('{"samples": ["tea", "coffee"]}', "sample tea has no finished run"),
    ],
)  # fmt: skip
def test_a_wrong_conf_of_a_comparison_ends_in_a_sentence_before_airflow_starts(start, conf, words):
    assert_refused(start("compare", CONF=conf), start.home, words)


def test_true_and_false_are_the_forms_yes_and_no():
    conf = {"class_weights": True, "mirrored_features": False, "epochs": 1, "preset": "smoke"}
    assert as_in_the_form(conf) == {"class_weights": "yes", "mirrored_features": "no", "epochs": 1, "preset": "smoke"}


def test_preset_and_conf_are_joined(monkeypatch):
    monkeypatch.setenv("PRESET", "smoke")
    monkeypatch.setenv("CONF", '{"epochs": 2, "preset": "smoke"}')
    assert read_conf() == {"preset": "smoke", "epochs": 2}
    monkeypatch.setenv("CONF", "nonsense")
    with pytest.raises(ToolError, match="CONF is 'nonsense', not JSON"):
        read_conf()
