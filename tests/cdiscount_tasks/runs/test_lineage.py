import subprocess

import pytest

from cdiscount_tasks.runs import lineage
from cdiscount_tasks.settings.environment import read_environment


def said_by_git(monkeypatch, answer):
    def run(command, **_):
        if answer is None:
            raise FileNotFoundError("git")
        return subprocess.CompletedProcess(command, 0, stdout=f"{answer}\n")

    monkeypatch.setattr(lineage.subprocess, "run", run)


@pytest.mark.parametrize(
    ("git", "commit", "told"),
    [
        ("0123456789ab-dirty", "fedcba9", "0123456789ab-dirty"),
        (None, "fedcba9876543210fedcba9876543210fedcba98", "fedcba9876543210fedcba9876543210fedcba98"),
        (None, "unknown", "unknown"),
        (None, "", "unknown"),
    ],
)
def test_the_commit_is_that_of_git_or_what_an_image_was_built_with(monkeypatch, git, commit, told):
    said_by_git(monkeypatch, git)
    assert lineage.code_version(read_environment({"CDISCOUNT_COMMIT": commit})) == told


def test_a_run_begins_with_the_versions_of_its_backend_and_of_what_else_decides_results():
    found = lineage.frozen_versions(read_environment({}))
    assert {"code", "keras", "tensorflow", "numpy", "pillow", "pyarrow"} <= found.keys()
