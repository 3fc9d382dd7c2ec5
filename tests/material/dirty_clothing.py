"""The clothing catalogue made dirty with known faults, through index, sample and labels: what was found of each."""

import csv
import io
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import bson
import pandas as pd
from PIL import Image

from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.tables import parquet, schemas
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR

PLANTER = TEST_DATA_DIR.parent / "tools" / "plant_faults.py"
CLOTHING = TEST_DATA_DIR / "clothing" / "catalogue.bson"
MAX_REJECTED_SHARE = 0.02

Key = tuple[int, int]

REASONS = {
    "picture_truncated": "picture_damaged",
    "picture_empty": "picture_empty",
    "picture_not_an_image": "picture_not_jpeg",
    "picture_is_png": "picture_not_jpeg",
    "imgs_empty": "imgs_empty",
    "imgs_missing": "imgs_missing",
    "category_is_string": "category_not_an_integer",
    "category_unknown": "small_class",
    "id_repeated": "id_repeated",
}
"""The reason for which each kind of fault must be rejected."""

KEPT = {
    "picture_is_grayscale": "kept; its channel repeated",
    "picture_is_cmyk": "kept; converted to RGB",
    "picture_is_large": "kept; scaled like every other",
    "category_is_int64": "kept",
    "unknown_field": "kept",
    "keys_in_other_order": "kept",
}
"""What is unusual and no fault: it must be kept."""

UNLABELLED = "category_missing"
"""Kept by the index, to be predicted, and in no sample."""


class Row(NamedTuple):
    """What became of one kind of fault.

    Attributes:
        kind: As plant_faults.py names it.
        planted: How many it planted.
        standing: How many the finished file still has: a later fault may have taken the picture that was shared.
        found: How many of those the pipeline found, or kept where nothing is wrong.
        false: How many it found of this kind that are not in the file; None where it makes no sense to ask.
        handled: What is done with them.
    """

    kind: str
    planted: int
    standing: int
    found: int
    false: int | None
    handled: str


class Truth:
    """The dirty file as a plain reader sees it."""

    def __init__(self, catalogue: Path) -> None:
        """Read it."""
        self.num_documents = self.num_images = self.num_unlabelled = 0
        self.categories: dict[int, int] = {}
        self.looks: dict[Key, bytes] = {}
        with catalogue.open("rb") as file:
            for document in bson.decode_file_iter(file):
                self.num_documents += 1
                category, product = document.get("category_id"), document["_id"]
                self.num_unlabelled += category is None
                if product in self.categories or not isinstance(category, int) or not document.get("imgs"):
                    continue
                self.categories[product] = category
                self.num_images += len(document["imgs"])
                for number, entry in enumerate(document["imgs"]):
                    look = _look(entry["picture"])
                    if look:
                        self.looks[product, number] = look
        self.sharing: dict[bytes, set[Key]] = defaultdict(set)
        for key, look in self.looks.items():
            self.sharing[look].add(key)

    def category_of(self, key: Key) -> int:
        """Return the category of an image's product."""
        return self.categories[key[0]]


def _look(picture: bytes) -> bytes | None:
    """Return the size and pixels of a JPEG that decodes whole."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            return repr(image.size).encode() + image.convert("RGB").tobytes() if image.format == "JPEG" else None
    except OSError:
        return None


@dataclass(frozen=True)
class Found:
    """What the pipeline made of the dirty file."""

    index: dict[str, Any]
    index_products: pd.DataFrame
    sample_products: pd.DataFrame
    products: pd.DataFrame
    images: pd.DataFrame
    conflicts: pd.DataFrame
    index_rejected: pd.DataFrame
    labels_rejected: pd.DataFrame

    @property
    def rejected(self) -> pd.DataFrame:
        """Return what the index and the labels rejected."""
        return pd.concat([self.index_rejected, self.labels_rejected])


def plant(clean: Path, folder: Path) -> tuple[Path, pd.DataFrame]:
    """Make the clean catalogue dirty; returns the dirty one and what was planted."""
    dirty, faults = folder / "dirty.bson", folder / "faults.csv"
    subprocess.run([sys.executable, PLANTER, clean, dirty, faults], check=True, stdout=subprocess.DEVNULL)
    with faults.open(encoding="utf-8", newline="") as file:
        return dirty, pd.DataFrame(list(csv.DictReader(file))).astype({"product_id": "int64"})


def run_pipeline(dirty: Path, folder: Path) -> Found:
    """Index the dirty catalogue, draw all of it and fix its labels."""
    merged = index_catalogue(dirty, folder / "index", MAX_REJECTED_SHARE)
    index_dir = Path(merged["path"])
    sample_dir = Path(draw_sample(index_dir, dirty, folder, DrawConfig(categories=None))["path"])
    config = LabelConfig(categories=None, small_classes="reject")
    labels_dir = Path(fix_labels(index_dir, sample_dir, LabelFiles(), folder, config)["path"])

    def read(parent: Path, name: str, schema: Any) -> pd.DataFrame:
        return pd.DataFrame(parquet.read_table(parent / f"{name}.parquet", schema).to_pandas())

    return Found(
        index=merged,
        index_products=read(index_dir, "products", schemas.PRODUCTS),
        sample_products=read(sample_dir, "products", schemas.SAMPLE_PRODUCTS),
        products=read(labels_dir, "products", schemas.LABEL_PRODUCTS),
        images=read(labels_dir, "images", schemas.LABEL_IMAGES),
        conflicts=read(labels_dir, "conflicts", schemas.CONFLICTS),
        index_rejected=read(index_dir, "rejected", schemas.REJECTED),
        labels_rejected=read(labels_dir, "rejected", schemas.REJECTED),
    )


def image_keys(images: pd.DataFrame) -> set[Key]:
    """Return the keys of a table's images."""
    return set(zip(images["product_id"].astype(int), images["image_number"].astype(int), strict=True))


