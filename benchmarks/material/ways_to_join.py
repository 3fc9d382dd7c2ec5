"""Ways to join a product's images, learnt or not, that `benchmarks.belief.joining` compares with the geometric mean.

All that learns does so by the laws of the project's own training, with the epoch chosen on validation.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.material.networks_of_sets import OF_ANSWERS, OF_FEATURES, build_joining, lay_out
from cdiscount_tasks.learning.features.vectors import Vectors
from cdiscount_tasks.learning.measuring.calibration import choose_temperature, tempered
from cdiscount_tasks.learning.measuring.joining import SMALLEST_PROBABILITY, joint_probabilities
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.features import read_features
from cdiscount_tasks.tables.training_labels import read_split_rows

GEOMETRIC, ARITHMETIC, POWER, MORE_STEPS = "geometric", "arithmetic", "power_of_count", "more_steps"
WAYS = (ARITHMETIC, POWER, MORE_STEPS, *OF_FEATURES, *OF_ANSWERS)
_POWERS = np.linspace(0, 1, 11)
"""Of the number of images: 0 is the geometric mean, 1 the product of all images' probabilities."""

_INNER_FOLDS = 5
_ON_ANSWERS = {"label_smoothing": 0.0}
"""Answers are probabilities already: smoothing would ask for less certain ones."""


class Images(NamedTuple):
    """Images of a split.

    Attributes:
        vectors: float32, [num_images, sides, num_features].
        class_index: int64, [num_images].
        product: int64, [num_images], in [0, num_products).
        image_number: int8, [num_images].
        product_id: int64, [num_images].
        group_id: int64, [num_images].
    """

    vectors: np.ndarray
    class_index: np.ndarray
    product: np.ndarray
    image_number: np.ndarray
    product_id: np.ndarray
    group_id: np.ndarray

    def some(self, rows: np.ndarray) -> "Images":
        """Return some of them, whose products keep their numbers."""
        return Images(*(column[rows] for column in self))

    def of_product(self, column: np.ndarray) -> np.ndarray:
        """Return [num_products] of what all images of a product have in common."""
        found = np.empty(self.product.max() + 1, np.int64)
        found[self.product] = column
        return found


def read_split(labels_dir: Path, features_dir: Path, split: str) -> Images:
    """Read a split's images as a training or an evaluation takes them, with their features."""
    rows = read_split_rows(labels_dir, split)
    keys = pd.read_parquet(features_dir / "features.parquet", columns=["product_id", "image_number"])
    wanted = pd.MultiIndex.from_arrays([rows.product_ids, rows.image_numbers])
    places = pd.MultiIndex.from_frame(keys).get_indexer(wanted)
    assert (places >= 0).all(), f"{features_dir}: lacks images of {labels_dir}"
    products = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    group_id = products.set_index("product_id")["group_id"].loc[rows.product_ids].to_numpy()
    product = pd.factorize(rows.product_ids)[0].astype(np.int64)
    vectors = read_features(features_dir)[places]
    return Images(vectors, rows.class_index, product, rows.image_numbers, rows.product_ids, group_id)


class Trial(NamedTuple):
    """What is learnt with, and what chooses the epoch."""

    config: TrainingConfig
    device: Device
    chosen: Images
    num_classes: int

    def learn(self, network: Any, learnt: Any, chosen: Any, **knobs: Any) -> Any:
        """Learn from examples; returns the network of the best epoch."""
        from cdiscount_tasks.learning.networks.checkpoints import Checkpoints
        from cdiscount_tasks.learning.networks.training import train

        config = self.config.model_copy(update=knobs)
        with TemporaryDirectory() as name:
            return train(network, learnt, chosen, config, self.device, Checkpoints(Path(name), "joining")).network

    def learn_head(self, learnt: Images, **knobs: Any) -> Any:
        """Learn a head from images, as the recipe `frozen` does."""
        import keras

        from cdiscount_tasks.learning.networks.batches import Examples
        from cdiscount_tasks.learning.networks.build import build_head

        keras.utils.set_random_seed(self.config.seed)
        head = build_head(learnt.vectors.shape[2], self.num_classes, self.config.dropout)
        examples = [
            Examples(Vectors(some.vectors[:, :1]), some.class_index, some.product) for some in (learnt, self.chosen)
        ]
        return self.learn(head, *examples, **knobs)

    def answer_as_a_stranger(self, learnt: Images) -> np.ndarray:
        """Return what heads say of images that are not of their groups: float32, [num_images, num_classes]."""
        answers = np.empty((len(learnt.product), self.num_classes), np.float32)
        deal = StratifiedGroupKFold(_INNER_FOLDS, shuffle=True, random_state=self.config.seed)
        for rest, held in deal.split(learnt.class_index, learnt.class_index, learnt.group_id):
            answers[held] = _ask(self.learn_head(learnt.some(rest)), learnt.vectors[held])
        return answers

    def learn_way(self, way: str, learnt: Images) -> Any:
        """Learn to join images whose vectors are features, or logarithms of answers."""
        import keras

        keras.utils.set_random_seed(self.config.seed)
        network = build_joining(way, learnt.vectors.shape[2], self.num_classes, self.config.dropout)
        knobs = _ON_ANSWERS if way in OF_ANSWERS else {}
        return self.learn(network, _sets(learnt, way in OF_FEATURES), _sets(self.chosen), **knobs)


