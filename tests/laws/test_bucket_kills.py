"""Builders that are killed while they publish into a bucket: an artifact is there whole or not, and nothing blocks."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter

import pytest

from cdiscount_tasks.artifacts.manifest import MANIFEST, find_result, verify_artifact
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.settings.environment import PROJECT_DIR
from tests.conftest import TEST_SCALE
from tests.material.machines import Machines, numbered, writer

pytestmark = pytest.mark.slow

NUM_KILLS = 50 if TEST_SCALE >= 2 else 6
FILES = {f"f{number}": "x" * number for number in range(6)}
BUILDER = """
import os, signal, sys
from pathlib import Path
from cdiscount_tasks.artifacts.object_store import ObjectStore
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from tests.material.machines import numbered, writer

folder, kind, at, after = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "after"
recipe, files = numbered(int(sys.argv[6])), {f"f{number}": "x" * number for number in range(6)}
asked, real = [], ObjectStore._asked

def ask(self, name, wanted):
    asked.append(name)
    here = len(asked)
    if here == at and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(self, name, wanted)
    if here == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

ObjectStore._asked = ask
(build_artifact if kind == "artifact" else rebuild_artifact)(folder, recipe, writer(sys.argv[5], **files))
"""


@pytest.fixture
def machines(tmp_path, bucket):
    return Machines(tmp_path, f"{bucket}/data", 2)


def killed(folder, kind, at, when, text, number):
    """Build in a process that dies at its n-th request, before or after it; tells whether it died."""
    command = [sys.executable, "-c", BUILDER, str(folder), kind, str(at), when, text, str(number)]
    told = subprocess.run(
        command, cwd=PROJECT_DIR, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT_DIR), os.environ.get("PYTHONPATH", "")])},
        capture_output=True, check=False,
    )  # fmt: skip
    assert told.returncode in (0, -signal.SIGKILL), told.stderr.decode()[-2000:]
    return told.returncode != 0


def check_whole(folder):
    """Check an artifact byte by byte, which fetches it for a machine that has nothing of it."""
    assert verify_artifact(folder) == len(FILES) + 1


def test_a_builder_that_is_killed_at_any_request_leaves_a_whole_artifact_or_none(machines):
    rng, seen = random.Random(1), Counter()
    for number in range(NUM_KILLS):
        recipe = numbered(number)
        one, other = (recipe.dir_in(machines[each]) for each in (0, 1))
        died = killed(one, "artifact", rng.randint(1, 13), rng.choice(["before", "after"]), "whole", number)
        whole = find_result(other) is not None
        seen["died" if died else "lived", "whole" if whole else "none"] += 1
        if whole:
            check_whole(other)
        # Whoever is first makes it, or pushes what the dead one placed; the other one finds the same.
        first, second = (one, other) if rng.random() < 0.5 else (other, one)
        build_artifact(first, recipe, writer("whole", **FILES))
        assert build_artifact(second, recipe, writer("other", **FILES))["reused"] is True
        check_whole(second)
        assert (one / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()
    assert seen["died", "none"] > 0


def test_a_page_whose_maker_is_killed_is_the_old_or_the_new_one_and_can_be_made_again(machines):
    rng, seen = random.Random(2), Counter()
    for number in range(NUM_KILLS):
        one, other = (machines[each] / "wine" / f"r{number}" for each in (0, 1))
        for folder in (one, other):
            folder.parent.mkdir(exist_ok=True)
        rebuild_artifact(one, numbered(0), writer("old", **FILES))
        killed(one, "page", rng.randint(1, 13), rng.choice(["before", "after"]), "new", 1)
        refresh(machines[1])
        check_whole(other)
        seen[(other / "data.txt").read_text()] += 1
        rebuild_artifact(other, numbered(2), writer("newest", **FILES))
        refresh(machines[0])
        check_whole(one)
        assert (one / "data.txt").read_text() == "newest"
    assert set(seen) <= {"old", "new"}
    assert seen["old"] > 0
