import os
import subprocess
import sys

import pytest

from cdiscount_tasks.machine import jax_backend
from cdiscount_tasks.settings.environment import PROJECT_DIR

KEEPS = """
from cdiscount_tasks.machine import jax_backend
jax_backend._keep_compiled()
import jax
print(jax.jit(lambda x: x + 1)(1))
"""


def test_the_flags_of_xla_are_added_to_those_of_the_user():
    assert "--xla_gpu_deterministic_ops=true" in os.environ["XLA_FLAGS"].split()


def test_compiled_programs_are_kept_in_the_users_own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert jax_backend._compiled_dir() == tmp_path / "cache" / "cdiscount" / "compiled"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jax_backend._compiled_dir() == tmp_path / ".cache" / "cdiscount" / "compiled"


@pytest.mark.parametrize(("written", "expected"), [("9.0", (9, 0)), ("12.1", (12, 1)), ("8", (8, 0))])
def test_a_compute_capability_is_read(written, expected):
    assert jax_backend._capability_of(written) == expected


@pytest.mark.training
def test_what_is_compiled_is_kept_and_found_again(tmp_path):
    """JAX only warns where it cannot: of a package that is missing, say."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_DIR),
        "XDG_CACHE_HOME": str(tmp_path),
        "CUDA_VISIBLE_DEVICES": "",
    }
    environ.pop("JAX_COMPILATION_CACHE_DIR", None)
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", KEEPS], env=environ, capture_output=True, text=True, check=True)
        assert run.stdout.split() == ["2"]
        assert "cache" not in run.stderr
    assert len(list((tmp_path / "cdiscount" / "compiled").glob("*-cache"))) == 1
