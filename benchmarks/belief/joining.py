"""Ways to join a product's images, beside the geometric mean: `python -m benchmarks.belief.joining --folder <stays>`.

    ... [--sets clothing | wine:0 wine:1 wine:2] [--ways attention ...] [--seeds 0 1 2] [--folds 5]

The folds are those of `benchmarks.belief.recipes`: products of train and validation, groups whole, without the test
split. A head learns from frozen features, as the recipe `frozen`; the geometric mean of its answers is what each way is
compared with, product by product, over groups. What learns from answers of the head gets those of heads that have not
seen the product: five, each learnt without a part of the groups. All ways learn by the laws of the project's own
training, with the epoch chosen on validation. Log-losses are at the temperature that validation chooses. Products of
several sets are joined into one table; what is in the folder already is not learnt again.

Not here: the mean of features that the head of single images answers. Before a softmax, a linear layer makes of it the
geometric mean itself.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.belief.recipes import find_folds, knobs_of, told
from benchmarks.material.measure import run_main, run_step
from benchmarks.material.networks_of_sets import OF_ANSWERS, OF_FEATURES, build_joining, lay_out
from cdiscount_tasks.learning.features.vectors import Vectors
from cdiscount_tasks.learning.measuring.calibration import choose_temperature, tempered
from cdiscount_tasks.learning.measuring.intervals import mean_figure
from cdiscount_tasks.learning.measuring.joining import SMALLEST_PROBABILITY, joint_probabilities
from cdiscount_tasks.learning.measuring.paired import paired_difference
from cdiscount_tasks.machine.device import Device, prepare_device
from cdiscount_tasks.machine.weights import find_weights
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.features import extract_features
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.features import read_features
from cdiscount_tasks.tables.training_labels import read_split_rows
from demo.catalogue import DEFAULT_PRODUCTS
from tests.material.real_data import TEST_DATA_DIR

STEPS = "benchmarks.belief.joining"
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


def _read_split(labels_dir: Path, features_dir: Path, split: str) -> Images:
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


class _Trial(NamedTuple):
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


def _log_loss(probabilities: np.ndarray, true: np.ndarray, temperature: float) -> np.ndarray:
    return np.asarray(-np.log(tempered(probabilities, true, temperature)[1]))


def _choose_power(joined: np.ndarray, chosen: Images) -> float:
    """Return the power that has the least log-loss on validation, each at its best temperature."""
    true, counts = chosen.of_product(chosen.class_index), np.bincount(chosen.product)
    tried = [_powered(joined, counts, power) for power in _POWERS]
    losses = [_log_loss(one, true, choose_temperature(one, true)[0]).mean() for one in tried]
    return float(_POWERS[int(np.argmin(losses))])


def _as_logs(images: Images, answers: np.ndarray) -> Images:
    return images._replace(vectors=np.log(np.maximum(answers, SMALLEST_PROBABILITY))[:, None, :])


def _iter_ways(trial: _Trial, learnt: Images, judged: Images, ways: Sequence[str]) -> Iterator[tuple[Any, ...]]:
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


def see(sample_dir: str, labels_dir: str, out_dir: str, weights: str, knobs: str) -> None:
    """Extract the features of all images and their mirror images."""
    config = TrainingConfig(**json.loads(knobs))
    weights_path = find_weights(config.network, Path(weights))
    print(json.dumps(extract_features(Path(sample_dir), Path(labels_dir), weights_path, Path(out_dir), config)))


def learn(labels_dir: str, features_dir: str, out_dir: str, ways: str, knobs: str) -> None:
    """Learn without the products that are judged, and answer these in every way; prints CPU seconds by way."""
    config = TrainingConfig(**json.loads(knobs))
    device = prepare_device(config.seed)
    learnt, chosen, judged = (
        _read_split(Path(labels_dir), Path(features_dir), split) for split in ("train", "validation", "test")
    )
    num_classes = parquet.read_table(Path(labels_dir) / "classes.parquet", schemas.CLASSES).num_rows
    trial = _Trial(config, device, chosen, num_classes)
    chosen_true, true = (images.of_product(images.class_index) for images in (chosen, judged))
    tables, cpu_s, began = [], {}, time.process_time()
    for way, of_chosen, of_judged in _iter_ways(trial, learnt, judged, ways.split()):
        cpu_s[way], began = time.process_time() - began, time.process_time()
        if of_judged is None:
            continue
        log_loss = _log_loss(of_judged, true, choose_temperature(of_chosen, chosen_true)[0])
        columns = {"right": of_judged.argmax(axis=1) == true, "log_loss": log_loss}
        keys = {name: judged.of_product(getattr(judged, name)) for name in ("product_id", "group_id")}
        tables.append(pd.DataFrame({"way": way, **keys, "num_images": np.bincount(judged.product), **columns}))
    pd.concat(tables).to_parquet(Path(out_dir) / "answers.parquet")
    print(json.dumps(cpu_s))


def _learn_fold(labels_dir: str, features_dir: str, out_dir: Path, ways: str, knobs: dict[str, Any]) -> dict[str, Any]:
    done, wanted = out_dir / "done.json", [ways, knobs]
    if done.exists() and (found := json.loads(done.read_text()))["wanted"] == wanted:
        return dict(found)
    shutil.rmtree(out_dir, ignore_errors=True)
    out_dir.mkdir(parents=True)
    said = run_step(STEPS, "learn", labels_dir, features_dir, out_dir, ways, json.dumps(knobs)).said
    done.write_text(json.dumps({"wanted": wanted, "cpu_s": said}))
    return {"cpu_s": said}


def measure(folder: Path, set_name: str, options: argparse.Namespace) -> tuple[pd.DataFrame, list[dict[str, float]]]:
    """Learn and judge on every fold with every seed.

    Returns:
        A row a way, seed and product: set, way, product_id, group_id, num_images, right, log_loss; and the CPU seconds
        of each fold and seed by way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folds = find_folds(folder, set_name, options.folds, 0, options.products)
    on_top, ways = json.loads(options.knobs), " ".join(options.ways)
    seen = knobs_of("frozen", {**on_top, "mirrored_features": True}, 0)
    # All folds have the same images: those of one will do.
    said = run_step(STEPS, "see", *folds[0].values(), folder, options.weights, json.dumps(seen))
    print(f"{set_name}: features of {said.said['num_images']} images and their mirror images, {said.cpu_s:.0f} CPU s")
    tables, costs = [], []
    for number, fold in enumerate(folds):
        for seed in options.seeds:
            out_dir = folder / f"learnt-{number}-{seed}"
            knobs = knobs_of("frozen", on_top, seed)
            costs.append(_learn_fold(fold["labels"], said.said["path"], out_dir, ways, knobs)["cpu_s"])
            tables.append(pd.read_parquet(out_dir / "answers.parquet"))
    return pd.concat(tables).assign(set=set_name), costs


