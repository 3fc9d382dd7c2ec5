import json

import numpy as np
import pytest

from cdiscount_tasks.settings.comparison import RandomChoicesConfig
from cdiscount_tasks.stages.inputs import ComparedRun
from cdiscount_tasks.stages.random_choices import NO_NAMES, choose_categories, judge_random_choices
from cdiscount_tasks.tables import parquet, schemas
from tests.material.compared_runs import artifact, make_pooled_draw

pytestmark = pytest.mark.slow

CONFIG = RandomChoicesConfig(products_per_category=20)
FAMILIES = {f"D{department}": [1000 * department + place for place in range(1, 7)] for department in range(1, 7)}
IDS = sorted(one for ids in FAMILIES.values() for one in ids)
WINE, BAG = FAMILIES["D1"][:5], [ids[0] for ids in FAMILIES.values()][:5]


@pytest.fixture(scope="module")
def names_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("names") / "names.csv"
    rows = [f"{one},{name},{name} F,C{one}" for name, ids in FAMILIES.items() for one in ids]
    path.write_text("\n".join(["category_id,category_level1,category_level2,category_level3", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def index_dir(tmp_path_factory):
    profile = {
        "categories": [{"category_id": one, "num_products": 20, "num_images": 20, "num_copies": 0} for one in IDS]
    }
    return artifact(
        tmp_path_factory.mktemp("index"),
        "index",
        lambda part_dir: (part_dir / "profile.json").write_text(json.dumps(profile)) and {},
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    def run(sample, ids):
        counts = {
            f"num_{what}_{split}": [1] * 5
            for what in ("products", "images")
            for split in ("train", "validation", "test")
        }
        rows = {
            "class_index": range(5),
            "category_id": sorted(ids),
            **{f"level{n}": ["x"] * 5 for n in (1, 2, 3)},
            **counts,
        }

        def write(part_dir):
            parquet.write_table(part_dir / "classes.parquet", rows, schemas.CLASSES)
            return {}

        labels_dir = artifact(tmp_path_factory.mktemp(sample), "labels", write)
        return ComparedRun(sample, sample.title(), "r", labels_dir, labels_dir, labels_dir, labels_dir, None)

    return [run("wine", WINE), run("bag", BAG)]


@pytest.fixture(scope="module")
def pool(index_dir, names_path, runs):
    return choose_categories(index_dir, names_path, runs, CONFIG)


@pytest.fixture(scope="module")
def draw(tmp_path_factory, pool):
    """Siblings lie close to one another: a family has a direction of its own, its categories hardly any."""
    random = np.random.default_rng(3)
    of_family = {one // 1000: random.normal(size=8) for one in pool.category_ids}
    return make_pooled_draw(
        tmp_path_factory.mktemp("pool"),
        pool.category_ids,
        lambda _: 1.0,
        around=lambda one: 4 * of_family[one // 1000],
    )


@pytest.fixture(scope="module")
def choices(index_dir, names_path, draw, runs, tmp_path_factory):
    artifacts_dir = tmp_path_factory.mktemp("random_choices")
    result = judge_random_choices(index_dir, names_path, draw, runs, artifacts_dir, CONFIG, ["a note of the pool"])
    again = judge_random_choices(index_dir, names_path, draw, runs, artifacts_dir, CONFIG, ["a note of the pool"])
    assert (result["reused"], again["reused"]) == (False, True)
    return json.loads((artifacts_dir / result["path"] / "random_choices.json").read_text("utf-8"))


def test_the_pool_holds_the_samples_categories(pool):
    assert {*WINE, *BAG} <= set(pool.category_ids)


def test_without_names_there_is_no_pool_and_the_reason(index_dir, runs):
    assert choose_categories(index_dir, None, runs, CONFIG) == ((), (NO_NAMES,))


def test_siblings_that_look_alike_are_harder_and_the_gap_says_so(choices):
    assert len(choices["unlike"]) == 30
    assert choices["gap"]["low"] > 0


def test_the_samples_are_marked_where_they_belong(choices):
    means = {kind: np.mean([one["accuracy"]["value"] for one in choices[kind]]) for kind in ("alike", "unlike")}
    assert abs(choices["samples"]["wine"]["accuracy"]["value"] - means["alike"]) < 0.2
    assert abs(choices["samples"]["bag"]["accuracy"]["value"] - means["unlike"]) < 0.1


def test_the_size_is_two_thirds_of_the_products_drawn(choices):
    assert (choices["num_groups"], choices["num_test_groups"]) == (13, 4)


def test_notes_of_the_pool_are_kept(choices):
    assert "a note of the pool" in choices["notes"]
