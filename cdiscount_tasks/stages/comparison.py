"""Reports of samples -> comparison: which is harder at equal size, and what look-alike categories cost at large.

Made from the runs' metrics.json, labels, features and pictures alone; no network is opened.
"""

import json
import logging
import os
from collections.abc import Sequence
from importlib import metadata
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.artifacts.publish import rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.features.equal_size import (
    SEEDS,
    Judged,
    Neighbours,
    accuracy_figure,
    compare_neighbours,
    difference_figure,
    judge_samples,
    neighbour_figure,
)
from cdiscount_tasks.learning.features.matching import (
    MOST_PAIRS,
    Material,
    Size,
    choose_products,
    match_sizes,
    material_of,
    pair_classes,
)
from cdiscount_tasks.learning.measuring.intervals import difference_of_accuracies
from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb
from cdiscount_tasks.pages.comparison.page import SCHEMA_VERSION, answer, render_comparison
from cdiscount_tasks.pages.parts.gallery import PictureShelf
from cdiscount_tasks.pages.parts.thumbnails import make_thumbnail
from cdiscount_tasks.reports.metrics import METRICS, read_metrics
from cdiscount_tasks.stages.inputs import ComparedRun
from cdiscount_tasks.tables.compared_labels import ComparedLabels, keep_products, read_compared_labels
from cdiscount_tasks.tables.labels import read_jpegs
from cdiscount_tasks.tables.predictions import read_judged

logger = logging.getLogger(__name__)

VERSION = 5
NUM_EXAMPLES = 6
PICTURE_BUDGET_BYTES = 2_000_000
_SETTING = "CDISCOUNT_REPORTS"
_READ = ("sample", "labels", "evaluation")
_LIBRARIES = ("jinja2", "matplotlib", "numpy", "pandas", "pillow", "scikit-learn", "scipy")


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


class _Matched(NamedTuple):
    """The matched comparison as it was computed."""

    sizes: list[Size]
    judged: list[Judged]
    pictures_by_seed: list[list[int]]
    neighbours: list[Neighbours]


def _read_side(run: ComparedRun) -> _Side:
    return _Side(run, read_metrics(run.report_dir), read_compared_labels(run.labels_dir))


def _load(side: _Side, classes: Sequence[int]) -> Material:
    """Read the groups, pictures and features of some classes."""
    labels = side.labels
    kept = choose_products(material_of(labels.products, labels.images, None), classes)
    ids = labels.products["product_id"].to_numpy()[kept]
    cut, features = keep_products(labels, cast(Path, side.run.features_dir), ids)
    return material_of(cut.products, cut.images, features)


def _group_sizes(side: _Side) -> np.ndarray:
    labels = side.labels
    return material_of(labels.products, labels.images, None).group_sizes(len(labels.classes))


def _match(sides: Sequence[_Side], pairs: Sequence[Sequence[int]]) -> _Matched:
    materials = [_load(side, [pair[place] for pair in pairs]) for place, side in enumerate(sides)]
    sizes = match_sizes([_group_sizes(side) for side in sides], pairs)
    judged, pictures = judge_samples(materials, pairs, sizes)
    return _Matched(sizes, judged, pictures, compare_neighbours(materials, pairs, sizes))


def _describe_pairs(
    sides: Sequence[_Side], pairs: Sequence[Sequence[int]], matched: _Matched | None
) -> list[dict[str, Any]]:
    told = []
    all_sizes = [_group_sizes(side) for side in sides]
    for number, pair in enumerate(pairs):
        sizes = None if matched is None else matched.sizes[number]
        pictures = None if matched is None else [numbers[number] for numbers in matched.pictures_by_seed]
        classes = []
        for place, (side, class_index) in enumerate(zip(sides, pair, strict=True)):
            row = side.metrics["classes"][class_index]
            classes.append(
                {
                    **{name: row[name] for name in ("class_index", "category_id", "level1", "level2", "level3")},
                    "num_groups": int(all_sizes[place][class_index]),
                    "accuracy": None if matched is None else accuracy_figure(matched.judged[place], place, number),
                    "nearest": None if matched is None else neighbour_figure(matched.neighbours[place], number),
                    "network_recall": side.metrics["test"]["product"]["per_class"][class_index]["recall"],
                }
            )
        told.append(
            {
                "num_groups": sizes and sizes.num_groups,
                "num_test_groups": sizes and sizes.num_test_groups,
                "num_train_pictures": pictures and {"fewest": min(pictures), "most": max(pictures)},
                "classes": classes,
            }
        )
    return told