def print_table(answers: pd.DataFrame, costs: list[dict[str, float]]) -> None:
    """Print a row a way: what it is worth, and its difference from the geometric mean with the interval over groups."""
    keys = ["way", "set", "product_id"]
    means = answers.groupby(keys, as_index=False)[["group_id", "num_images", "right", "log_loss"]].mean()
    cpu_s = pd.DataFrame(costs).mean()
    first = means[means["way"] == GEOMETRIC]
    group = first.groupby(["set", "group_id"]).ngroup().to_numpy()
    several = (first["num_images"] > 1).to_numpy()
    print(f"{len(first)} products, {several.sum()} of several images")
    print("| way | CPU s | all products | more than geometric | of several images | more | log-loss | more |")
    print("|---|---|---|---|---|---|---|---|")
    for way in (way for way in (GEOMETRIC, *WAYS) if way in cpu_s):
        rows, cells = means[means["way"] == way], []
        for column, some in (("right", several | True), ("right", several), ("log_loss", several | True)):
            value, before = (table[column].to_numpy()[some] for table in (rows, first))
            gain = "" if way == GEOMETRIC else told(paired_difference(value, before, group[some]), "+")
            is_share = column == "right"
            cells += [
                told(mean_figure(value, group[some], is_share)) if way == GEOMETRIC else f"{value.mean():.3f}",
                gain,
            ]
        print(f"| {way} | {cpu_s[way]:.1f} | {' | '.join(cells)} |")
    if "five heads" in cpu_s:
        print(f"Every way on answers needs five more heads: {cpu_s['five heads']:.1f} CPU s.")


def main() -> None:
    """Read the options, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sets", nargs="*", default=["clothing"], help="clothing, or samples of the drawn demo: wine:0"
    )
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--knobs", default="{}", help="JSON: knobs on top of the recipe frozen")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--products", type=int, default=DEFAULT_PRODUCTS, help="of the drawn catalogue")
    parser.add_argument("--weights", type=Path, default=TEST_DATA_DIR / "weights", help="folder of pretrained weights")
    parser.add_argument("--folder", type=Path, required=True, help="where to write; what is there is used")
    options = parser.parse_args()
    found = [measure(options.folder / name.replace(":", "-"), name, options) for name in options.sets]
    print_table(pd.concat([answers for answers, _ in found]), [cost for _, costs in found for cost in costs])


if __name__ == "__main__":
    run_main(main, see, learn)
