"""JAX under Keras: deterministic, on the CPU, a GPU or several; what is compiled for a GPU is kept for later runs."""

import os
import sys
from pathlib import Path
from typing import Literal

from cdiscount_tasks.machine.device import Found

_DETERMINISTIC = "--xla_gpu_deterministic_ops=true"

# Read when JAX is first imported.
if _DETERMINISTIC not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DETERMINISTIC}".strip()
# The GPU is claimed, but a person's notebook may be on it; and what a training really took is to be seen.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

_MOST_COMPILED_BYTES = 4 * 2**30


def _compiled_dir() -> Path:
    """Return the user's own folder for compiled programs: who can write there decides what this process runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cdiscount" / "compiled"


def _keep_compiled() -> None:
    """Keep compiled programs on disk, and which of its kernels XLA found to be the fastest.

    A folder that JAX_COMPILATION_CACHE_DIR names stays. Where none can be made JAX warns, and compiles each time.
    """
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(_compiled_dir()))
        jax.config.update("jax_compilation_cache_max_size", _MOST_COMPILED_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_enable_xla_caches", "all")


def _hide_tensorflow() -> None:
    """Let Keras believe that there is no TensorFlow, which it would load for a seed that nobody uses: ten seconds."""
    import keras

    if "tensorflow" not in sys.modules:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
        try:
            keras.utils.set_random_seed(0)  # Keras looks now, and remembers
        finally:
            del sys.modules["tensorflow"]


def set_up() -> Found:
    """Import JAX, and look at its devices."""
    import jax

    _hide_tensorflow()
    devices = jax.devices()
    gpus = [one for one in devices if one.platform == "gpu"]
    if gpus:
        _keep_compiled()
    return Found(
        gpu_name=gpus[0].device_kind if gpus else None,
        capabilities=[_capability_of(one.compute_capability) for one in gpus],
        num_devices=len(devices),
    )


def _capability_of(written: str) -> tuple[int, int]:
    """Return (9, 0) of "9.0"."""
    major, _, minor = written.partition(".")
    return int(major), int(minor or 0)


def use_devices(found: Found) -> bool | Literal["auto"]:
    """Let Keras hold every weight on each device; returns its `jit_compile`: without it JAX runs 77 times slower."""
    import keras

    several = (
        keras.distribution.DataParallel(devices=keras.distribution.list_devices()) if found.num_devices > 1 else None
    )
    keras.distribution.set_distribution(several)
    return True
