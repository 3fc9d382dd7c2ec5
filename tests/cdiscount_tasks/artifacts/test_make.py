import json
from typing import TypedDict

import pytest

from cdiscount_tasks.artifacts.make import Result, find_page, make, make_page
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions

RECIPE = Recipe("thing", 1, {"colour": "red"})


class ThingResult(Result):
    num_rows: int


class PageResult(TypedDict):
    path: str
    num_rows: int


def write(part_dir):
    (part_dir / "page.html").write_text("page")
    return Made({"num_rows": 5, "offsets": [1, 2]}, identity="thing-of-1", seconds_before=100.0)


def test_a_result_has_what_its_stage_declares_and_the_manifest_everything(tmp_path):
    made = make(ThingResult, RECIPE, tmp_path, write)
    out_dir = tmp_path / f"thing-{RECIPE.key}"
    assert made == {"path": str(out_dir), "num_rows": 5, "reused": False}
    assert read_manifest(out_dir)["result"] == {"num_rows": 5, "offsets": [1, 2]}
    assert make(ThingResult, RECIPE, tmp_path, write) == {**made, "reused": True}


def test_a_writer_says_the_identity_and_the_seconds_spent_before(tmp_path):
    made = make(ThingResult, RECIPE, tmp_path, write)
    manifest = json.loads((tmp_path / f"thing-{RECIPE.key}" / "manifest.json").read_text())
    assert (manifest["identity"], manifest["key"]) == ("thing-of-1", RECIPE.key)
    assert 100 <= manifest["duration_s"] < 110
    assert made["num_rows"] == 5


def test_a_declared_count_that_the_writer_does_not_give_is_a_mistake(tmp_path):
    with pytest.raises(KeyError, match="num_rows"):
        make(ThingResult, RECIPE, tmp_path, lambda _: Made({}))


def test_a_page_of_the_same_recipe_is_found_and_of_no_other(tmp_path):
    written = make_page(PageResult, RECIPE, tmp_path / "page", write)
    assert written == {"path": str(tmp_path / "page"), "num_rows": 5}
    assert find_page(PageResult, RECIPE, tmp_path / "page") == written
    assert find_page(PageResult, Recipe("thing", 1, {"colour": "blue"}), tmp_path / "page") is None
    (tmp_path / "page" / "page.html").write_text("pale")
    assert find_page(PageResult, RECIPE, tmp_path / "page") is None
    assert find_page(PageResult, RECIPE, tmp_path / "page", every_byte=False) == written


def test_versions_are_those_that_are_installed():
    found = versions("numpy", "pyarrow")
    assert list(found) == ["numpy", "pyarrow"]
    assert all(version[0].isdigit() for version in found.values())
