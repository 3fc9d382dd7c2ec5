"""A stage whose output changes must raise its VERSION: else artifacts of the old meaning would be found again.

When this fails and the change is meant: raise VERSION in the stage, and write the new pair below.
"""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.stages import index, labels, sample
from cdiscount_tasks.storage.hashes import hash_json

GOLDEN = {
    "index": (3, "b15698f3f8f8134d7c4e1a97d4251e30"),
    "sample": (1, "617001b0580e0c61ccb58de0f7412ac6"),
    "labels": (4, "a24bc67deb54d4f4ee4547e6f6362280"),
}
"""VERSION and hash of all rows that each stage makes of the tiny catalogue."""


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
