"""Folds to rank ways to train on: what may be learnt from, dealt into groups; the test split is left out.

Each fold has a catalogue of its own, so that nothing else can be learnt by accident.
"""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import bson
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.material.measure import run_main, run_step
from cdiscount_tasks.learning.features.head import keep_whole_groups
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SplitConfig, read_sample
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.tables import parquet, schemas
from demo.catalogue import draw_catalogue
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR, need_test_data

STEPS = "benchmarks.material.folds"
VALIDATION_FOLDS = 10
"""One of so many parts of what is learnt from chooses the epoch."""

MAX_REJECTED_SHARE = 0.02


class Source(NamedTuple):
    """A catalogue whose products may be learnt from.

    Attributes:
        catalogue: BSON file.
        names: Its category_names.csv.
        split: A split file; None: by hash.
        categories: Ids of the classes.
    """

    catalogue: Path
    names: Path
    split: Path | None
    categories: tuple[int, ...]


def find_source(set_name: str, folder: Path, num_products: int) -> Source:
    """Return the clothing photos, or draw a sample of the demo's catalogue: `wine:3` with seed 3."""
    if set_name == "clothing":
        data_dir = TEST_DATA_DIR / "clothing"
        need_test_data(data_dir)
        names = pd.read_csv(data_dir / "splits.csv")["category_id"].unique()
        return Source(
            data_dir / "catalogue.bson", data_dir / "category_names.csv", data_dir / "splits.csv",
            tuple(int(one) for one in sorted(names)),
        )  # fmt: skip
    sample_name, _, seed = set_name.partition(":")
    sample = read_sample(PROJECT_DIR / "include" / "samples" / f"{sample_name}.yaml")
    drawn = draw_catalogue(folder / "drawn", num_products=num_products, seed=int(seed or 0))
    assert isinstance(sample.categories, tuple), "a sample that names its categories"
    return Source(
        Path(drawn["catalogue_path"]), Path(drawn["names_path"]), None, tuple(int(one) for one in sample.categories)
    )


def _label(source: Source, folder: Path) -> tuple[Path, Path]:
    """Make sample and labels; returns their folders."""
    index_dir = Path(index_catalogue(source.catalogue, folder / "index", MAX_REJECTED_SHARE)["path"])
    config = DrawConfig(categories=source.categories)
    sample_dir = Path(draw_sample(index_dir, source.catalogue, folder, config)["path"])
    files = LabelFiles(names_path=source.names, split_path=source.split)
    split = SplitConfig(file="split.csv" if source.split else None)
    rules = LabelConfig(categories=source.categories, split=split)
    return sample_dir, Path(fix_labels(index_dir, sample_dir, files, folder, rules)["path"])


