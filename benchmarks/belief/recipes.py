"""Ways to train, ranked: `python -m benchmarks.belief.recipes --folder <one that stays>`.

    ... [--set clothing] [--few 20] [--recipes baseline batch_128 ...] [--seeds 0 1] [--folds 5]

Cross-validation over groups: the products of train and validation are dealt into folds, groups whole; each recipe
learns without a fold and answers it, so that each product is answered once by a model that has not seen its group. The
test split is left out of the catalogue before anything is learnt. A recipe is compared with the first one product by
product, with the interval of the difference over groups: what lies within it says nothing for either. With `--few`
each class has so many pictures to learn from. What is in the folder already is not trained again.
"""

import argparse
import json
import shutil
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import bson
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.material.measure import run_main, run_step
from benchmarks.material.networks_on_trial import put_on_trial
from benchmarks.material.ways_to_train import BASELINE, BASELINE_BEFORE, ON_TRIAL, TRANSFER, TRANSFER_BEFORE
from cdiscount_tasks.learning.features.head import keep_whole_groups
from cdiscount_tasks.learning.measuring.intervals import Figure, mean_figure
from cdiscount_tasks.learning.measuring.paired import paired_difference
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SplitConfig, read_sample
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.tables import parquet, schemas
from demo.catalogue import DEFAULT_PRODUCTS, draw_catalogue
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR, need_test_data

STEPS = "benchmarks.belief.recipes"
WINE = read_sample(PROJECT_DIR / "include" / "samples" / "wine.yaml")
VALIDATION_FOLDS = 10
"""One of so many parts of what is learnt from chooses the epoch."""

MAX_REJECTED_SHARE = 0.02

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    **{preset: (preset, {}) for preset in WINE.presets},
    "baseline_before": ("baseline", BASELINE_BEFORE),
    "baseline_batch_128": ("baseline", {**BASELINE_BEFORE, "batch_size": 128}),
    "baseline_batch_256": ("baseline", {**BASELINE_BEFORE, "batch_size": 256}),
    "baseline_batch_512": ("baseline", {**BASELINE_BEFORE, "batch_size": 512}),
    "transfer_before": ("transfer", TRANSFER_BEFORE),
    "transfer_batch_64": ("transfer", {**TRANSFER_BEFORE, "batch_size": 64}),
    "transfer_batch_128": ("transfer", {**TRANSFER_BEFORE, "batch_size": 128}),
    "frozen": ("transfer", {**TRANSFER_BEFORE, "fine_tune_epochs": 0}),
    **TRANSFER,
    **BASELINE,
}
"""A preset of the wine sample, and what differs from it. The first one asked for is what the others are compared to."""


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
    """Deal products into folds, groups whole and classes alike: the split of each product, fold by fold."""
    deal = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    category, group = products["category_id"], products["group_id"]
    splits = []
    for rest, judged in deal.split(products, category, group):
        split = pd.Series("train", products.index)
        split.iloc[judged] = "test"
        chosen = StratifiedGroupKFold(VALIDATION_FOLDS, shuffle=True, random_state=seed)
        _, some = next(iter(chosen.split(rest, category.iloc[rest], group.iloc[rest])))
        split.iloc[rest[some]] = "validation"
        splits.append(split)
    return splits


def keep_few(products: pd.DataFrame, images: pd.DataFrame, split: pd.Series, few: int) -> pd.Series:
    """Return which products stay where each class may have so many pictures to learn from: bool, by product."""
    learnt = images[images["product_id"].isin(products["product_id"][split == "train"])]
    kept: set[int] = set()
    for _, of_class in learnt.groupby("category_id"):
        chosen = keep_whole_groups(of_class["group_id"].to_numpy(), few, seed=0)
        kept |= set(of_class["product_id"][chosen])
    return (split != "train") | products["product_id"].isin(kept)


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


def train(sample_dir: str, labels_dir: str, out_dir: str, knobs: str) -> None:
    """Train as `benchmarks.belief.clothing` does, or a network that is on trial."""
    from benchmarks.belief import clothing

    wanted = json.loads(knobs)
    if ON_TRIAL in wanted:
        put_on_trial(wanted.pop(ON_TRIAL))
    clothing.train(sample_dir, labels_dir, out_dir, json.dumps(wanted))


def judge(sample_dir: str, labels_dir: str, model_dir: str, out_dir: str) -> None:
    """Answer the fold that was left out, image by image and product by product."""
    from cdiscount_tasks.stages.evaluation import evaluate_model

    evaluated = evaluate_model(Path(sample_dir), Path(labels_dir), Path(model_dir), Path(model_dir).parent)
    for unit, name in (("image", "image_predictions"), ("product", "predictions")):
        rows = pd.read_parquet(Path(evaluated["path"]) / f"{name}.parquet")
        rows = rows[rows["split"] == "test"]
        keys = ["product_id", "image_number"] if unit == "image" else ["product_id"]
        right = rows[[*keys, "group_id"]].assign(right=rows["predicted"] == rows["class_index"])
        right.to_parquet(Path(out_dir) / f"{unit}.parquet")


