"""What the Dockerfile copies is what the image needs: its tools run from those files alone."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR

COPIED = [
    source
    for line in re.findall(r"^COPY (.*)$", (PROJECT_DIR / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    for source in line.split()[:-1]
]


def test_each_file_that_is_copied_is_let_into_the_build():
    let_in = [line[1:] for line in (PROJECT_DIR / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"]
    assert sorted(let_in) == sorted(COPIED)


def test_an_image_without_a_commit_sets_nothing_that_a_run_refuses():
    (commit,) = re.findall(r"(?m)^ARG COMMIT=(.*)$", (PROJECT_DIR / "Dockerfile").read_text("utf-8"))
    assert commit == ""  # counts as unset


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Return a folder with what the Dockerfile copies, and nothing else of the project."""
    folder = tmp_path_factory.mktemp("image")
    for source in (path for pattern in COPIED for path in PROJECT_DIR.glob(pattern)):
        there = folder / source.relative_to(PROJECT_DIR)
        there.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, there)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("champion", "wine has no champion and no history yet"),
        ("verify", "0 artifacts damaged"),
        ("clean_up", "there is nothing to remove"),
        ("compare_runs", "RUNS"),
        ("backup.backup", "TO is ''"),
        ("backup.restore", "FROM is ''"),
    ],
)
def test_the_tools_run_in_the_image(image, tmp_path, tool, words):
    environ = {"PATH": os.environ["PATH"], "SAMPLE": "wine", "CDISCOUNT_REPORTS": str(tmp_path / "reports")}
    (tmp_path / "data").mkdir()
    environ |= {"PYTHONPATH": str(image), "CDISCOUNT_DATA": str(tmp_path / "data"), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", f"tools.{tool}"]
    told = subprocess.run(command, cwd=image, env=environ, capture_output=True, text=True, check=False)
    assert words in told.stdout + told.stderr
    assert "Traceback" not in told.stderr