def _majority(sizes: Sequence[Size]) -> float:
    """Return the accuracy of always answering the largest category, the same in every sample."""
    judged = [size.num_test_groups for size in sizes]
    return round(max(judged) / sum(judged), 6)


def _differences(sides: Sequence[_Side], matched: _Matched | None) -> list[dict[str, Any]]:
    """Compare every two samples: the accuracy of the first one minus that of the second."""
    told = []
    judged = [read_judged(side.run.evaluation_dir) for side in sides]
    tests = [(one["right"].to_numpy(), one["group_id"].to_numpy(np.int64)) for one in judged]
    for first, second in combinations(range(len(sides)), 2):
        told.append(
            {
                "samples": [sides[first].run.sample, sides[second].run.sample],
                "matched": None
                if matched is None
                else difference_figure(matched.judged[first], matched.judged[second], (first, second)),
                "networks": difference_of_accuracies(*tests[first], *tests[second]),
            }
        )
    return told


def _link(report: Path, out_dir: Path) -> str:
    """Return a report's address as seen from the page."""
    return Path(os.path.relpath(report, out_dir)).as_posix()


def _describe_sample(side: _Side, place: int, matched: _Matched | None, out_dir: Path) -> dict[str, Any]:
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
        "accuracy": None if matched is None else accuracy_figure(matched.judged[place], place),
        "accuracy_by_seed": None
        if matched is None
        else [
            round(float(right.sum() / tested.sum()), 6)
            for right, tested in zip(matched.judged[place].right.T, matched.judged[place].tested.T, strict=True)
        ],
        "nearest": None if matched is None else neighbour_figure(matched.neighbours[place]),
    }


def _may_show(side: _Side) -> bool:
    return bool(side.metrics["lineage"]["config"]["sample"].get("embed_pictures", True))


def _examples(side: _Side, classes: Sequence[int], shelf: PictureShelf) -> dict[int, list[tuple[str, int]]]:
    """Show the first picture of some products of each class, drawn at random, each of another group.

    Returns:
        By class index: pictures as data URIs, each with its product's id; none of a sample whose reports hold none.
    """
    if not _may_show(side):
        return {class_index: [] for class_index in classes}
    products = side.labels.products.drop_duplicates("group_id")
    first = side.labels.images.drop_duplicates("product_id").set_index("product_id")["image_number"]
    chosen: dict[int, list[tuple[int, int]]] = {}
    for class_index in classes:
        ids = products.loc[products["class_index"] == class_index, "product_id"].to_numpy()
        drawn = np.random.default_rng([1, class_index]).permutation(ids)[:NUM_EXAMPLES].tolist()
        chosen[class_index] = [(product_id, int(first[product_id])) for product_id in sorted(drawn)]
    jpegs = read_jpegs(side.run.sample_dir, [key for keys in chosen.values() for key in keys])
    shown: dict[int, list[tuple[str, int]]] = {}
    for class_index, keys in chosen.items():
        shown[class_index] = []
        for key in keys:
            try:
                uri = shelf.take(make_thumbnail(decode_rgb(jpegs[key])))
            except ImageRefused:
                continue
            if uri is not None:
                shown[class_index].append((uri, key[0]))
    return shown


