import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.dummy import DummyClassifier

from cdiscount_tasks.learning.measuring import metrics, shares
from tests.material.predictions import LEVELS, make_classes, make_predictions, plain_bootstrap


def as_products(true, predicted, group_id, **columns):
    columns = {
        "num_images": 1,
        "conflicted": False,
        "probability_of_label": 0.5,
        "squared_error": 0.5,
        "corrected_class_index": true,
        **columns,
    }
    return pd.DataFrame({"group_id": group_id, "class_index": true, "predicted": predicted, **columns})


def top_of(probabilities):
    return np.argsort(-probabilities, axis=1, kind="stable")


def measure(true, predicted, group_id, num_classes=4, top=None, classes=None, **columns):
    top = np.tile(np.arange(num_classes), (len(true), 1)) if top is None else top
    classes = make_classes(num_classes) if classes is None else classes
    return metrics.measure_products(as_products(true, predicted, group_id, **columns), top, classes)


def test_the_interval_of_macro_f1_agrees_with_a_plain_bootstrap_over_groups():
    true, predicted, group_id = make_predictions(num_groups=120)
    macro, _ = metrics.f1_figures(true, predicted, group_id, 4)
    low, high = plain_bootstrap(
        lambda rows: sklearn_metrics.f1_score(true[rows], predicted[rows], average="macro"), group_id, 2, num_draws=800
    )
    assert macro["low"] == pytest.approx(low, abs=0.012)
    assert macro["high"] == pytest.approx(high, abs=0.012)


def test_f1_agrees_with_scikit_learn():
    true, predicted, group_id = make_predictions()
    macro, weighted = metrics.f1_figures(true, predicted, group_id, 4)
    assert macro["value"] == pytest.approx(sklearn_metrics.f1_score(true, predicted, average="macro"), abs=1e-6)
    assert weighted["value"] == pytest.approx(sklearn_metrics.f1_score(true, predicted, average="weighted"), abs=1e-6)


def test_f1_of_classes_that_are_never_there_nor_predicted_is_left_out_as_in_scikit_learn():
    true, predicted, group_id = make_predictions(num_classes=4)
    macro, _ = metrics.f1_figures(true, predicted, group_id, 9)
    assert macro["value"] == pytest.approx(sklearn_metrics.f1_score(true, predicted, average="macro"), abs=1e-6)


def test_figures_of_each_class_agree_with_scikit_learn():
    true, predicted, group_id = make_predictions()
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(true, predicted)
    for index, one in enumerate(measure(true, predicted, group_id)["product"]["per_class"]):
        found = (one["precision"]["value"], one["recall"]["value"], one["f1"]["value"])
        assert found == pytest.approx((precision[index], recall[index], f1[index]), abs=1e-6)
        assert (one["support"], one["recall"]["n"]) == (support[index], support[index])


def test_precision_of_a_class_that_is_never_predicted_is_undefined():
    true, group_id = np.array([0, 0, 1]), np.arange(3)
    one = measure(true, np.array([0, 0, 0]), group_id, num_classes=2)["product"]["per_class"][1]
    assert one["precision"] == {"value": None, "low": None, "high": None, "n": 0, "num_groups": 0}
    assert one["recall"]["value"] == one["f1"]["value"] == 0


def test_a_class_with_29_products_has_too_few_to_judge_and_one_with_30_has_not():
    true = np.repeat([0, 1], [29, 30])
    few, enough = measure(true, true, np.arange(59), num_classes=2)["product"]["per_class"]
    assert few["too_few_to_judge"] and not enough["too_few_to_judge"]


def test_log_loss_agrees_with_scikit_learn_even_for_a_probability_of_zero():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(4), 50).astype(np.float32)
    probabilities[0] = [0, 1, 0, 0]
    true = np.append(0, random.integers(0, 4, 49))
    images = pd.DataFrame(
        {
            "group_id": np.arange(50),
            "class_index": true,
            "predicted": probabilities.argmax(axis=1),
            "probability_of_label": probabilities[np.arange(50), true],
        }
    )
    expected = sklearn_metrics.log_loss(true, probabilities, labels=range(4))
    assert metrics.measure_images(images)["log_loss"]["value"] == pytest.approx(expected, rel=1e-4)


