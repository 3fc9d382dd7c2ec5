"""Features that need no file: `python -m benchmarks.belief.features` prints what each kind is worth, and what it costs.

Four kinds are put side by side. *descriptor*: shapes and colours, nothing is learnt. *filters*: filters that k-means
finds in the train split's own patches, without labels (Coates and Ng 2011, "The importance of encoding versus training
with sparse coding and vector quantization", ICML; whitened patches, triangle activation, means of quadrants). *both*
joined. *mobilenet_v2*: the pretrained network, where its file is at hand. Three tables of pictures: the clothing photos
by their official split, the drawn wine of the demo, and the clothing catalogue made dirty with known wrong labels.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.exceptions import ConvergenceWarning

from benchmarks.belief.audit import compare_orders
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.learning.features import descriptor
from cdiscount_tasks.learning.features.equal_size import nearest_neighbours
from cdiscount_tasks.learning.features.head import predict_by_head
from cdiscount_tasks.learning.measuring.intervals import share_figure
from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.machine.backbones import reference_backbone
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SplitConfig
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.features import extract_features
from cdiscount_tasks.stages.inputs import LabelFiles, Reviews
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.features import read_features, vector_lists
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from demo.catalogue import DEFAULT_PRODUCTS, draw_catalogue
from tests.material.dirty_clothing import CLOTHING, PLANTER, plant, run_pipeline
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR

WEIGHTS_DIR = TEST_DATA_DIR / "weights"
WINE = (1000003437, 1000003400, 1000003402, 1000003404, 1000003407)
MAX_REJECTED_SHARE = 0.02
PATCH, NUM_PATCHES, ROUNDS, FILTER_SIDE = 6, 60_000, 10, 32
_CONTRAST, _WHITENING = 10 / 255**2, 0.1

Vectors = np.ndarray


class Pictures(NamedTuple):
    """Pictures with their labels.

    Attributes:
        name: Of the table.
        sample_dir: Finished sample artifact.
        labels_dir: Finished labels artifact.
        rows: Of the labels' images.parquet, with category_id and group_id of the product.
    """

    name: str
    sample_dir: Path
    labels_dir: Path
    rows: pd.DataFrame

    @property
    def is_learnt(self) -> np.ndarray:
        """Return which pictures are of the train split, and learnt from."""
        return np.asarray((self.rows["split"] == "train") & self.rows["learnt"])

    def load(self, side: int) -> np.ndarray:
        """Return the pixels, uint8, [num_images, side, side, 3]."""
        keys = (self.rows[name].to_numpy() for name in ("product_id", "image_number"))
        return load_images(SampleImages(self.sample_dir), rows_of(self.sample_dir, *keys), side)


def read_pictures(name: str, sample_dir: Path, labels_dir: Path) -> Pictures:
    """Read which pictures there are, and what they show."""
    rows = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    products = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    products = products.set_index("product_id")
    columns = {column: rows["product_id"].map(products[column]) for column in ("category_id", "group_id")}
    return Pictures(name, sample_dir, labels_dir, rows.assign(**columns))


def draw_wine(folder: Path, num_products: int) -> Pictures:
    """Draw the demo's catalogue and take its wine."""
    drawn = draw_catalogue(folder / "demo", num_products=num_products)
    catalogue, names = Path(drawn["catalogue_path"]), Path(drawn["names_path"])
    index_dir = Path(index_catalogue(catalogue, folder / "index", MAX_REJECTED_SHARE)["path"])
    sample_dir = Path(draw_sample(index_dir, catalogue, folder, DrawConfig(categories=WINE))["path"])
    files, rules = LabelFiles(names_path=names), LabelConfig(categories=WINE)
    return read_pictures(
        "drawn wine", sample_dir, Path(fix_labels(index_dir, sample_dir, files, folder, rules)["path"])
    )


def take_clothing(folder: Path) -> Pictures:
    """Take the clothing photos with their official split."""
    data_dir = CLOTHING.parent
    index_dir = Path(index_catalogue(CLOTHING, folder / "index")["path"])
    sample_dir = Path(draw_sample(index_dir, CLOTHING, folder, DrawConfig(categories=None))["path"])
    files = LabelFiles(names_path=data_dir / "category_names.csv", split_path=data_dir / "splits.csv")
    rules = LabelConfig(categories=None, split=SplitConfig(file="splits.csv"))
    return read_pictures("clothing", sample_dir, Path(fix_labels(index_dir, sample_dir, files, folder, rules)["path"]))


class Filters(NamedTuple):
    """What was learnt of patches: their mean [k], the whitening matrix [k, k] and the filters [num_filters, k]."""

    mean: Vectors
    whitening: Vectors
    centres: Vectors


def _normalised(patches: Vectors) -> Vectors:
    """Scale patches, [n, k], to mean 0 and contrast 1."""
    centred = patches - patches.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt(centred.var(axis=1, keepdims=True) + _CONTRAST))


