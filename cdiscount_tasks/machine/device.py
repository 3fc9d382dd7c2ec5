"""The device that networks run on: Keras' backend is set up on it before anything else imports Keras."""

import gc
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, NamedTuple, Protocol

import psutil

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine.gpus import VISIBLE, claim_gpus, list_gpus, memory_of_gpus_gib

# Read when Keras is first imported.
os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "tensorflow"

logger = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
BackendName = Literal["tensorflow", "jax"]

_MODULES: dict[str, str] = {
    "tensorflow": "cdiscount_tasks.machine.tensorflow_backend",
    "jax": "cdiscount_tasks.machine.jax_backend",
}
_SPELT = {"tensorflow": "TensorFlow", "jax": "JAX"}


class Found(NamedTuple):
    """What a backend sees of the machine.

    Attributes:
        gpu_name: What the maker calls a GPU; None: there is none.
        capabilities: The CUDA compute capability of each GPU, as (major, minor).
        num_devices: GPUs, or what a test makes of one CPU.
    """

    gpu_name: str | None
    capabilities: Sequence[tuple[int, int]]
    num_devices: int


class _BackendModule(Protocol):
    """What the module of a backend offers."""

    def set_up(self) -> Found:
        """Import the backend, make it deterministic, and look at its devices."""
        ...

    def use_devices(self, found: Found) -> bool | Literal["auto"]:
        """Spread what follows over the devices; returns Keras' `jit_compile`."""
        ...


class Device(NamedTuple):
    """What a network runs on.

    Attributes:
        name: What a person would call it, such as "CPU, 2 cores".
        jit_compile: Whether XLA compiles the training step. TensorFlow's on CPU loses 20 to 30 % of its speed by it.
        precision: Keras' dtype policy.
        memory_gib: Of each GPU, or of the machine.
        num_devices: How many share out each batch.
    """

    name: str
    jit_compile: bool | Literal["auto"]
    precision: str = "float32"
    memory_gib: float = 0.0
    num_devices: int = 1

    @property
    def is_gpu(self) -> bool:
        """Return whether it is one GPU or several."""
        return self.name.startswith("GPU")

    def check_batch(self, batch_size: int) -> None:
        """Refuse a batch that its GPUs could not share out evenly.

        Raises:
            ConfigError: If they cannot.
        """
        if batch_size % self.num_devices:
            raise ConfigError(
                f"batch_size is {batch_size} and gpus {self.num_devices}: each GPU takes an equal share of a batch; "
                f"set batch_size to a multiple of {self.num_devices}"
            )


def backend_name() -> BackendName:
    """Return Keras' backend as KERAS_BACKEND names it.

    Raises:
        ConfigError: If it is none that this package runs on, or is not installed.
    """
    name = os.environ["KERAS_BACKEND"]
    if name not in _MODULES:
        raise ConfigError(f"KERAS_BACKEND is {name!r}, expected {' or '.join(_MODULES)}; unset it for tensorflow")
    if find_spec(name) is None:
        raise ConfigError(
            f"KERAS_BACKEND is {name!r} (without it: tensorflow), but the package {name} is not installed; install "
            f"{'requirements-gpu.txt' if name == 'jax' else 'requirements.txt'}, or name the other backend"
        )
    return name  # type: ignore[return-value]


def backend_packages() -> tuple[str, str]:
    """Return the packages whose versions decide what a network computes: Keras and its backend."""
    return "keras", backend_name()


@contextmanager
def _without_notices() -> Iterator[None]:
    """Silence what the backend's libraries write to stderr while they load: a task's log would show it as errors.

    They write before any log level is read, so the file descriptor itself is turned away. Python's own errors are
    raised, not written, and pass.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Leave what is loaded to no garbage collection: searching a million objects that stay takes longer than loading.

    Later collections pass them over as well.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def _is_loaded(name: str) -> bool:
    return name in sys.modules


def _precision_of(capabilities: Sequence[tuple[int, int]], wanted: Precision) -> str:
    """Choose half precision where every GPU has units for it: bfloat16 from compute capability 8, float16 from 7."""
    if wanted != "auto":
        return wanted
    lowest = min(capabilities, default=(0, 0))
    if lowest >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if lowest >= (7, 0) else "float32"


def prepare_device(seed: int, num_gpus: int = 1, precision: Precision = "auto") -> Device:
    """Set Keras' backend up for one training or evaluation in this process, with every random state from a seed.

    Args:
        seed: Of weights and dropout.
        num_gpus: How many GPUs are claimed where the machine has any.
        precision: "auto": by the GPUs; on CPU float32.

    Raises:
        ConfigError: If the machine has GPUs, and not so many; if KERAS_BACKEND names no backend that can be had.
        RuntimeError: If so many GPUs are not free; a retry may find them.
    """
    name = backend_name()
    claimed = []
    is_loaded = _is_loaded(name)
    if not is_loaded:
        claimed = claim_gpus(num_gpus, list_gpus())
        if claimed:
            os.environ[VISIBLE] = ",".join(claimed)
        logger.info("loading %s (some seconds)", _SPELT[name])
    backend: _BackendModule = import_module(_MODULES[name])
    with _without_notices(), nullcontext() if is_loaded else _without_collections():
        found = backend.set_up()
        import keras
    if claimed and found.gpu_name is None:
        logger.warning(
            "this machine has GPUs, but %s sees none and runs on the CPU: install requirements-gpu.txt and set "
            "KERAS_BACKEND=jax", _SPELT[name],
        )  # fmt: skip
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    policy = _precision_of(found.capabilities, precision)
    keras.config.set_dtype_policy(policy)
    device = _device_of(found, policy, backend.use_devices(found))
    logger.info("device: %s, %.1f GiB of memory, %s", device.name, device.memory_gib, device.precision)
    return device


def _device_of(found: Found, policy: str, jit_compile: bool | Literal["auto"]) -> Device:
    if found.gpu_name is None:
        many = f", {found.num_devices} logical devices" if found.num_devices > 1 else ""
        memory_gib = psutil.virtual_memory().total / 2**30
        name = f"CPU, {os.cpu_count()} cores{many}"
    else:
        memory_gib = min(memory_of_gpus_gib(), default=0.0)
        name = f"GPU, {found.num_devices} x {found.gpu_name}"
    return Device(name, jit_compile, policy, round(memory_gib, 1), found.num_devices)