def test_top_k_accuracy_agrees_with_scikit_learn_where_there_are_more_than_k_classes():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(6), 300)
    true = random.integers(0, 6, 300)
    product = measure(true, probabilities.argmax(axis=1), np.arange(300), 6, top_of(probabilities))["product"]
    for k in (3, 5):
        expected = sklearn_metrics.top_k_accuracy_score(true, probabilities, k=k)
        assert product[f"top_{k}_accuracy"]["value"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("num_classes", "defined"), [(3, (False, False)), (5, (True, False)), (6, (True, True))])
def test_top_k_accuracy_is_undefined_where_every_answer_would_be_right(num_classes, defined):
    true = np.arange(num_classes)
    product = measure(true, true, true, num_classes)["product"]
    assert (product["top_3_accuracy"]["value"] is not None, product["top_5_accuracy"]["value"] is not None) == defined


def test_no_product_gives_a_mean_f1_without_a_value():
    assert metrics.f1_figures(np.array([], int), np.array([], int), np.array([], int), 3)[0]["n"] == 0


def test_the_baseline_is_the_share_of_trains_largest_class_and_the_gain_is_paired():
    true, predicted, group_id = make_predictions()
    measured = measure(true, predicted, group_id)
    baseline, accuracy = measured["baseline"], measured["product"]["accuracy"]
    assert baseline["majority"]["value"] == pytest.approx((true == 0).mean(), abs=1e-6)
    assert baseline["gain"]["value"] == pytest.approx(accuracy["value"] - baseline["majority"]["value"], abs=2e-6)


def test_of_classes_that_tie_in_train_the_baseline_takes_the_one_that_is_hardest_to_beat():
    true = np.array([0, 1, 1, 1, 2])
    classes = pd.DataFrame({"num_products_train": [5, 5, 4]})
    baseline = metrics.measure_baselines(true, true == 0, np.arange(5), classes)
    assert (baseline["majority_class_index"], baseline["majority"]["value"]) == (1, 0.6)


def test_conflicted_and_unconflicted_products_add_up_to_all():
    true, predicted, group_id = make_predictions()
    conflicted = np.random.default_rng(0).random(len(true)) < 0.2
    product = measure(true, predicted, group_id, conflicted=conflicted)["product"]
    parts = [product["accuracy_conflicted"], product["accuracy_unconflicted"]]
    assert sum(part["n"] for part in parts) == len(true)
    assert sum(part["value"] * part["n"] for part in parts) == pytest.approx((true == predicted).sum(), abs=0.01)


def test_human_fixes_change_the_corrected_accuracy_and_never_the_headline():
    true, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    product = measure(true, predicted, np.arange(4), corrected_class_index=np.array([0, 1, 1, -1]))["product"]
    assert product["accuracy"]["value"] == 0.5
    assert (product["accuracy_corrected"]["value"], product["accuracy_corrected"]["n"]) == (1.0, 3)


def test_accuracy_by_number_of_images_counts_every_product_once():
    true, predicted, group_id = make_predictions()
    num_images = np.random.default_rng(0).integers(1, 5, len(true))
    by_count = measure(true, predicted, group_id, num_images=num_images)["product"]["accuracy_by_num_images"]
    assert list(by_count) == ["1", "2", "3", "4"]
    assert sum(figure["n"] for figure in by_count.values()) == len(true)


def test_the_f1_of_a_class_has_an_interval_about_as_wide_as_a_plain_bootstraps():
    true, predicted, group_id = make_predictions(num_groups=300)
    f1 = metrics.measure_classes(true, predicted, group_id, 4)[1]["f1"]
    low, high = plain_bootstrap(
        lambda rows: sklearn_metrics.f1_score(true[rows] == 1, predicted[rows] == 1), group_id, 3, num_draws=500
    )
    assert (f1["low"], f1["high"]) == pytest.approx((low, high), abs=0.025)


def test_a_class_found_whole_has_the_interval_of_its_groups_and_not_of_its_products():
    true, group_id = np.repeat([0, 1], 30), np.repeat(np.arange(20), 3)
    recall = metrics.measure_classes(true, true, group_id, 2)[0]["recall"]
    assert recall["low"] == pytest.approx(shares.wilson_interval(1.0, 10)[0], abs=0.01)
    assert (recall["n"], recall["num_groups"]) == (30, 10)


