"""Labels and features -> audit: which labels people should look at, and what a leaky split would have reported."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import Result, make
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.labelling.reviewed_lists import key_of_copy
from cdiscount_tasks.labelling.reviews import Judgements, judge_rows, read_judgements
from cdiscount_tasks.labelling.rules import HUMAN_EXCLUSION, HUMAN_FIX
from cdiscount_tasks.labelling.split import small_classes, split_images
from cdiscount_tasks.learning.features.drawn_part import Bounds, DrawnPart, draw_part
from cdiscount_tasks.learning.features.leak import LeakPrice, price_leak, unknown_price
from cdiscount_tasks.learning.features.suspects import (
    NOT_LISTED,
    RANDOM,
    SUSPECT,
    LabelledProducts,
    choose_list,
    find_suspects,
    judge_out_of_sample,
)
from cdiscount_tasks.learning.measuring.intervals import share_figure
from cdiscount_tasks.settings.sample import LabelConfig, SplitConfig
from cdiscount_tasks.stages.inputs import Reviews
from cdiscount_tasks.tables.features import read_features_of
from cdiscount_tasks.tables.parquet import exact_frame, read_table, write_table
from cdiscount_tasks.tables.schemas import LABEL_IMAGES, LABEL_PRODUCTS, SUSPECTS
from cdiscount_tasks.vocabulary import BY_IMAGE, BY_PRODUCT, SPLIT_KINDS, TEST, TRAIN

logger = logging.getLogger(__name__)

VERSION = 3

LEAK_SEEDS = range(5)


# A head of 10 classes x 3,354 pictures x 1,280 features takes 0.4 s of one core; 15 are learnt for the leak.
_LEAK_BOUNDS = Bounds(classes=50, images=8_000, cells=200_000)
_SUSPECT_BOUNDS = Bounds(classes=100, images=40_000)
_MOST_CELLS_LEARNT = 600_000
"""Classes x pictures that one of the heads learns from that judge the products."""


class AuditResult(Result):
    """What was looked at and found."""

    num_products_judged: int
    num_products_of_sample: int
    num_suspects: int
    num_suspects_listed: int
    num_listed: int
    leak_by_product: float | None
    leak_by_image: float | None


class _UnsplittableError(Exception):
    """A sample that is too small to be split anew; it becomes the reason in leak.json."""


def _read_labels(labels_dir: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    products = exact_frame(read_table(labels_dir / "products.parquet", LABEL_PRODUCTS), "label")
    images = read_table(labels_dir / "images.parquet", LABEL_IMAGES, ["product_id"]).to_pandas()
    # What people said counts in every split; a policy on conflicts says nothing about who is right.
    said = products["rule"].eq(HUMAN_FIX)
    products["believed"] = products["category_id"].where(~said, products["label"]).astype("int64")
    return products.sort_values("product_id", ignore_index=True), images


def _shares(config: SplitConfig) -> SplitConfig:
    """Return the shares to split by; a file's own splits cannot be drawn anew."""
    return SplitConfig() if config.file else config


def _measure_leak(drawn: DrawnPart, features_dir: Path, config: LabelConfig) -> LeakPrice:
    """Split the drawn pictures anew, seed by seed, and compare."""
    logger.info("pricing the leak: %s pictures, split anew %d times", f"{len(drawn.images):,}", len(LEAK_SEEDS))
    few = small_classes(drawn.products, drawn.category_ids.tolist())
    products = drawn.products[~drawn.products["category_id"].isin(few)]
    kept = drawn.images["product_id"].isin(products["product_id"]).to_numpy()
    images = drawn.images[kept]
    if products["category_id"].nunique() < 2:
        raise _UnsplittableError("fewer than two categories have the three groups of products that a split needs")
    try:
        splits = [
            {kind: split_images(products, images, kind, _shares(config.split), seed) for kind in SPLIT_KINDS}
            for seed in LEAK_SEEDS
        ]
    except DataError as error:
        raise _UnsplittableError(f"the sample cannot be split anew: {error}") from error
    if any(not (split == side).any() for of_seed in splits for split in of_seed.values() for side in (TRAIN, TEST)):
        raise _UnsplittableError("so few pictures are there that a split has an empty side")
    by_id = products.set_index("product_id")
    return price_leak(
        read_features_of(features_dir, drawn.wanted)[kept],
        images["product_id"].map(by_id["drawn_index"]).to_numpy(np.int64),
        images["product_id"].map(by_id["group_id"]).to_numpy(np.int64),
        splits,
        len(drawn.category_ids),
    )