def read_learnable(labels_dir: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the products and the images that are not of the test split, with category and group."""
    products = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS).to_pandas()
    images = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    products = products[products["split"].isin(("train", "validation"))].reset_index(drop=True)
    images = images[images["product_id"].isin(products["product_id"])]
    return products, images.merge(products[["product_id", "category_id", "group_id"]], on="product_id")


def deal_folds(products: pd.DataFrame, num_folds: int, seed: int = 0) -> list[pd.Series]:
    """Deal products into folds, groups whole and classes alike: the split of each product, fold by fold.

    Raises:
        ValueError: A class has fewer groups than there are folds, so that some fold could not be answered for it; or
            there are too few groups to choose the epoch by.
    """
    category, group = products["category_id"], products["group_id"]
    num_groups = products.groupby("category_id")["group_id"].nunique()
    for category_id, few in num_groups[num_groups < num_folds].items():
        remedy = f"ask for --folds {few}, or for more products" if few > 1 else "ask for more products"
        raise ValueError(
            f"category {category_id} has only {few} of the groups of products in train and validation, expected one "
            f"for each of the {num_folds} folds; {remedy}"
        )
    if (found := int(num_groups.sum())) < 2 * VALIDATION_FOLDS:
        raise ValueError(f"found {found} groups of products, expected {2 * VALIDATION_FOLDS}; ask for more products")
    deal = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    splits = []
    for rest, judged in deal.split(products, category, group):
        split = pd.Series("train", products.index)
        split.iloc[judged] = "test"
        chosen = StratifiedGroupKFold(VALIDATION_FOLDS, shuffle=True, random_state=seed)
        with warnings.catch_warnings(action="ignore"):  # of a class too small for ten parts, which may be in no part
            _, some = next(iter(chosen.split(rest, category.iloc[rest], group.iloc[rest])))
        split.iloc[rest[some]] = "validation"
        splits.append(split)
    return splits


def keep_few(products: pd.DataFrame, images: pd.DataFrame, split: pd.Series, few: int) -> pd.Series:
    """Return which products stay where each class may have so many pictures to learn from: bool, by product.

    Validation is cut alike, to a ninth of them: who has few pictures has few to choose the epoch by, too.
    """
    stays = pd.Series(True, products.index)
    for name, most in (("train", few), ("validation", few // (VALIDATION_FOLDS - 1))):
        is_cut = split == name
        of_split = images[images["product_id"].isin(products["product_id"][is_cut])]
        kept: set[int] = set()
        for _, of_class in of_split.groupby("category_id"):
            least = of_class["group_id"].value_counts().min()  # of each class one group at least
            chosen = keep_whole_groups(of_class["group_id"].to_numpy(), max(most, least), seed=0)
            kept |= set(of_class["product_id"][chosen])
        stays &= ~is_cut | products["product_id"].isin(kept)
    return stays


def make(folder: str, set_name: str, num_folds: str, few: str, num_products: str) -> None:
    """Make sample and labels of each fold, from a catalogue that holds nothing else; prints where they are."""
    whole = Path(folder) / "whole"
    source = find_source(set_name, whole, int(num_products))
    products, images = read_learnable(_label(source, whole)[1])
    with source.catalogue.open("rb") as file:
        documents = {one["_id"]: one for one in bson.decode_file_iter(file)}
    folds = []
    for number, split in enumerate(deal_folds(products, int(num_folds))):
        out_dir = Path(folder) / f"fold-{number}"
        out_dir.mkdir(parents=True, exist_ok=True)
        stays = keep_few(products, images, split, int(few)) if int(few) else pd.Series(True, products.index)
        rows = products[["product_id", "category_id"]].assign(split=split)[stays]
        rows.to_csv(out_dir / "split.csv", index=False)
        encoded = (bson.encode(documents[int(one)]) for one in rows["product_id"])
        (out_dir / "catalogue.bson").write_bytes(b"".join(encoded))
        of_fold = source._replace(catalogue=out_dir / "catalogue.bson", split=out_dir / "split.csv")
        sample_dir, labels_dir = _label(of_fold, out_dir)
        folds.append({"sample": str(sample_dir), "labels": str(labels_dir)})
    shutil.rmtree(whole)
    print(json.dumps({"folds": folds}))


def find_folds(folder: Path, set_name: str, num_folds: int, few: int, num_products: int) -> list[dict[str, str]]:
    """Return where sample and labels of each fold are; makes them unless they are there."""
    made, wanted = folder / "folds.json", [set_name, num_folds, few, num_products]
    if not made.exists() or json.loads(made.read_text())["wanted"] != wanted:
        said = run_step(STEPS, "make", folder, *wanted).said
        made.write_text(json.dumps({"wanted": wanted, **said}))
    folds: list[dict[str, str]] = json.loads(made.read_text())["folds"]
    return folds


def decided_by(fold: dict[str, str], **knobs: Any) -> dict[str, Any]:
    """Return what decides what is learnt from a fold: nothing that differs in it is used again."""
    parts = {noun: Path(path).name for noun, path in fold.items()}  # named by the hash of all that decides them
    return {**knobs, **parts, "backend": os.environ.get("KERAS_BACKEND", "tensorflow")}


def main() -> None:
    """Say that this module is only a step of others."""
    raise SystemExit("this is a step of `python -m benchmarks.belief.recipes` and `benchmarks.belief.joining`")


if __name__ == "__main__":
    run_main(main, make)
