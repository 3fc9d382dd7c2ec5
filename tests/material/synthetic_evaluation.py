"""The artifacts of a run over the whole catalogue's categories, for measurements of the report.

5,270 categories in a tree of the real shape, and a classifier that errs the way classifiers do: more among
neighbours, never towards a few classes, exactly certain at times. Only `stages.report` needs to read it.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.settings.run import RunConfig
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SampleConfig
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import SPLITS
from tests.material.synthetic_catalogue import IMAGES_PER_PRODUCT
from tests.material.synthetic_names import NUM_CATEGORIES, make_names
from tests.material.synthetic_predictions import draw_neighbours, write_predictions

_NUM_PICTURES = 500
_FEWEST_PRODUCTS = 12
_PICTURES_IN_FILE, _PICTURES_IN_GROUP = 200_000, 512


@dataclass(frozen=True)
class Evaluation:
    """Where the artifacts stand, by stage in the order of the way, and the config of the run."""

    dirs: dict[str, Path]
    config: RunConfig


def _pictures(random: np.random.Generator) -> list[bytes]:
    """Draw small plain pictures: the report's size hangs on how many it shows, not on what they show."""
    pictures = []
    for _ in range(_NUM_PICTURES):
        file = io.BytesIO()
        pixels = random.integers(0, 255, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((180, 180), Image.Resampling.BILINEAR).save(file, "JPEG", quality=30)
        pictures.append(file.getvalue())
    return pictures


def _draw_hashes(num_images: int, random: np.random.Generator) -> pa.Array:
    """Draw a hash for each image, half as many as images: few pictures are drawn, yet their hashes are as in life."""
    num_looks = 2 * num_images // 3
    looks = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), num_looks, [None, pa.py_buffer(random.bytes(16 * num_looks))]
    )
    return looks.take(pa.array(random.integers(0, num_looks, num_images)))