def _describe_leak(
    products: pd.DataFrame, images: pd.DataFrame, features_dir: Path, config: LabelConfig
) -> dict[str, Any]:
    """Return leak.json."""
    drawn = draw_part(products, images, _LEAK_BOUNDS, config.seed)
    try:
        price, reason = _measure_leak(drawn, features_dir, config), None
    except _UnsplittableError as error:
        price, reason = unknown_price(), str(error)
    made_with = read_manifest(features_dir)["config"]
    return {
        **price,
        "reason": reason,
        "num_seeds": len(LEAK_SEEDS),
        "network": made_with["network"],
        "image_size": made_with["image_size"],
        "num_images": len(drawn.images),
        "num_images_of_sample": len(images),
        "num_classes": len(drawn.category_ids),
        "num_classes_of_sample": int(products["category_id"].nunique()),
    }


def _listed_before(products: pd.DataFrame, lists: Mapping[str, pd.DataFrame]) -> npt.NDArray[np.str_]:
    """Return how each product was listed in an earlier list: SUSPECT, RANDOM or NOT_LISTED."""
    before = {
        product_id: kind for rows in lists.values() for product_id, kind in rows[["product_id", "listed"]].to_numpy()
    }
    return np.array([before.get(i, NOT_LISTED) for i in products["product_id"].tolist()], dtype="<U7")


