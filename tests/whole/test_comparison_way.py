"""The whole way of a comparison without Airflow, on a drawn category tree: by the descriptor, and by a network."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.catalogue.ranges import ByteRange
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.features.random_choices import TreeCategory, choose_draws, choose_pool
from cdiscount_tasks.runs import comparison_steps
from cdiscount_tasks.runs.comparison import start_comparison
from cdiscount_tasks.settings.comparison import RandomChoicesConfig
from cdiscount_tasks.stages import index, random_choices
from tests.material.audit_inputs import make_features
from tests.material.html_page import Page
from tests.material.real_data import TEST_DATA_DIR
from tests.material.tree_catalogue import category_id, write_tree_catalogue
from tests.material.whole_runs import finish_run

WEIGHTS_DIR = TEST_DATA_DIR / "weights"
NUM_PRODUCTS = 16
SIBLINGS = [category_id(0, 0, place) for place in range(5)]
STRANGERS = [category_id(department, 0, 0) for department in range(5)]


def write_sample(folder, name, category_ids):
    preset = {"network": "plain_cnn", "image_size": 32, "epochs": 1}
    settings = {"name": name, "title": name.title(), "categories": category_ids, "default_preset": "smoke"}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({**settings, "presets": {"smoke": preset}}))


@pytest.fixture(scope="module")
def place(tensorflow, tmp_path_factory):
    """Finish a run of either sample, without weights."""
    place = tmp_path_factory.mktemp("tree")
    catalogue_path, names_path = write_tree_catalogue(place / "catalogue", num_products=NUM_PRODUCTS)
    (place / "samples").mkdir()
    write_sample(place / "samples", "siblings", SIBLINGS)
    write_sample(place / "samples", "strangers", STRANGERS)
    paths = {"CATALOGUE": catalogue_path, "CATEGORY_NAMES": names_path}
    paths |= {name: place / name.lower() for name in ("DATA", "SAMPLES", "REPORTS", "LABEL_FIXES")}
    paths["LABEL_FIXES"].mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, path in paths.items():
            patch.setenv(f"CDISCOUNT_{name}", str(path))
        patch.delenv("CDISCOUNT_WEIGHTS", raising=False)
        patch.setenv("KERAS_HOME", str(place / "keras"))  # no weights, whatever this machine has
        finish_run("siblings", "manual__siblings")
        finish_run("strangers", "manual__strangers")
        yield place


@pytest.fixture(scope="module", params=["descriptor", "mobilenet_v2"])
def compared(place, request):
    """Return what comparison.json holds, and the page."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "descriptor":
            if not WEIGHTS_DIR.is_dir():
                pytest.skip(f"{WEIGHTS_DIR} is absent")
            patch.setenv("CDISCOUNT_WEIGHTS", str(WEIGHTS_DIR))
        facts, page = compare(request.param)
        assert facts["features"]["network"] == request.param
        yield facts, page


def compare(run_id):
    """Make every step of a comparison."""
    samples = ["siblings", "strangers"]
    own = start_comparison(run_id, samples, random_choices={"products_per_category": NUM_PRODUCTS})
    for name in samples:
        comparison_steps.extract_features(run_id, name)
    for make in (
        comparison_steps.draw_categories,
        comparison_steps.tie_groups,
        comparison_steps.extract_pooled_features,
        comparison_steps.judge_choices,
        comparison_steps.write_comparison,
    ):
        make(run_id)
    facts = json.loads((own.out_dir / "comparison.json").read_text("utf-8"))
    return facts, Page((own.out_dir / "comparison.html").read_text("utf-8"))


def test_features_of_two_kinds_are_not_compared(place):
    own = start_comparison("mixed", ["siblings", "strangers"])
    comparison_steps.extract_features("mixed", "strangers")
    other = make_features(own.compared_of("siblings").labels_dir, own.artifacts_dir)  # as if by mobilenet_v2
    own.record("features_siblings", {"path": str(other)})

    with pytest.raises(DataError, match=r"computed by descriptor and mobilenet_v2, .* trigger a new comparison"):
        comparison_steps.write_comparison("mixed")


def test_siblings_are_harder_than_strangers_at_equal_size(compared):
    facts, _ = compared
    assert facts["answer"].startswith("At equal size, the five categories of Siblings are ")
    assert facts["differences"][0]["matched"]["high"] < 0


def test_at_large_categories_of_one_level_2_name_are_harder(compared):
    facts, _ = compared
    assert facts["random_choices"]["gap"]["low"] > 0
    assert (len(facts["random_choices"]["alike"]), len(facts["random_choices"]["unlike"])) == (30, 30)
    assert "In general, five random categories of one level-2 name are " in facts["answer"]


def test_both_samples_stand_in_the_random_choices_where_they_belong(compared):
    facts, page = compared
    siblings, strangers = (
        facts["random_choices"]["samples"][name]["accuracy"]["value"] for name in ("siblings", "strangers")
    )
    assert siblings < strangers
    assert "A is Siblings" in page.text and "B is Strangers" in page.text


def read_real_tree():
    """Return the tree of the real train.bson, by the published counts of its categories."""
    folder = TEST_DATA_DIR / "cdiscount"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    names = read_category_names(folder / "category_names.csv")
    with (folder / "category_counts.csv").open(encoding="utf-8") as file:
        rows = [(int(row["category_id"]), int(row["num_products"])) for row in csv.DictReader(file)]
    return [TreeCategory(one, *names[one][:2], num_products) for one, num_products in rows]


def test_the_real_catalogue_gives_thirty_families_in_minutes_worth_of_pictures():
    tree = read_real_tree()
    config = RandomChoicesConfig()
    pool = choose_pool(tree, config.products_per_category, config.seed)
    in_pool = [category for category in tree if category.category_id in set(pool.category_ids)]
    draws = choose_draws(in_pool, dict.fromkeys(pool.category_ids, 60), 40, config.seed)
    assert pool.notes == ()
    assert len(pool.category_ids) * config.products_per_category <= 15_000
    assert (
        len({category.family for category in in_pool if category.category_id in {ids[0] for ids in draws.alike}}) == 30
    )
    assert len(draws.unlike) == 30


def test_the_real_example_of_82_documents_is_too_small_for_a_random_choices_and_says_why(tmp_path):
    path = TEST_DATA_DIR / "cdiscount" / "train_example.bson"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    for byte_range in index.plan_ranges(path, tmp_path):
        index.scan_range(path, ByteRange(**byte_range), tmp_path)
    index_dir = Path(index.merge_index(path, tmp_path, 0.01)["path"])
    pool = random_choices.choose_categories(index_dir, path.with_name("category_names.csv"), [], RandomChoicesConfig())
    assert pool.category_ids == ()
    assert "no level-2 name has 5 categories of at least 60 products" in pool.notes[0]
    assert "only 0 of the level-1 names" in pool.notes[1]