def _rejected(found: Found, kind: str, planted: pd.DataFrame) -> Row:
    """Compare what was rejected for a reason with what was planted of all kinds that have this reason."""
    reason = REASONS[kind]
    rows = found.rejected[found.rejected["reason"] == reason]
    of_image = rows["image_number"].notna().all() and kind.startswith("picture_")
    same_reason = planted[planted["fault"].map(REASONS) == reason]
    told = image_keys(rows) if of_image else set(rows["product_id"])
    wanted = planted[planted["fault"] == kind]
    if of_image:
        wanted_keys: set[Any] = image_keys(wanted)
        all_keys: set[Any] = image_keys(same_reason)
    else:
        wanted_keys, all_keys = set(wanted["product_id"]), set(same_reason["product_id"])
    what = "image" if of_image else "class" if reason == "small_class" else "document"
    return Row(
        kind, len(wanted), len(wanted), len(wanted_keys & told), len(told - all_keys), f"{what} rejected: {reason}"
    )


def _kept(found: Found, kind: str, planted: pd.DataFrame) -> Row:
    wanted = planted[planted["fault"] == kind]
    if kind.startswith("picture_"):
        num_kept = len(image_keys(wanted) & image_keys(found.images))
    else:
        num_kept = int(wanted["product_id"].isin(found.products["product_id"]).sum())
    return Row(kind, len(wanted), len(wanted), num_kept, None, KEPT[kind])


def _unlabelled(found: Found, kind: str, planted: pd.DataFrame) -> Row:
    wanted = set(planted.loc[planted["fault"] == kind, "product_id"])
    rows = found.index_products
    told = set(rows.loc[rows["category_id"].isna(), "product_id"]) - set(found.sample_products["product_id"])
    return Row(kind, len(wanted), len(wanted), len(wanted & told), len(told - wanted), "indexed, in no sample")


def _shared(found: Found, truth: Truth, kind: str, planted: pd.DataFrame) -> Row:
    """Count the planted shares that the finished file still has, and those that one group holds together."""
    wanted = planted[planted["fault"] == kind]
    group = found.products.set_index("product_id")["group_id"]
    pixel_hash = found.images.set_index(["product_id", "image_number"])["pixel_hash"]
    standing = tied = 0
    for row in wanted.itertuples():
        donor, number = (int(part) for part in str(row.detail).removeprefix("from=").split(":"))
        key = (int(cast(int, row.product_id)), int(cast(int, row.image_number)))
        others = truth.sharing[truth.looks[key]] - {key} if key in truth.looks else set()
        if (donor, number) not in others:
            continue
        standing += 1
        tied += bool(pixel_hash[key] == pixel_hash[donor, number] and group[key[0]] == group[donor])
    handled = "one group, never in two splits" + ("; a conflict" if kind == "shared_image_other_category" else "")
    return Row(kind, len(wanted), standing, tied, None, handled)


def _copies(found: Found, truth: Truth) -> Row:
    """Compare every picture that stands several times, planted or there before."""
    kept = image_keys(found.images)
    true = {frozenset(keys & kept) for keys in truth.sharing.values() if len(keys & kept) > 1}
    seen = {frozenset(image_keys(rows)) for _, rows in found.images.groupby("pixel_hash") if len(rows) > 1}
    return Row("all exact copies (pictures)", len(true), len(true), len(true & seen), len(seen - true), "counted, tied")


def _conflicts(found: Found, truth: Truth) -> Row:
    """Compare every picture that several categories claim, planted or there before."""
    kept = image_keys(found.images)
    claimed = {look: {truth.category_of(key) for key in keys} for look, keys in truth.sharing.items() if keys & kept}
    true = {
        (frozenset(claimed[look]), frozenset(product for product, _ in truth.sharing[look]))
        for look in claimed
        if len(claimed[look]) > 1
    }
    seen = {
        (frozenset(cast(Any, row.category_ids)), frozenset(cast(Any, row.product_ids)))
        for row in found.conflicts.itertuples()
    }
    handled = "not learnt from; measured as given"
    return Row("all conflicts (pictures)", len(true), len(true), len(true & seen), len(seen - true), handled)


def _wrong(found: Found, truth: Truth, planted: pd.DataFrame) -> Row:
    """Count the wrong categories that a copy contradicts; the others are for people, or a model, to suspect."""
    wanted = set(planted.loc[planted["fault"] == "wrong_category", "product_id"])
    contradicted = {
        product
        for keys in truth.sharing.values()
        if len({truth.category_of(key) for key in keys}) > 1
        for product, _ in keys
    }
    flagged = set(found.products.loc[found.products["conflicted"], "product_id"])
    standing = wanted & contradicted
    handled = "marked conflicted where a copy contradicts; else kept as given"
    return Row("wrong_category", len(wanted), len(standing), len(standing & flagged), None, handled)


def examine(found: Found, truth: Truth, planted: pd.DataFrame) -> list[Row]:
    """Return what became of each kind of fault, by the name of the kind, and of all copies and conflicts."""
    rows = []
    for kind in sorted(planted["fault"].unique()):
        if kind in REASONS:
            rows.append(_rejected(found, kind, planted))
        elif kind == UNLABELLED:
            rows.append(_unlabelled(found, kind, planted))
        elif kind in KEPT:
            rows.append(_kept(found, kind, planted))
        elif kind == "wrong_category":
            rows.append(_wrong(found, truth, planted))
        else:
            rows.append(_shared(found, truth, kind, planted))
    return [*rows, _copies(found, truth), _conflicts(found, truth)]