def _recipe(
    runs: Sequence[ComparedRun], random_choices_dir: Path | None, no_features: str, no_random_choices: str
) -> Recipe:
    inputs = {f"{name}_{run.sample}": getattr(run, f"{name}_dir") for run in runs for name in _READ}
    inputs |= {f"features_{run.sample}": run.features_dir for run in runs if run.features_dir is not None}
    inputs |= {"random_choices": random_choices_dir} if random_choices_dir is not None else {}
    told = {"no_features": no_features, "no_random_choices": no_random_choices}
    return Recipe(
        stage="comparison",
        version=VERSION,
        config={"samples": [run.sample for run in runs], "seeds": list(SEEDS), **told},
        inputs=inputs,
        files={f"metrics_{run.sample}": hash_file(run.report_dir / METRICS) for run in runs},
        libraries={name: metadata.version(name) for name in _LIBRARIES},
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
    no_features: str,
    no_random_choices: str,
    out_dir: Path,
) -> dict[str, Any]:
    """Return what comparison.json holds."""
    matched = None if any(side.run.features_dir is None for side in sides) else _match(sides, pairs)
    catalogue = sides[0].metrics["catalogue"]
    facts: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "catalogue": {name: catalogue[name] for name in ("catalogue_id", "origin")},
        "samples": [_describe_sample(side, place, matched, out_dir) for place, side in enumerate(sides)],
        "pairs": _describe_pairs(sides, pairs, matched),
        "num_classes_without_pair": sum(len(side.metrics["classes"]) - len(pairs) for side in sides),
        "majority": None if matched is None else _majority(matched.sizes),
        "differences": _differences(sides, matched),
        "features": None if matched is None else _describe_features(sides[0].run),
        "no_features": no_features if matched is None else None,
        "random_choices": choices,
        # Where features are skipped, so is the random choices, before it could give a reason of its own.
        "no_random_choices": (no_random_choices or no_features) if choices is None else None,
        "seeds": list(SEEDS),
    }
    return {**facts, "answer": answer(facts)}


def _kept(out_dir: Path, recipe: Recipe) -> dict[str, Any] | None:
    """Return the result of a whole page that was made from exactly this, or None."""
    try:
        manifest = read_manifest(out_dir)
        if manifest["key"] != recipe.key:
            return None
        verify_artifact(out_dir)
    except DataError:
        return None  # missing or damaged: it is made anew
    logger.info("%s exists already, made from the same runs: it is kept", out_dir)
    return {"path": str(out_dir), **manifest["result"]}


def write_comparison(
    runs: Sequence[ComparedRun],
    random_choices_dir: Path | None,
    out_dir: Path,
    no_features: str = "",
    no_random_choices: str = "",
) -> ComparisonResult:
    """Compare runs of several samples.

    One that exists already and was made from the same is kept; another one in its folder is replaced.

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
    choices = (
        None
        if random_choices_dir is None
        else json.loads((random_choices_dir / "random_choices.json").read_text(encoding="utf-8"))
    )
    title = " and ".join(run.title for run in runs)

    def write(part_dir: Path) -> dict[str, Any]:
        pairs = pair_classes([np.maximum(1, _group_sizes(side)) for side in sides])[:MOST_PAIRS]
        facts = _compare(sides, pairs, choices, no_features, no_random_choices, out_dir)
        shelf = PictureShelf(PICTURE_BUDGET_BYTES)
        examples = [_examples(side, [pair[place] for pair in pairs], shelf) for place, side in enumerate(sides)]
        write_json(part_dir / "comparison.json", facts)
        (part_dir / "comparison.html").write_text(render_comparison(facts, examples), encoding="utf-8")
        return {
            "title": title,
            "answer": facts["answer"],
            "origin": facts["catalogue"]["origin"],
            "samples": [run.sample for run in runs],
        }

    recipe = _recipe(runs, random_choices_dir, no_features, no_random_choices)
    return cast(ComparisonResult, _kept(out_dir, recipe) or rebuild_artifact(out_dir, recipe, write, _SETTING))
