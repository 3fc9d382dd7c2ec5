"""Reports of samples -> comparison: which is harder at equal size, and what look-alike categories cost in general.

Made from the runs' metrics.json, labels, features and pictures alone; no network is opened.
"""

import logging
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.make import find_page, make_page
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.learning.features.equal_size import SEEDS
from cdiscount_tasks.learning.features.matched import Matched, match_samples
from cdiscount_tasks.learning.features.matching import MOST_PAIRS, Material, match_products, material_of, pair_classes
from cdiscount_tasks.learning.measuring.intervals import difference_of_accuracies
from cdiscount_tasks.pages.comparison.page import SCHEMA_VERSION, answer, render_comparison
from cdiscount_tasks.pages.parts.gallery import PictureShelf
from cdiscount_tasks.reports.class_pictures import show_classes
from cdiscount_tasks.reports.metrics import METRICS, read_metrics
from cdiscount_tasks.stages.inputs import ComparedRun
from cdiscount_tasks.tables.compared_labels import ComparedLabels, keep_products, read_compared_labels
from cdiscount_tasks.tables.predictions import read_judged

logger = logging.getLogger(__name__)

VERSION = 7
PICTURE_BUDGET_BYTES = 2_000_000
_READ = ("sample", "labels", "evaluation")


class ComparisonResult(TypedDict):
    """Where the page stands, and its answer."""

    path: str
    title: str
    answer: str
    origin: str
    samples: list[str]


class _Side(NamedTuple):
    """A run with what is read of it.

    Attributes:
        run: Where it stands.
        metrics: Its metrics.json.
        labels: Its products, images and classes.
    """

    run: ComparedRun
    metrics: dict[str, Any]
    labels: ComparedLabels


class _Missing(NamedTuple):
    """Why a part of the page is missing, as sentences; empty where it is not."""

    no_features: str
    no_random_choices: str


def _read_side(run: ComparedRun) -> _Side:
    return _Side(run, read_metrics(run.report_dir), read_compared_labels(run.labels_dir))


def _load(side: _Side, classes: Sequence[int]) -> Material:
    """Read the groups, pictures and features of some classes."""
    labels = side.labels
    kept = match_products(material_of(labels.products, labels.images, None), classes)
    ids = labels.products["product_id"].to_numpy()[kept]
    cut, features = keep_products(labels, cast(Path, side.run.features_dir), ids)
    return material_of(cut.products, cut.images, features)


def _group_sizes(side: _Side) -> np.ndarray:
    labels = side.labels
    return material_of(labels.products, labels.images, None).group_sizes(len(labels.classes))


def _match(sides: Sequence[_Side], pairs: Sequence[Sequence[int]]) -> Matched | None:
    """Compare the samples at equal size; None: a run has no features."""
    if any(side.run.features_dir is None for side in sides):
        return None
    materials = [_load(side, [pair[place] for pair in pairs]) for place, side in enumerate(sides)]
    return match_samples(materials, [_group_sizes(side) for side in sides], pairs)


def _describe_class(side: _Side, class_index: int, num_groups: int) -> dict[str, Any]:
    row = side.metrics["classes"][class_index]
    return {
        **{name: row[name] for name in ("class_index", "category_id", "level1", "level2", "level3")},
        "num_groups": num_groups,
        "network_recall": side.metrics["test"]["product"]["per_class"][class_index]["recall"],
    }


def _describe_pairs(
    sides: Sequence[_Side], pairs: Sequence[Sequence[int]], matched: Matched | None
) -> list[dict[str, Any]]:
    described = []
    all_sizes = [_group_sizes(side) for side in sides]
    for number, pair in enumerate(pairs):
        classes = [
            {
                **_describe_class(side, class_index, int(all_sizes[place][class_index])),
                "accuracy": matched and matched.accuracy(place, number),
                "nearest": matched and matched.nearest(place, number),
            }
            for place, (side, class_index) in enumerate(zip(sides, pair, strict=True))
        ]
        size = matched and matched.sizes[number]
        described.append(
            {
                "num_groups": size and size.num_groups,
                "num_test_groups": size and size.num_test_groups,
                "num_train_pictures": matched and matched.num_train_pictures(number),
                "classes": classes,
            }
        )
    return described


def _differences(sides: Sequence[_Side], matched: Matched | None) -> list[dict[str, Any]]:
    """Compare every two samples: the accuracy of the first one minus that of the second."""
    judged = [read_judged(side.run.evaluation_dir) for side in sides]
    tests = [(one["right"].to_numpy(), one["group_id"].to_numpy(np.int64)) for one in judged]
    return [
        {
            "samples": [sides[first].run.sample, sides[second].run.sample],
            "matched": matched and matched.difference(first, second),
            "networks": difference_of_accuracies(*tests[first], *tests[second]),
        }
        for first, second in combinations(range(len(sides)), 2)
    ]


def _link(report: Path, out_dir: Path) -> str:
    """Return a report's address as seen from the page."""
    return Path(os.path.relpath(report, out_dir)).as_posix()


def _describe_sample(side: _Side, place: int, matched: Matched | None, out_dir: Path) -> dict[str, Any]:
    test, config = side.metrics["test"], side.metrics["lineage"]["config"]
    return {
        "name": side.run.sample,
        "title": side.run.title,
        "run_id": side.run.run_id,
        "report": _link(side.run.report_dir / "report.html", out_dir),
        "embed_pictures": _may_show(side),
        "preset": side.metrics["preset"],
        "network": config["training"]["network"],
        "num_classes": len(side.metrics["classes"]),
        "num_products": len(side.labels.products),
        "num_groups": int(side.labels.products["group_id"].nunique()),
        "network_accuracy": test["product"]["accuracy"],
        "network_macro_f1": test["product"]["macro_f1"],
        "majority": test["baseline"]["majority"],
        "accuracy": matched and matched.accuracy(place),
        "accuracy_by_seed": matched and matched.accuracy_by_seed(place),
        "nearest": matched and matched.nearest(place),
    }


