"""A small, plausible set of the artifacts that a report is made from, written by the project's own storage."""

import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xxhash
from PIL import Image, ImageDraw

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.learning.measuring.calibration import choose_calibration, tempered
from cdiscount_tasks.learning.measuring.metrics import squared_errors
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SampleConfig
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import SPLITS
from tests.material import label_faults
from tests.material.synthetic_evaluation import NO_FAULTS

WINE = ("WHISKY-BOURBON-SCOTCH", "VIN ROUGE", "VIN BLANC", "VIN ROSE", "CHAMPAGNE")
WINE_SHARES = (0.11, 0.55, 0.17, 0.05, 0.12)


@dataclass(frozen=True)
class ReportInputs:
    """Where the artifacts stand, and the config of the run that made them."""

    dirs: dict[str, Path]
    config: RunConfig
    products: pd.DataFrame
    images: pd.DataFrame


def draw_jpeg(class_index: int, seed: int) -> bytes:
    """Draw a bottle-like picture of 180 x 180."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (180, 180), tuple(int(v) for v in random.integers(225, 256, 3)))
    pen = ImageDraw.Draw(picture)
    colour = tuple(int(v) for v in np.random.default_rng(class_index).integers(20, 200, 3))
    x, width = int(random.integers(70, 100)), int(random.integers(30, 46))
    pen.rounded_rectangle((x - width // 2, 62, x + width // 2, 172), 8, fill=colour)
    pen.rectangle((x - 7, 14, x + 7, 66), fill=colour)
    pen.rectangle((x - width // 2, 100, x + width // 2, 140), fill=(245, 240, 225))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=75)
    return file.getvalue()


def make_config(names=WINE, run_id="manual__2026-11-23T17:00:00+00:00", origin="drawn", **training) -> RunConfig:
    """Return the frozen config of a run of a sample called wine."""
    ids = tuple(1000003400 + index for index in range(len(names)))
    smoke = TrainingConfig(network="small_cnn", image_size=64, epochs=8)
    sample = SampleConfig(
        name="wine",
        title="Wine",
        description="Five categories that look alike, bottle by bottle.",
        categories=ids,
        default_preset="smoke",
        presets={"smoke": smoke},
    )
    return RunConfig(
        run_id=run_id,
        sample=sample,
        preset="smoke",
        draw=DrawConfig(categories=ids),
        labels=LabelConfig(categories=ids),
        training=smoke.model_copy(update=training),
        catalogue_path=f"/data/{origin}/catalogue.bson",
        catalogue_fingerprint="0123456789abcdef",
        max_rejected_share=0.01,
        inputs={"category_names.csv": "5e0c4f60c1f9b1e1a31a43b30c3e7c9a"},
        versions={"code": "2ad579a0c1d2", "keras": "3.12.0", "numpy": "2.5.5"},
    )


def _products(num_products, num_classes, accuracy, random) -> pd.DataFrame:
    shares = np.array(WINE_SHARES) if num_classes == len(WINE_SHARES) else np.full(num_classes, 1 / num_classes)
    class_index = random.choice(num_classes, size=num_products, p=shares)
    product_id = np.arange(num_products) * 7 + 1000
    # Every fifth product shares a picture with its neighbour of the same class, where it has one.
    tied = (np.arange(num_products) % 5 == 1) & (np.roll(class_index, 1) == class_index)
    group_id = np.where(tied, np.roll(product_id, 1), product_id)
    split = np.array(SPLITS)[
        np.searchsorted([0.7, 0.85], np.random.default_rng(1).random(num_products)[(group_id - 1000) // 7])
    ]
    right = random.random(num_products) < accuracy
    other = (class_index + random.integers(1, max(2, num_classes), num_products)) % num_classes
    predicted = np.where(right, class_index, np.where(random.random(num_products) < 0.5, shares.argmax(), other))
    return pd.DataFrame(
        {
            "product_id": product_id,
            "category_id": class_index + 1000003400,
            "label": class_index + 1000003400,
            "class_index": class_index,
            "train_class_index": class_index,
            "rule": "as_given",
            "group_id": group_id,
            "split": split,
            "conflicted": random.random(num_products) < 0.06,
            "predicted": predicted,
            "num_images": random.choice([1, 2, 3, 4], num_products, p=[0.55, 0.2, 0.15, 0.1]),
        }
    )


def _probabilities(true, predicted, num_classes, random) -> np.ndarray:
    scores = random.gumbel(size=(len(true), num_classes)) * 0.6
    scores[np.arange(len(true)), true] += 1
    scores[np.arange(len(true)), predicted] = scores.max(axis=1) + random.exponential(1.0, len(true)) + 0.05
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


def _with_probabilities(rows, num_classes, random) -> dict:
    full = _probabilities(rows["class_index"].to_numpy(), rows["predicted"].to_numpy(), num_classes, random)
    columns = {name: rows[name].to_numpy() for name in rows.columns}
    columns["probability_of_label"] = full[np.arange(len(rows)), rows["class_index"]]
    if num_classes > schemas.MAX_CLASSES_IN_FULL:
        top = np.argsort(-full, axis=1, kind="stable")[:, : schemas.NUM_TOP_CLASSES]
        columns["top_classes"] = top.astype(np.int16).tolist()
        full = np.take_along_axis(full, top, axis=1)
    columns["probabilities"] = full.tolist()
    return columns


def _certainty(columns, num_classes, calibration) -> dict:
    """Return what the evaluation computes from all classes; of more than 256 the ten that are kept stand for them."""
    true, probabilities = columns["class_index"], np.asarray(columns["probabilities"], np.float32)
    if num_classes > schemas.MAX_CLASSES_IN_FULL:
        true = np.where(np.asarray(columns["predicted"]) == np.asarray(true), 0, 1)
    confidence, in_label = tempered(probabilities, true, calibration["temperature"])
    return {
        "squared_error": squared_errors(probabilities, true),
        "confidence": confidence,
        "confidence_in_label": in_label,
    }


def _calibration(columns) -> dict:
    """Choose on validation, as the evaluation does; of more than 256 classes from the ten that are kept."""
    on_validation = np.asarray(columns["split"]) == "validation"
    probabilities = np.asarray(columns["probabilities"], np.float32)[on_validation]
    groups = np.asarray(columns["group_id"])[on_validation]
    if "top_classes" in columns:
        right = np.asarray(columns["predicted"]) == np.asarray(columns["class_index"])
        return choose_calibration(probabilities, np.where(right, 0, 1)[on_validation], groups)
    return choose_calibration(probabilities, np.asarray(columns["class_index"])[on_validation], groups)


def _write_predictions(part_dir, products, images, num_classes, random) -> None:
    judged = products[products["split"] != "train"]
    judged_images = images.merge(judged[["product_id", "group_id", "conflicted", "predicted"]], on="product_id")
    for name, rows, by_image in (("predictions", judged, False), ("image_predictions", judged_images, True)):
        schema = schemas.prediction_schema(num_classes, by_image)
        columns = _with_probabilities(rows.reset_index(drop=True), num_classes, random)
        if not by_image:
            calibration = _calibration(columns)
            write_json(part_dir / "calibration.json", calibration)
            columns |= _certainty(columns, num_classes, calibration)
        parquet.write_table(part_dir / f"{name}.parquet", {key: columns[key] for key in schema.names}, schema)


def _classes(names, products, images, families) -> pd.DataFrame:
    table = pd.DataFrame({"class_index": range(len(names)), "level1": "VINS", "level2": "VIN", "level3": list(names)})
    table.loc[0, "level2"] = "ALCOOL"
    if families:
        table["level1"] = [families[index % len(families)] for index in table["class_index"]]
        table["level2"] = [families[index // 2 % len(families)] for index in table["class_index"]]
    table["category_id"] = table["class_index"] + 1000003400
    for what, rows in (("products", products), ("images", images)):
        for split in SPLITS:
            counts = rows[rows["split"] == split]["class_index"].value_counts()
            table[f"num_{what}_{split}"] = table["class_index"].map(counts).fillna(0).astype(int)
    return table[schemas.CLASSES.names]


def _certificate(products, images, shared, clean) -> dict:
    groups = products.drop_duplicates("group_id")
    return {
        "shared_content_hashes": shared,
        "num_straddling_groups": 0,
        "shared_pixel_hashes": shared,
        "split_source": "hash",
        **{
            f"num_{what}": {split: int((rows["split"] == split).sum()) for split in SPLITS}
            for what, rows in (("groups", groups), ("products", products), ("images", images))
        },
        "largest_groups": [
            {"class_index": 0, "group_id": 1000, "num_products": 2, "share_of_class": 0.021, "moved_to_train": False},
            {"class_index": 1, "group_id": 1014, "num_products": 9, "share_of_class": 0.061, "moved_to_train": True},
        ],
        "num_giant_groups": 1,
        "num_moved_groups": 1,
        "leak": {"by_product": 0.312, "by_image": 0.447},
        "near_duplicates": None if clean else label_faults.near_duplicates(images),
    }


def _counts(products, images) -> dict:
    return {
        "num_products": len(products),
        "num_images": len(images),
        "num_distinct_images": int(len(images) * 0.7),
        "num_identical_copies": len(images) - int(len(images) * 0.7),
        "num_groups": int(products["group_id"].nunique()),
        "rejected_products": {"no_image_left": 1},
        "rejected_images": {"picture_damaged": 3},
        "placeholders": {"num_images": 59, "num_distinct": 31},
        "conflicts": {
            "policy": "drop_image",
            "num_images": 22,
            "num_distinct": 9,
            "num_products": 17,
            "num_images_not_learnt": 14,
            "by_class": [{"class_index": index, "num_images": 22, "num_products": 17} for index in range(2)],
        },
        "human_fixes": {
            "num_relabelled": 2,
            "num_confirmed": 1,
            "num_excluded": 1,
            "num_contradicted": 1,
            "num_found_right": 3,
            "num_unsure": 1,
            "warnings": ["line 4: product 99 is not in the sample"],
        },
        "num_products_not_learnt": 6,
        "ceiling": {"value": 0.985, "product": 0.99},
    }


def _fill(write, part_dir) -> Made:
    return Made(write(part_dir))


def make_inputs(
    parent: Path,
    num_products=400,
    names=WINE,
    accuracy=0.8,
    origin="drawn",
    shared=0,
    seed=0,
    clean=False,
    families=(),
    **training,
) -> ReportInputs:
    """Write index, sample, labels, model and evaluation artifacts below a folder.

    `clean`: without any label fault. `families`: names of levels 1 and 2 instead of a wine list's.
    """
    parent.mkdir(parents=True, exist_ok=True)
    random, num_classes = np.random.default_rng(seed), len(names)
    products = _products(num_products, num_classes, accuracy, random)
    images = products.loc[products.index.repeat(products["num_images"])].reset_index(drop=True)
    images["image_number"] = images.groupby("product_id").cumcount()
    drawn = [draw_jpeg(index % num_classes, index) for index in range(60)]
    images["jpeg"] = [drawn[(row * 7 + c) % 60] for row, c in enumerate(images["class_index"])]
    images["content_hash"] = images["pixel_hash"] = [xxhash.xxh3_128_digest(jpeg) for jpeg in images["jpeg"]]
    images["learnt"] = True
    config = make_config(names, origin=origin, **training)
    excluded = products.index[products["split"] == "test"][:1]
    products["label"] = products["label"].astype("Int64")
    products.loc[excluded, "label"] = pd.NA
    if not clean:
        products.loc[excluded, "rule"] = "human_exclusion"
        # One of train is relabelled, one confirmed; of a third counts.json alone tells.
        one, other = products.index[products["split"] == "train"][:2]
        products.loc[[one, other], "rule"] = "human_fix"
        given = products.loc[one, "class_index"]
        products.loc[one, "label"] = 1000003400 + (given + 1) % num_classes

    def index(part_dir):
        (part_dir / "profile.json").write_text("{}")
        outside = {
            "product_id": [label_faults.OUTSIDE_PRODUCT],
            "category_id": [label_faults.OUTSIDE_CATEGORY],
            "num_images": [1],
        }
        outside |= {"offset": [0], "length": [9]}
        parquet.write_table(part_dir / "products.parquet", outside, schemas.PRODUCTS)
        return {
            "catalogue_id": "c0ffee00c0ffee00",
            "origin": origin,
            "num_documents": 3010,
            "num_products": 3000,
            "num_images": 5210,
            "num_rejected_documents": 10,
            "num_rejected_images": 4,
            "num_without_category": 7,
        }

    def sample(part_dir):
        parquet.write_table(
            part_dir / "images-00000.parquet", images[schemas.SAMPLE_IMAGES.names], schemas.SAMPLE_IMAGES
        )
        parquet.write_table(
            part_dir / "rejected.parquet", label_faults.rejected(images, "index", clean), schemas.REJECTED
        )
        return {"num_images": len(images)}

    def labels(part_dir):
        parquet.write_table(
            part_dir / "products.parquet", products[schemas.LABEL_PRODUCTS.names], schemas.LABEL_PRODUCTS
        )
        parquet.write_table(part_dir / "images.parquet", images[schemas.LABEL_IMAGES.names], schemas.LABEL_IMAGES)
        parquet.write_table(part_dir / "classes.parquet", _classes(names, products, images, families), schemas.CLASSES)
        parquet.write_table(part_dir / "conflicts.parquet", label_faults.conflicts(images, clean), schemas.CONFLICTS)
        parquet.write_table(
            part_dir / "rejected.parquet", label_faults.rejected(images, "labels", clean), schemas.REJECTED
        )
        write_json(part_dir / "certificate.json", _certificate(products, images, shared, clean))
        write_json(part_dir / "counts.json", _counts(products, images) | (NO_FAULTS if clean else {}))
        return {"num_products": len(products)}

    def model(part_dir):
        epochs = np.arange(1, 9)
        history = {
            "phase": ["head"] * 3 + ["fine_tune"] * 5,
            "epoch": epochs,
            "train_loss": 1.6 * np.exp(-epochs / 5) + 0.3,
            "train_accuracy": 0.95 - 0.5 * np.exp(-epochs / 3),
            "validation_loss": 1.5 * np.exp(-epochs / 5) + 0.45 + 0.004 * epochs**2 / 4,
            "validation_accuracy": 0.85 - 0.4 * np.exp(-epochs / 3),
            "learning_rate": 2e-3 * np.cos(epochs / 6),
            "seconds": np.full(8, 4.2),
            "images_per_s": np.full(8, 310.0),
            "num_resumes": [0, 0, 0, 0, 2, 0, 1, 0],
        }
        parquet.write_table(part_dir / "history.parquet", history, schemas.HISTORY)
        contract = {"image_size": 64, "channels": 3, "dtype": "uint8", "resize": "bilinear"}
        weights = {"trained_on": "ImageNet", "file": "net_notop.h5", "xxh3_128": "0f" * 16, "source": "A. Trainer 2018",
                   "licence": "MIT"}  # fmt: skip
        write_json(part_dir / "input.json", {**contract, "weights": weights})
        (part_dir / "model.keras").write_bytes(b"weights")
        return {
            "num_parameters": 182_405,
            "best_epoch": 7,
            "num_epochs": 8,
            "num_classes_predicted": num_classes,
            "num_resumes": 3,
            "device": "cpu",
            "device_memory_gib": 15.6,
            "precision": "float32",
            "images_per_s": 310.5,
            "num_train_images": int((images["split"] == "train").sum()),
        }

    def evaluation(part_dir):
        _write_predictions(
            part_dir,
            products,
            images[["product_id", "image_number", "split", "class_index"]],
            num_classes,
            np.random.default_rng(seed + 1),
        )
        return {"num_test_products": int((products["split"] == "test").sum())}

    dirs: dict[str, Path] = {}
    for write in (index, sample, labels, model, evaluation):
        recipe = Recipe(
            write.__name__,
            1,
            {"seed": seed, "names": list(names), "families": list(families)},
            dict(dirs),
            {},
            {"numpy": "2.5.5"},
        )
        build_artifact(recipe.dir_in(parent), recipe, partial(_fill, write))
        dirs[write.__name__] = recipe.dir_in(parent)
    return ReportInputs(dirs, config, products, images)