def _draw_classes(num_classes: int, num_products: int, random: np.random.Generator) -> np.ndarray:
    """Draw the class of each product: as in the catalogue the largest has 1.1 % of all, and none fewer than 12 of many.

    The largest is not the first: nothing may lean on an order by size.
    """
    shares = random.permutation((np.arange(num_classes) + 118.0) ** -2.3)
    fewest = np.repeat(np.arange(num_classes), min(_FEWEST_PRODUCTS, num_products // (4 * num_classes)))
    drawn = random.choice(num_classes, num_products - len(fewest), p=shares / shares.sum())
    return random.permutation(np.concatenate([fewest, drawn]))


def _draw_products(names: pd.DataFrame, num_products: int, random: np.random.Generator) -> pd.DataFrame:
    """Draw products of classes of very different sizes; the smallest have one product in test, or none."""
    class_index = _draw_classes(len(names), num_products, random)
    product_id = 3 * np.arange(num_products) + 1
    tied = (np.arange(num_products) % 5 == 1) & (np.roll(class_index, 1) == class_index)
    group_id = np.where(tied, np.roll(product_id, 1), product_id)
    split = np.array(SPLITS)[np.searchsorted([0.7, 0.85], random.random(num_products)[group_id // 3])]
    return pd.DataFrame(
        {
            "product_id": product_id,
            "category_id": names["category_id"].to_numpy()[class_index],
            "label": names["category_id"].to_numpy()[class_index],
            "class_index": class_index,
            "train_class_index": class_index,
            "rule": "as_given",
            "group_id": group_id,
            "split": split,
            "conflicted": random.random(num_products) < 0.03,
            "num_images": random.choice([1, 2, 3, 4], num_products, p=IMAGES_PER_PRODUCT),
        }
    )


def _class_table(names: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    table = names.assign(class_index=range(len(names)))
    for split in SPLITS:
        rows = products[products["split"] == split]
        by_class = rows.groupby("class_index")["num_images"].agg(["size", "sum"]).reindex(table["class_index"])
        table[f"num_products_{split}"] = by_class["size"].fillna(0).to_numpy(np.int64)
        table[f"num_images_{split}"] = by_class["sum"].fillna(0).to_numpy(np.int64)
    return pd.DataFrame(table[schemas.CLASSES.names])


def _certificate(products: pd.DataFrame, num_images: dict[str, int]) -> dict[str, Any]:
    sizes = products.groupby(["class_index", "group_id"]).size().reset_index(name="n")
    largest = sizes.sort_values(["n", "group_id"], ascending=[False, True]).drop_duplicates("class_index")
    of_class = products.groupby("class_index").size()
    return {
        "shared_content_hashes": 0,
        "shared_pixel_hashes": 0,
        "num_straddling_groups": 0,
        "split_source": "hash",
        "num_groups": {split: int(products.loc[products["split"] == split, "group_id"].nunique()) for split in SPLITS},
        "num_products": {split: int((products["split"] == split).sum()) for split in SPLITS},
        "num_images": num_images,
        "largest_groups": [
            {
                "class_index": int(row.class_index),
                "group_id": int(row.group_id),
                "num_products": int(row.n),
                "share_of_class": round(float(row.n / of_class[row.class_index]), 6),
                "moved_to_train": False,
            }
            for row in cast(Any, largest.sort_values("class_index").itertuples())
        ],
        "num_giant_groups": 0,
        "num_moved_groups": 0,
        "leak": {"by_product": 0.31, "by_image": 0.45},
        "near_duplicates": None,
    }


NO_FAULTS: dict[str, Any] = {
    "rejected_products": {},
    "rejected_images": {},
    "placeholders": {"num_images": 0, "num_distinct": 0},
    "conflicts": {
        "policy": "drop_image",
        "num_images": 0,
        "num_distinct": 0,
        "num_products": 0,
        "num_images_not_learnt": 0,
        "by_class": [],
    },
    "human_fixes": {
        "num_relabelled": 0,
        "num_confirmed": 0,
        "num_excluded": 0,
        "num_contradicted": 0,
        "num_found_right": 0,
        "num_unsure": 0,
        "warnings": [],
    },
    "ceiling": {"value": 1.0, "product": 1.0},
}
"""What counts.json says of a sample without faults."""


def _counts(products: pd.DataFrame, num_images: int) -> dict[str, Any]:
    return {
        "num_products": len(products),
        "num_images": num_images,
        "num_distinct_images": num_images - num_images // 3,
        "num_identical_copies": num_images // 3,
        "num_groups": int(products["group_id"].nunique()),
        **NO_FAULTS,
        "num_products_not_learnt": 0,
        "ceiling": {"value": 0.985, "product": 0.99},
    }


def _config(names: pd.DataFrame) -> RunConfig:
    ids = tuple(int(one) for one in names["category_id"])
    training = TrainingConfig(network="small_cnn", image_size=64, epochs=8)
    sample = SampleConfig(
        name="everything",
        title="Everything",
        description="Every category of a catalogue that was made up.",
        categories="all",
        default_preset="smoke",
        presets={"smoke": training},
    )
    return RunConfig(
        run_id="manual__synthetic",
        sample=sample,
        preset="smoke",
        draw=DrawConfig(categories=ids),
        labels=LabelConfig(categories=ids),
        training=training,
        catalogue_path="/catalogue.bson",
        catalogue_fingerprint="0123456789abcdef",
        max_rejected_share=0.01,
        inputs={},
        versions={"code": "synthetic", "numpy": np.__version__},
    )


def _fill(write: Callable[[Path], Mapping[str, Any]], part_dir: Path) -> Made:
    return Made(write(part_dir))


def make_evaluation(
    parent: Path, num_products: int = 400_000, num_categories: int = NUM_CATEGORIES, seed: int = 0
) -> Evaluation:
    """Write index, sample, labels, model and evaluation below a folder, as the stages do; 15 % are test products.

    Args:
        parent: Folder of the artifacts.
        num_products: Of all splits together.
        num_categories: Above 256, as only then predictions.parquet keeps the ten most probable classes.
        seed: Other seed, other products.
    """
    random = np.random.default_rng(seed)
    names = make_names(num_categories, seed)
    products = _draw_products(names, num_products, random)
    neighbours = draw_neighbours(names, schemas.NUM_TOP_CLASSES - 1, random)
    pictures = _pictures(random)
    images = products.loc[products.index.repeat(products["num_images"])].reset_index(drop=True)
    images["image_number"] = images.groupby("product_id").cumcount()
    drawn = random.integers(0, len(pictures), len(images))
    jpegs = pa.array(pictures, pa.binary())
    hashes = _draw_hashes(len(images), random)
    images["content_hash"] = images["pixel_hash"] = hashes.to_numpy(zero_copy_only=False)
    images["learnt"] = True

    def index(part_dir: Path) -> dict[str, Any]:
        rows = {"product_id": [2], "category_id": [1], "num_images": [1], "offset": [0], "length": [9]}
        parquet.write_table(part_dir / "products.parquet", rows, schemas.PRODUCTS)
        sizes = [{"width": 180, "height": 180, "num_images": len(images)}]
        write_json(part_dir / "profile.json", {"pixels": {"num_sizes": 1, "commonest": sizes}})
        counts = {"num_products": num_products, "num_documents": num_products, "num_images": len(images)}
        refused = {"num_rejected_documents": 0, "num_rejected_images": 0}
        return {"catalogue_id": "5eed5eed5eed5eed", "origin": "drawn", **counts, **refused}

    def sample(part_dir: Path) -> dict[str, Any]:
        for number, first in enumerate(range(0, len(images), _PICTURES_IN_FILE)):
            some = slice(first, first + _PICTURES_IN_FILE)
            rows: dict[str, Any] = {name: images[name].iloc[some] for name in schemas.SAMPLE_IMAGES.names[:3]}
            rows["jpeg"], rows["content_hash"] = jpegs.take(drawn[some]), hashes[some]
            path = part_dir / f"images-{number:05d}.parquet"
            parquet.write_table(path, rows, schemas.SAMPLE_IMAGES, _PICTURES_IN_GROUP)
        parquet.write_table(part_dir / "rejected.parquet", schemas.REJECTED.empty_table(), schemas.REJECTED)
        return {"num_images": len(images)}

    def labels(part_dir: Path) -> dict[str, Any]:
        num_images = {split: int((images["split"] == split).sum()) for split in SPLITS}
        for name, rows, schema in (
            ("products", products[schemas.LABEL_PRODUCTS.names], schemas.LABEL_PRODUCTS),
            ("images", images[schemas.LABEL_IMAGES.names], schemas.LABEL_IMAGES),
            ("classes", _class_table(names, products), schemas.CLASSES),
            ("conflicts", schemas.CONFLICTS.empty_table(), schemas.CONFLICTS),
            ("rejected", schemas.REJECTED.empty_table(), schemas.REJECTED),
        ):
            parquet.write_table(part_dir / f"{name}.parquet", rows, schema)
        write_json(part_dir / "certificate.json", _certificate(products, num_images))
        write_json(part_dir / "counts.json", _counts(products, len(images)))
        return {"num_products": len(products)}

    def model(part_dir: Path) -> dict[str, Any]:
        epochs = np.arange(1, 9)
        history = {
            "phase": ["train"] * 8,
            "epoch": epochs,
            "train_loss": 6.0 * np.exp(-epochs / 5) + 0.9,
            "train_accuracy": 0.7 - 0.6 * np.exp(-epochs / 3),
            "validation_loss": 5.8 * np.exp(-epochs / 5) + 1.2,
            "validation_accuracy": 0.6 - 0.5 * np.exp(-epochs / 3),
            "learning_rate": 2e-3 * np.cos(epochs / 6),
            "seconds": np.full(8, 4000.0),
            "images_per_s": np.full(8, 310.0),
            "num_resumes": np.zeros(8, np.int16),
        }
        parquet.write_table(part_dir / "history.parquet", history, schemas.HISTORY)
        contract = {"image_size": 64, "channels": 3, "dtype": "uint8", "resize": "bilinear", "weights": None}
        write_json(part_dir / "input.json", contract)
        (part_dir / "model.keras").write_bytes(b"weights")
        learnt = int((images["split"] == "train").sum())
        counts = {"num_parameters": 1_532_405, "num_train_images": learnt, "num_classes_predicted": 5_100}
        progress = {"best_epoch": 8, "num_epochs": 8, "num_resumes": 0, "images_per_s": 310.0}
        return {**counts, **progress, "device": "cpu", "device_memory_gib": 15.6, "precision": "float32"}

    def evaluation(part_dir: Path) -> dict[str, Any]:
        write_predictions(part_dir, products, neighbours, seed)
        return {"num_test_products": int((products["split"] == "test").sum())}

    dirs: dict[str, Path] = {}
    for write in (index, sample, labels, model, evaluation):
        recipe = Recipe(write.__name__, 1, {"seed": seed, "num_products": num_products}, dict(dirs), {}, {})
        build_artifact(recipe.dir_in(parent), recipe, partial(_fill, write))
        dirs[write.__name__] = recipe.dir_in(parent)
    return Evaluation(dirs, _config(names))
