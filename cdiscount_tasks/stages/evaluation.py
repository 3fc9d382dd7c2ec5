"""Model -> evaluation: what the model says of every validation and test product, and what is chosen on validation.

Predictions, a temperature and the confidences from which it answers, and what in the pictures of the mistakes spoke for
them; no figures of test.
"""

import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NotRequired

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring import choices
from cdiscount_tasks.learning.measuring.asked_in_blocks import Ask, AskedProducts, Kept, Said, ask_in_blocks
from cdiscount_tasks.learning.measuring.calibration import Calibration
from cdiscount_tasks.learning.measuring.device_use import DeviceFigures, tell_device_use
from cdiscount_tasks.learning.pictures.inputs import Inputs, hold_images
from cdiscount_tasks.learning.pictures.pass_progress import PassProgress
from cdiscount_tasks.machine.device import backend_packages, prepare_device
from cdiscount_tasks.machine.gpu_use import GpuWatch
from cdiscount_tasks.pages.parts.words import count, percent
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.predictions import IMAGE_PREDICTIONS, PREDICTIONS, write_predictions
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import (
    ACTIVATION_MAPS,
    CLASSES,
    LABEL_IMAGES,
    LABEL_PRODUCTS,
    MAX_CLASSES_IN_FULL,
    NUM_TOP_CLASSES,
)
from cdiscount_tasks.tables.seen_before import find_known, read_seen_before
from cdiscount_tasks.vocabulary import TEST, TRAIN, VALIDATION

logger = logging.getLogger(__name__)

VERSION = 5
_OF_THIS_VERSION = {"mistakes": 24, "pairs": 10, "of_pair": 3}
"""How many products VERSION stands for; where `choices` says another number, it counts in the key."""

_OF_MANY_CLASSES = {"of_many_classes": 2}
"""Counts in the key above 256 classes: 2: a temperature may be chosen on a draw, whose products are asked first."""

_KEY_COLUMNS = ["split", "group_id", "class_index", "conflicted"]


class EvaluationResult(Result, DeviceFigures):
    """What was predicted; accuracies here are only a first look, the report has them with intervals.

    Attributes:
        num_activation_maps: None where the network has no feature map of at least 7 x 7 places.
        num_left_out: Products that the model knows through the one that it began with; missing where there are none.
    """

    num_test_products: int
    num_test_images: int
    test_product_accuracy: float
    num_activation_maps: int | None
    num_left_out: NotRequired[int]


def _load_model(model_dir: Path) -> tuple[Any, dict[str, Any]]:
    """Load a model whose files are what was published.

    Raises:
        DataError: If it is damaged, cannot be loaded, or its weights are no finite numbers.
    """
    verify_artifact(model_dir)
    from cdiscount_tasks.learning.networks.loading import load_network

    contract = read_json(model_dir / "input.json")
    return load_network(model_dir / "model.keras", contract), contract


def _log_choice(chosen: Calibration) -> None:
    reached = {one["target_precision"]: one["threshold"] for one in chosen["thresholds"]}
    found = [
        f"{percent(target, 0)}: {'never' if least is None else percent(least)}" for target, least in reached.items()
    ]
    num_products = chosen["num_validation_products"]
    num_drawn = chosen.get("num_temperature_products", num_products)
    of_them = "" if num_drawn == num_products else f", the temperature on {num_drawn:,} of them"
    logger.info(
        "chosen on %s%s: temperature %.3f, answers from this confidence on for a precision of %s",
        count(num_products, "validation product"), of_them, chosen["temperature"], ", ".join(found),
    )  # fmt: skip


def _write_activation_maps(
    network: Any, pictures: Inputs, images: pd.DataFrame, mistaken: pd.DataFrame, path: Path
) -> int | None:
    """Write a map of every picture of the mistakes that the report shows, of the class that the model answered.

    Returns:
        The number of maps; None, and no file, if the network cannot give any.
    """
    from cdiscount_tasks.learning.networks.activation_maps import has_maps, map_activations

    if not has_maps(network):
        return None
    rows = np.flatnonzero(images["product_id"].isin(mistaken["product_id"]))
    asked = images.iloc[rows][["product_id", "image_number"]]
    class_index = asked["product_id"].map(mistaken.set_index("product_id")["predicted"]).to_numpy(np.int64)
    maps = map_activations(network, pictures, rows, class_index)
    _, height, width = maps.shape
    values = [one.ravel() for one in maps]
    table = asked.assign(class_index=class_index, height=height, width=width, values=values)
    return write_table(path, table, ACTIVATION_MAPS)


