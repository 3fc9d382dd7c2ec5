"""Model -> export: the model as a file that programs without Keras run, accepted only if it answers alike.

Beside the file, `classes.json` has the classes and the rules by which images are prepared and answers are joined, and
`parity.json` what came of comparing it with the model on every test product.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.learning.measuring.calibration import tempered
from cdiscount_tasks.learning.measuring.joining import SMALLEST_PROBABILITY
from cdiscount_tasks.learning.measuring.parity import MOST, Parity
from cdiscount_tasks.learning.pictures.decoding import images_at_once
from cdiscount_tasks.learning.pictures.images import MAX_PIXELS, RESIZE_RULE, load_images
from cdiscount_tasks.learning.pictures.inputs import mirror_images
from cdiscount_tasks.machine.device import backend_name, prepare_device
from cdiscount_tasks.pages.parts.words import count
from cdiscount_tasks.settings.exports import EXPORT_FORMATS
from cdiscount_tasks.stages.inputs import ModelClass, PredictingModel
from cdiscount_tasks.tables.model_in_use import InUse, read_in_use
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predictions import read_predictions
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import CLASSES, LABEL_IMAGES
from cdiscount_tasks.vocabulary import TEST

VERSION = 1
RULES, PARITY = "classes.json", "parity.json"
_SEEN_AT_ONCE = 64
"""More is no quicker on a CPU."""


class ExportResult(Result):
    """What was written, and how near its answers to test products are to those of the Keras model in float32.

    The numbers of `Parity`; `num_other_than_recorded` products are answered otherwise than their evaluation recorded,
    and `max_recorded_difference` is that of a confidence: of a model of lower precision, or one that was evaluated on a
    GPU, these are not 0.
    """

    format: str
    file: str
    num_bytes: int
    num_test_products: int
    num_test_images: int
    num_other_answers: int
    max_difference: float
    max_image_difference: float
    num_other_than_recorded: int
    max_recorded_difference: float


def export_recipe(model: PredictingModel, form: str) -> Recipe:
    """Return what decides an export."""
    return Recipe(
        stage="export",
        version=VERSION,
        config={"format": form},
        inputs={
            "model": model.model_dir,
            "evaluation": model.evaluation_dir,
            "labels": model.labels_dir,
            "sample": model.sample_dir,
        },
        libraries=versions("keras", "numpy", "pillow", "tensorflow", *EXPORT_FORMATS[form].packages),
    )


def _rules(model: PredictingModel, in_use: InUse, form: str) -> dict[str, Any]:
    """Return classes.json: all that a program must know beside the file, in words and in numbers."""
    contract = read_json(model.model_dir / "input.json")
    size = contract["image_size"]
    rows = read_table(model.model_dir / "classes.parquet", CLASSES, ModelClass._fields).to_pylist()
    return {
        "format": form,
        "file": EXPORT_FORMATS[form].file_name,
        "input": {"dtype": "uint8", "shape": [None, size, size, 3], "channels": "RGB", "range": [0, 255]},
        "output": {"dtype": "float32", "shape": [None, len(rows)], "what": "probabilities, in the order of classes"},
        "decode": {"rule": "JPEG alone, converted to RGB by Pillow", "max_pixels": MAX_PIXELS},
        "resize": {"rule": RESIZE_RULE, "size": [size, size], "filter": "PIL.Image.Resampling.BILINEAR"},
        "mirror": "each image is judged a second time as its left-right mirror image",
        "join": {
            "rule": "geometric mean, divided by its sum: of an image and its mirror image, then of a product's images",
            "smallest_probability": float(SMALLEST_PROBABILITY),
        },
        "answer": "the class of the largest joined probability",
        "temperature": in_use.temperature,
        "confidence": "joined probabilities to the power 1 / temperature, divided by their sum: the largest",
        "thresholds": [
            {"target_precision": target, "least_confidence": least, "note": note}
            for target, (least, note) in in_use.thresholds.items()
        ],
        "classes": rows,
    }


class _Asked(NamedTuple):
    """The test images: product_id and the row in the sample's files of each, both ascending."""

    product_id: np.ndarray
    rows: np.ndarray


