"""Runs whose counts lie at an end (none, all, one): real stages, tiny pictures, a model that says what it is told.

Three classes are red, green and blue. The model looks at a picture's mean colour through a dense layer whose weights
the case chooses, so that it makes no mistake, only mistakes, always the same answer, or none that it is sure of.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts import publish
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.learning.pictures.images import RESIZE_RULE
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SampleConfig, SplitConfig
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages import audit, evaluation, index, labels, report, sample
from cdiscount_tasks.stages.inputs import ComparedRun, LabelFiles, Reviews
from cdiscount_tasks.tables.parquet import read_table, write_table
from cdiscount_tasks.tables.schemas import CLASSES, HISTORY
from cdiscount_tasks.tables.training_labels import read_class_names
from cdiscount_tasks.vocabulary import CLASS_NAMES, SPLITS
from tests.material.compared_runs import write_features
from tests.material.tiny_catalogue import BLUE, GREEN, RED, draw_jpeg, encode

SIZE = 32
TRAINING = TrainingConfig(network="small_cnn", image_size=SIZE, epochs=1, batch_size=16)


@dataclass(frozen=True)
class Extreme:
    """What is out of the ordinary; the defaults are an ordinary run.

    Attributes:
        answers: What the model says: right, wrong, first (one class for all), unsure (the same for each class).
        categories: The sample's.
        num_products: Of each category.
        num_images: Of each product.
        all_alike: Whether the last category has three pictures in all, each in a third of its products.
        splits: Products of each category in train, validation, test, by a split file; None: by hash.
        level_names: Level names of each category; None: no names CSV.
        shared: Whether the first products of two categories show the same picture.
        looks_like: How many classes further the features of a product lie than its label; 0: where they should.
        apart: How far the features of two classes lie apart; 0: not at all.
        embed_pictures: As in the sample's YAML.
    """

    answers: str = "right"
    categories: tuple[int, ...] = (RED, GREEN, BLUE)
    num_products: int = 12
    num_images: int = 1
    all_alike: bool = False
    splits: dict[int, tuple[int, int, int]] | None = None
    level_names: tuple[str, ...] | None = None
    shared: bool = False
    looks_like: int = 0
    apart: float = 8.0
    embed_pictures: bool = True


@dataclass(frozen=True)
class Made:
    """Where a run's artifacts stand; the audit and the features are None where the run has none."""

    dirs: dict[str, Path]
    report_dir: Path
    config: RunConfig
    catalogue_path: Path

    def compared(self) -> ComparedRun:
        """Return the run as a comparison takes it."""
        return ComparedRun(
            sample=self.config.sample.name,
            title=self.config.sample.title,
            run_id=self.config.run_id,
            report_dir=self.report_dir,
            **{f"{name}_dir": self.dirs[name] for name in ("sample", "labels", "evaluation", "features")},
        )


def _ids(place: int, case: Extreme) -> range:
    return range(1000 * (place + 1), 1000 * (place + 1) + case.num_products)


def _write_catalogue(path: Path, case: Extreme) -> Path:
    documents = []
    for place, category_id in enumerate(case.categories):
        is_alike = case.all_alike and place == len(case.categories) - 1
        for product_id in _ids(place, case):
            seeds = [product_id % 3 if is_alike else product_id * 4 + number for number in range(case.num_images)]
            pictures = [draw_jpeg(category_id, seed) for seed in seeds]
            if case.shared and product_id == _ids(place, case)[0]:
                pictures[0] = draw_jpeg(RED, 1)
            documents.append(encode(product_id, pictures, category_id))
    path.write_bytes(b"".join(documents))
    return path


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def _label_files(place: Path, case: Extreme) -> LabelFiles:
    names_path = split_path = None
    if case.level_names:
        header = ["category_id", *(f"category_level{level}" for level in (1, 2, 3))]
        names_path = _write_csv(place / "names.csv", header, [[one, *case.level_names] for one in case.categories])
    if case.splits:
        rows = [
            (product_id, split)
            for number, counts in case.splits.items()
            for product_id, split in zip(_ids(number, case), np.repeat(SPLITS, counts).tolist(), strict=True)
        ]
        split_path = _write_csv(place / "split.csv", ["product_id", "split"], rows)
    return LabelFiles(names_path=names_path, split_path=split_path)


