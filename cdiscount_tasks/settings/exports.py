"""The formats in which a model can be written for programs without Keras."""

from collections.abc import Mapping
from typing import NamedTuple


class ExportFormat(NamedTuple):
    """A format.

    Attributes:
        keras_name: As Keras calls it.
        file_name: Of the model.
        packages: What writes and runs it, beside Keras and TensorFlow.
    """

    keras_name: str
    file_name: str
    packages: tuple[str, ...]


EXPORT_FORMATS: Mapping[str, ExportFormat] = {
    "onnx": ExportFormat("onnx", "model.onnx", ("onnx", "onnxruntime", "tf2onnx")),
    "litert": ExportFormat("litert", "model.tflite", ()),
}
