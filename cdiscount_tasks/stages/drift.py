"""Two samples with their labels -> drift: has the catalogue changed since the champion learnt?"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.labelling.joint_groups import compared_products, join_groups, unseen_products
from cdiscount_tasks.learning.measuring import drift as measuring
from cdiscount_tasks.learning.measuring.answer_drift import AnswerDrift, Answered, compare_answers
from cdiscount_tasks.learning.measuring.drift import Speakers, choose_looked_at, choose_speakers, measure_drift
from cdiscount_tasks.learning.measuring.drift_sentences import tell_same_catalogue
from cdiscount_tasks.learning.pictures import properties
from cdiscount_tasks.learning.pictures.properties import measure_pictures
from cdiscount_tasks.stages.inputs import CatalogueSide
from cdiscount_tasks.tables.drift_labels import (
    DriftLabels,
    count_moved,
    find_changed,
    list_classes,
    read_drift_labels,
)
from cdiscount_tasks.tables.features import read_features_of
from cdiscount_tasks.tables.judged_products import category_ids_of
from cdiscount_tasks.tables.parquet import write_table
from cdiscount_tasks.tables.predictions import read_predictions
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import DRIFT_PICTURES
from cdiscount_tasks.vocabulary import TEST

logger = logging.getLogger(__name__)

VERSION = 4

SAME_LABELS = "the champion learnt from these very labels"
NO_NEW_PRODUCT = "no product is new, and no product has new pictures"
NOTHING_LEARNT = "none of the champion's groups of products can be compared"

_SEED = 0
_PICTURE = 2  # beside the draws of learning/measuring/drift.py


class DriftResult(Result):
    """What was compared, and how many alarms there are."""

    num_alarms: int
    num_new_products: int
    num_same_products: int
    auc: float | None


class _Kind(NamedTuple):
    """What features are of: only those of one kind can be put beside each other."""

    network: str
    version: int
    config: dict[str, Any]
    weights: str | None


def _kind(features_dir: Path) -> _Kind:
    manifest = read_manifest(features_dir)
    config = {name: value for name, value in manifest["config"].items() if name != "mirrored_features"}
    return _Kind(config["network"], manifest["version"], config, manifest["result"].get("weights_xxh3_128"))


def why_no_features(now: CatalogueSide, champion: CatalogueSide) -> str | None:
    """Return why the two have no features that can be put beside each other, as a sentence without its stop; or None.

    Raises:
        DataError: If a features artifact is missing or damaged.
    """
    if now.features_dir is None or champion.features_dir is None:
        whose = "this run" if now.features_dir is None else "the champion's run"
        return f"{whose} has no features"
    new, old = _kind(now.features_dir), _kind(champion.features_dir)
    if new == old:
        return None
    if new.network != old.network:
        return f"this run has features of {new.network}, the champion's run of {old.network}"
    return f"the features of the two runs were made by {new.network} with different settings, weights or versions"


def why_no_answers(now: CatalogueSide, champion: CatalogueSide) -> str | None:
    """Return why the champion's answers cannot be put beside each other, as a sentence without its stop; or None."""
    if now.answers_dir is None:
        return "the champion was not asked about this run's products"
    return "the champion's own answers are no longer on disk" if champion.answers_dir is None else None


def _put_side_by_side(champion: DriftLabels, now: DriftLabels) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the products to compare, those that the champion did not learn from, and the counts of the page."""
    changed = find_changed(champion, now)
    sides = [
        one.images.assign(group_id=one.images["product_id"].map(one.products.set_index("product_id")["group_id"]))
        for one in (champion, now)
    ]
    joint = join_groups(*sides)
    compared = compared_products(champion.products, now.products, joint, changed)
    unseen = unseen_products(champion.products, now.products, joint, changed)
    both = champion.products.merge(now.products, on="product_id", suffixes=("_before", "_now"))
    counts = {
        "num_products_learnt": int((champion.products["split"] != TEST).sum()),
        "num_products_now": len(now.products),
        "num_new_products": len(now.products) - len(both),
        "num_changed_products": len(changed),
        "num_same_products": len(both) - len(changed),
        "num_moved_products": int((both["category_id_before"] != both["category_id_now"]).sum()),
        "num_gone_products": len(champion.products) - len(both),
    }
    return compared, unseen, counts


def _choose_pictures(spoken: pd.DataFrame, champion: DriftLabels, now: DriftLabels) -> pd.DataFrame:
    """Draw a picture of each product: its row in the labels' images, image_number and the product's num_images."""
    random = np.random.default_rng([_SEED, _PICTURE])
    row, num = np.empty(len(spoken), np.int64), np.empty(len(spoken), np.int64)
    number = np.empty(len(spoken), np.int64)
    is_now = spoken["is_now"].to_numpy()
    for side, labels in ((~is_now, champion), (is_now, now)):
        first, num[side] = labels.images_of(spoken["product_id"].to_numpy()[side])
        row[side] = first + random.integers(0, num[side])
        number[side] = labels.images["image_number"].to_numpy()[row[side]]
    return spoken.assign(row=row, image_number=number, num_images=num)


def _look(pictures: pd.DataFrame, side: CatalogueSide, num_rows: int, *, with_features: bool) -> list[np.ndarray]:
    """Return properties and, if asked for, features of a side's pictures, in their order."""
    keys = pictures["product_id"].to_numpy(), pictures["image_number"].to_numpy(np.int8)
    rows = rows_of(side.sample_dir, *keys)
    order = np.argsort(rows, kind="stable")
    back = np.argsort(order)
    measured = measure_pictures(SampleImages(side.sample_dir), rows[order])[back]
    found = [np.column_stack([measured, pictures["num_images"]])]
    if with_features and side.features_dir is not None:
        wanted = np.zeros(num_rows, bool)
        wanted[pictures["row"]] = True
        of_row = np.searchsorted(np.flatnonzero(wanted), pictures["row"])
        found.append(read_features_of(side.features_dir, wanted)[of_row])
    return found