def told_network(answers: str, num_classes: int):
    """Build a network that answers by the mean colour: its first class is red, then green, then blue."""
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0)
    import keras

    inputs = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="images")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    outputs = keras.layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    network = keras.Model(inputs, outputs, name="told")
    kernel, bias = np.zeros((3, num_classes), np.float32), np.zeros(num_classes, np.float32)
    if answers in ("right", "wrong"):
        kernel = 60 * np.roll(np.eye(3, num_classes, dtype=np.float32), 1 if answers == "wrong" else 0, axis=1)
        if num_classes == 2 and answers == "wrong":
            kernel = 60 * np.eye(3, 2, dtype=np.float32)[:, ::-1]
    elif answers == "first":
        bias[0] = 20
    elif answers == "not a number":
        bias[0] = np.nan
    elif answers == "infinite":
        kernel[:] = np.inf
    network.layers[-1].set_weights([kernel, bias])
    return network


def publish_model(network, labels_dir: Path, artifacts_dir: Path) -> Path:
    """Publish a network as the model stage publishes one."""

    def write(part_dir: Path):
        network.save(part_dir / "model.keras")
        write_json(part_dir / CLASS_NAMES, read_class_names(labels_dir))
        classes = read_table(labels_dir / "classes.parquet", CLASSES)
        write_table(part_dir / "classes.parquet", classes, CLASSES)
        row = {"train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": 1.0, "validation_accuracy": 0.5}
        row |= {"phase": "train", "epoch": 1, "learning_rate": 0.1, "seconds": 1.0, "images_per_s": 1.0}
        write_table(part_dir / "history.parquet", pd.DataFrame([{**row, "num_resumes": 0}]), HISTORY)
        contract = {"image_size": SIZE, "channels": 3, "dtype": "uint8", "resize": RESIZE_RULE, "weights": None}
        write_json(part_dir / "input.json", contract)
        counts = {"num_parameters": 12, "num_epochs": 1, "best_epoch": 1, "num_train_images": 9}
        return publish.Made({"network": "small_cnn", **counts})

    recipe = Recipe("model", 1, {"network": network.name}, {"labels": labels_dir}, {}, {})
    return Path(publish.build_artifact(recipe.dir_in(artifacts_dir), recipe, write)["path"])


def label_run(place: Path, case: Extreme) -> tuple[Path, dict[str, Path], LabelConfig]:
    """Index a catalogue, draw it and fix its labels."""
    place.mkdir(parents=True, exist_ok=True)
    catalogue_path = _write_catalogue(place / "catalogue.bson", case)
    for byte_range in index.plan_ranges(catalogue_path, place / "index"):
        index.scan_range(catalogue_path, byte_range, place / "index")
    dirs = {"index": Path(index.merge_index(catalogue_path, place / "index", 0.01)["path"])}
    draw = DrawConfig(categories=case.categories)
    dirs["sample"] = Path(sample.draw_sample(dirs["index"], catalogue_path, place, draw)["path"])
    config = LabelConfig(
        categories=case.categories, split=SplitConfig(file="split.csv") if case.splits else SplitConfig()
    )
    files = _label_files(place, case)
    dirs["labels"] = Path(labels.fix_labels(dirs["index"], dirs["sample"], files, place, config)["path"])
    return catalogue_path, dirs, config


def make_run(place: Path, case: Extreme, name: str = "extreme", audited: bool = True) -> Made:
    """Carry a case from its catalogue to its report."""
    catalogue_path, dirs, label_config = label_run(place, case)
    looks = case.looks_like
    dirs["features"] = write_features(place, dirs["labels"], case.apart, turned=looks)
    dirs["model"] = publish_model(told_network(case.answers, len(case.categories)), dirs["labels"], place)
    judged = evaluation.evaluate_model(dirs["sample"], dirs["labels"], dirs["model"], place)
    dirs["evaluation"] = Path(judged["path"])
    if audited:
        found = audit.audit_labels(dirs["labels"], dirs["features"], Reviews(), place, label_config)
        dirs["audit"] = Path(found["path"])
    settings = SampleConfig(
        name=name, title=name.title(), categories=case.categories, default_preset="smoke", presets={"smoke": TRAINING},
        embed_pictures=case.embed_pictures,
    )  # fmt: skip
    config = RunConfig(
        run_id=f"manual__{name}", sample=settings, preset="smoke", draw=DrawConfig(categories=case.categories),
        labels=label_config, training=TRAINING, catalogue_path=str(catalogue_path), catalogue_fingerprint="0" * 16,
        max_rejected_share=0.01, inputs={}, versions={"code": "unknown"},
    )  # fmt: skip
    report_dir = place / "reports" / name / run_folder(config.run_id)
    report.write_report(dirs, report_dir, config)
    return Made(dirs, report_dir, config, catalogue_path)
