"""The stage that docs/add-a-stage.md shows is a whole one."""

import json
import re
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.settings.environment import PROJECT_DIR


@pytest.fixture(scope="module")
def stage():
    page = (PROJECT_DIR / "docs" / "add-a-stage.md").read_text("utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    return names


def test_the_shown_stage_makes_an_artifact_and_finds_it_again(stage, labels_dir, tmp_path):
    made = stage["measure_balance"](labels_dir, tmp_path)
    assert {name: made[name] for name in ("num_categories", "reused")} == {"num_categories": 4, "reused": False}
    assert stage["measure_balance"](labels_dir, tmp_path) == {**made, "reused": True}


def test_the_shown_stage_says_what_decides_it(stage, labels_dir, tmp_path):
    made = Path(stage["measure_balance"](labels_dir, tmp_path)["path"])
    manifest = read_manifest(made)
    assert made.name == f"balance-{manifest['key']}"
    assert manifest["inputs"] == {"labels": read_manifest(labels_dir)["identity"]}
    assert json.loads((made / "balance.json").read_text()) == {"largest_share": manifest["result"]["largest_share"]}
