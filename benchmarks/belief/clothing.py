"""Accuracy and CPU time of networks on the clothing photos, official split: `python -m benchmarks.belief.clothing`.

Each training is a process of its own whose CPU time is measured whole, imports and the extraction of features included.
What is chosen is chosen on validation; `--split test` is for final candidates, once each, and says so in its output.
"""

import argparse
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

from benchmarks.material.measure import run_main, run_step
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR, need_test_data

STEPS = "benchmarks.belief.clothing"
CATEGORIES = tuple(range(1910000000, 1910000010))

_SMALL = {"network": "small_cnn", "image_size": 96}
_MOBILENET = {"network": "mobilenet_v2", "weights": "imagenet", "batch_size": 32}
_TUNED = {
    "epochs": 10, "fine_tune_learning_rate": 0.001, "fine_tune_share": 0.57, "weight_decay": 0.01,
    "chosen_epoch": "loss",  # as it was when they were first measured
}  # fmt: skip
RECIPES: dict[str, dict[str, Any]] = {
    "plain_cnn": {"network": "plain_cnn", "image_size": 96, "epochs": 20},
    "small_cnn_64_pixels": {**_SMALL, "image_size": 64, "epochs": 24},
    "small_cnn_12": {**_SMALL, "epochs": 12},
    "small_cnn_20": {**_SMALL, "epochs": 20},
    "small_cnn_30": {**_SMALL, "epochs": 30},
    "frozen": {**_MOBILENET, "image_size": 160},
    "fine_tuned": {**_MOBILENET, **_TUNED, "image_size": 160, "fine_tune_epochs": 7},
    "fine_tuned_long": {**_MOBILENET, **_TUNED, "image_size": 224, "fine_tune_epochs": 10},
}
"""What is compared unless options say otherwise; knobs as in a preset. small_cnn takes less than half of the CPU time
that plain_cnn takes for its 20 epochs for 24 at 64 pixels or for 12 at 96, and about the same for 30."""


def make(folder: str) -> None:
    """Index the photos, draw all of them, fix their labels with the official split."""
    from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SplitConfig
    from cdiscount_tasks.stages.inputs import LabelFiles
    from cdiscount_tasks.stages.labels import fix_labels
    from cdiscount_tasks.stages.sample import draw_sample

    data_dir, out_dir = TEST_DATA_DIR / "clothing", Path(folder)
    catalogue = data_dir / "catalogue.bson"
    index_dir = Path(index_catalogue(catalogue, out_dir / "index")["path"])
    sample_dir = Path(draw_sample(index_dir, catalogue, out_dir, DrawConfig(categories=CATEGORIES))["path"])
    files = LabelFiles(names_path=data_dir / "category_names.csv", split_path=data_dir / "splits.csv")
    config = LabelConfig(categories=CATEGORIES, split=SplitConfig(file="splits.csv"))
    labels = fix_labels(index_dir, sample_dir, files, out_dir, config)
    print(json.dumps({"sample": str(sample_dir), "labels": labels["path"]}))


def train(sample_dir: str, labels_dir: str, out_dir: str, knobs: str) -> None:
    """Extract the features that the recipe needs, and train; both anew, in this process."""
    from cdiscount_tasks.machine.weights import find_weights
    from cdiscount_tasks.settings.training import TrainingConfig
    from cdiscount_tasks.stages.features import extract_features
    from cdiscount_tasks.stages.inputs import Pretrained
    from cdiscount_tasks.stages.model import train_model

    config = TrainingConfig(**json.loads(knobs))
    inputs = Path(sample_dir), Path(labels_dir)
    pretrained = None
    if config.weights != "none":
        weights_path = find_weights(config.network, TEST_DATA_DIR / "weights")
        features = extract_features(*inputs, weights_path, Path(out_dir), config)
        pretrained = Pretrained(weights_path, Path(features["path"]))
    print(json.dumps(train_model(*inputs, pretrained, Path(out_dir), config)))


def judge(sample_dir: str, labels_dir: str, model_dir: str, split: str) -> None:
    """Measure a model on one split, with the report's own intervals."""
    import pandas as pd

    from cdiscount_tasks.learning.measuring.intervals import share_figure
    from cdiscount_tasks.stages.evaluation import evaluate_model

    evaluated = evaluate_model(Path(sample_dir), Path(labels_dir), Path(model_dir), Path(model_dir).parent)
    found = {}
    for unit, name in (("image", "image_predictions"), ("product", "predictions")):
        rows = pd.read_parquet(Path(evaluated["path"]) / f"{name}.parquet")
        rows = rows[rows["split"] == split]
        found[unit] = dict(share_figure((rows["predicted"] == rows["class_index"]).to_numpy(), rows["group_id"]))
    print(json.dumps(found))


def measure(folder: Path, recipes: dict[str, dict[str, Any]], seeds: list[int], split: str) -> list[dict[str, Any]]:
    """Train every recipe with every seed; prints a line each."""
    made = run_step(STEPS, "make", folder).said
    rows = []
    for name, knobs in recipes.items():
        for seed in seeds:
            out_dir = folder / f"{name}-{seed}"
            shutil.rmtree(out_dir, ignore_errors=True)  # what a run that died left would spare this one its time
            trained = run_step(
                STEPS, "train", made["sample"], made["labels"], out_dir, json.dumps({**knobs, "seed": seed})
            )
            judged = run_step(STEPS, "judge", made["sample"], made["labels"], trained.said["path"], split).said
            rows.append({
                "recipe": name, "seed": seed, "cpu_s": round(trained.cpu_s), "wall_s": round(trained.wall_s),
                "peak_mib": round(trained.peak_mib), "epochs": trained.said["num_epochs"],
                "best_epoch": trained.said["best_epoch"], "parameters": trained.said["num_parameters"],
                "split": split, **judged,
            })  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
            shutil.rmtree(out_dir)
    return rows


def told(figures: list[dict[str, Any]]) -> str:
    """Return the mean of the seeds, the single ones, and the widest interval of one."""
    values = [figure["value"] for figure in figures]
    low, high = min(figure["low"] for figure in figures), max(figure["high"] for figure in figures)
    single = ", ".join(f"{value:.3f}" for value in values)
    return f"{statistics.mean(values):.3f} ({single}) [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Read the options, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), help=f"of {', '.join(RECIPES)}")
    parser.add_argument("--knobs", default="{}", help="JSON: knobs on top of every recipe")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    options = parser.parse_args()
    need_test_data(TEST_DATA_DIR / "clothing", TEST_DATA_DIR / "weights")
    recipes = {name: {**RECIPES[name], **json.loads(options.knobs)} for name in options.recipes}
    rows = measure(options.folder, recipes, options.seeds, options.split)
    print("| recipe | CPU s | epochs | by image | by product |\n|---|---|---|---|---|")
    for name in recipes:
        mine = [row for row in rows if row["recipe"] == name]
        cpu_s = round(statistics.mean(row["cpu_s"] for row in mine))
        epochs = ", ".join(str(row["epochs"]) for row in mine)
        units = (told([row[unit] for row in mine]) for unit in ("image", "product"))
        print(f"| {name} | {cpu_s} | {epochs} | {' | '.join(units)} |")


if __name__ == "__main__":
    run_main(main, make, train, judge)
