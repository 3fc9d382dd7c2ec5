"""The device that training runs on. TensorFlow is set up here, before anything else imports it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

# Read when TensorFlow is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


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
    """

    name: str
    jit_compile: bool


def prepare_device(seed: int) -> Device:
    """Set TensorFlow up for one training or evaluation in this process, with every random state from a seed."""
    with _without_notices():
        import keras
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    for gpu in gpus:
        _let_memory_grow(tf, gpu)
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return Device(f"GPU, {details.get('device_name', 'unknown')}", jit_compile=True)
    return Device(f"CPU, {os.cpu_count()} cores", jit_compile=False)


def _let_memory_grow(tf: Any, gpu: Any) -> None:
    try:
        tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # the device is in use by this process already; its memory is as it was set then
        return
