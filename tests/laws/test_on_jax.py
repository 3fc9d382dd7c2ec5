"""The laws of training on Keras' JAX backend: the tests of the same laws, in a process with that backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR
from tests.conftest import TEST_SCALE

pytestmark = pytest.mark.training

NETWORKS, STAGES = "tests/cdiscount_tasks/learning/networks", "tests/cdiscount_tasks/stages"
WHOLE = [f"{NETWORKS}/test_jax_learner.py", f"{NETWORKS}/test_jax_arrays.py", f"{NETWORKS}/test_on_jax.py"]
WHOLE += [f"{STAGES}/test_replay.py"]
"""Test files of which all tests are laws."""

if TEST_SCALE > 1:
    WHOLE += [f"{STAGES}/test_features.py"]

IN_PART = [f"{NETWORKS}/test_training.py", f"{NETWORKS}/test_activation_maps.py"]
WORDS = "same_seed or died or each_way or growing or the_average or class_weights or cut_off or (logit and small_cnn)"
"""Test files of which some tests are, and their words."""


def test_on_jax(tmp_path_factory):
    """All in one process, since it takes seconds to load JAX, and what is traced is shared."""
    words = " or ".join([WORDS, *(Path(path).stem for path in WHOLE)])
    compiled_dir = tmp_path_factory.getbasetemp() / "compiled"  # trainings of one shape are compiled once
    environ = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_COMPILATION_CACHE_DIR": str(compiled_dir),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    for name in [name for name in environ if name.startswith("PYTEST_")]:
        del environ[name]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *WHOLE, *IN_PART, "-k", words]
    run = subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert " passed" in run.stdout
    assert " skipped" not in run.stdout.splitlines()[-1], run.stdout[-2000:]
