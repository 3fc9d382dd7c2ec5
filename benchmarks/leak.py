"""What leaky splits would have reported: one network, trained and tested under three splits of one sample.

`python -m benchmarks.leak --catalogue dirty.bson --categories 1 2 3` (or `--sample wine --catalogue data/demo/...`).
The certified split keeps products with a common picture together; a by-product split parts them; a by-image split
parts the pictures of one product too. Nothing else differs: every image of train is learnt from, as given.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for `python benchmarks/leak.py`

from cdiscount_tasks.config import DrawConfig, LabelConfig, SplitConfig, TrainingConfig, read_sample
from cdiscount_tasks.labelling.split import split_images
from cdiscount_tasks.learning.devices import prepare_device
from cdiscount_tasks.learning.images import load_images
from cdiscount_tasks.records import SPLIT_KINDS, TEST, TRAIN, VALIDATION, LabelFiles
from cdiscount_tasks.stages.index import merge_index, plan_ranges, scan_range
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.storage.sample_images import SampleImages, rows_of
from cdiscount_tasks.storage.schemas import LABEL_IMAGES, LABEL_PRODUCTS
from cdiscount_tasks.storage.tables import read_table

SAMPLES_DIR = Path(__file__).resolve().parents[1] / "include" / "samples"


class Sample(NamedTuple):
    """A sample's pictures and labels.

    Attributes:
        products: labels/products.parquet.
        images: labels/images.parquet.
        pictures: uint8, [num_images, size, size, 3], row by row as `images`.
    """

    products: pd.DataFrame
    images: pd.DataFrame
    pictures: np.ndarray


def prepare(catalogue: Path, categories: list[int] | None, folder: Path, image_size: int) -> Sample:
    """Index a catalogue, draw the sample and fix its labels, as the DAG does."""
    for byte_range in plan_ranges(catalogue, folder / "index"):
        scan_range(catalogue, byte_range, folder / "index")
    index_dir = Path(merge_index(catalogue, folder / "index", max_rejected_share=0.05)["path"])
    chosen = tuple(categories) if categories else None
    sample_dir = Path(draw_sample(index_dir, catalogue, folder, DrawConfig(categories=chosen))["path"])
    config = LabelConfig(categories=chosen, small_classes="reject")
    labels_dir = Path(fix_labels(index_dir, sample_dir, LabelFiles(), folder, config)["path"])
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS).to_pandas()
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES).to_pandas()
    rows = rows_of(sample_dir, images["product_id"].to_numpy(), images["image_number"].to_numpy())
    return Sample(products, images, load_images(SampleImages(sample_dir), rows, image_size))


def _accuracies(probabilities: np.ndarray, images: pd.DataFrame, conflicted: pd.Series) -> dict[str, float]:
    """Return accuracy by image, by product, and by product without those that share a contradicting picture."""
    from cdiscount_tasks.learning.joining import joint_probabilities

    number, ids = pd.factorize(images["product_id"])
    joint = joint_probabilities(probabilities, number.astype(np.int64))
    truth = images.drop_duplicates("product_id").set_index("product_id")["class_index"].loc[ids].to_numpy()
    right = joint.argmax(axis=1) == truth
    clean = ~conflicted.loc[ids].to_numpy()
    by_image = probabilities.argmax(axis=1) == images["class_index"].to_numpy()
    return {
        "image": float(by_image.mean()),
        "product": float(right.mean()),
        "product_without_conflicted": float(right[clean].mean()),
        "num_products": len(ids),
        "share_conflicted": float(1 - clean.mean()),
    }


def train_and_test(sample: Sample, kind: str, seed: int, config: TrainingConfig) -> dict[str, float]:
    """Train under one split and test it."""
    device = prepare_device(seed)
    from cdiscount_tasks.learning.batches import Examples
    from cdiscount_tasks.learning.inputs import PicturesInMemory
    from cdiscount_tasks.learning.networks import build_network
    from cdiscount_tasks.learning.predictions import predict_images
    from cdiscount_tasks.learning.training import train

    split = split_images(sample.products, sample.images, kind, SplitConfig(), seed)

    def examples(name: str) -> Examples:
        rows = np.flatnonzero(split == name)
        images = sample.images.iloc[rows]
        product = pd.factorize(images["product_id"])[0].astype(np.int64)
        pictures = PicturesInMemory(iter([sample.pictures[rows]]), len(rows), config.image_size)
        return Examples(pictures, images["class_index"].to_numpy(np.int64), product)

    network = build_network(config.network, config.image_size, int(sample.images["class_index"].max()) + 1)
    trained = train(network, examples(TRAIN), examples(VALIDATION), config.model_copy(update={"seed": seed}), device)
    rows = np.flatnonzero(split == TEST)
    probabilities = predict_images(trained.network, examples(TEST).inputs, flip=True)
    conflicted = sample.products.set_index("product_id")["conflicted"]
    return _accuracies(probabilities, sample.images.iloc[rows], conflicted)


def measure(sample: Sample, seeds: int, config: TrainingConfig) -> Iterator[dict[str, Any]]:
    """Yield the accuracies under each split, seed by seed."""
    for seed in range(seeds):
        for kind in SPLIT_KINDS:
            yield {"split": kind, "seed": seed, **train_and_test(sample, kind, seed, config)}


def main() -> None:
    """Read the options, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--sample", help="a sample of include/samples, for its categories")
    parser.add_argument("--categories", type=int, nargs="*", help="category ids; none: all that have three groups")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    categories = options.categories
    if options.sample:
        categories = [c for c in read_sample(SAMPLES_DIR / f"{options.sample}.yaml").categories if isinstance(c, int)]
    config = TrainingConfig(network="small_cnn", image_size=options.image_size, epochs=options.epochs)
    rows = []
    with tempfile.TemporaryDirectory(prefix="leak-benchmark-") as folder:
        sample = prepare(options.catalogue, categories, Path(folder), options.image_size)
        for row in measure(sample, options.seeds, config):
            print(json.dumps(row), flush=True)
            rows.append(row)
    print("| split | by image | by product | without conflicted |\n|---|---|---|---|")
    for kind in SPLIT_KINDS:
        columns = ("image", "product", "product_without_conflicted")
        means = [statistics.mean(row[column] for row in rows if row["split"] == kind) for column in columns]
        print(f"| {kind} | {' | '.join(f'{mean:.3f}' for mean in means)} |")


if __name__ == "__main__":
    main()
