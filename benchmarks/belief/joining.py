"""Ways to join a product's images, beside the geometric mean: `python -m benchmarks.belief.joining --folder <stays>`.

    ... [--sets clothing | wine:0 wine:1 wine:2] [--ways attention ...] [--seeds 0 1 2] [--folds 5]

The folds are those of `benchmarks.belief.recipes`: products of train and validation, groups whole, without the test
split. A head learns from frozen features, as the recipe `frozen`; the geometric mean of its answers is what each way is
compared with, product by product, over groups. What learns from answers of the head gets those of heads that have not
seen the product: five, each learnt without a part of the groups. All ways learn by the laws of the project's own
training, with the epoch chosen on validation. Log-losses are at the temperature that validation chooses. Products of
several sets are joined into one table; what is in the folder already is not learnt again.

Not here: the mean of features that the head of single images answers. Before a softmax, a linear layer makes of it the
geometric mean itself.
"""

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.belief.recipes import knobs_of, told
from benchmarks.material.folds import decided_by, find_folds
from benchmarks.material.measure import run_main, run_step
from benchmarks.material.ways_to_join import GEOMETRIC, WAYS, Trial, iter_ways, log_loss_of, read_split
from cdiscount_tasks.learning.measuring.calibration import choose_temperature
from cdiscount_tasks.learning.measuring.intervals import mean_figure
from cdiscount_tasks.learning.measuring.paired import paired_difference
from cdiscount_tasks.machine.device import prepare_device
from cdiscount_tasks.machine.weights import find_weights
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.features import extract_features
from cdiscount_tasks.tables import parquet, schemas
from demo.catalogue import DEFAULT_PRODUCTS
from tests.material.real_data import TEST_DATA_DIR

STEPS = "benchmarks.belief.joining"


def see(sample_dir: str, labels_dir: str, out_dir: str, weights: str, knobs: str) -> None:
    """Extract the features of all images and their mirror images."""
    config = TrainingConfig(**json.loads(knobs))
    weights_path = find_weights(config.network, Path(weights))
    print(json.dumps(extract_features(Path(sample_dir), Path(labels_dir), weights_path, Path(out_dir), config)))


def learn(labels_dir: str, features_dir: str, out_dir: str, ways: str, knobs: str) -> None:
    """Learn without the products that are judged, and answer these in every way; prints CPU seconds by way."""
    config = TrainingConfig(**json.loads(knobs))
    device = prepare_device(config.seed)
    learnt, chosen, judged = (
        read_split(Path(labels_dir), Path(features_dir), split) for split in ("train", "validation", "test")
    )
    num_classes = parquet.read_table(Path(labels_dir) / "classes.parquet", schemas.CLASSES).num_rows
    trial = Trial(config, device, chosen, num_classes)
    chosen_true, true = (images.of_product(images.class_index) for images in (chosen, judged))
    tables, cpu_s, began = [], {}, time.process_time()
    for way, of_chosen, of_judged in iter_ways(trial, learnt, judged, ways.split()):
        cpu_s[way], began = time.process_time() - began, time.process_time()
        if of_judged is None:
            continue
        log_loss = log_loss_of(of_judged, true, choose_temperature(of_chosen, chosen_true)[0])
        columns = {"right": of_judged.argmax(axis=1) == true, "log_loss": log_loss}
        keys = {name: judged.of_product(getattr(judged, name)) for name in ("product_id", "group_id")}
        tables.append(pd.DataFrame({"way": way, **keys, "num_images": np.bincount(judged.product), **columns}))
    pd.concat(tables).to_parquet(Path(out_dir) / "answers.parquet")
    print(json.dumps(cpu_s))


def _learn_fold(
    fold: dict[str, str], features_dir: str, out_dir: Path, ways: str, knobs: dict[str, Any]
) -> dict[str, Any]:
    done, wanted = out_dir / "done.json", decided_by(fold, ways=ways, knobs=knobs)
    if done.exists() and (found := json.loads(done.read_text()))["wanted"] == wanted:
        return dict(found)
    shutil.rmtree(out_dir, ignore_errors=True)
    out_dir.mkdir(parents=True)
    said = run_step(STEPS, "learn", fold["labels"], features_dir, out_dir, ways, json.dumps(knobs)).said
    done.write_text(json.dumps({"wanted": wanted, "cpu_s": said}))
    return {"cpu_s": said}


