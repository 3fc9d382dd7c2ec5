"""How often a promised precision is kept on fresh draws of the demo catalogue.

`python -m benchmarks.belief.promise_draws`, after `make demo`: catalogues are drawn with seeds of their own and
predicted with the champion of `--sample`. Of the products of its categories, which it has never seen, all draws
together are the population: the precision from each confidence on is known. From it validations of as many groups as
one draw has are drawn anew; each chooses its threshold, and the promise is kept where the population's precision above
it is what was promised. Also shown: the model's own threshold, draw by draw.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.learning.measuring.promises import TARGET_PRECISIONS, choose_threshold
from cdiscount_tasks.runs import registry
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.stages.predictions import answer_range, join_answers, plan_answers
from cdiscount_tasks.tables.predicted import read_predicted
from demo.catalogue import draw_catalogue
from tests.material.indexing import index_catalogue

FIRST_SEED = 1000


def predict_draw(seed: int, num_products: int, champion: registry.Champion, folder: Path) -> pd.DataFrame:
    """Draw a catalogue and predict it; returns what became of the products of the model's categories."""
    catalogue_path = folder / "catalogue.bson"
    draw_catalogue(folder, num_products=num_products, seed=seed)
    index_dir = Path(index_catalogue(catalogue_path, folder / "index", 0.9)["path"])
    model = PredictingModel(champion.path, champion.evaluation_dir, champion.labels_dir, champion.sample_dir)
    for byte_range in plan_answers(index_dir, catalogue_path):
        answer_range(index_dir, catalogue_path, byte_range, model, folder)
    rows = read_predicted(Path(join_answers(index_dir, catalogue_path, model, folder, None)["path"])).to_pandas()
    known = {one.category_id for one in champion.classes}
    rows = rows[rows["given_category_id"].isin(known) & rows["known_split"].isna() & ~rows["copy_of_train"]]
    best = np.array([ids[0] for ids in rows["top_category_ids"]], np.int64)
    return pd.DataFrame(
        {
            "draw": seed,
            "group": rows["group_id"].to_numpy(),
            "confidence": rows["probability"].to_numpy(np.float32),
            "right": best == rows["given_category_id"].to_numpy(np.int64),
        }
    )


def rows_of_draw(seed: int, num_products: int, champion: registry.Champion, keep: Path | None) -> pd.DataFrame:
    """Return the rows of a draw, read back where an earlier call with this model kept them."""
    kept = keep and keep / f"{champion.path.name}-{num_products}-{seed}.parquet"
    if kept and kept.exists():
        return pd.read_parquet(kept)
    with tempfile.TemporaryDirectory() as folder:
        rows = predict_draw(seed, num_products, champion, Path(folder))
    if kept:
        partial = kept.with_suffix(".partial")
        rows.to_parquet(partial)
        partial.replace(kept)
    return rows


def precision_of(population: pd.DataFrame, threshold: float) -> float:
    """Return the share of the answers from a confidence on that are right."""
    return float(population.loc[population["confidence"] >= threshold, "right"].mean())


def draw_validations(population: pd.DataFrame, num_validations: int) -> Iterator[pd.DataFrame]:
    """Draw validations of as many groups as a draw of the catalogue has, without repeating one within a validation."""
    random = np.random.default_rng(0)
    groups = population.groupby("draw")["group"].nunique()
    names = population["draw"].astype(str) + " " + population["group"].astype(str)
    place, unique = pd.factorize(names)
    num_groups = int(groups.mean())
    for _ in range(num_validations):
        chosen = np.zeros(len(unique), bool)
        chosen[random.choice(len(unique), num_groups, replace=False)] = True
        yield population.assign(group=place)[chosen[place]]


def kept_promises(population: pd.DataFrame, target: float, num_validations: int) -> tuple[int, int, float]:
    """Return how many validations give a threshold, how many of these keep the promise, and the mean share answered."""
    kept, answered = [], []
    for rows in draw_validations(population, num_validations):
        found = choose_threshold(
            rows["confidence"].to_numpy(), rows["right"].to_numpy(), rows["group"].to_numpy(np.int64), target
        )["threshold"]
        if found is not None:
            kept.append(precision_of(population, found) >= target)
            answered.append(float((population["confidence"] >= found).mean()))
    return len(kept), sum(kept), float(np.mean(answered)) if answered else 0.0


def main() -> None:
    """Read the options, draw, predict, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", default="mixed_bag")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--products", type=int, default=5000)
    parser.add_argument("--validations", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="a folder for the rows of each draw, so that a second call goes on")
    options = parser.parse_args()
    champion = registry.champion(options.sample)
    if champion is None:
        parser.error(f"{options.sample} has no champion: run `make demo` first")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    seeds = range(FIRST_SEED, FIRST_SEED + options.draws)
    found = [rows_of_draw(seed, options.products, champion, options.keep) for seed in seeds]
    population = pd.concat(found, ignore_index=True)
    print(f"{len(population):,} products of {options.draws} draws; {100 * population['right'].mean():.1f} % are right")
    print("| promise | validations | give a threshold | of these keep the promise | answered |\n|---|---|---|---|---|")
    for target in reversed(TARGET_PRECISIONS):
        num_given, num_kept, share = kept_promises(population, target, options.validations)
        print(f"| {100 * target:.0f} % | {options.validations} | {num_given} | {num_kept} | {100 * share:.1f} % |")
    for one in read_json(champion.evaluation_dir / "calibration.json")["thresholds"]:
        if one["threshold"] is not None:
            by_draw = [precision_of(rows, one["threshold"]) for rows in found]
            whole = 100 * precision_of(population, one["threshold"])
            target = one["target_precision"]
            num_kept = sum(value >= target for value in by_draw)
            print(
                f"the model's own threshold for {100 * target:.0f} %, {one['threshold']:.3f}: {whole:.1f} % of all "
                f"draws together, at least {100 * target:.0f} % in {num_kept} of {options.draws}"
            )


if __name__ == "__main__":
    main()