def _may_show(side: _Side) -> bool:
    return bool(side.metrics["lineage"]["config"]["sample"].get("embed_pictures", True))


def _examples(sides: Sequence[_Side], pairs: Sequence[Sequence[int]]) -> list[dict[int, list[tuple[str, int]]]]:
    """Return by sample, and by class of a pair, pictures with their products' ids; none where reports hold none."""
    shelf = PictureShelf(PICTURE_BUDGET_BYTES)
    shown = []
    for place, side in enumerate(sides):
        classes = [pair[place] for pair in pairs]
        if _may_show(side):
            shown.append(show_classes(side.labels, side.run.sample_dir, classes, shelf))
        else:
            shown.append({class_index: [] for class_index in classes})
    return shown


def _recipe(runs: Sequence[ComparedRun], random_choices_dir: Path | None, missing: _Missing) -> Recipe:
    inputs = {f"{name}_{run.sample}": getattr(run, f"{name}_dir") for run in runs for name in _READ}
    inputs |= {f"features_{run.sample}": run.features_dir for run in runs if run.features_dir is not None}
    inputs |= {"random_choices": random_choices_dir} if random_choices_dir is not None else {}
    return Recipe(
        stage="comparison",
        version=VERSION,
        config={"samples": [run.sample for run in runs], "seeds": list(SEEDS), **missing._asdict()},
        inputs=inputs,
        files={f"metrics_{run.sample}": hash_file(run.report_dir / METRICS) for run in runs},
        libraries=versions("jinja2", "matplotlib", "numpy", "pandas", "pillow", "scikit-learn", "scipy"),
    )


def _describe_features(run: ComparedRun) -> dict[str, Any]:
    manifest = read_manifest(cast(Path, run.features_dir))
    return {
        "network": manifest["result"]["network"],
        "image_size": manifest["config"]["image_size"],
        "num_features": manifest["result"]["num_features"],
        "weights_xxh3_128": manifest["result"]["weights_xxh3_128"],
    }


def _compare(
    sides: Sequence[_Side],
    pairs: Sequence[Sequence[int]],
    choices: dict[str, Any] | None,
    missing: _Missing,
    out_dir: Path,
) -> dict[str, Any]:
    """Return what comparison.json holds."""
    matched = _match(sides, pairs)
    catalogue = sides[0].metrics["catalogue"]
    facts: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "catalogue": {name: catalogue[name] for name in ("catalogue_id", "origin")},
        "samples": [_describe_sample(side, place, matched, out_dir) for place, side in enumerate(sides)],
        "pairs": _describe_pairs(sides, pairs, matched),
        "num_classes_without_pair": sum(len(side.metrics["classes"]) - len(pairs) for side in sides),
        "majority": matched and matched.majority,
        "differences": _differences(sides, matched),
        "features": matched and _describe_features(sides[0].run),
        "no_features": missing.no_features if matched is None else None,
        "random_choices": choices,
        # Where features are skipped, so are the random choices, before they could give a reason of their own.
        "no_random_choices": (missing.no_random_choices or missing.no_features) if choices is None else None,
        "seeds": list(SEEDS),
    }
    return {**facts, "answer": answer(facts)}


def _headline(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": " and ".join(sample["title"] for sample in facts["samples"]),
        "answer": facts["answer"],
        "origin": facts["catalogue"]["origin"],
        "samples": [sample["name"] for sample in facts["samples"]],
    }


def write_comparison(
    runs: Sequence[ComparedRun],
    random_choices_dir: Path | None,
    out_dir: Path,
    no_features: str = "",
    no_random_choices: str = "",
) -> ComparisonResult:
    """Compare runs of several samples; a page that was made from the same is kept, any other in its folder replaced.

    Args:
        runs: Two or more that may be compared; features of all of them, or the page has the networks' part alone.
        random_choices_dir: Finished choices artifact; None: there is none.
        out_dir: `<reports>/comparison/<samples>`.
        no_features: Why a run has no features, as a sentence.
        no_random_choices: Why there is no random choices, as a sentence.

    Returns:
        The paths and the answer.

    Raises:
        DataError: If an artifact or a report is missing or damaged.
    """
    sides = [_read_side(run) for run in runs]
    missing = _Missing(no_features, no_random_choices)
    recipe = _recipe(runs, random_choices_dir, missing)
    if kept := find_page(ComparisonResult, recipe, out_dir):
        logger.info("%s exists already, made from the same runs: it is kept", out_dir)
        return kept

    def write(part_dir: Path) -> Made:
        pairs = pair_classes([np.maximum(1, _group_sizes(side)) for side in sides])[:MOST_PAIRS]
        choices = None if random_choices_dir is None else read_json(random_choices_dir / "random_choices.json")
        facts = _compare(sides, pairs, choices, missing, out_dir)
        write_json(part_dir / "comparison.json", facts)
        page = render_comparison(facts, _examples(sides, pairs))
        (part_dir / "comparison.html").write_text(page, encoding="utf-8")
        return Made(_headline(facts))

    return make_page(ComparisonResult, recipe, out_dir, write)
