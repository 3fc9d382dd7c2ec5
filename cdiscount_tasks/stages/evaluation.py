"""Model -> evaluation: what the model says of every validation and test product, and what is chosen on validation.

Predictions, a temperature and the confidences from which it answers, and what in the pictures of the mistakes spoke for
them; no figures of test.
"""

import logging
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
from cdiscount_tasks.learning.measuring.calibration import Calibration, choose_calibration, tempered
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.measuring.metrics import squared_errors
from cdiscount_tasks.learning.pictures.inputs import Inputs, hold_images
from cdiscount_tasks.machine.device import backend_packages, prepare_device
from cdiscount_tasks.pages.parts.words import count, percent
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.predictions import IMAGE_PREDICTIONS, PREDICTIONS
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import (
    ACTIVATION_MAPS,
    CLASSES,
    LABEL_IMAGES,
    LABEL_PRODUCTS,
    MAX_CLASSES_IN_FULL,
    NUM_TOP_CLASSES,
    prediction_schema,
)
from cdiscount_tasks.tables.seen_before import find_known, read_seen_before
from cdiscount_tasks.vocabulary import TEST, TRAIN, VALIDATION

logger = logging.getLogger(__name__)

VERSION = 5
_OF_THIS_VERSION = {"mistakes": 24, "pairs": 10, "of_pair": 3}
"""How many products VERSION stands for; where `choices` says another number, it counts in the key."""

_KEY_COLUMNS = ["split", "group_id", "class_index", "conflicted"]


class EvaluationResult(Result):
    """What was predicted; accuracies here are only a first look, the report has them with intervals.

    Attributes:
        num_activation_maps: None where the network has no feature map of at least 7 x 7 places.
        num_left_out: Products that the model knows through the one that it began with; missing where there are none.
    """

    num_test_products: int
    num_test_images: int
    test_product_accuracy: float
    num_activation_maps: int | None
    device: str
    num_left_out: NotRequired[int]


def _with_probabilities(rows: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """Add what the model says: all classes up to 256, else the ten most probable."""
    num_classes = probabilities.shape[1]
    rows = rows.assign(
        predicted=probabilities.argmax(axis=1),
        probability_of_label=probabilities[np.arange(len(rows)), rows["class_index"].to_numpy()],
    )
    if num_classes > MAX_CLASSES_IN_FULL:
        top = np.argsort(-probabilities, axis=1, kind="stable")[:, :NUM_TOP_CLASSES]
        rows = rows.assign(top_classes=list(top))
        probabilities = np.take_along_axis(probabilities, top, axis=1)
    return rows.assign(probabilities=list(probabilities))


def _with_certainty(products: pd.DataFrame, probabilities: np.ndarray, temperature: float) -> pd.DataFrame:
    """Add what takes the probabilities of all classes, of which a row may keep ten."""
    true = products["class_index"].to_numpy(np.int64)
    confidence, in_label = tempered(probabilities, true, temperature)
    return products.assign(
        squared_error=squared_errors(probabilities, true), confidence=confidence, confidence_in_label=in_label
    )


def _load_model(model_dir: Path) -> tuple[Any, dict[str, Any]]:
    """Load a model whose files are what was published.

    Raises:
        DataError: If it is damaged, cannot be loaded, or its weights are no finite numbers.
    """
    verify_artifact(model_dir)
    from cdiscount_tasks.learning.networks.loading import load_network

    contract = read_json(model_dir / "input.json")
    return load_network(model_dir / "model.keras", contract), contract


def _choose_calibration(products: pd.DataFrame, probabilities: np.ndarray) -> Calibration:
    """Choose on validation alone."""
    on_validation = (products["split"] == VALIDATION).to_numpy()
    true = products["class_index"].to_numpy(np.int64)
    groups = products["group_id"].to_numpy(np.int64)
    chosen = choose_calibration(probabilities[on_validation], true[on_validation], groups[on_validation])
    reached = {one["target_precision"]: one["threshold"] for one in chosen["thresholds"]}
    found = [
        f"{percent(target, 0)}: {'never' if least is None else percent(least)}" for target, least in reached.items()
    ]
    logger.info(
        "chosen on %s: temperature %.3f, answers from this confidence on for a precision of %s",
        count(chosen["num_validation_products"], "validation product"), chosen["temperature"], ", ".join(found),
    )  # fmt: skip
    return chosen


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

    @property
    def product_of_image(self) -> np.ndarray:
        """Return the place of each image's product: int64, [num_images]."""
        return np.searchsorted(self.products["product_id"].to_numpy(), self.images["product_id"].to_numpy())


def _read_judged(labels_dir: Path, model_dir: Path) -> _Judged:
    """Read the products of validation and test.

    Raises:
        DataError: If the model was trained for other classes.
    """
    # Categories alone: a champion is evaluated on the products of a newer catalogue, where classes have other counts.
    classes, learnt = (read_table(folder / "classes.parquet", CLASSES) for folder in (labels_dir, model_dir))
    if not classes["category_id"].equals(learnt["category_id"]):
        raise DataError(f"{model_dir}: was trained for other classes than {labels_dir} has; train it again")
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS).to_pandas()
    is_seen = find_known(labels_dir, products, read_seen_before(model_dir))
    products = products.loc[(products["split"] != TRAIN) & ~is_seen, ["product_id", *_KEY_COLUMNS]]
    products = products.reset_index(drop=True)
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES).to_pandas()
    images = images.loc[images["product_id"].isin(products["product_id"]), ["product_id", "image_number"]]
    images = images.join(products.set_index("product_id")[_KEY_COLUMNS], on="product_id")
    judged = _Judged(products, images, classes.num_rows, int(is_seen.sum()))
    num_images = np.bincount(judged.product_of_image, minlength=len(products))
    return judged._replace(products=products.assign(num_images=num_images))