def _suspect(
    drawn: DrawnPart, features_dir: Path, judgements: Judgements, lists: Mapping[str, pd.DataFrame], seed: int
) -> pd.DataFrame:
    """Judge the drawn products; returns the rows of suspects.parquet."""
    products, product_of_image = drawn.products, drawn.product_of_image
    label, given = products["label_index"].to_numpy(np.int64), products["drawn_index"].to_numpy(np.int64)
    looked_at = products["product_id"].isin(list(judgements.verdicts)).to_numpy()
    is_settled = products["rule"].isin([HUMAN_FIX, HUMAN_EXCLUSION]).to_numpy() | looked_at
    # Pictures that stand in several categories teach nothing; the products are judged all the same.
    teaches = (label >= 0) & ~products["conflicted"].to_numpy() & (products["rule"] != HUMAN_EXCLUSION).to_numpy()
    logger.info("judging %s products of %d categories", f"{len(products):,}", len(drawn.category_ids))
    labelled = LabelledProducts(
        read_features_of(features_dir, drawn.wanted),
        product_of_image,
        np.where(label >= 0, label, given),
        products["group_id"].to_numpy(np.int64),
        teaches[product_of_image],
        len(drawn.category_ids),
    )
    evidence = judge_out_of_sample(labelled, max(1, _MOST_CELLS_LEARNT // len(drawn.category_ids)), seed)
    verdicts = find_suspects(evidence, given, ~is_settled)
    is_known = is_settled | ~evidence.is_judged
    listed = choose_list(verdicts, is_known, seed, listed_before=_listed_before(products, lists))
    place = np.arange(len(products))
    rows = products[["product_id", "group_id", "split", "category_id", "conflicted"]].assign(
        suggested_category_id=drawn.category_ids[verdicts.suggestion],
        probability_of_category=evidence.probabilities[place, given].round(4),
        probability_of_suggestion=evidence.probabilities[place, verdicts.suggestion].round(4),
        is_suspect=verdicts.is_suspect,
        listed=listed.kind,
        score=listed.score,
    )
    order = np.lexsort((products["product_id"], verdicts.quality, ~verdicts.is_suspect))
    return rows.iloc[order[(evidence.is_judged & ~is_settled)[order]]]


def _read_lists(reviews: Reviews) -> dict[str, pd.DataFrame]:
    """Return the rows that people were shown, by the key of the audit that listed them."""
    lists = {}
    for path in reviews.list_paths:
        rows = read_table(path, SUSPECTS).to_pandas()
        lists[key_of_copy(path.name)] = rows[rows["listed"] != NOT_LISTED]
    return lists


def _describe_list(key: str, rows: pd.DataFrame, judgements: Judgements) -> dict[str, Any]:
    """Tell what people found in a list: shares over the rows that they looked at and were sure of, and no others."""
    outcome = judge_rows(rows, judgements)
    is_old = key in judgements.num_kept
    # Of an older list's rows nobody can tell which of those that are gone were looked at.
    counts = outcome.looked_at & ~outcome.unsure & (not is_old)
    of_kind = {kind: (rows["listed"] == kind).to_numpy() & counts for kind in (SUSPECT, RANDOM)}
    figures = {kind: share_figure(outcome.wrong[of], rows.loc[of, "group_id"]) for kind, of in of_kind.items()}
    return {
        "list": key,
        "num_listed": len(rows),
        "num_looked_at": None if is_old else int(outcome.looked_at.sum()),
        "num_unsure": None if is_old else int(outcome.unsure.sum()),
        "num_kept": judgements.num_kept.get(key),
        "suspects": figures[SUSPECT],
        "random": figures[RANDOM],
    }


def _describe_reviews(judgements: Judgements, lists: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return reviews.json: of each list, the share that people found wrong, and how much they looked at."""
    return {
        "lists": [_describe_list(key, rows, judgements) for key, rows in sorted(lists.items())],
        "missing": sorted(set(judgements.lists) - set(lists)),
    }


def _log_findings(rows: pd.DataFrame, drawn: DrawnPart, num_categories: int, no_leak: str | None) -> None:
    logger.info(
        "%s suspects among %s judged products of %s of %s categories%s",
        *(f"{num:,}" for num in (rows["is_suspect"].sum(), len(rows), len(drawn.category_ids), num_categories)),
        f"; the leak has no price: {no_leak}" if no_leak else "",
    )  # fmt: skip


def _count(num_products: int, rows: pd.DataFrame, leak: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        "num_products_judged": len(rows),
        "num_products_of_sample": num_products,
        "num_suspects": int(rows["is_suspect"].sum()),
        "num_suspects_listed": int((rows["listed"] == SUSPECT).sum()),
        "num_listed": int((rows["listed"] != NOT_LISTED).sum()),
        "leak_by_product": leak["inflation"][BY_PRODUCT]["value"],
        "leak_by_image": leak["inflation"][BY_IMAGE]["value"],
    }


def audit_recipe(labels_dir: Path, features_dir: Path, reviews: Reviews, config: LabelConfig) -> Recipe:
    """Return what decides an audit."""
    return Recipe(
        stage="audit",
        version=VERSION,
        config={"seed": config.seed, "split": _shares(config.split).model_dump(mode="json")},
        inputs={"labels": labels_dir, "features": features_dir},
        files={path.name: hash_file(path) for path in reviews.list_paths},
        libraries=versions("cleanlab", "scikit-learn", "numpy", "scipy"),
    )


def audit_labels(
    labels_dir: Path, features_dir: Path, reviews: Reviews, artifacts_dir: Path, config: LabelConfig
) -> AuditResult:
    """Find the labels that other products contradict, and price the leak that random splits would have.

    Args:
        labels_dir: Finished labels artifact.
        features_dir: Finished features artifact of these labels.
        reviews: What people have looked at, as it was when the run began. Nothing of it is listed again; what was
            listed and not looked at is listed first.
        artifacts_dir: Where the audit artifact will stand, named by its key.
        config: The label rules: seed and shares of the split.

    Returns:
        The artifact's path and counts. `suspects.parquet` has a row a judged product, the most suspect first;
        `leak.json` the accuracies, or the reason why there are none; `reviews.json` what people found in earlier lists.

    Raises:
        DataError: If an artifact is missing or damaged.
    """

    def write(part_dir: Path) -> Made:
        products, images = _read_labels(labels_dir)
        drawn = draw_part(products, images, _SUSPECT_BOUNDS, config.seed)
        lists, judgements = _read_lists(reviews), read_judgements(reviews.fixes_path)
        rows = _suspect(drawn, features_dir, judgements, lists, config.seed)
        write_table(part_dir / "suspects.parquet", rows, SUSPECTS)
        write_json(part_dir / "reviews.json", _describe_reviews(judgements, lists))
        leak = _describe_leak(products, images, features_dir, config)
        write_json(part_dir / "leak.json", leak)
        _log_findings(rows, drawn, products["category_id"].nunique(), leak["reason"])
        return Made(_count(len(products), rows, leak))

    return make(AuditResult, audit_recipe(labels_dir, features_dir, reviews, config), artifacts_dir, write)
