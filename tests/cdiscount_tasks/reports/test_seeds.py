import numpy as np
import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.seeds import measure_other_seeds
from cdiscount_tasks.stages.seed_outcomes import SeedOutcome, diverged
from cdiscount_tasks.stages.seed_trainings import JudgedImages
from tests.material.other_seeds import write_seeds

MANIFESTS = {
    "model": {
        "duration_s": 60.5,
        "result": {"num_epochs": 8, "best_epoch": 7, "validation_accuracy": 0.8, "validation_loss": 0.6},
    }
}
PRODUCTS = pd.DataFrame(
    {"product_id": [10, 20, 30, 40], "group_id": [10, 20, 20, 40], "class_index": 0, "predicted": [0, 0, 0, 1]}
)
IMAGES = PRODUCTS.loc[[0, 0, 1, 2, 3]].reset_index(drop=True)
TESTED = JudgedImages(
    IMAGES["product_id"].to_numpy(), np.array([0, 1, 0, 0, 0], np.int8), np.zeros(5, np.int64),
    np.array([0, 0, 1, 2, 3]),
)  # fmt: skip


def outcome(seed, right_products, right_images, state="complete"):
    rights = (np.array(right, bool) for right in (right_products, right_images))
    return SeedOutcome(seed, state, 8, 5, 0.7, 0.9, 50.0, *rights)


LOWER, HIGHER = outcome(4, [1, 0, 0, 0], [1, 1, 0, 0, 0]), outcome(6, [1, 1, 1, 1], [1, 1, 1, 1, 0])


def measure(tmp_path, outcomes, products=PRODUCTS, images=IMAGES):
    seeds_dir = write_seeds(tmp_path, TESTED, outcomes)
    return measure_other_seeds({"seeds": seeds_dir}, MANIFESTS, 3, products, images)


def test_a_run_of_one_seed_has_nothing_to_measure():
    assert measure_other_seeds({}, MANIFESTS, 3, PRODUCTS, IMAGES) is None


def test_the_models_own_seed_comes_first_and_counts_in_the_mean(tmp_path):
    found = measure(tmp_path, [LOWER, HIGHER])
    assert found["product"]["mean"]["value"] == pytest.approx((0.75 + 0.25 + 1.0) / 3, abs=1e-6)
    assert found["image"]["mean"]["value"] == pytest.approx((0.8 + 0.4 + 0.8) / 3, abs=1e-6)
    assert (found["product"]["model"], found["product"]["num_higher"]) == (0.75, 1)
    assert (found["product"]["mean"]["n"], found["product"]["mean"]["num_groups"]) == (4, 3)
    told = [(one["seed"], one["is_model"], one["product_accuracy"], one["seconds"]) for one in found["seeds"]]
    assert told == [(3, True, 0.75, 60.5), (4, False, 0.25, 50.0), (6, False, 1.0, 50.0)]
    assert found["seeds"][0]["validation_loss"] == 0.6


def test_a_seed_that_diverged_is_listed_and_in_no_figure(tmp_path):
    with_it, without = measure(tmp_path, [LOWER, diverged(5, 2.0), HIGHER]), measure(tmp_path, [LOWER, HIGHER])
    assert (with_it["num_complete"], with_it["num_diverged"]) == (2, 1)
    assert (with_it["product"], with_it["image"]) == (without["product"], without["image"])
    assert with_it["seeds"][2] == {
        "seed": 5, "state": "diverged", "num_epochs": None, "best_epoch": None, "validation_accuracy": None,
        "validation_loss": None, "seconds": 2.0, "is_model": False, "product_accuracy": None, "image_accuracy": None,
    }  # fmt: skip
    assert with_it["seeds"][3]["product_accuracy"] == 1.0


def test_a_seed_that_was_stopped_is_in_no_figure_either(tmp_path):
    found = measure(tmp_path, [LOWER._replace(state="stopped"), HIGHER])
    assert (found["num_stopped"], found["num_complete"]) == (1, 1)
    assert found["seeds"][1]["product_accuracy"] is None
    assert found["product"]["mean"]["value"] == 0.875


def test_where_no_other_was_trained_to_its_end_there_is_no_spread(tmp_path):
    found = measure(tmp_path, [diverged(4, 1.0)])
    assert (found["product"], found["image"], found["num_complete"]) == (None, None, 0)


def test_trainings_that_were_judged_by_other_products_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"judged by other test products .* clear the task train_other_seeds"):
        measure(tmp_path, [LOWER], PRODUCTS.assign(product_id=[10, 20, 30, 50]))
    with pytest.raises(DataError, match="judged by other test products"):
        measure(tmp_path, [LOWER], PRODUCTS, IMAGES.iloc[1:])
