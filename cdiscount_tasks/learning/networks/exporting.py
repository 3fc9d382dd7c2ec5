"""A network as a file that other programs run: written, and asked the way they would ask it.

Both formats take uint8 images, as many at once as the caller likes, and return class probabilities.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.networks.onnx_ready import onnx_ready
from cdiscount_tasks.settings.exports import ExportFormat

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]
Ask = Callable[[Images], Probabilities]
"""From uint8, [num_images, image_size, image_size, 3], to float32, [num_images, num_classes]."""


def _wholly_float32(config: Any) -> Any:
    """Return a network's config with the dtype policy of every layer set to float32; that of its input stays."""
    if isinstance(config, Mapping):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": "float32"}}
        return {name: _wholly_float32(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(map(_wholly_float32, config))
    return config


def in_float32(network: keras.Model) -> keras.Model:
    """Return a network of the same weights, which are float32 in any policy, that computes with float32 throughout."""
    built = keras.Model.from_config(_wholly_float32(network.get_config()))
    built.set_weights(network.get_weights())
    built(np.zeros((1, *built.input_shape[1:]), np.uint8))  # Keras exports no network that was never asked
    return built


def ask_keras(network: keras.Model) -> Ask:
    """Return what asks a network of this process."""

    def ask(images: Images) -> Probabilities:
        return np.asarray(network.predict_on_batch(images), np.float32)

    return ask


def _cannot(doing: str, path: Path, error: Exception) -> DataError:
    told = " ".join(str(error).split())[:200]
    return DataError(
        f"{path.name}: the network cannot be {doing} in this format ({type(error).__name__}: {told}); nothing was "
        "published: use the other format, or model.keras itself"
    )


def write_exported(network: keras.Model, path: Path, form: ExportFormat) -> None:
    """Write a float32 network.

    Args:
        network: That computes with float32 throughout.
        path: Where to; named as the format says.
        form: Of the file.

    Raises:
        DataError: If the network has an operation that the format does not know.
    """
    try:
        # The converters print what they do, and tf2onnx asks NumPy for names that it no longer has.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            written = onnx_ready(network) if form.keras_name == "onnx" else network
            written.export(path, format=form.keras_name, verbose=False)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # the converters raise errors of any kind
        raise _cannot("written", path, error) from error


def _open_onnx(path: Path) -> Ask:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (asked,), (output,) = session.get_inputs(), session.get_outputs()

    def ask(images: Images) -> Probabilities:
        return np.asarray(session.run([output.name], {asked.name: images})[0], np.float32)

    return ask


def _open_litert(path: Path, num_threads: int | None) -> Ask:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the interpreter will move to a package of its own
        interpreter = tf.lite.Interpreter(str(path), num_threads=num_threads)
    (asked,), (answered,) = interpreter.get_input_details(), interpreter.get_output_details()

    def ask(images: Images) -> Probabilities:
        if tuple(interpreter.get_input_details()[0]["shape"]) != images.shape:
            interpreter.resize_tensor_input(asked["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(asked["index"], images)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(answered["index"]), np.float32)

    return ask


def open_exported(path: Path, form: ExportFormat, num_threads: int | None = None) -> Ask:
    """Open a file that `write_exported` wrote in its own runtime, on the CPU.

    Args:
        path: Of the file.
        form: Of the file.
        num_threads: Of LiteRT, which takes one unless it is told.

    Raises:
        DataError: If the runtime does not take the file: the converter of ONNX writes operations that are none.
    """
    try:
        return _open_onnx(path) if form.keras_name == "onnx" else _open_litert(path, num_threads)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # the runtimes raise errors of any kind
        raise _cannot("run", path, error) from error