def _listen(
    spoken: pd.DataFrame, sides: dict[bool, tuple[CatalogueSide, DriftLabels]], *, with_features: bool
) -> tuple[Speakers, pd.DataFrame]:
    """Look at the pictures of the speakers; returns them, and which pictures were looked at."""
    is_now = spoken["is_now"].to_numpy(bool)
    looked_at = choose_looked_at(is_now, _SEED)
    pictures = _choose_pictures(spoken.iloc[looked_at], sides[False][1], sides[True][1])
    logger.info("looking at %d pictures, one of each group of products", len(pictures))
    parts, places = [], []
    for side, (dirs, labels) in sides.items():
        place = np.flatnonzero(is_now[looked_at] == side)
        places.append(place)
        parts.append(_look(pictures.iloc[place], dirs, len(labels.images), with_features=with_features))
    back = np.argsort(np.concatenate(places))
    joined = [np.concatenate(columns)[back] for columns in zip(*parts, strict=True)]
    features = joined[1].astype(np.float32, copy=False) if with_features else None
    category_id = spoken["category_id"].to_numpy(np.int64)
    return Speakers(is_now, category_id, looked_at, joined[0], features), pictures


def _compare_answers(
    unseen: pd.DataFrame, now: CatalogueSide, champion: CatalogueSide, names: pd.Series, reason: str | None
) -> AnswerDrift:
    """Compare the champion's answers to one product of each group that it did not learn from."""
    reason = reason or why_no_answers(now, champion)
    category_ids = np.array(category_ids_of(champion.labels_dir))
    parts = [unseen.iloc[:0].assign(predicted=0, probability=0.0)]
    for side, folder in ((False, champion.answers_dir), (True, now.answers_dir)):
        if reason is None and folder is not None:
            found = read_predictions(folder, len(category_ids)).products[["product_id", "predicted", "probability"]]
            parts.append(unseen[unseen["is_now"] == side].merge(found, on="product_id"))
    answered = pd.concat(parts, ignore_index=True)
    answered = answered.iloc[choose_speakers(answered["group"], _SEED)]
    spoken = Answered(
        is_now=answered["is_now"].to_numpy(bool),
        category_id=category_ids[answered["predicted"].to_numpy(np.int64)],
        probability=answered["probability"].to_numpy(np.float64),
    )
    return compare_answers(spoken, dict(zip(names.index.tolist(), names.tolist(), strict=True)), reason)


def _nobody() -> Speakers:
    nothing = np.empty(0, np.int64)
    return Speakers(nothing.astype(bool), nothing, nothing, np.empty((0, len(measuring.PROPERTIES_COMPARED))), None)


def _why_nothing(now: CatalogueSide, champion: CatalogueSide, compared: pd.DataFrame) -> tuple[str | None, bool]:
    """Return why there is nothing to measure, or None, and whether both samples are of one catalogue."""
    samples, labels = (
        [read_manifest(folder) for folder in folders]
        for folders in ((champion.sample_dir, now.sample_dir), (champion.labels_dir, now.labels_dir))
    )
    if labels[0]["identity"] == labels[1]["identity"]:
        return SAME_LABELS, True
    if samples[0]["inputs"] == samples[1]["inputs"]:  # the index, whose key has every byte of the catalogue
        before, after = zip(*([one["config"] for one in two] for two in (samples, labels)), strict=True)
        return tell_same_catalogue((before[0], after[0]), (before[1], after[1])), True
    return _why_not_compared(compared), False


