"""A trained model in a program's hands: JPEG bytes in, answers out, as its evaluation measured them.

Writes no artifact.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.learning.measuring.answers import answer_products
from cdiscount_tasks.learning.pictures.decoding import RefusedImage, decode_images, images_at_once
from cdiscount_tasks.machine.device import prepare_device
from cdiscount_tasks.stages.inputs import ModelClass, PredictingModel
from cdiscount_tasks.tables.model_in_use import InUse, read_in_use
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import CLASSES, NUM_TOP_CATEGORIES

if TYPE_CHECKING:
    from cdiscount_tasks.learning.networks.answering import AnsweringNetwork

_NO_IMAGE = "no image was given"
_DTYPES = {
    "category_id": "Int64",
    "name": "str",
    "probability": "float32",
    "top_category_ids": "object",
    "top_probabilities": "object",
    "abstained": "bool",
    "num_images": "int64",
    "num_damaged_images": "int64",
    "reason": "str",
}
"""The columns of an answer, in their order."""


class _Encoded(NamedTuple):
    """Whole products, some hundred images together.

    Attributes:
        products: The images of each, as JPEG bytes.
        product_of_image: int64, [num_images], each in [0, number of products).
    """

    products: Sequence[Sequence[bytes]]
    product_of_image: np.ndarray


def _fault_of(products: object) -> str | None:
    """Return what is wrong with a list of products; None: nothing."""
    expected = "expected a list with one list of JPEG bytes for each product, as in [[jpeg_1, jpeg_2], [jpeg_3]]"
    if isinstance(products, str | bytes | bytearray | memoryview) or not isinstance(products, Sequence):
        return f"products is {type(products).__name__}, {expected}"
    if not products:
        return f"products is empty, {expected}"
    for place, images in enumerate(products):
        if isinstance(images, str | bytes | bytearray | memoryview) or not isinstance(images, Sequence):
            return f"products[{place}] is {type(images).__name__}, {expected}"
        for number, image in enumerate(images):
            if not isinstance(image, bytes):
                told = "" if not isinstance(image, str) else "; read the file first: Path(...).read_bytes()"
                return f"products[{place}][{number}] is {type(image).__name__}, expected the bytes of a JPEG file{told}"
    return None


def _chunks(products: Sequence[Sequence[bytes]], most: int) -> Iterator[_Encoded]:
    """Yield products of together `most` images, or one product alone."""
    first, num_images = 0, 0
    for place, images in enumerate(products):
        if num_images and num_images + len(images) > most:
            yield _encoded(products[first:place])
            first, num_images = place, 0
        num_images += len(images)
    yield _encoded(products[first:])


def _encoded(products: Sequence[Sequence[bytes]]) -> _Encoded:
    return _Encoded(products, np.repeat(np.arange(len(products)), [len(images) for images in products]))


def _why_rejected(images: Sequence[bytes], refused: Sequence[RefusedImage]) -> str:
    if not images:
        return _NO_IMAGE
    return "; ".join(f"image {number}: {one.reason} ({one.detail})" for number, one in enumerate(refused))


class LoadedModel:
    """A model that is ready to answer.

    Attributes:
        classes: What it knows, in the order of the network's outputs.
        input_contract: What its network takes: image_size, channels, dtype, resize. `predict` does this by itself.
        temperature: Of its probabilities, chosen on validation.
        thresholds: By promised precision the least probability that keeps the promise, or None where none does.
    """

    def __init__(self, model: PredictingModel) -> None:
        """Load a model whose files are what was published.

        Args:
            model: Finished artifacts.

        Raises:
            DataError: If it is damaged, cannot be loaded, or does not fit its evaluation.
        """
        self._in_use: InUse = read_in_use(model)
        verify_artifact(model.model_dir)
        rows = read_table(model.model_dir / "classes.parquet", CLASSES, ModelClass._fields).to_pylist()
        self.classes = tuple(ModelClass(**row) for row in rows)
        self.input_contract: Mapping[str, Any] = read_json(model.model_dir / "input.json")
        self.temperature = self._in_use.temperature
        self.thresholds = {target: least for target, (least, _) in self._in_use.thresholds.items()}
        self._name_of = {each.category_id: each.level3 for each in self.classes}
        self._network = _load(model.model_dir, self.input_contract, len(self.classes))

    def predict(self, products: Sequence[Sequence[bytes]], target_precision: float | None = None) -> pd.DataFrame:
        """Answer to products by their images: each image judged with its mirror image, a product by all of its images.

        Args:
            products: The JPEG bytes of each product's images.
            target_precision: One of those in `thresholds`: below the probability that promises it no category is
                named; None: every product with a usable image gets one.

        Returns:
            A row a product, in the order asked:

            - category_id, name: the answer; missing where the model abstained or no image could be used;
            - probability: of the most probable class, as the evaluation's confidence; top_category_ids,
              top_probabilities: the five most probable, also where the model abstained;
            - abstained: whether the probability is below the threshold;
            - num_images: how many the answer is joined from; num_damaged_images: those left out;
            - reason: why there is no answer at all, image by image; missing elsewhere.

        Raises:
            ValueError: If `products` is not what is expected, or no such precision was promised.
            DataError: If the network answers with something that is no number.
        """
        if fault := _fault_of(products):
            raise ValueError(fault)
        least = self._least(target_precision)
        rows = [row for chunk in _chunks(products, self._at_once) for row in self._answer(chunk, least)]
        frame = pd.DataFrame(rows, columns=list(_DTYPES))
        return frame.astype(_DTYPES)

    @property
    def _at_once(self) -> int:
        return images_at_once(self._network.image_size)

    def _least(self, target_precision: float | None) -> float:
        """Return the least probability of an answer; infinite where no answer keeps the promise."""
        least, _ = self._in_use.threshold_of(target_precision)
        return 0.0 if target_precision is None else np.inf if least is None else least

    def _answer(self, chunk: _Encoded, least: float) -> Iterator[dict[str, Any]]:
        """Yield the row of each product."""
        jpegs = [image for images in chunk.products for image in images]
        decoded = decode_images(self._network.image_size, (list(range(len(jpegs))), jpegs))
        refused: dict[int, list[RefusedImage]] = {}
        for one in decoded.refused:
            refused.setdefault(int(chunk.product_of_image[one.row]), []).append(one)
        answered = self._ask(decoded.pixels, chunk.product_of_image[decoded.rows], least)
        for place, images in enumerate(chunk.products):
            damaged = refused.get(place, [])
            counts = {"num_images": len(images) - len(damaged), "num_damaged_images": len(damaged)}
            yield {**answered.get(place, _no_answer(images, damaged)), **counts}

    def _ask(self, pixels: np.ndarray, product_of_image: np.ndarray, least: float) -> dict[int, dict[str, Any]]:
        """Return the answers by the place of their product, which has an image."""
        if not len(pixels):
            return {}
        of_images = self._network.answer(pixels)
        places, product = np.unique(product_of_image, return_inverse=True)
        found = answer_products(of_images, product, self.temperature, self._in_use.category_ids, NUM_TOP_CATEGORIES)
        return {
            place: self._row(ids, probabilities, abstained=bool(probabilities[0] < least))
            for place, ids, probabilities in zip(places.tolist(), *found, strict=True)
        }

    def _row(self, ids: np.ndarray, probabilities: np.ndarray, *, abstained: bool) -> dict[str, Any]:
        best = int(ids[0])
        return {
            "category_id": None if abstained else best,
            "name": None if abstained else self._name_of[best],
            "probability": probabilities[0],
            "top_category_ids": ids.tolist(),
            "top_probabilities": probabilities.tolist(),
            "abstained": abstained,
            "reason": None,
        }


def _no_answer(images: Sequence[bytes], refused: Sequence[RefusedImage]) -> dict[str, Any]:
    lists: dict[str, Any] = {"top_category_ids": [], "top_probabilities": []}
    missing = dict.fromkeys(("category_id", "name", "probability"))
    return {**missing, **lists, "abstained": False, "reason": _why_rejected(images, refused)}


def _load(model_dir: Path, contract: Mapping[str, Any], num_classes: int) -> "AnsweringNetwork":
    prepare_device(seed=0)
    from cdiscount_tasks.learning.networks.answering import AnsweringNetwork  # after the device is set up

    return AnsweringNetwork(model_dir / "model.keras", contract, num_classes)