def _write_predictions(part_dir: Path, judged: _Judged, of_products: np.ndarray, of_images: np.ndarray) -> None:
    """Choose on validation what the probabilities are worth, and write them.

    Args:
        part_dir: Where to.
        judged: The products and images.
        of_products: float32, [num_products, num_classes].
        of_images: float32, [num_images, num_classes].
    """
    calibration = _choose_calibration(judged.products, of_products)
    write_json(part_dir / "calibration.json", calibration)
    products = _with_certainty(judged.products, of_products, calibration["temperature"])
    for name, table, probabilities in (
        (PREDICTIONS, products, of_products),
        (IMAGE_PREDICTIONS, judged.images, of_images),
    ):
        schema = prediction_schema(judged.num_classes, by_image=name == IMAGE_PREDICTIONS)
        write_table(part_dir / name, _with_probabilities(table, probabilities), schema)


def _tested(products: pd.DataFrame, of_products: np.ndarray) -> pd.DataFrame:
    """Return the test products with the class that the model answers, and its probability."""
    answered = products.assign(predicted=of_products.argmax(axis=1), probability=of_products.max(axis=1))
    return answered[answered["split"] == TEST]


def _first_look(tested: pd.DataFrame, judged: _Judged) -> dict[str, float]:
    right = tested["predicted"] == tested["class_index"]
    num_images = int((judged.images["split"] == TEST).sum())
    left_out = {"num_left_out": judged.num_left_out} if judged.num_left_out else {}
    counts = {"num_test_products": len(tested), "num_test_images": num_images, **left_out}
    return {**counts, "test_product_accuracy": float(right.mean())}


def evaluation_recipe(sample_dir: Path, labels_dir: Path, model_dir: Path) -> Recipe:
    """Return what decides an evaluation."""
    return Recipe(
        stage="evaluation",
        version=VERSION,
        config={name: value for name, value in choices.SHOWN.items() if value != _OF_THIS_VERSION[name]},
        inputs={"sample": sample_dir, "labels": labels_dir, "model": model_dir},
        libraries=versions(*backend_packages(), "pillow", "scipy"),
    )


def evaluate_model(sample_dir: Path, labels_dir: Path, model_dir: Path, artifacts_dir: Path) -> EvaluationResult:
    """Predict every validation and test product with a trained model.

    A picture is judged together with its mirror image, a product by all its pictures (normalised geometric means). The
    temperature and the confidences from which the model answers are chosen on validation and saved as calibration.json.
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
        from cdiscount_tasks.learning.networks.predict import predict_images  # after the device is set up
        from cdiscount_tasks.learning.networks.soundness import check_answers

        network, contract = _load_model(model_dir)
        judged = _read_judged(labels_dir, model_dir)
        products, images = judged.products, judged.images
        rows = rows_of(sample_dir, images["product_id"].to_numpy(), images["image_number"].to_numpy())
        pictures = hold_images(partial(SampleImages, sample_dir), rows, contract["image_size"], part_dir)
        logger.info(
            "predicting %s of %s on %s", count(len(images), "image"), count(len(products), "product"), device.name
        )
        of_images = predict_images(network, pictures, flip=True)
        check_answers(of_images, judged.num_classes, model_dir / "model.keras")
        of_products = joint_probabilities(of_images, judged.product_of_image)
        _write_predictions(part_dir, judged, of_products, of_images)
        tested = _tested(products, of_products)
        mistaken = choices.choose_shown(tested).mistaken
        num_maps = _write_activation_maps(network, pictures, images, mistaken, part_dir / "activation_maps.parquet")
        return Made({**_first_look(tested, judged), "num_activation_maps": num_maps, "device": device.name})

    return make(EvaluationResult, evaluation_recipe(sample_dir, labels_dir, model_dir), artifacts_dir, write)