def learn_filters(pixels: np.ndarray, rows: np.ndarray, num_filters: int, seed: int = 0) -> Filters:
    """Find filters in the patches of some pictures by spherical k-means on whitened patches.

    Args:
        pixels: uint8, [num_images, side, side, 3].
        rows: int64, which pictures are learnt from.
        num_filters: How many.
        seed: Of the patches and of the first filters.
    """
    random = np.random.default_rng(seed)
    of_image = random.choice(rows, NUM_PATCHES)
    down, right = random.integers(0, pixels.shape[1] - PATCH + 1, (2, NUM_PATCHES))[..., None] + np.arange(PATCH)
    patches = pixels[of_image[:, None, None], down[:, :, None], right[:, None, :]].astype(np.float32) / 255
    patches = _normalised(patches.transpose(0, 3, 1, 2).reshape(NUM_PATCHES, -1))
    mean = patches.mean(axis=0)
    values, directions = np.linalg.eigh(np.cov(patches - mean, rowvar=False))
    whitening = ((directions / np.sqrt(values + _WHITENING)) @ directions.T).astype(np.float32)
    white = (patches - mean) @ whitening
    centres = random.standard_normal((num_filters, white.shape[1])).astype(np.float32)
    for _ in range(ROUNDS):
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        similarity = white @ centres.T
        nearest = np.abs(similarity).argmax(axis=1)
        np.add.at(centres, nearest, white * similarity[np.arange(NUM_PATCHES), nearest, None])
    return Filters(mean, whitening, centres / np.linalg.norm(centres, axis=1, keepdims=True))


def apply_filters(pixels: np.ndarray, filters: Filters) -> Vectors:
    """Return how much nearer than on average each filter is, by quadrant: float32, [num_images, 4 * num_filters]."""
    vectors = []
    for picture in pixels:
        windows = sliding_window_view(picture.astype(np.float32) / 255, (PATCH, PATCH), axis=(0, 1))
        places = windows.shape[:2]
        white = (_normalised(windows.reshape(places[0] * places[1], -1)) - filters.mean) @ filters.whitening
        squares = (white**2).sum(axis=1, keepdims=True) + 1 - 2 * white @ filters.centres.T
        distance = np.sqrt(np.maximum(squares, 0))
        active = np.maximum(0, distance.mean(axis=1, keepdims=True) - distance).reshape(*places, -1)
        halves = [part for rows in np.array_split(active, 2) for part in np.array_split(rows, 2, axis=1)]
        vectors.append(np.concatenate([half.mean(axis=(0, 1)) for half in halves]))
    return np.asarray(vectors, np.float32)


def _describe(pictures: Pictures) -> Vectors:
    return descriptor.describe(pictures.load(descriptor.IMAGE_SIDE))


def _filter(pictures: Pictures, num_filters: int) -> Vectors:
    pixels = pictures.load(FILTER_SIDE)
    return apply_filters(pixels, learn_filters(pixels, np.flatnonzero(pictures.is_learnt), num_filters))


def _see(pictures: Pictures, folder: Path) -> Vectors:
    backbone = reference_backbone(WEIGHTS_DIR)
    assert backbone is not None, WEIGHTS_DIR
    inputs = pictures.sample_dir, pictures.labels_dir, backbone.weights_path
    return read_features(Path(extract_features(*inputs, folder, backbone.config)["path"]))[:, 0]


def iter_kinds(
    pictures: Pictures, folder: Path, num_filters: int, *, pretrained: bool
) -> Iterator[tuple[str, Vectors, float]]:
    """Yield each kind of features: its name, the vectors, and the CPU seconds that they took, decoding included."""
    made: dict[str, tuple[Vectors, float]] = {}
    makers: dict[str, Callable[[], Vectors]] = {
        "descriptor": lambda: _describe(pictures),
        f"filters ({num_filters})": lambda: _filter(pictures, num_filters),
        "both": lambda: np.concatenate([vectors for vectors, _ in made.values()], axis=1),
        **({"mobilenet_v2": lambda: _see(pictures, folder)} if pretrained else {}),
    }
    for name, make in makers.items():
        started = time.process_time()
        vectors = make()
        cpu_s = time.process_time() - started
        if name == "both":
            cpu_s = sum(seconds for _, seconds in made.values())
        made[name] = vectors, cpu_s
        yield name, vectors, cpu_s


def judge(pictures: Pictures, vectors: Vectors) -> dict[str, Any]:
    """Judge single pictures of validation and test by the project's head on the train split."""
    rows = pictures.rows
    classes, label = np.unique(rows["category_id"], return_inverse=True)
    judged = (rows["split"] != "train").to_numpy()
    started = time.process_time()
    found = predict_by_head(vectors, label, pictures.is_learnt, judged, len(classes)).argmax(axis=1) == label[judged]
    head_s = time.process_time() - started
    is_test = (rows["split"] == "test").to_numpy()[judged]
    group_id = rows["group_id"].to_numpy()
    return {
        "test": share_figure(found[is_test], group_id[judged][is_test]),
        "both": share_figure(found, group_id[judged]),
        "nearest": float(nearest_neighbours(vectors, label, group_id).mean()),
        "head_s": head_s,
    }


