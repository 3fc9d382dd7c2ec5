"""What the audit finds in a dirty catalogue: `python -m benchmarks.belief.audit` prints wrong labels and the leak.

The clothing catalogue is made dirty by ../shared/tools/plant_faults.py and goes through index, sample, labels, features
and audit. The planter's truth says which of the most suspect products carry a wrong category; a random order is beside.

`--drawn` does the same without any file for the demo's samples, by the descriptor: the demo's plan says which category
each picture was drawn as. The demo draws few wrong labels, so the table also has the catalogue with more of them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bson
import numpy as np
import pandas as pd

from cdiscount_tasks.learning.features.suspects import SUSPECT
from cdiscount_tasks.machine.backbones import reference_backbone
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, read_sample
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.description import describe_pictures
from cdiscount_tasks.stages.features import extract_features
from cdiscount_tasks.stages.inputs import LabelFiles, Reviews
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from demo.catalogue import DEFAULT_PRODUCTS, draw_catalogue
from demo.categories import CATEGORIES
from demo.plan import REFUSED_ODDITIES, plan_catalogue
from tests.material.dirty_clothing import CLOTHING, PLANTER, plant, run_pipeline
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR, need_test_data

_NUM_SHUFFLES = 1_000
DEMO_SAMPLES = ("wine", "mixed_bag")
MORE_WRONG = 0.02
"""Of a sample's products, given a wrong category on top of what the demo draws: the clothing catalogue's share."""


def _found(ranked: np.ndarray, wrong: set[int], num_first: int) -> int:
    return int(np.isin(ranked[:num_first], list(wrong)).sum())


def compare_orders(rows: pd.DataFrame, wrong: set[int]) -> list[tuple[str, int, float]]:
    """Return how many planted wrong labels are among the first products of an order, as many as were planted.

    Args:
        rows: suspects.parquet, the most suspect first.
        wrong: product_ids with a planted wrong category that are judged.

    Returns:
        Rows of order, number of products looked at, number of wrong labels among them.
    """
    ranked, random = rows["product_id"].to_numpy(), np.random.default_rng(0)
    shuffled = [_found(random.permutation(ranked), wrong, len(wrong)) for _ in range(_NUM_SHUFFLES)]
    num_suspects = int(rows["is_suspect"].sum())
    return [
        ("by suspicion", len(wrong), _found(ranked, wrong, len(wrong))),
        (f"at random (mean of {_NUM_SHUFFLES:,})", len(wrong), float(np.mean(shuffled))),
        ("all suspects", num_suspects, _found(ranked, wrong, num_suspects)),
    ]


def _told(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


class FoundInList(NamedTuple):
    """How many wrong labels the suspects that a report lists hold.

    Attributes:
        num_judged: Products that were judged.
        num_wrong: Of these, how many carry a wrong label.
        num_listed: Suspects that are listed.
        num_found: Of these, how many carry a wrong label.
    """

    num_judged: int
    num_wrong: int
    num_listed: int
    num_found: int

    def __str__(self) -> str:
        """Return the counts and shares as cells of a table."""
        num_judged, num_wrong, num_listed, num_found = self
        by_chance = num_listed * num_wrong / num_judged
        precision, recall = 100 * num_found / max(1, num_listed), 100 * num_found / max(1, num_wrong)
        counts = f"{num_judged:,} | {num_wrong} | {num_listed} | {num_found} | {by_chance:.1f}"
        return f"{counts} | {precision:.1f} % | {100 * num_wrong / num_judged:.1f} % | {recall:.0f} %"


def find_in_list(rows: pd.DataFrame, drawn_as: dict[int, set[int]]) -> Iterator[tuple[str, FoundInList]]:
    """Yield how many wrong labels are among the listed suspects, by what counts as wrong.

    Args:
        rows: suspects.parquet.
        drawn_as: The categories that the pictures of each product were drawn as, by product_id.
    """
    truth = rows["product_id"].map(drawn_as)
    listed = (rows["listed"] == SUSPECT).to_numpy()
    given = rows["category_id"]
    kinds = {
        "no picture of its category": [one not in drawn for one, drawn in zip(given, truth, strict=True)],
        "a picture of a different category": [{one} != drawn for one, drawn in zip(given, truth, strict=True)],
    }
    for kind, is_wrong in kinds.items():
        wrong = np.array(is_wrong, bool)
        yield kind, FoundInList(len(rows), int(wrong.sum()), int(listed.sum()), int((wrong & listed).sum()))


def read_plan(num_products: int) -> dict[int, set[int]]:
    """Return the categories that the pictures of each good product of the demo were drawn as, by product_id."""
    plan = plan_catalogue(num_products, seed=0)
    shown = {
        product.product_id: {plan.pictures[number].class_number for number in product.pictures if number is not None}
        for product in plan.products
        if product.oddity not in REFUSED_ODDITIES
    }
    return {i: {CATEGORIES[number].category_id for number in numbers} for i, numbers in shown.items()}


def relabel(catalogue: Path, categories: tuple[int, ...], out: Path) -> None:
    """Write a catalogue in which a share of the products of some categories carry a different one of these."""
    with catalogue.open("rb") as file:
        documents = list(bson.decode_file_iter(file))
    places = [place for place, document in enumerate(documents) if document.get("category_id") in categories]
    random = np.random.default_rng(0)
    for place in random.choice(places, round(MORE_WRONG * len(places)), replace=False):
        others = [category for category in categories if category != documents[place]["category_id"]]
        documents[place]["category_id"] = others[int(random.integers(len(others)))]
    out.write_bytes(b"".join(map(bson.encode, documents)))


def _audit_by_descriptor(catalogue: Path, categories: tuple[int, ...], folder: Path) -> pd.DataFrame:
    """Audit some categories of a drawn catalogue as a run without weights does; returns suspects.parquet."""
    index_dir = Path(index_catalogue(catalogue, folder / "index")["path"])
    sample_dir = Path(draw_sample(index_dir, catalogue, folder, DrawConfig(categories=categories))["path"])
    config = LabelConfig(categories=categories)
    labels_dir = Path(fix_labels(index_dir, sample_dir, LabelFiles(), folder, config)["path"])
    features_dir = Path(describe_pictures(sample_dir, labels_dir, folder)["path"])
    return pd.read_parquet(
        Path(audit_labels(labels_dir, features_dir, Reviews(), folder, config)["path"]) / "suspects.parquet"
    )


def print_drawn(num_products: int, folder: Path) -> None:
    """Print how many of the demo's wrong labels are among the listed suspects, as drawn and with more of them."""
    drawn = Path(draw_catalogue(folder / "demo", num_products=num_products)["catalogue_path"])
    drawn_as = read_plan(num_products)
    print("| sample | labels | wrong is | judged | wrong | listed | found | by chance | precision | random | recall |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in DEMO_SAMPLES:
        chosen = read_sample(PROJECT_DIR / "include" / "samples" / f"{name}.yaml").categories
        categories = tuple(sorted(category for category in chosen if isinstance(category, int)))
        dirty = folder / f"{name}.bson"
        relabel(drawn, categories, dirty)
        for labels, catalogue in (("as drawn", drawn), (f"{100 * MORE_WRONG:.0f} % more wrong", dirty)):
            rows = _audit_by_descriptor(catalogue, categories, folder / f"{name}-{catalogue.stem}")
            for kind, found in find_in_list(rows, drawn_as):
                print(f"| {name} | {labels} | {kind} | {found} |", flush=True)


def main() -> None:
    """Plant, run, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=Path, default=CLOTHING, help="a clean catalogue")
    parser.add_argument("--drawn", type=int, nargs="?", const=DEFAULT_PRODUCTS, help="the demo's, of so many products")
    options = parser.parse_args()
    if options.drawn:
        with tempfile.TemporaryDirectory(prefix="audit-") as name:
            print_drawn(options.drawn, Path(name))
        return
    need_test_data(PLANTER, options.clean, TEST_DATA_DIR / "weights")
    backbone = reference_backbone(TEST_DATA_DIR / "weights")
    if backbone is None:
        raise SystemExit(f"{TEST_DATA_DIR / 'weights'}: has no file of a known backbone")
    with tempfile.TemporaryDirectory(prefix="audit-") as name:
        folder = Path(name)
        dirty, planted = plant(options.clean, folder)
        run_pipeline(dirty, folder)
        (sample_dir,), (labels_dir,) = folder.glob("sample-*"), folder.glob("labels-*")
        features = extract_features(sample_dir, labels_dir, backbone.weights_path, folder, backbone.config)
        started = time.process_time()
        config = LabelConfig(categories=None, small_classes="reject")
        audit = audit_labels(labels_dir, Path(features["path"]), Reviews(), folder, config)
        cpu_s = time.process_time() - started
        rows = pd.read_parquet(Path(audit["path"]) / "suspects.parquet")
        leak = json.loads((Path(audit["path"]) / "leak.json").read_text("utf-8"))
    wrong = set(planted.loc[planted["fault"] == "wrong_category", "product_id"]) & set(rows["product_id"])
    print(f"{len(rows)} products judged, {len(wrong)} with a planted wrong category; audit: {cpu_s:.1f} s of CPU\n")
    print("| order | looked at | wrong | precision | recall |\n|---|---|---|---|---|")
    for order, looked_at, hits in compare_orders(rows, wrong):
        print(f"| {order} | {looked_at} | {hits:g} | {hits / looked_at:.2f} | {hits / len(wrong):.2f} |")
    print("\n| split | accuracy of single pictures | above certified |\n|---|---|---|")
    for kind, figure in leak["accuracy"].items():
        above = leak["inflation"].get(kind)
        print(f"| {kind} | {_told(figure)} | {_told(above) if above else ''} |")


if __name__ == "__main__":
    main()