def test_5270_classes_are_measured_in_seconds():
    random = np.random.default_rng(0)
    true = random.integers(0, 5270, 40_000)
    predicted = np.where(random.random(40_000) < 0.7, true, random.integers(0, 5270, 40_000))
    per_class = metrics.measure_classes(true, predicted, np.arange(40_000) // 2, 5270)
    assert sum(one["support"] for one in per_class) == 40_000


@pytest.mark.parametrize("num_classes", [2, 5])
def test_the_brier_score_agrees_with_scikit_learn_before_any_halving(num_classes):
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(num_classes), 80)
    probabilities[0] = np.eye(num_classes)[1]
    true = random.integers(0, num_classes, 80)
    errors = metrics.squared_errors(probabilities, true)
    brier = measure(true, true, np.arange(80), num_classes, squared_error=errors)["product"]["brier"]
    expected = sklearn_metrics.brier_score_loss(true, probabilities, labels=range(num_classes), scale_by_half=False)
    assert brier["value"] == pytest.approx(expected, abs=1e-6)
    assert brier["low"] < expected < brier["high"]


def test_the_prior_baseline_agrees_with_scikit_learns_dummy():
    true, predicted, group_id = make_predictions()
    counts = [10, 40, 30, 20]
    found = measure(true, predicted, group_id, classes=make_classes(4, num_products_train=counts))["baseline"]
    learnt = np.repeat(np.arange(4), counts)
    dummy = DummyClassifier(strategy="prior").fit(learnt[:, None], learnt)
    probabilities, prior = dummy.predict_proba(true[:, None]), found["prior"]
    assert prior["accuracy"]["value"] == pytest.approx(dummy.score(true[:, None], true), abs=1e-6)
    assert prior["log_loss"]["value"] == pytest.approx(sklearn_metrics.log_loss(true, probabilities), abs=1e-6)
    assert prior["brier"]["value"] == pytest.approx(sklearn_metrics.brier_score_loss(true, probabilities), abs=1e-6)
    assert found["majority_class_index"] == 1


def test_an_answer_drawn_by_the_train_shares_is_right_as_often_as_many_draws_are():
    true, predicted, group_id = make_predictions()
    counts = [10, 40, 30, 20]
    prior = measure(true, predicted, group_id, classes=make_classes(4, num_products_train=counts))["baseline"]["prior"]
    drawn = np.random.default_rng(0).choice(4, size=(2_000, len(true)), p=np.array(counts) / 100)
    assert prior["accuracy_drawn"]["value"] == pytest.approx((drawn == true).mean(), abs=0.002)


def test_each_group_counts_once_however_many_products_it_has():
    true, predicted, group_id = make_predictions()
    figure = measure(true, predicted, group_id)["product"]["accuracy_groups_once"]
    by_group = [(true == predicted)[group_id == group].mean() for group in np.unique(group_id)]
    assert figure["value"] == pytest.approx(np.mean(by_group), abs=1e-6)
    low, high = np.mean(by_group) + 1.96 * np.std(by_group) / np.sqrt(len(by_group)) * np.array([-1, 1])
    assert (figure["low"], figure["high"]) == pytest.approx((low, high), abs=0.01)


def plain_depth(true, predicted):
    """Return at how many levels two classes meet, from level 1 down."""
    depth = 0
    for one, other in zip(LEVELS[true], LEVELS[predicted], strict=True):
        if one != other:
            break
        depth += 1
    return depth


def test_accuracy_at_each_level_and_the_depth_of_mistakes_agree_with_a_plain_walk_down_the_tree():
    true, predicted, group_id = make_predictions(num_classes=5)
    found = measure(true, predicted, group_id, 5, classes=make_classes(5, LEVELS))["product"]
    depths = np.array([plain_depth(*pair) for pair in zip(true, predicted, strict=True)])
    for place, one in enumerate(found["levels"]):
        assert one["accuracy"]["value"] == pytest.approx((depths > place).mean(), abs=1e-6)
    assert [one["num_categories"] for one in found["levels"]] == [2, 3, 4]
    assert found["mistake_depth"]["value"] == pytest.approx(depths[true != predicted].mean(), abs=1e-6)
    assert found["mistake_depth"]["n"] == (true != predicted).sum()


def test_accuracy_falls_down_the_tree_and_ends_no_lower_than_by_category():
    true, predicted, group_id = make_predictions(num_classes=5, seed=4)
    product = measure(true, predicted, group_id, 5, classes=make_classes(5, LEVELS))["product"]
    values = [one["accuracy"]["value"] for one in product["levels"]] + [product["accuracy"]["value"]]
    assert values == sorted(values, reverse=True)


