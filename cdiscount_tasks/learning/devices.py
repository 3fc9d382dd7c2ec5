"""The device that training runs on. TensorFlow is set up here, before anything else imports it."""

import os
from typing import Any, NamedTuple

# Read when TensorFlow is first imported: its notices on stderr would stand in the task log as errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


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
    import keras
    import tensorflow as tf

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
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
