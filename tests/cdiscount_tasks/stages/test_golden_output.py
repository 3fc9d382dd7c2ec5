"""A stage whose output changes must raise its VERSION: else artifacts of the old meaning would be found again.

When this fails and the change is meant: raise VERSION in the stage, and write the new pair below.
"""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.stages import audit, index, labels, sample
from cdiscount_tasks.stages.inputs import Reviews
from tests.conftest import TINY_LABELS
from tests.material.audit_inputs import make_features

GOLDEN = {
    "index": (4, "98f48ab58b1f3e50c983d13e5b2a7e93"),
    "sample": (1, "617001b0580e0c61ccb58de0f7412ac6"),
    "labels": (6, "a24bc67deb54d4f4ee4547e6f6362280"),
}
"""VERSION and hash of all rows that each stage makes of the tiny catalogue."""


AUDIT = (3, "7b96a06fb989b8e3a78bc6508b2839d3")
"""The same of the audit, whose probabilities are rounded: another processor gives other last digits."""


def hash_rows(artifact_dir):
    rows = {
        path.name: [{name: repr(value) for name, value in row.items()} for row in pq.read_table(path).to_pylist()]
        for path in sorted(Path(artifact_dir).glob("*.parquet"))
    }
    return hash_json(rows)


@pytest.mark.parametrize(("stage", "name"), [(index, "index"), (sample, "sample"), (labels, "labels")])
def test_a_stage_whose_output_changed_has_a_new_version(stage, name, request):
    made = request.getfixturevalue(f"tiny_{name}")
    assert (stage.VERSION, hash_rows(made["path"])) == GOLDEN[name]


def test_an_audit_whose_output_changed_has_a_new_version(labels_dir, tmp_path):
    products = pd.read_parquet(labels_dir / "products.parquet")
    odd = {int(row.product_id): (int(row.class_index) + 1) % 4 for row in products.iloc[::9].itertuples()}
    result = audit.audit_labels(labels_dir, make_features(labels_dir, tmp_path, odd), Reviews(), tmp_path, TINY_LABELS)
    rows = pd.read_parquet(Path(result["path"]) / "suspects.parquet").round(1).sort_values("product_id")
    leak = json.loads((Path(result["path"]) / "leak.json").read_text("utf-8"))
    accuracy = {kind: round(figure["value"], 2) for kind, figure in leak["accuracy"].items()}
    found = {"rows": repr(rows.to_dict("records")), "leak": sorted(leak), "accuracy": accuracy}
    assert (audit.VERSION, hash_json(found)) == AUDIT