def test_a_level_with_one_category_tells_nothing_and_no_mistake_has_no_depth():
    true = np.array([0, 1, 2, 0])
    product = measure(true, true, np.arange(4), 3)["product"]
    assert [one["accuracy"]["value"] for one in product["levels"]] == [None, None, 1.0]
    assert (product["mistake_depth"]["value"], product["mistake_depth"]["n"]) == (None, 0)


def make_images(seed=0):
    """Return products and their images: an image alone is right less often than its product."""
    random = np.random.default_rng(seed)
    num_images = random.integers(1, 5, 200)
    products = as_products(np.zeros(200, int), (random.random(200) < 0.2).astype(int), np.arange(200) // 2)
    products = products.assign(product_id=random.permutation(200) * 7, num_images=num_images)
    images = products.loc[products.index.repeat(num_images), ["product_id", "group_id", "class_index"]]
    return products, images.assign(predicted=(random.random(len(images)) < 0.35).astype(int)).sample(
        frac=1, random_state=1
    )


def test_what_joining_brings_is_paired_by_product_as_a_plain_loop_has_it():
    products, images = make_images()
    found = metrics.measure_joining(products, images)
    single, gains = [], []
    for product in products.itertuples():
        own = images[images["product_id"] == product.product_id]
        single.append(sum(own["predicted"] == own["class_index"]) / len(own))
        gains.append((product.predicted == product.class_index) - single[-1])
    gains, several = np.array(gains), products["num_images"].to_numpy() > 1
    assert found["single_images"]["value"] == pytest.approx(np.mean(single), abs=1e-6)
    assert found["gain"]["value"] == pytest.approx(gains.mean(), abs=1e-6)
    assert found["gain_several_images"]["value"] == pytest.approx(gains[several].mean(), abs=1e-6)
    low, high = plain_bootstrap(lambda rows: gains[rows].mean(), products["group_id"].to_numpy(), seed=5)
    assert (found["gain"]["low"], found["gain"]["high"]) == pytest.approx((low, high), abs=0.01)


def test_joining_brings_nothing_where_every_product_has_one_image():
    products, _ = make_images()
    found = metrics.measure_joining(products.assign(num_images=1), products)
    assert found["gain"]["value"] == 0 and found["gain_several_images"]["n"] == 0


def make_any(seed, num_classes, num_groups, is_sure):
    """Return true classes, probabilities and groups; `is_sure`: every probability is 0 or 1. Classes may be absent."""
    random = np.random.default_rng(seed)
    n = random.integers(1, 40)
    probabilities = random.dirichlet(np.full(num_classes, 0.3), n).astype(np.float32)
    if is_sure:
        probabilities = np.eye(num_classes, dtype=np.float32)[probabilities.argmax(axis=1)]
    return random.integers(0, random.integers(1, num_classes + 1), n), probabilities, random.integers(0, num_groups, n)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(1, 30), st.booleans())
@settings(max_examples=20, deadline=None)
def test_every_figure_of_any_predictions_is_scikit_learns_and_lies_in_its_interval(seed, num_classes, num_groups, sure):
    true, probabilities, group_id = make_any(seed, num_classes, num_groups, sure)
    predicted, labels = probabilities.argmax(axis=1), range(num_classes)
    in_label, errors = probabilities[np.arange(len(true)), true], metrics.squared_errors(probabilities, true)
    columns = {"probability_of_label": in_label, "squared_error": errors}
    product = measure(true, predicted, group_id, num_classes, top_of(probabilities), **columns)["product"]
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(true, predicted),
        "macro_f1": sklearn_metrics.f1_score(true, predicted, average="macro"),
        "weighted_f1": sklearn_metrics.f1_score(true, predicted, average="weighted"),
        "log_loss": sklearn_metrics.log_loss(true, probabilities, labels=labels),
        "brier": sklearn_metrics.brier_score_loss(true, probabilities, labels=labels, scale_by_half=False),
    }
    if num_classes > 3 and not sure:  # among equal probabilities, here zeros, the order is anyone's choice
        expected["top_3_accuracy"] = sklearn_metrics.top_k_accuracy_score(true, probabilities, k=3, labels=labels)
    for name, value in expected.items():
        figure = product[name]
        assert figure["value"] == pytest.approx(value, rel=1e-4, abs=2e-6), name
        assert figure["low"] is None or figure["low"] < figure["high"], name
    assert product["accuracy"]["low"] <= product["accuracy"]["value"] <= product["accuracy"]["high"]
    assert product["confusion"]["matrix"] == sklearn_metrics.confusion_matrix(true, predicted, labels=labels).tolist()