def measure(folder: Path, set_name: str, options: argparse.Namespace) -> tuple[pd.DataFrame, list[dict[str, float]]]:
    """Learn and judge on every fold with every seed.

    Returns:
        A row a way, seed and product: set, way, product_id, group_id, num_images, right, log_loss; and the CPU seconds
        of each fold and seed by way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folds = find_folds(folder, set_name, options.folds, 0, options.products)
    on_top, ways = json.loads(options.knobs), " ".join(options.ways)
    seen = knobs_of("frozen", {**on_top, "mirrored_features": True}, 0)
    # All folds have the same images: those of one will do.
    said = run_step(STEPS, "see", *folds[0].values(), folder, options.weights, json.dumps(seen))
    print(f"{set_name}: features of {said.said['num_images']} images and their mirror images, {said.cpu_s:.0f} CPU s")
    tables, costs = [], []
    for number, fold in enumerate(folds):
        for seed in options.seeds:
            out_dir = folder / f"learnt-{number}-{seed}"
            knobs = knobs_of("frozen", on_top, seed)
            costs.append(_learn_fold(fold, said.said["path"], out_dir, ways, knobs)["cpu_s"])
            tables.append(pd.read_parquet(out_dir / "answers.parquet"))
    return pd.concat(tables).assign(set=set_name), costs


def print_table(answers: pd.DataFrame, costs: list[dict[str, float]]) -> None:
    """Print a row a way: what it is worth, and its difference from the geometric mean with the interval over groups."""
    keys = ["way", "set", "product_id"]
    means = answers.groupby(keys, as_index=False)[["group_id", "num_images", "right", "log_loss"]].mean()
    cpu_s = pd.DataFrame(costs).mean()
    first = means[means["way"] == GEOMETRIC]
    group = first.groupby(["set", "group_id"]).ngroup().to_numpy()
    several = (first["num_images"] > 1).to_numpy()
    print(f"{len(first)} products, {several.sum()} of several images")
    print("| way | CPU s | all products | more than geometric | of several images | more | log-loss | more |")
    print("|---|---|---|---|---|---|---|---|")
    for way in (way for way in (GEOMETRIC, *WAYS) if way in cpu_s):
        rows, cells = means[means["way"] == way], []
        for column, some in (("right", several | True), ("right", several), ("log_loss", several | True)):
            value, before = (table[column].to_numpy()[some] for table in (rows, first))
            gain = "" if way == GEOMETRIC else told(paired_difference(value, before, group[some]), "+")
            is_share = column == "right"
            cells += [
                told(mean_figure(value, group[some], is_share)) if way == GEOMETRIC else f"{value.mean():.3f}",
                gain,
            ]
        print(f"| {way} | {cpu_s[way]:.1f} | {' | '.join(cells)} |")
    if "five heads" in cpu_s:
        print(f"Every way on answers needs five more heads: {cpu_s['five heads']:.1f} CPU s.")


def main() -> None:
    """Read the options, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sets", nargs="*", default=["clothing"], help="clothing, or samples of the drawn demo: wine:0"
    )
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--knobs", default="{}", help="JSON: knobs on top of the recipe frozen")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--products", type=int, default=DEFAULT_PRODUCTS, help="of the drawn catalogue")
    parser.add_argument("--weights", type=Path, default=TEST_DATA_DIR / "weights", help="folder of pretrained weights")
    parser.add_argument("--folder", type=Path, required=True, help="where to write; what is there is used")
    options = parser.parse_args()
    found = [measure(options.folder / name.replace(":", "-"), name, options) for name in options.sets]
    print_table(pd.concat([answers for answers, _ in found]), [cost for _, costs in found for cost in costs])


if __name__ == "__main__":
    run_main(main, see, learn)