def _read_asked(model: PredictingModel) -> _Asked:
    """Read which images are compared.

    Raises:
        DataError: If there is none, or one is not in the sample.
    """
    columns = ["product_id", "image_number", "split"]
    images = read_table(model.labels_dir / "images.parquet", LABEL_IMAGES, columns).to_pandas()
    images = images[images["split"] == TEST]
    if images.empty:
        raise DataError(f"{model.labels_dir}: has no test image, expected one at least; run again from fix_labels")
    rows = rows_of(model.sample_dir, images["product_id"].to_numpy(), images["image_number"].to_numpy())
    return _Asked(images["product_id"].to_numpy(), rows)


def _chunks(asked: _Asked, most: int) -> Iterator[_Asked]:
    """Yield whole products of together about `most` images."""
    num_images = len(asked.product_id)
    starts = np.flatnonzero(np.append(True, asked.product_id[1:] != asked.product_id[:-1]))
    cuts = starts[np.searchsorted(starts, np.arange(most, num_images, most), side="right") - 1]
    for first, end in pairwise([0, *cuts.tolist(), num_images]):
        yield _Asked(asked.product_id[first:end], asked.rows[first:end])


def _both_sides(ask: Any, pixels: np.ndarray) -> np.ndarray:
    """Ask about images, then about their mirror images: float32, [2 * num_images, num_classes]."""
    sides = (pixels, mirror_images(pixels))
    parts = [side[first : first + _SEEN_AT_ONCE] for side in sides for first in range(0, len(side), _SEEN_AT_ONCE)]
    return np.concatenate([ask(part) for part in parts])


def _compare(
    model: PredictingModel, in_use: InUse, image_size: int, expected: Any, found: Any
) -> tuple[Parity, pd.DataFrame]:
    """Ask two ways to run a network about every test product.

    Returns:
        What came of it, and what was found: product_id, predicted, confidence.
    """
    parity, answers = Parity(), []
    source, asked = SampleImages(model.sample_dir), _read_asked(model)
    for chunk in _chunks(asked, images_at_once(image_size)):
        pixels = load_images(source, chunk.rows, image_size)
        ids, product_of_image = np.unique(chunk.product_id, return_inverse=True)
        _, joint = parity.add(_both_sides(expected, pixels), _both_sides(found, pixels), product_of_image)
        best = joint.argmax(axis=1)
        confidence, _ = tempered(joint, best, in_use.temperature)
        answers.append(pd.DataFrame({"product_id": ids, "predicted": best, "confidence": confidence}))
    return parity, pd.concat(answers, ignore_index=True)


def _against_recorded(evaluation_dir: Path, answers: pd.DataFrame, num_classes: int) -> dict[str, Any]:
    """Compare what was found with what the evaluation recorded.

    Raises:
        DataError: If the evaluation is of other products.
    """
    recorded = read_predictions(evaluation_dir, num_classes).products
    recorded = recorded[recorded["split"] == TEST].sort_values("product_id")
    if not np.array_equal(recorded["product_id"], answers["product_id"]):
        raise DataError(f"{evaluation_dir}: is of other test products than the labels; run again from evaluate_model")
    differs = np.abs(recorded["confidence"].to_numpy() - answers["confidence"].to_numpy())
    return {
        "num_other_than_recorded": int((recorded["predicted"].to_numpy() != answers["predicted"].to_numpy()).sum()),
        "max_recorded_difference": float(differs.max()),
    }


def _check_parity(parity: Parity, file_name: str, model_dir: Path) -> None:
    if not parity.is_kept:
        raise DataError(
            f"{file_name}: answers {parity.num_other_answers} of {count(parity.num_products, 'test product')} "
            f"otherwise than {model_dir / 'model.keras'} does in float32, expected none; a probability of a product "
            f"differs by up to {parity.max_difference:.2g}, of an image by up to {parity.max_image_difference:.2g}, "
            f"expected less than {MOST:g}; nothing was published: use the other format, or model.keras itself"
        )


