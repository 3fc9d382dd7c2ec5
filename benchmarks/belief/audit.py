"""What the audit finds in a dirty catalogue: `python -m benchmarks.belief.audit` prints wrong labels and the leak.

The clothing catalogue is made dirty by ../shared/tools/plant_faults.py and goes through index, sample, labels, features
and audit. The planter's truth says which of the most suspect products carry a wrong category; a random order is beside.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cdiscount_tasks.machine.backbones import reference_backbone
from cdiscount_tasks.settings.sample import LabelConfig
from cdiscount_tasks.stages.audit import audit_labels
from cdiscount_tasks.stages.features import extract_features
from cdiscount_tasks.stages.inputs import Reviews
from tests.material.dirty_clothing import CLOTHING, PLANTER, plant, run_pipeline
from tests.material.real_data import TEST_DATA_DIR, need_test_data

_NUM_SHUFFLES = 1_000


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


def main() -> None:
    """Plant, run, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=Path, default=CLOTHING, help="a clean catalogue")
    options = parser.parse_args()
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