def _sets(images: Images, each_alone: bool = False) -> Any:
    """Return products as examples; and, where asked for, each image of several alone as well."""
    from cdiscount_tasks.learning.networks.batches import Examples

    def lay(some: Images, product: np.ndarray) -> np.ndarray:
        return lay_out(some.vectors[:, :1], product, some.image_number)

    vectors, true = lay(images, images.product), images.of_product(images.class_index)
    if each_alone:
        some = images.some(np.bincount(images.product)[images.product] > 1)
        if len(some.product):
            vectors = np.concatenate([vectors, lay(some, np.arange(len(some.product)))])
            true = np.concatenate([true, some.class_index])
    return Examples(Vectors(vectors), true, np.arange(len(true)))


def _ask(network: Any, vectors: np.ndarray) -> np.ndarray:
    """Return what a network says of each vector, and of that of the mirror image where there is one."""
    from cdiscount_tasks.learning.networks.predict import predict_images

    return predict_images(network, Vectors(vectors), flip=vectors.shape[1] > 1)


def _mean(probabilities: np.ndarray, product: np.ndarray) -> np.ndarray:
    sums = np.zeros((product.max() + 1, probabilities.shape[1]))
    np.add.at(sums, product, probabilities)
    return (sums / np.bincount(product)[:, None]).astype(np.float32)


def _powered(joined: np.ndarray, counts: np.ndarray, power: float) -> np.ndarray:
    """Return geometric means that are the more certain the more images there are."""
    logs = np.log(np.maximum(joined, SMALLEST_PROBABILITY)) * counts[:, None] ** power
    return np.asarray(softmax(logs, axis=1), np.float32)


def log_loss_of(probabilities: np.ndarray, true: np.ndarray, temperature: float) -> np.ndarray:
    """Return the log-loss of each product at a temperature: float32, [num_products]."""
    return np.asarray(-np.log(tempered(probabilities, true, temperature)[1]))


def _choose_power(joined: np.ndarray, chosen: Images) -> float:
    """Return the power that has the least log-loss on validation, each at its best temperature."""
    true, counts = chosen.of_product(chosen.class_index), np.bincount(chosen.product)
    tried = [_powered(joined, counts, power) for power in _POWERS]
    losses = [log_loss_of(one, true, choose_temperature(one, true)[0]).mean() for one in tried]
    return float(_POWERS[int(np.argmin(losses))])


def _as_logs(images: Images, answers: np.ndarray) -> Images:
    return images._replace(vectors=np.log(np.maximum(answers, SMALLEST_PROBABILITY))[:, None, :])


def iter_ways(trial: Trial, learnt: Images, judged: Images, ways: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield each way, and what it says of the products of validation and of those that are judged."""
    two = trial.chosen, judged
    head = trial.learn_head(learnt)
    answers = [_ask(head, images.vectors) for images in two]
    joined = [joint_probabilities(said, images.product) for said, images in zip(answers, two, strict=True)]
    yield GEOMETRIC, *joined
    if ARITHMETIC in ways:
        yield ARITHMETIC, *(_mean(said, images.product) for said, images in zip(answers, two, strict=True))
    if POWER in ways:
        power = _choose_power(joined[0], trial.chosen)
        yield (
            POWER,
            *(_powered(said, np.bincount(images.product), power) for said, images in zip(joined, two, strict=True)),
        )
    if MORE_STEPS in ways:  # as many as those that learn from sets and from their images have
        epochs = round(trial.config.epochs * len(_sets(learnt, each_alone=True)) / len(learnt.product))
        head = trial.learn_head(learnt, epochs=epochs)
        yield MORE_STEPS, *(joint_probabilities(_ask(head, images.vectors), images.product) for images in two)
    for way in (way for way in OF_FEATURES if way in ways):
        network = trial.learn_way(way, learnt)
        yield way, *(_ask(network, lay_out(images.vectors, images.product, images.image_number)) for images in two)
    of_answers = [way for way in OF_ANSWERS if way in ways]
    if of_answers:
        learnt = _as_logs(learnt, trial.answer_as_a_stranger(learnt))
        logs = [_as_logs(images, said) for images, said in zip(two, answers, strict=True)]
        yield "five heads", None, None
        trial = trial._replace(chosen=logs[0])
    for way in of_answers:
        network = trial.learn_way(way, learnt)
        yield way, *(_ask(network, lay_out(images.vectors, images.product, images.image_number)) for images in logs)