def _told(figure: Any) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def print_accuracies(tables: Sequence[Pictures], folder: Path, num_filters: int, *, pretrained: bool) -> None:
    """Print a row for each table of pictures and kind of features."""
    print("| pictures | features | length | MiB | CPU s | CPU s of a head | test | validation and test | nearest |")
    print("|---|---|---|---|---|---|---|---|---|")
    for pictures in tables:
        for name, vectors, cpu_s in iter_kinds(pictures, folder, num_filters, pretrained=pretrained):
            found = judge(pictures, vectors)
            size = f"{vectors.shape[1]} | {vectors.nbytes / 2**20:.0f} | {cpu_s:.1f} | {found['head_s']:.1f}"
            accuracies = f"{_told(found['test'])} | {_told(found['both'])} | {found['nearest']:.3f}"
            print(f"| {pictures.name} | {name} | {size} | {accuracies} |", flush=True)


def _audit(pictures: Pictures, name: str, vectors: Vectors, folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Audit the labels with some features; returns the judged products, the most suspect first, and leak.json."""
    columns = {column: pictures.rows[column] for column in ("product_id", "image_number")}

    def write(part_dir: Path) -> Made:
        schema = schemas.features_schema(vectors.shape[1], mirrored=False)
        parquet.write_table(part_dir / "features.parquet", {**columns, "vector": vector_lists(vectors, name)}, schema)
        return Made({})

    recipe = Recipe("features", 1, {"network": name, "image_size": 0}, {"labels": pictures.labels_dir}, {}, {})
    build_artifact(recipe.dir_in(folder), recipe, write)
    config = LabelConfig(categories=None, small_classes="reject")
    audit_dir = Path(audit_labels(pictures.labels_dir, recipe.dir_in(folder), Reviews(), folder, config)["path"])
    leak = json.loads((audit_dir / "leak.json").read_text(encoding="utf-8"))
    return parquet.read_table(audit_dir / "suspects.parquet", schemas.SUSPECTS).to_pandas(), leak


def print_suspects(clean: Path, folder: Path, num_filters: int, *, pretrained: bool) -> None:
    """Print, for each kind of features, how many planted wrong labels are found, and the price of the leak."""
    dirty, planted = plant(clean, folder)
    run_pipeline(dirty, folder)
    pictures = read_pictures("dirty", next(folder.glob("sample-*")), next(folder.glob("labels-*")))
    print("\n| features | wrong found | at random | suspects | wrong of them | leak by product | leak by image |")
    print("|---|---|---|---|---|---|---|")
    for name, vectors, _ in iter_kinds(pictures, folder, num_filters, pretrained=pretrained):
        rows, leak = _audit(pictures, name, vectors, folder)
        wrong = set(planted.loc[planted["fault"] == "wrong_category", "product_id"]) & set(rows["product_id"])
        (_, num_first, found), (_, _, by_chance), (_, num_suspects, hits) = compare_orders(rows, wrong)
        prices = " | ".join(_told(leak["inflation"][kind]) for kind in ("by_product", "by_image"))
        shares = f"{found} of {num_first} ({found / num_first:.2f}) | {by_chance / num_first:.2f}"
        print(f"| {name} | {shares} | {num_suspects} | {hits} ({hits / num_suspects:.2f}) | {prices} |", flush=True)


def main() -> None:
    """Make the pictures, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=DEFAULT_PRODUCTS, help="of the drawn catalogue")
    parser.add_argument("--filters", type=int, default=400, help="that k-means finds")
    parser.add_argument("--clean", type=Path, default=CLOTHING, help="a clean catalogue; absent: drawn wine alone")
    parser.add_argument("--without-network", action="store_true", help="leave mobilenet_v2 out")
    options = parser.parse_args()
    # The head stops after 100 steps by its own rule.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    pretrained = WEIGHTS_DIR.is_dir() and not options.without_network
    has_real = options.clean.exists() and PLANTER.exists()
    with tempfile.TemporaryDirectory(prefix="features-") as name:
        folders = [Path(name) / part for part in ("wine", "clothing", "dirty")]
        for folder in folders:
            folder.mkdir()
        wine, clothing, dirty = folders
        tables = [draw_wine(wine, options.products)]
        if has_real and options.clean == CLOTHING:
            tables.append(take_clothing(clothing))
        print_accuracies(tables, Path(name), options.filters, pretrained=pretrained)
        if has_real:
            print_suspects(options.clean, dirty, options.filters, pretrained=pretrained)


if __name__ == "__main__":
    main()
