"""Time and memory of the audit at its caps: `python -m benchmarks.audit_size --classes 100`.

40,000 pictures of made-up products, 1,280 features each as MobileNetV2 gives, of which few directions hold most of the
spread, so that a head has as much to do as on real ones; one process.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cdiscount_tasks.config import LabelConfig
from cdiscount_tasks.records import SPLITS, Reviews
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.storage import schemas, tables
from cdiscount_tasks.storage.artifact import Recipe, build_artifact
from cdiscount_tasks.storage.peak_memory import forget_peak, peak_memory_mib

NUM_FEATURES = 1280
SHARE_WRONG = 0.02
_ROWS_PER_GROUP = 4_000
_NUM_HIDDEN, _APART = 256, 0.35


def make_inputs(num_images: int, num_classes: int, folder: Path) -> tuple[Path, Path]:
    """Write labels and features of products with two pictures each; returns the artifacts' folders."""
    random = np.random.default_rng(0)
    num_products = num_images // 2
    shown = random.integers(0, num_classes, num_products)
    class_index = np.where(random.random(num_products) < SHARE_WRONG, (shown + 1) % num_classes, shown)
    product_id = np.arange(num_products) + 1
    split = np.array(SPLITS)[random.integers(0, 3, num_products)]
    group_id = np.where(product_id % 5 == 1, np.maximum(product_id - 1, 1), product_id)
    product = np.repeat(np.arange(num_products), 2)
    hashes = [number.to_bytes(16, "little") for number in range(num_images)]

    def labels(part_dir: Path) -> dict[str, Any]:
        products = {"product_id": product_id, "category_id": class_index, "label": class_index,
                    "class_index": class_index, "train_class_index": class_index, "rule": ["as_given"] * num_products,
                    "group_id": group_id, "split": split, "conflicted": np.zeros(num_products, bool)}  # fmt: skip
        images = {"product_id": product_id[product], "image_number": np.arange(num_images) % 2,
                  "class_index": class_index[product], "split": split[product], "content_hash": hashes,
                  "pixel_hash": hashes, "learnt": np.ones(num_images, bool)}  # fmt: skip
        names = {f"level{level}": [str(one) for one in range(num_classes)] for level in (1, 2, 3)}
        counts = {f"num_{what}_{one}": [1] * num_classes for what in ("products", "images") for one in SPLITS}
        classes = {"class_index": range(num_classes), "category_id": range(num_classes), **names, **counts}
        tables.write_table(part_dir / "products.parquet", products, schemas.LABEL_PRODUCTS)
        tables.write_table(part_dir / "images.parquet", images, schemas.LABEL_IMAGES)
        tables.write_table(part_dir / "classes.parquet", classes, schemas.CLASSES)
        return {}

    def features(part_dir: Path) -> dict[str, Any]:
        hidden = random.standard_normal((num_images, _NUM_HIDDEN), np.float32)
        hidden += _APART * random.standard_normal((num_classes, _NUM_HIDDEN), np.float32)[shown[product]]
        hidden /= np.sqrt(1 + np.arange(_NUM_HIDDEN, dtype=np.float32))
        vectors = np.maximum(0, hidden @ random.standard_normal((_NUM_HIDDEN, NUM_FEATURES), np.float32))
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), NUM_FEATURES)
        schema = schemas.features_schema(NUM_FEATURES, mirrored=False)
        columns = {"product_id": product_id[product], "image_number": pa.array(np.arange(num_images) % 2, pa.int8())}
        table = pa.table({**columns, "vector": lists}, schema)
        tables.write_table(part_dir / "features.parquet", table, schema, _ROWS_PER_GROUP)
        return {"network": "made_up"}

    dirs = []
    for write in (labels, features):
        recipe = Recipe(write.__name__, 1, {"network": "made_up", "image_size": 0}, {}, {}, {})
        dirs.append(Path(build_artifact(recipe.dir_in(folder), recipe, write)["path"]))
    return dirs[0], dirs[1]


def main() -> None:
    """Make up, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--classes", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audit-size-") as name:
        labels_dir, features_dir = make_inputs(options.images, options.classes, Path(name))
        forget_peak()
        started, cpu_started = time.perf_counter(), time.process_time()
        result = audit_labels(labels_dir, features_dir, Reviews(), Path(name), LabelConfig(categories=None))
        leak = json.loads((Path(result["path"]) / "leak.json").read_text("utf-8"))
        print(
            f"{options.images} pictures, {options.classes} classes: {time.perf_counter() - started:.0f} s, "
            f"{time.process_time() - cpu_started:.0f} s of CPU, {peak_memory_mib()} MiB at the most; "
            f"{result['num_suspects']} suspects, {result['num_listed']} listed; "
            f"certified accuracy {leak['accuracy']['certified']['value']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