class _Judged(NamedTuple):
    """What is predicted, and how often it is looked at.

    Attributes:
        products: Columns product_id, split, group_id, class_index, conflicted, num_images; all of validation and test.
        images: Columns product_id, image_number, split, group_id, class_index, conflicted; theirs.
        num_classes: Number of classes.
        num_left_out: Products that the model knows through the one that it began with, which no accuracy counts.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    num_classes: int
    num_left_out: int


def _read_judged(labels_dir: Path, model_dir: Path) -> _Judged:
    """Read the products of validation and test.

    Raises:
        DataError: If the model was trained for other classes.
    """
    # Categories alone: a champion is evaluated on the products of a newer catalogue, where classes have other counts.
    classes, learnt = (read_table(folder / "classes.parquet", CLASSES) for folder in (labels_dir, model_dir))
    if not classes["category_id"].equals(learnt["category_id"]):
        raise DataError(f"{model_dir}: was trained for other classes than {labels_dir} has; train it again")
    columns = ["product_id", *_KEY_COLUMNS]
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS, columns).to_pandas()
    is_seen = find_known(labels_dir, products, read_seen_before(model_dir))
    products = products.loc[(products["split"] != TRAIN) & ~is_seen].reset_index(drop=True)
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES, ["product_id", "image_number"]).to_pandas()
    images = images.loc[images["product_id"].isin(products["product_id"])]
    images = images.join(products.set_index("product_id")[_KEY_COLUMNS], on="product_id")
    product_of_image = np.searchsorted(products["product_id"].to_numpy(), images["product_id"].to_numpy())
    num_images = np.bincount(product_of_image, minlength=len(products))
    return _Judged(products.assign(num_images=num_images), images, classes.num_rows, int(is_seen.sum()))


def _ask(ask: Ask, judged: _Judged) -> Said:
    products = judged.products
    asked = AskedProducts(
        true=products["class_index"].to_numpy(np.int64),
        group_id=products["group_id"].to_numpy(np.int64),
        on_validation=(products["split"] == VALIDATION).to_numpy(bool),
        num_images=products["num_images"].to_numpy(np.int64),
    )
    return ask_in_blocks(ask, asked, judged.num_classes, None if _are_few(judged.num_classes) else NUM_TOP_CLASSES)


def _write(part_dir: Path, judged: _Judged, said: Said) -> None:
    _log_choice(said.calibration)
    write_json(part_dir / "calibration.json", said.calibration)
    for name, rows, columns in (
        (PREDICTIONS, judged.products, {**vars(said.products), **vars(said.certainty)}),
        (IMAGE_PREDICTIONS, judged.images, vars(said.images)),
    ):
        write_predictions(part_dir / name, rows, columns, judged.num_classes, by_image=name == IMAGE_PREDICTIONS)


def _tested(products: pd.DataFrame, of_products: Kept) -> pd.DataFrame:
    """Return the test products with the class that the model answers, and its probability."""
    probability = of_products.probabilities.max(axis=1)
    answered = products.assign(predicted=of_products.predicted.astype(np.int64), probability=probability)
    return answered[answered["split"] == TEST]


def _first_look(tested: pd.DataFrame, judged: _Judged) -> dict[str, float]:
    right = tested["predicted"] == tested["class_index"]
    num_images = int((judged.images["split"] == TEST).sum())
    left_out = {"num_left_out": judged.num_left_out} if judged.num_left_out else {}
    counts = {"num_test_products": len(tested), "num_test_images": num_images, **left_out}
    return {**counts, "test_product_accuracy": float(right.mean())}


def _are_few(num_classes: int) -> bool:
    return num_classes <= MAX_CLASSES_IN_FULL


def evaluation_recipe(sample_dir: Path, labels_dir: Path, model_dir: Path) -> Recipe:
    """Return what decides an evaluation."""
    shown = {name: value for name, value in choices.SHOWN.items() if value != _OF_THIS_VERSION[name]}
    few = _are_few(read_table(labels_dir / "classes.parquet", CLASSES, ["class_index"]).num_rows)
    return Recipe(
        stage="evaluation",
        version=VERSION,
        config=shown if few else {**shown, **_OF_MANY_CLASSES},
        inputs={"sample": sample_dir, "labels": labels_dir, "model": model_dir},
        libraries=versions(*backend_packages(), "pillow", "scipy"),
    )


def evaluate_model(sample_dir: Path, labels_dir: Path, model_dir: Path, artifacts_dir: Path) -> EvaluationResult:
    """Predict every validation and test product with a trained model.

    A picture is judged together with its mirror image, a product by all its pictures (normalised geometric means). The
    temperature and the confidences from which the model answers are chosen on validation and saved as calibration.json.
    The pictures are shown to the network some thousand at a time; of their probabilities only what is written is held.
    Of the test mistakes that the report shows, `activation_maps.parquet` tells what in their pictures spoke for them.

    Args:
        sample_dir: Finished sample artifact.
        labels_dir: Finished labels artifact.
        model_dir: Finished model artifact, trained on these labels.
        artifacts_dir: Where the evaluation artifact will stand, named by its key.

    Raises:
        DataError: If the model is damaged or of other classes, or a weight or an answer of it is no finite number.
    """

    def write(part_dir: Path) -> Made:
        device = prepare_device(seed=0)
        from cdiscount_tasks.learning.networks.predict import iter_probabilities  # after the device is set up
        from cdiscount_tasks.learning.networks.soundness import check_answers

        network, contract = _load_model(model_dir)
        views = contract.get("views", "flip")
        judged = _read_judged(labels_dir, model_dir)
        products, images = judged.products, judged.images
        rows = rows_of(sample_dir, images["product_id"].to_numpy(), images["image_number"].to_numpy())
        pictures = hold_images(partial(SampleImages, sample_dir), rows, contract["image_size"], part_dir)
        logger.info(
            "predicting %s of %s on %s", count(len(images), "image"), count(len(products), "product"), device.name
        )

        def ask(places: np.ndarray) -> Iterator[np.ndarray]:
            for some in iter_probabilities(network, pictures, places, judged.num_classes, flip=True, views=views):
                check_answers(some, judged.num_classes, model_dir / "model.keras")
                progress.add(len(some))
                yield some

        started, progress = time.monotonic(), PassProgress(len(images))
        with GpuWatch() as gpus:
            said = _ask(ask, judged)
        rate = round(len(images) / (time.monotonic() - started), 1)
        _write(part_dir, judged, said)
        tested = _tested(products, said.products)
        mistaken = choices.choose_shown(tested).mistaken
        num_maps = _write_activation_maps(network, pictures, images, mistaken, part_dir / "activation_maps.parquet")
        figures = tell_device_use({"device": device.name, "images_per_s": rate}, gpus.use)
        return Made({**_first_look(tested, judged), "num_activation_maps": num_maps, **figures})

    return make(EvaluationResult, evaluation_recipe(sample_dir, labels_dir, model_dir), artifacts_dir, write)
