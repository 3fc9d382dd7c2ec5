"""The device that training runs on: GPUs are claimed, and TensorFlow is set up, before anything else imports it."""

import fcntl
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from cdiscount_tasks.errors import ConfigError

# Read when TensorFlow is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow turns oneDNN on by itself only for processors with newer instructions than AVX2; there it is twice as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# CUDA's own order is by speed: numbers would not mean the cards that nvidia-smi calls so.
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

logger = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: dict[str, IO[bytes]] = {}
"""The lock files of the GPUs that this process has claimed. TensorFlow keeps a GPU's memory until the process ends, and
so does the claim: the system releases it then, however the process ends."""


@contextmanager
def _without_notices() -> Iterator[None]:
    """Silence what TensorFlow's libraries write to stderr while they load: a task's log would show it as errors.

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


class Device(NamedTuple):
    """What a network runs on.

    Attributes:
        name: What a person would call it, such as "CPU, 2 cores".
        jit_compile: Whether XLA compiles the training step. On CPU it costs 20 to 30 % of the speed.
        precision: Keras' dtype policy.
        memory_gib: Of each GPU, or of the machine.
        strategy: Spreads the steps over several devices; None: there is one.
    """

    name: str
    jit_compile: bool
    precision: str = "float32"
    memory_gib: float = 0.0
    strategy: Any = None

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which networks and optimisers are made."""
        return self.strategy.scope() if self.strategy is not None else nullcontext()


def _ask_nvidia(query: str, *options: str) -> list[list[str]]:
    """Return what nvidia-smi says, a list a GPU; nothing where there is none."""
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", *options]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    return [[part.strip() for part in line.split(",")] for line in said.stdout.splitlines()]


def list_gpus() -> list[str]:
    """Return the UUIDs of the GPUs that this process may use: those that CUDA_VISIBLE_DEVICES names, or all.

    One card has one name for everyone who locks it, whether the variable gives its number, its UUID or the UUID's
    beginning. What nvidia-smi does not know keeps the name that it was given.
    """
    known = _ask_nvidia("index,uuid")
    if _VISIBLE not in os.environ:
        return [uuid for _, uuid in known]
    named = [name.strip() for name in os.environ[_VISIBLE].split(",") if name.strip() not in ("", "-1")]
    return [next((uuid for number, uuid in known if name == number or uuid.startswith(name)), name) for name in named]


def _open_lock(path: Path) -> IO[bytes]:
    """Open a lock file that another user may have made: reading is enough for a lock."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        path.touch()
        path.chmod(0o644)  # whatever the umask
        return path.open("rb")


def _make_locks_dir(locks_dir: Path | None) -> Path:
    locks_dir = locks_dir or Path(tempfile.gettempdir()) / "cdiscount-gpus"
    if not locks_dir.is_dir():
        locks_dir.mkdir(parents=True, exist_ok=True)
        locks_dir.chmod(0o1777)  # other users of the machine claim there too
    return locks_dir


def _lock(path: Path) -> IO[bytes] | None:
    """Lock a file until the process ends or the file is closed; None: another process holds it."""
    file = _open_lock(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def claim_gpus(wanted: int, gpus: Sequence[str], locks_dir: Path | None = None) -> list[str]:
    """Claim GPUs for this process, each by a lock file; none is ever given to two processes of a machine.

    Args:
        wanted: How many.
        gpus: Their ids.
        locks_dir: Where the lock files lie; None: a folder for the whole machine.

    Returns:
        The claimed ids: none where the machine has no GPU. A process that claims again keeps what it holds.

    Raises:
        ConfigError: If the machine has not so many.
        RuntimeError: If so many are not free: a retry may find them.
    """
    if not gpus:
        return []
    if wanted > len(gpus):
        raise ConfigError(f"gpus is {wanted}, but this machine has {len(gpus)}; lower gpus in the sample's preset")
    locks_dir = _make_locks_dir(locks_dir)
    before = [gpu for gpu in gpus if gpu in _held]
    claimed = before[:wanted]
    for gpu in gpus:
        if len(claimed) == wanted:
            break
        if gpu not in _held and (file := _lock(locks_dir / f"{gpu}.lock")) is not None:
            _held[gpu] = file
            claimed.append(gpu)
    if len(claimed) < wanted:
        for gpu in claimed[len(before) :]:
            _held.pop(gpu).close()
        raise RuntimeError(
            f"{wanted} of this machine's {len(gpus)} GPUs are wanted and {len(claimed)} are free; the task is tried "
            "again, or lower CDISCOUNT_GPU_SLOTS to the number of GPUs"
        )
    return claimed


def _precision_of(details: Sequence[dict[str, Any]], wanted: Precision) -> str:
    """Choose half precision where every GPU has units for it: bfloat16 from compute capability 8, float16 from 7."""
    if wanted != "auto":
        return wanted
    lowest = min((tuple(one.get("compute_capability", (0, 0))) for one in details), default=(0, 0))
    if lowest >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if lowest >= (7, 0) else "float32"


def prepare_device(seed: int, num_gpus: int = 1, precision: Precision = "auto") -> Device:
    """Set TensorFlow up for one training or evaluation in this process, with every random state from a seed.

    Args:
        seed: Of weights and dropout.
        num_gpus: How many GPUs are claimed where the machine has any.
        precision: "auto": by the GPUs; on CPU float32.

    Raises:
        ConfigError: If the machine has GPUs, and not so many.
        RuntimeError: If so many GPUs are not free; a retry may find them.
    """
    if "tensorflow" not in sys.modules:
        claimed = claim_gpus(num_gpus, list_gpus())
        if claimed:
            os.environ[_VISIBLE] = ",".join(claimed)
        logger.info("loading TensorFlow (some seconds)")
    with _without_notices():
        import keras
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    for gpu in gpus:
        _let_memory_grow(tf, gpu)
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    policy = _precision_of(details, precision)
    keras.config.set_dtype_policy(policy)
    device = _device_of(tf, details, policy)
    logger.info("device: %s, %.1f GiB of memory, %s", device.name, device.memory_gib, device.precision)
    return device


def _device_of(tf: Any, details: Sequence[dict[str, Any]], policy: str) -> Device:
    import psutil

    # Logical devices are what a test makes of one CPU; otherwise there is one, or a GPU each.
    logical = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([one.name for one in logical]) if len(logical) > 1 else None
    if not details:
        many = f", {len(logical)} logical devices" if strategy else ""
        memory_gib = psutil.virtual_memory().total / 2**30
        return Device(f"CPU, {os.cpu_count()} cores{many}", False, policy, round(memory_gib, 1), strategy)
    memory_gib = min(_gpu_memory_gib(), default=0.0)
    name = f"GPU, {len(details)} x {details[0].get('device_name', 'unknown')}"
    return Device(name, True, policy, round(memory_gib, 1), strategy)


def _gpu_memory_gib() -> list[float]:
    """Return the memory of each GPU that this process uses."""
    shown = os.environ.get(_VISIBLE)
    return [float(mib) / 1024 for (mib,) in _ask_nvidia("memory.total", *([f"--id={shown}"] if shown else []))]


def _let_memory_grow(tf: Any, gpu: Any) -> None:
    try:
        tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # the device is in use by this process already; its memory is as it was set then
        return