def _check_format(form: str) -> None:
    """Refuse a format that is not known, or whose packages this Python does not find."""
    if form not in EXPORT_FORMATS:
        raise ConfigError(f"the format is {form!r}, expected {' or '.join(EXPORT_FORMATS)}")
    missing = [name for name in EXPORT_FORMATS[form].packages if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the format {form} needs {', '.join(missing)}, which this Python does not have; `make export "
            f"FORMAT={form}` gets what it needs"
        )


def _open_on_cpu(model: PredictingModel) -> tuple[Any, int]:
    """Load a model whose files are what was published, to compute with float32; returns its image size as well.

    Raises:
        ConfigError: If Keras runs on another backend, or TensorFlow sees a GPU.
        DataError: If it is damaged or cannot be loaded.
    """
    verify_artifact(model.model_dir)
    if backend_name() != "tensorflow":
        raise ConfigError(f"an export is written by TensorFlow, and KERAS_BACKEND is {backend_name()!r}; unset it")
    device = prepare_device(seed=0, precision="float32")
    if device.name.startswith("GPU"):
        raise ConfigError(
            f"an export is compared on the CPU, and this process uses {device.name}; set CUDA_VISIBLE_DEVICES=-1"
        )
    from cdiscount_tasks.learning.networks.exporting import in_float32  # after the device is set up
    from cdiscount_tasks.learning.networks.loading import load_network

    contract = read_json(model.model_dir / "input.json")
    return in_float32(load_network(model.model_dir / "model.keras", contract)), contract["image_size"]


def _write_and_compare(model: PredictingModel, in_use: InUse, form: str, part_dir: Path) -> dict[str, Any]:
    """Write the file, and return what came of comparing it.

    Raises:
        DataError: If it does not answer alike.
    """
    network, image_size = _open_on_cpu(model)
    from cdiscount_tasks.learning.networks.exporting import ask_keras, open_exported, write_exported

    written = EXPORT_FORMATS[form]
    path = part_dir / written.file_name
    write_exported(network, path, written)
    parity, answers = _compare(model, in_use, image_size, ask_keras(network), open_exported(path, written))
    _check_parity(parity, written.file_name, model.model_dir)
    return {
        "num_test_products": parity.num_products,
        "num_test_images": parity.num_images,
        "num_other_answers": parity.num_other_answers,
        "max_difference": parity.max_difference,
        "max_image_difference": parity.max_image_difference,
        **_against_recorded(model.evaluation_dir, answers, len(in_use.category_ids)),
    }


def export_model(model: PredictingModel, form: str, artifacts_dir: Path) -> ExportResult:
    """Write a model as a file for other programs, and compare both on every test product.

    On the CPU: a GPU multiplies float32 numbers with fewer digits (TF32), and would not answer alike.

    Args:
        model: Finished artifacts.
        form: One of EXPORT_FORMATS.
        artifacts_dir: Where the export artifact will be, named by its key.

    Raises:
        ConfigError: If the format is unknown, a package that it needs is missing, Keras runs on another backend, or
            TensorFlow sees a GPU.
        DataError: If the model is damaged, or the file does not answer alike; nothing is published then.
    """
    _check_format(form)

    def write(part_dir: Path) -> Made:
        in_use = read_in_use(model)
        figures = _write_and_compare(model, in_use, form, part_dir)
        write_json(part_dir / RULES, _rules(model, in_use, form))
        write_json(part_dir / PARITY, {"allowed_difference": MOST, **figures})
        file_name = EXPORT_FORMATS[form].file_name
        num_bytes = (part_dir / file_name).stat().st_size
        return Made({"format": form, "file": file_name, "num_bytes": num_bytes, **figures})

    return make(ExportResult, export_recipe(model, form), artifacts_dir, write)
