"""TensorFlow under Keras: deterministic, on the CPU or one GPU."""

import os
from typing import Any, Literal

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine.device import Found

# Read when TensorFlow is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow turns oneDNN on by itself only for processors with newer instructions than AVX2; there it is twice as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def set_up() -> Found:
    """Import TensorFlow, make it deterministic, and look at its devices.

    Raises:
        ConfigError: If it sees several GPUs.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) > 1:
        # Its MirroredStrategy hangs and crashes under XLA, determinism and half precision (keras#20763, #21366).
        raise ConfigError(
            f"gpus is {len(gpus)}, but on TensorFlow one training runs on one GPU; set gpus: 1 in the sample's preset, "
            "or KERAS_BACKEND=jax"
        )
    for gpu in gpus:
        _let_memory_grow(tf, gpu)
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return Found(
        gpu_name=details[0].get("device_name", "unknown") if details else None,
        capabilities=[one.get("compute_capability", (0, 0)) for one in details],
        num_devices=1,
    )


def use_devices(found: Found) -> bool | Literal["auto"]:
    """Return Keras' `jit_compile`: on CPU XLA costs 20 to 30 % of the speed, on a GPU Keras knows where it fits."""
    return False if found.gpu_name is None else "auto"


def _let_memory_grow(tf: Any, gpu: Any) -> None:
    try:
        tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # the device is in use by this process already; its memory is as it was set then
        return
