import os

import pytest

from cdiscount_tasks.machine import jax_backend


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
