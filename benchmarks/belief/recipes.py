"""Ways to train, ranked: `python -m benchmarks.belief.recipes --folder <one that stays>`.

    ... [--sets clothing wine:0] [--few 20] [--recipes baseline_before baseline ...] [--seeds 0 1] [--folds 5]

Cross-validation over groups: the products of train and validation are dealt into folds, groups whole; each recipe
learns without a fold and answers it, so that each product is answered once by a model that has not seen its group. The
test split is left out of the catalogue before anything is learnt. A recipe is compared with the first one product by
product, with the interval of the difference over groups: what lies within it says nothing for either. With `--few`
each class has so many pictures to learn from. What is in the folder already, of the same folds, is not trained again.
"""

import argparse
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.material.folds import decided_by, find_folds
from benchmarks.material.measure import run_main, run_step
from benchmarks.material.ways_to_train import BASELINE, BASELINE_BEFORE, TRANSFER, TRANSFER_BEFORE
from cdiscount_tasks.learning.measuring.intervals import Figure, mean_figure
from cdiscount_tasks.learning.measuring.paired import paired_difference
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.sample import read_sample
from cdiscount_tasks.settings.training import TrainingConfig
from demo.catalogue import DEFAULT_PRODUCTS

STEPS = "benchmarks.belief.recipes"
WINE = read_sample(PROJECT_DIR / "include" / "samples" / "wine.yaml")

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    **{preset: (preset, {}) for preset in WINE.presets},
    "baseline_before": ("baseline", BASELINE_BEFORE),
    "baseline_batch_128": ("baseline", {**BASELINE_BEFORE, "batch_size": 128}),
    "transfer_before": ("transfer", TRANSFER_BEFORE),
    "frozen": ("transfer", {**TRANSFER_BEFORE, "fine_tune_epochs": 0}),
    **TRANSFER,
    **BASELINE,
}
"""A preset of the wine sample, and what differs from it. The first one asked for is what the others are compared to."""


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
    done, wanted = out_dir / "done.json", decided_by(fold, knobs=knobs)
    if done.exists() and (found := json.loads(done.read_text())).get("wanted") == wanted:
        return dict(found)
    shutil.rmtree(out_dir, ignore_errors=True)
    out_dir.mkdir(parents=True)
    at = (fold["sample"], fold["labels"])
    trained = run_step("benchmarks.belief.clothing", "train", *at, out_dir / "made", json.dumps(knobs))
    run_step(STEPS, "judge", *at, trained.said["path"], out_dir)
    shutil.rmtree(out_dir / "made")
    said = {"wanted": wanted, "cpu_s": trained.cpu_s, "epochs": trained.said["num_epochs"]}
    done.write_text(json.dumps(said))
    return said