def train_fold(fold: dict[str, str], knobs: dict[str, Any], out_dir: Path) -> dict[str, Any]:
    """Train and judge one recipe with one seed on one fold, unless that is done already; returns what it took."""
    done = out_dir / "done.json"
    if done.exists() and (found := json.loads(done.read_text()))["knobs"] == knobs:
        return dict(found)
    shutil.rmtree(out_dir, ignore_errors=True)
    out_dir.mkdir(parents=True)
    at = (fold["sample"], fold["labels"])
    trained = run_step(STEPS, "train", *at, out_dir / "made", json.dumps(knobs))
    run_step(STEPS, "judge", *at, trained.said["path"], out_dir)
    shutil.rmtree(out_dir / "made")
    said = {"knobs": knobs, "cpu_s": trained.cpu_s, "epochs": trained.said["num_epochs"]}
    done.write_text(json.dumps(said))
    return said


def knobs_of(recipe: str, on_top: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return all knobs of a recipe."""
    preset, different = RECIPES[recipe]
    knobs = {**WINE.presets[preset].model_dump(mode="json"), **different, **on_top, "seed": seed}
    on_trial = {ON_TRIAL: knobs.pop(ON_TRIAL)} if ON_TRIAL in knobs else {}
    return TrainingConfig.model_validate(knobs).model_dump(mode="json") | on_trial


def measure(folder: Path, options: argparse.Namespace) -> dict[str, tuple[float, dict[str, pd.DataFrame]]]:
    """Train every recipe on every fold with every seed.

    Returns:
        Of each recipe the mean CPU seconds of a training, and by unit a table whose column `right` is the share of
        seeds that answered an image or product rightly, with its group_id.
    """
    folds = find_folds(folder, options.set, options.folds, options.few, options.products)
    found = {}
    for recipe in options.recipes:
        cpu_s: list[float] = []
        answers: dict[str, list[pd.DataFrame]] = {"image": [], "product": []}
        for number, fold in enumerate(folds):
            for seed in options.seeds:
                out_dir = folder / f"{recipe}-{number}-{seed}"
                cpu_s.append(train_fold(fold, knobs_of(recipe, json.loads(options.knobs), seed), out_dir)["cpu_s"])
                for unit, tables in answers.items():
                    tables.append(pd.read_parquet(out_dir / f"{unit}.parquet"))
        units = {unit: _mean_of_seeds(pd.concat(tables)) for unit, tables in answers.items()}
        found[recipe] = (statistics.mean(cpu_s), units)
        print(f"{recipe}: {len(cpu_s)} trainings of {statistics.mean(cpu_s):.0f} CPU seconds", flush=True)
    return found


def _mean_of_seeds(answers: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("product_id", "image_number") if name in answers]
    return answers.groupby(keys, as_index=False).agg(right=("right", "mean"), group_id=("group_id", "first"))


def told(figure: Figure, sign: str = "") -> str:
    """Return a figure with its interval."""
    if figure["low"] is None:
        return f"{figure['value']:{sign}.3f}"
    return f"{figure['value']:{sign}.3f} [{figure['low']:{sign}.3f}, {figure['high']:{sign}.3f}]"


def main() -> None:
    """Read the options, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="clothing", help="clothing, or a sample of the drawn demo and a seed: wine:0")
    parser.add_argument("--recipes", nargs="*", default=["baseline_before", "baseline"], choices=list(RECIPES))
    parser.add_argument("--knobs", default="{}", help="JSON: knobs on top of every recipe")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--few", type=int, default=0, help="pictures of each class to learn from; 0: all")
    parser.add_argument("--products", type=int, default=DEFAULT_PRODUCTS, help="of the drawn catalogue")
    parser.add_argument("--folder", type=Path, required=True, help="where to write; what is there is used")
    options = parser.parse_args()
    found = measure(options.folder, options)
    print("| recipe | CPU s | by image | more than the first | by product | more than the first |")
    print("|---|---|---|---|---|---|")
    _, first = found[options.recipes[0]]
    for recipe, (cpu_s, units) in found.items():
        cells = []
        for unit, table in units.items():
            right, group = (table[name].to_numpy() for name in ("right", "group_id"))
            gain = paired_difference(right, first[unit]["right"], group)
            cells += [told(mean_figure(right, group)), "" if recipe == options.recipes[0] else told(gain, "+")]
        print(f"| {recipe} | {cpu_s:.0f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    run_main(main, make, train, judge)