def _why_not_compared(compared: pd.DataFrame) -> str | None:
    if not compared["is_now"].any():
        return NO_NEW_PRODUCT
    return NOTHING_LEARNT if compared["is_now"].all() else None


def _measure(now: CatalogueSide, champion: CatalogueSide, no_features: str | None) -> tuple[Any, pd.DataFrame]:
    """Return drift.json and the rows of drift_pictures.parquet."""
    old, new = read_drift_labels(champion.labels_dir, now.labels_dir)
    compared, unseen, counts = _put_side_by_side(old, new)
    reason, same_catalogue = _why_nothing(now, champion, compared)
    speakers, spoken = _nobody(), compared.iloc[:0]
    pictures = spoken.assign(image_number=0)
    if reason is None:
        spoken = compared.iloc[choose_speakers(compared["group"], _SEED)].reset_index(drop=True)
        sides = {False: (champion, old), True: (now, new)}
        speakers, pictures = _listen(spoken, sides, with_features=no_features is None)
    for side, is_now in (("before", False), ("now", True)):
        counts[f"num_groups_{side}"] = int((speakers.is_now == is_now).sum())
        counts[f"num_pictures_{side}"] = int((speakers.is_now[speakers.looked_at] == is_now).sum())
    lists, moved = list_classes(old, new), count_moved(old, new)
    answers = _compare_answers(unseen, now, champion, old.names, reason)
    facts, shown = measure_drift(
        speakers, lists, moved, counts, answers=answers, reason=reason, no_features=no_features or "", seed=_SEED
    )
    if same_catalogue:  # classes that the one sample lacks are listed, and alarm nobody
        facts = {**facts, "alarms": [], "classes": [{**one, "alarm": False} for one in facts["classes"]]}
    rows = pictures.loc[[place for _, place, _ in shown], ["product_id", "image_number", "category_id"]]
    return facts, rows.assign(side=[side for side, _, _ in shown], score=[score for _, _, score in shown])


def drift_recipe(now: CatalogueSide, champion: CatalogueSide) -> Recipe:
    """Return what decides a drift: both sides; features only where they can be put beside each other."""
    inputs = {"sample": now.sample_dir, "labels": now.labels_dir}
    inputs |= {"champion_sample": champion.sample_dir, "champion_labels": champion.labels_dir}
    no_features = why_no_features(now, champion)
    if no_features is None and now.features_dir is not None and champion.features_dir is not None:
        inputs |= {"features": now.features_dir, "champion_features": champion.features_dir}
    no_answers = why_no_answers(now, champion)
    if no_answers is None and now.answers_dir is not None and champion.answers_dir is not None:
        inputs |= {"answers": now.answers_dir, "champion_answers": champion.answers_dir}
    return Recipe(
        stage="drift",
        version=VERSION,
        config={
            "seed": _SEED,
            "no_features": no_features,
            "no_answers": no_answers,
            "measuring_version": measuring.VERSION,
            "properties_version": properties.VERSION,
        },
        inputs=inputs,
        libraries=versions("numpy", "pillow", "scikit-learn", "scipy"),
    )


def find_drift(now: CatalogueSide, champion: CatalogueSide, artifacts_dir: Path) -> DriftResult:
    """Compare the products that are new since the champion learnt with those that it learnt from.

    Args:
        now: Finished artifacts of the new run.
        champion: Finished artifacts of the run that made the champion.
        artifacts_dir: Where the drift artifact will be, named by its key.

    Returns:
        The artifact's path and counts. `drift.json` has the figures and the alarms as sentences;
        `drift_pictures.parquet` the pictures that show the drift, by the sample that they are in.

    Raises:
        DataError: If an artifact is missing or damaged.
    """

    def write(part_dir: Path) -> Made:
        facts, pictures = _measure(now, champion, why_no_features(now, champion))
        write_json(part_dir / "drift.json", facts)
        write_table(part_dir / "drift_pictures.parquet", pictures, DRIFT_PICTURES)
        for sentence in facts["alarms"]:
            logger.warning("drift: %s", sentence)
        if not facts["alarms"]:
            logger.info("drift: %s", f"none to measure: {facts['reason']}" if facts["reason"] else "no alarm")
        counts = {name: facts["counts"][name] for name in ("num_new_products", "num_same_products")}
        return Made({"num_alarms": len(facts["alarms"]), **counts, "auc": facts["told_apart"]["auc"]["value"]})

    return make(DriftResult, drift_recipe(now, champion), artifacts_dir, write)
