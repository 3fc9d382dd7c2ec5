"""Two runs of a sample, product by product: who is right about what, measured on the test products of both."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.intervals import known_exactly, share_figure
from cdiscount_tasks.learning.measuring.metrics import FEWEST_TO_JUDGE
from cdiscount_tasks.learning.measuring.paired import paired_difference
from cdiscount_tasks.pages.overview.rows import FinishedReport
from cdiscount_tasks.pages.parts.words import minute
from cdiscount_tasks.pages.two_runs.differences import differ_only_in_seed, differences
from cdiscount_tasks.pages.two_runs.page import SCHEMA_VERSION, answer
from cdiscount_tasks.reports.folders import read_report
from cdiscount_tasks.reports.metrics import damaged, read_metrics
from cdiscount_tasks.tables.predictions import read_judged

NUM_SHOWN = 12
"""Products on each side that are shown; the ids of all are in compare.json."""


class Side(NamedTuple):
    """One of the two runs.

    Attributes:
        report: As the overview lists it.
        categories: category_id and level3 of its classes, by class index.
        judged: By product_id: group_id, category_id, answer (the category predicted) and right, of its test products.
        may_show: Whether the sample's settings let pages hold pictures.
    """

    report: FinishedReport
    categories: list[dict[str, Any]]
    judged: pd.DataFrame
    may_show: bool


def read_side(report_dir: Path) -> Side:
    """Read a finished report as one of two.

    Raises:
        DataError: If it is missing, damaged or of another schema.
        OSError: If it cannot be read for now.
    """
    read_manifest(report_dir)
    written = datetime.fromtimestamp((report_dir / MANIFEST).stat().st_mtime, UTC)
    report = read_report(report_dir.parents[1], report_dir, written)
    metrics, rows = read_metrics(report_dir), read_judged(report_dir)
    if not isinstance(report, FinishedReport):
        raise DataError(f"{report_dir}: {report.reason}")
    try:
        categories = [{name: one[name] for name in ("category_id", "level3")} for one in metrics["classes"]]
        sample = (metrics["lineage"].get("config") or {}).get("sample") or {}
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(report_dir, error) from error
    category_ids = np.array([one["category_id"] for one in categories], np.int64)
    judged = pd.DataFrame(
        {
            "group_id": rows["group_id"],
            "category_id": category_ids[rows["class_index"]],
            "answer": category_ids[rows["predicted"]],
            "right": rows["right"],
        }
    )
    return Side(report, categories, judged.sort_index(), bool(sample.get("embed_pictures", True)))


def pair_products(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Join the test products that both runs were tested on and have in the same category.

    Args:
        first: `judged` of a side.
        second: The same of the other.

    Returns:
        By product_id: group_id, category_id, answer_first, answer_second, right_first, right_second. Groups are those
        of the run that ties more products together: never are products taken for independent that one run ties.
    """
    both = first.add_suffix("_first").join(second.add_suffix("_second"), how="inner")
    both = both[both["category_id_first"] == both["category_id_second"]]
    coarser = "first" if both["group_id_first"].nunique() < both["group_id_second"].nunique() else "second"
    both = both.rename(columns={f"group_id_{coarser}": "group_id", "category_id_first": "category_id"})
    return both[["group_id", "category_id", "answer_first", "answer_second", "right_first", "right_second"]]


def _right_alone(both: pd.DataFrame, mine: str, other: str, seed: int) -> dict[str, Any]:
    """Return the products that one run alone gets right, and one of each group to be shown; of many groups some."""
    alone = both[both[f"right_{mine}"] & ~both[f"right_{other}"]]
    order = np.random.default_rng([2, seed]).permutation(len(alone))
    some = alone.iloc[order].drop_duplicates("group_id").head(NUM_SHOWN)
    shown = [
        {"product_id": int(product_id), "category_id": int(category_id), "other_answer": int(wrong)}
        for product_id, category_id, wrong in zip(some.index, some["category_id"], some[f"answer_{other}"], strict=True)
    ]
    num_groups = int(alone["group_id"].nunique())
    return {
        "num": len(alone),
        "num_groups": num_groups,
        "product_ids": [int(one) for one in alone.index],
        "shown": shown,
    }


def _by_category(both: pd.DataFrame) -> list[dict[str, Any]]:
    """Compare the runs category by category; an interval where there are enough products for one."""
    rows = []
    for category_id, some in both.groupby("category_id"):
        first, second = some["right_first"].to_numpy(), some["right_second"].to_numpy()
        figure = paired_difference(second, first, some["group_id"])
        if len(some) < FEWEST_TO_JUDGE:
            figure = known_exactly(figure["value"], figure["n"], figure["num_groups"])
        rows.append(
            {
                "category_id": int(str(category_id)),
                "n": len(some),
                "first": round(float(first.mean()), 6),
                "second": round(float(second.mean()), 6),
                "only_first": int((first & ~second).sum()),
                "only_second": int((second & ~first).sum()),
                "difference": figure,
            }
        )
    return rows


def _describe(side: Side, both: pd.DataFrame, name: str) -> dict[str, Any]:
    report = side.report
    return {
        "run_id": report.run_id,
        "preset": report.preset_words,
        "finished": f"{minute(report.finished)} UTC",
        "report": f"../../{report.folder}/report.html",
        "accuracy": report.accuracy,
        "accuracy_common": share_figure(both[f"right_{name}"], both["group_id"]),
    }


def _categories(sides: Sequence[Side]) -> list[dict[str, Any]]:
    by_id = {one["category_id"]: one for side in sides for one in side.categories}
    return [by_id[category_id] for category_id in sorted(by_id)]


def compare_sides(first: Side, second: Side) -> dict[str, Any]:
    """Return what compare.json holds: every difference is the second run's figure minus the first one's."""
    both = pair_products(first.judged, second.judged)
    right_first, right_second = both["right_first"], both["right_second"]
    num_tested = len(first.judged.index.union(second.judged.index))
    facts: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "sample": second.report.sample,
        "title": second.report.title,
        "origin": "drawn" if first.report.drawn or second.report.drawn else "file",
        "runs": [_describe(first, both, "first"), _describe(second, both, "second")],
        "differences": [one._asdict() for one in differences(first.report, second.report)],
        "only_seed_differs": differ_only_in_seed(first.report, second.report),
        "num_common": len(both),
        "num_left_out": num_tested - len(both),
        "num_both_right": int((right_first & right_second).sum()),
        "num_both_wrong": int((~right_first & ~right_second).sum()),
        "difference": paired_difference(right_second, right_first, both["group_id"]),
        "only_first": _right_alone(both, "first", "second", 0),
        "only_second": _right_alone(both, "second", "first", 1),
        "fewest_to_judge": FEWEST_TO_JUDGE,
        "categories": _categories([first, second]),
        "classes": _by_category(both),
    }
    return {**facts, "answer": answer(facts)}