def knobs_of(recipe: str, on_top: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return all knobs of a recipe."""
    preset, different = RECIPES[recipe]
    knobs = {**WINE.presets[preset].model_dump(mode="json"), **different, **on_top, "seed": seed}
    return TrainingConfig.model_validate(knobs).model_dump(mode="json")


def measure(folder: Path, set_name: str, options: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train every recipe on every fold with every seed.

    Returns:
        A row a recipe and image, and one a recipe and product (whose image_number is -1): set, group_id, category_id,
        and `right`, the share of seeds that answered it rightly; and a row a training: recipe, cpu_s.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folds = find_folds(folder, set_name, options.folds, options.few, options.products)
    splits = pd.concat(pd.read_csv(folder / f"fold-{number}" / "split.csv") for number in range(len(folds)))
    category = splits.drop_duplicates("product_id").set_index("product_id")["category_id"]
    answers, costs = [], []
    for recipe in options.recipes:
        for number, fold in enumerate(folds):
            for seed in options.seeds:
                out_dir = folder / f"{recipe}-{number}-{seed}"
                cost = train_fold(fold, knobs_of(recipe, json.loads(options.knobs), seed), out_dir)["cpu_s"]
                costs.append({"recipe": recipe, "cpu_s": cost})
                tables = (pd.read_parquet(out_dir / f"{unit}.parquet") for unit in ("image", "product"))
                answers.append(pd.concat(tables).fillna({"image_number": -1}).assign(recipe=recipe))
        taken = [cost["cpu_s"] for cost in costs if cost["recipe"] == recipe]
        print(f"{set_name}, {recipe}: {len(taken)} trainings of {statistics.mean(taken):.0f} CPU seconds", flush=True)
    means = pd.concat(answers).groupby(["recipe", "product_id", "image_number"], as_index=False)
    found = means.agg(right=("right", "mean"), group_id=("group_id", "first"))
    return found.assign(category_id=found["product_id"].map(category), set=set_name), pd.DataFrame(costs)


def told(figure: Figure, sign: str = "") -> str:
    """Return a figure with its interval."""
    if figure["low"] is None:
        return f"{figure['value']:{sign}.3f}"
    return f"{figure['value']:{sign}.3f} [{figure['low']:{sign}.3f}, {figure['high']:{sign}.3f}]"


def _class_weights(products: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return what each product weighs in the mean over classes, relative to the mean over products: [n]."""
    of_class = products.groupby(["set", "category_id"])
    num_of_class = of_class["product_id"].transform("size").to_numpy()
    weights: npt.NDArray[np.float64] = len(products) / (of_class.ngroups * num_of_class)
    return weights


def print_table(answers: pd.DataFrame, costs: pd.DataFrame) -> None:
    """Print a row a recipe: what it is worth, and its difference from the first with the interval over groups."""
    print("| recipe | CPU s | by image | more than the first | by product | more | mean over classes | more |")
    print("|---|---|---|---|---|---|---|---|")
    recipes = costs["recipe"].unique()
    of_images, of_products = (answers[(answers["image_number"] < 0) == is_product] for is_product in (False, True))
    for recipe in recipes:
        cells = []
        for rows, is_over_classes in ((of_images, False), (of_products, False), (of_products, True)):
            of_recipe, of_first = (rows[rows["recipe"] == one] for one in (recipe, recipes[0]))
            keys = ["set", "product_id", "image_number"]
            assert np.array_equal(of_recipe[keys], of_first[keys]), "recipes that answered the same"
            group = of_first.groupby(["set", "group_id"]).ngroup().to_numpy()
            weights = _class_weights(of_first) if is_over_classes else np.ones(len(of_first))
            right, before = (of_one["right"].to_numpy() * weights for of_one in (of_recipe, of_first))
            # The interval of a mean over classes would be that of a mean whose classes are drawn anew.
            cells.append(f"{right.mean():.3f}" if is_over_classes else told(mean_figure(right, group)))
            cells.append("" if recipe == recipes[0] else told(paired_difference(right, before, group), "+"))
        cpu_s = costs.loc[costs["recipe"] == recipe, "cpu_s"].mean()
        print(f"| {recipe} | {cpu_s:.0f} | {' | '.join(cells)} |")


def main() -> None:
    """Read the options, measure, print a table of each set and one of all together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sets", nargs="*", default=["clothing"], help="clothing, or samples of the drawn demo and a seed: wine:0"
    )
    parser.add_argument("--recipes", nargs="*", default=["baseline_before", "baseline"], choices=list(RECIPES))
    parser.add_argument("--knobs", default="{}", help="JSON: knobs on top of every recipe")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument(
        "--few",
        type=int,
        default=0,
        help="pictures of each class to learn from, and a ninth of it for validation; 0: all",
    )
    parser.add_argument("--products", type=int, default=DEFAULT_PRODUCTS, help="of the drawn catalogue")
    parser.add_argument("--folder", type=Path, required=True, help="where to write; what is there is used")
    options = parser.parse_args()
    found = [measure(options.folder / name.replace(":", "-"), name, options) for name in options.sets]
    for name, one in zip(options.sets, found, strict=True):
        print(f"\n{name}")
        print_table(*one)
    if len(found) > 1:
        print(f"\n{', '.join(options.sets)} together")
        print_table(*(pd.concat(tables) for tables in zip(*found, strict=True)))


if __name__ == "__main__":
    run_main(main, judge)
