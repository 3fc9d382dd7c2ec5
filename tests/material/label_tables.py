"""The tables of a labels artifact as data frames, and its files as they are."""

import json
from pathlib import Path

from cdiscount_tasks.tables import parquet, schemas

LABEL_SCHEMAS = {
    "products": schemas.LABEL_PRODUCTS, "images": schemas.LABEL_IMAGES, "classes": schemas.CLASSES,
    "conflicts": schemas.CONFLICTS, "rejected": schemas.REJECTED,
}  # fmt: skip
MEASURED = ["product_id", "category_id", "class_index", "group_id", "split", "conflicted"]
"""Columns of `products` that no policy and no fix may change."""


def read(labels_dir, name):
    """Return a table; `rejected` may be that of an index or a sample, which has the same columns."""
    return parquet.read_table(Path(labels_dir) / f"{name}.parquet", LABEL_SCHEMAS[name]).to_pandas()


def read_json(labels_dir, name):
    """Return what certificate.json or counts.json says."""
    return json.loads((Path(labels_dir) / f"{name}.json").read_text())


def data_files(folder):
    """Return the bytes of each file but the manifest, which holds times."""
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.name != "manifest.json"}
