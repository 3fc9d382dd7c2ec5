"""Finished runs of samples to compare, with features that lie as far apart as a test wants."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash

from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.stages.inputs import ComparedRun, PooledDraw
from cdiscount_tasks.stages.report import write_report
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import SPLITS
from tests.material.report_inputs import WINE, make_inputs

NUM_FEATURES = 8


def artifact(parent, stage, write, name="x"):
    """Build an artifact of made-up content and return its folder."""
    parent.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(stage, 1, {"network": "mobilenet_v2", "image_size": 96, "name": name}, {}, {}, {})
    return Path(build_artifact(recipe.dir_in(parent), recipe, lambda part_dir: Made(write(part_dir)))["path"])


def write_features(parent, labels_dir, apart, seed=0, turned=0):
    """Write features whose classes lie `apart` spreads from the middle, each in a direction of its own.

    `turned`: of every product with an odd id, as if it were of the class so many further; 0: of its own.
    """
    images = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(len(images), NUM_FEATURES)).astype(np.float32)
    num_classes = images["class_index"].max() + 1
    look = (images["class_index"] + turned * (images["product_id"] % 2)).to_numpy() % num_classes
    vectors += apart * np.eye(NUM_FEATURES, dtype=np.float32)[look % NUM_FEATURES]

    def write(part_dir):
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).reshape(-1)), NUM_FEATURES)
        columns = {"product_id": images["product_id"], "image_number": images["image_number"], "vector": lists}
        parquet.write_table(
            part_dir / "features.parquet",
            pa.table({name: pa.array(column) for name, column in columns.items()}, features_schema()),
            features_schema(),
        )
        return {"network": "mobilenet_v2", "num_features": NUM_FEATURES, "weights_xxh3_128": "0f" * 16}

    return artifact(parent, "features", write, f"{apart} {seed} {turned}")


def features_schema():
    return schemas.features_schema(NUM_FEATURES, mirrored=False)


def make_run(place, sample, title=None, accuracy=0.8, apart=2.0, seed=0, num_products=400, names=WINE, **training):
    """Make a finished run of a sample, its report included; `apart` None: without features."""
    inputs = make_inputs(
        place / "data" / sample,
        num_products=num_products,
        names=names,
        accuracy=accuracy,
        seed=seed,
        clean=True,
        **training,
    )
    config = inputs.config.model_copy(update={"run_id": f"manual__{sample}"})
    report_dir = place / "reports" / sample / run_folder(config.run_id)
    write_report(inputs.dirs, report_dir, config)
    labels_dir = inputs.dirs["labels"]
    return ComparedRun(
        sample=sample,
        title=title or sample.title(),
        run_id=config.run_id,
        sample_dir=inputs.dirs["sample"],
        labels_dir=labels_dir,
        evaluation_dir=inputs.dirs["evaluation"],
        report_dir=report_dir,
        features_dir=None if apart is None else write_features(place / "data" / sample, labels_dir, apart, seed),
    )


def make_pooled_draw(place, category_ids, apart_of, around, products_per_category=20, seed=0):
    """Make a pooled draw: one picture a product, each its own group.

    Args:
        place: A folder.
        category_ids: Of the pool.
        apart_of: How far a category lies, in a direction of its own, from
        around: the place of its family.
        products_per_category: Of each.
        seed: Of directions and noise.
    """
    ids = sorted(category_ids)
    class_index = np.repeat(np.arange(len(ids)), products_per_category)
    product_id = np.arange(len(class_index)) + 1
    hashes = [xxhash.xxh3_128_digest(str(number).encode()) for number in product_id]
    split = np.array(SPLITS)[product_id % 3]

    def labels(part_dir):
        category = np.array(ids)[class_index]
        products = {"product_id": product_id, "category_id": category, "label": category, "class_index": class_index,
                    "train_class_index": class_index, "rule": ["as_given"] * len(product_id), "group_id": product_id,
                    "split": split, "conflicted": np.zeros(len(product_id), bool)}  # fmt: skip
        parquet.write_table(part_dir / "products.parquet", products, schemas.LABEL_PRODUCTS)
        images = {"product_id": product_id, "image_number": np.zeros(len(product_id), np.int8),
                  "class_index": class_index, "split": split, "content_hash": hashes, "pixel_hash": hashes,
                  "learnt": np.ones(len(product_id), bool)}  # fmt: skip
        parquet.write_table(part_dir / "images.parquet", images, schemas.LABEL_IMAGES)
        names = {f"level{level}": [str(one) for one in ids] for level in (1, 2, 3)}
        counts = {f"num_{what}_{one}": [1] * len(ids) for what in ("products", "images") for one in SPLITS}
        rows = {"class_index": np.arange(len(ids)), "category_id": ids, **names, **counts}
        parquet.write_table(part_dir / "classes.parquet", rows, schemas.CLASSES)
        return {}

    labels_dir = artifact(place, "labels", labels, f"pool {seed}")
    random = np.random.default_rng(seed)
    directions = random.normal(size=(len(ids), NUM_FEATURES))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    scale = np.array([apart_of(category_id) for category_id in ids])[:, None]
    centres = directions * scale + np.array([around(category_id) for category_id in ids])
    vectors = centres[class_index] + random.normal(size=(len(product_id), NUM_FEATURES))

    def features(part_dir):
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).reshape(-1)), NUM_FEATURES)
        columns = {"product_id": product_id, "image_number": np.zeros(len(product_id), np.int8), "vector": lists}
        table = pa.table({name: pa.array(column) for name, column in columns.items()}, features_schema())
        parquet.write_table(part_dir / "features.parquet", table, features_schema())
        return {}

    return PooledDraw(labels_dir, labels_dir, artifact(place, "features", features, f"pool {seed}"))
