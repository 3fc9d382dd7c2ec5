"""Catalogue -> predictions: what a trained model says of every product of a file, range by range, then joined.

A range is read once, in the order of the file. Its images are decoded in other processes, some hundred at a time, and
shown to the network as they come: only a few such chunks are in memory.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest, verify_artifact
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.catalogue.ranges import ByteRange, all_ranges
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.checks import check_indexed
from cdiscount_tasks.index.in_range import DamagedImages, RangeRows, read_chunks, read_range
from cdiscount_tasks.index.shared_images import shared_images
from cdiscount_tasks.labelling.shared_groups import tie_products
from cdiscount_tasks.learning.measuring.answers import answer_products
from cdiscount_tasks.learning.measuring.device_use import DeviceFigures, tell_device_use
from cdiscount_tasks.learning.pictures.decoding import DecodedImages, decode_images, images_at_once
from cdiscount_tasks.machine.cores import map_ahead
from cdiscount_tasks.machine.device import Device, backend_packages, prepare_device
from cdiscount_tasks.machine.gpu_use import GpuWatch
from cdiscount_tasks.pages.parts.words import count
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.tables import predicted
from cdiscount_tasks.tables.joined_answers import check_every_document, count_predicted, predicted_rows
from cdiscount_tasks.tables.known_images import Known, look_up_products
from cdiscount_tasks.tables.model_in_use import InUse, check_whole, read_in_use
from cdiscount_tasks.tables.numbers import numpy_numbers
from cdiscount_tasks.tables.schemas import ANSWERED, NUM_TOP_CATEGORIES
from cdiscount_tasks.tables.seen_before import read_seen_before

if TYPE_CHECKING:
    from cdiscount_tasks.learning.networks.answering import AnsweringNetwork

logger = logging.getLogger(__name__)

VERSION = 1
_IMAGES_WORTH_PROCESSES = 4000


class AnswersResult(Result, DeviceFigures):
    """What was answered to the products of a range.

    `num_damaged_images` counts those that the index rejected or that do not decode, of all of its products;
    `num_rejected` the products that have no other image; `images_per_s` counts network and decoding together.
    """

    num_products: int
    num_images: int
    num_damaged_images: int
    num_rejected: int


class PredictionsResult(Result):
    """What was predicted of a catalogue; each number is described with summary.json in docs/data.md."""

    num_documents: int
    num_predicted: int
    num_answered: int
    num_abstained: int
    num_rejected: int
    num_no_usable_image: int
    num_images: int
    num_damaged_images: int
    num_copies_of_train: int
    num_filled: int
    filled_category_id: int
    target_precision: float | None
    threshold: float | None
    note: str | None


def _recipe(stage: str, index_dir: Path, model: PredictingModel, config: Mapping[str, Any]) -> Recipe:
    inputs = {"index": index_dir, "model": model.model_dir, "evaluation": model.evaluation_dir}
    libraries = versions(*backend_packages(), "pillow", "scipy")
    return Recipe(stage, VERSION, config, {**inputs, "labels": model.labels_dir}, libraries=libraries)


def answers_recipe(index_dir: Path, byte_range: ByteRange, model: PredictingModel) -> Recipe:
    """Return what decides the answers to the products of a range."""
    return _recipe("answers", index_dir, model, dict(byte_range))


def predictions_recipe(index_dir: Path, model: PredictingModel, target_precision: float | None) -> Recipe:
    """Return what decides the predictions of a catalogue."""
    return _recipe("predictions", index_dir, model, {"target_precision": target_precision})


def _result_of(artifact_dir: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_manifest(artifact_dir)["result"]
    return found


def plan_answers(index_dir: Path, catalogue_path: Place) -> list[ByteRange]:
    """Plan the byte ranges in which a catalogue is predicted; a product belongs to the range in which it begins.

    Args:
        index_dir: Finished index artifact.
        catalogue_path: The BSON file that it was made from.

    Raises:
        DataError: If the catalogue is not the indexed one.
    """
    num_bytes = _result_of(index_dir)["num_bytes"]
    check_indexed(catalogue_path, index_dir.parent, num_bytes)
    return all_ranges(num_bytes)


class _Asked(NamedTuple):
    """Who is asked about the products of a range, and what is known of these already."""

    network: "AnsweringNetwork"
    in_use: InUse
    rows: RangeRows
    known: Known
    damaged: DamagedImages


def _open_network(model: PredictingModel, in_use: InUse) -> tuple["AnsweringNetwork", Device]:
    """Load a model whose files are what was published.

    Raises:
        DataError: If it is damaged or cannot be loaded.
    """
    check_whole(model.model_dir)
    device = prepare_device(seed=0)
    from cdiscount_tasks.learning.networks.answering import AnsweringNetwork  # after the device is set up

    contract = read_json(model.model_dir / "input.json")
    return AnsweringNetwork(model.model_dir / "model.keras", contract, len(in_use.category_ids)), device


def _answer_chunk(asked: _Asked, decoded: DecodedImages) -> pa.Table:
    """Ask the network about some whole products; returns rows of ANSWERED."""
    _, in_use, rows, known, damaged = asked
    of_images = asked.network.answer(decoded.pixels)
    places, product_of_image = np.unique(rows.product_of_image[decoded.rows], return_inverse=True)
    answers = answer_products(of_images, product_of_image, in_use.temperature, in_use.category_ids, NUM_TOP_CATEGORIES)
    products = rows.products.take(pa.array(places))
    columns = {
        "product_id": products["product_id"],
        "probability": answers.probabilities[:, 0],
        "top_category_ids": list(answers.category_ids),
        "top_probabilities": list(answers.probabilities),
        "num_images": np.bincount(product_of_image).astype(np.int8),
        "num_damaged_images": damaged.counts(places),
        "copy_of_train": known.copy_of_train[places],
        "known_split": [known.known_split[place] for place in places.tolist()],
        "given_category_id": products["category_id"],
        "byte_offset": products["offset"],
    }
    return pa.table({name: columns[name] for name in ANSWERED.names}, schema=ANSWERED)


def _iter_answers(catalogue_path: Place, asked: _Asked, has_image: np.ndarray) -> Iterator[pa.Table]:
    """Answer a range chunk by chunk, and mark which of its products have a usable image."""
    image_size = asked.network.image_size
    encoded = read_chunks(catalogue_path, asked.rows, images_at_once(image_size))
    worth_it = len(asked.rows.images) > _IMAGES_WORTH_PROCESSES
    for decoded in map_ahead(partial(decode_images, image_size), encoded, worth_it=worth_it):
        asked.damaged.add(decoded.refused)
        if len(decoded.rows):
            has_image[asked.rows.product_of_image[decoded.rows]] = True
            yield _answer_chunk(asked, decoded)


def answer_range(
    index_dir: Path, catalogue_path: Place, byte_range: ByteRange, model: PredictingModel, artifacts_dir: Path
) -> AnswersResult:
    """Predict the products whose documents begin in a byte range of a catalogue.

    An image is judged together with its mirror image, a product by all of its images that decode.

    Args:
        index_dir: Finished index artifact.
        catalogue_path: The BSON file that it was made from.
        byte_range: One of `plan_answers`.
        model: Finished artifacts of the model.
        artifacts_dir: Where the answers artifact will be, named by its key.

    Raises:
        DataError: If the catalogue is not the indexed one; or the model is damaged, does not fit its evaluation or its
            labels, or gives an answer that is not a number.
    """

    def write(part_dir: Path) -> Made:
        plan_answers(index_dir, catalogue_path)  # refuses a catalogue that is not the indexed one
        in_use = read_in_use(model)
        network, device = _open_network(model, in_use)
        rows = read_range(index_dir, byte_range)
        before = read_seen_before(model.model_dir)
        known = look_up_products(model.labels_dir, rows.products, rows.images, rows.product_of_image, before)
        asked = _Asked(network, in_use, rows, known, DamagedImages(rows))
        has_image = np.zeros(len(rows.products), bool)
        logger.info(
            "bytes %d to %d: predicting %s of %s on %s", byte_range["start"], byte_range["stop"],
            count(len(rows.images), "image"), count(len(has_image), "product"), device.name,
        )  # fmt: skip
        started = time.monotonic()
        with GpuWatch() as gpus:
            predicted.write_answers(part_dir, _iter_answers(catalogue_path, asked, has_image))
        speed = {"device": device.name, "images_per_s": round(len(rows.images) / (time.monotonic() - started), 1)}
        predicted.write_rejected(part_dir, asked.damaged.products_without_image(has_image))
        counts = {
            "num_products": len(has_image),
            "num_images": len(rows.images) + len(rows.rejected_images) - len(asked.damaged),
            "num_damaged_images": len(asked.damaged),
            "num_rejected": int((~has_image).sum()),
        }
        return Made(counts | tell_device_use(speed, gpus.use))

    return make(AnswersResult, answers_recipe(index_dir, byte_range, model), artifacts_dir, write)


def _read_parts(index_dir: Path, catalogue_path: Place, model: PredictingModel, artifacts_dir: Path) -> list[Path]:
    """Return the answers to all ranges, in the order of the file, with every byte compared.

    Raises:
        DataError: If a range has not been answered, or what it left is damaged.
    """
    part_dirs = []
    for byte_range in plan_answers(index_dir, catalogue_path):
        part_dir = answers_recipe(index_dir, byte_range, model).dir_in(artifacts_dir)
        if not (part_dir / MANIFEST).exists():
            raise DataError(
                f"{catalogue_path}: bytes {byte_range['start']} to {byte_range['stop']} have not been predicted (no "
                f"finished artifact is in {part_dir}); clear the task answer_range, or trigger a new run"
            )
        verify_artifact(part_dir)
        part_dirs.append(part_dir)
    return part_dirs


def _write_tables(index_dir: Path, part_dirs: Sequence[Path], least_confidence: float, out_dir: Path) -> pa.Table:
    """Write predictions.parquet and rejected.parquet; returns what was rejected."""
    groups = tie_products(*shared_images(index_dir))
    answers = (rows for part_dir in part_dirs for rows in predicted.iter_answers(part_dir))
    joined = (predicted_rows(rows, least_confidence, groups.of(numpy_numbers(rows["product_id"]))) for rows in answers)
    predicted.write_predicted(out_dir, joined)
    rejected = predicted.join_rejected(index_dir, part_dirs)
    predicted.write_rejected(out_dir, rejected)
    return rejected


def join_answers(
    index_dir: Path, catalogue_path: Place, model: PredictingModel, artifacts_dir: Path, target_precision: float | None
) -> PredictionsResult:
    """Join the answers to all ranges of a catalogue: every document is predicted or rejected.

    Args:
        index_dir: Finished index artifact.
        catalogue_path: The BSON file that it was made from.
        model: Finished artifacts of the model.
        artifacts_dir: Where the answers are, and the predictions will be.
        target_precision: One of those that were chosen on validation: below the confidence that promises it no answer
            is given; None: every product is answered.

    Raises:
        DataError: If a range has not been predicted, the counts do not add up, or no product has a usable image.
    """

    def write(part_dir: Path) -> Made:
        part_dirs = _read_parts(index_dir, catalogue_path, model, artifacts_dir)
        in_use = read_in_use(model)
        threshold, note = in_use.threshold_of(target_precision)
        least_confidence = 0.0 if target_precision is None else np.inf if threshold is None else threshold
        rejected = _write_tables(index_dir, part_dirs, least_confidence, part_dir)
        counted = count_predicted(predicted.iter_predicted(part_dir))
        check_every_document(catalogue_path, counted["num_predicted"], rejected, _result_of(index_dir)["num_documents"])
        category_id = in_use.commonest_category_id
        counts = {
            "num_documents": counted["num_predicted"] + len(rejected),
            **counted,
            "num_rejected": len(rejected),
            "num_no_usable_image": sum(_result_of(one)["num_rejected"] for one in part_dirs),
            "num_damaged_images": sum(_result_of(one)["num_damaged_images"] for one in part_dirs),
            "num_filled": predicted.write_submission(part_dirs, rejected, category_id, part_dir),
            "filled_category_id": category_id,
            "target_precision": target_precision,
            "threshold": threshold,
            "note": note,
        }
        write_json(part_dir / predicted.SUMMARY, counts)
        return Made(counts)

    return make(PredictionsResult, predictions_recipe(index_dir, model, target_precision), artifacts_dir, write)
