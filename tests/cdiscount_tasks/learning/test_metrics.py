import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from cdiscount_tasks.learning import metrics


def make_predictions(num_groups=200, num_classes=4, seed=0):
    """Return true classes, predictions and group ids; groups hold one to four products that are mostly alike."""
    random = np.random.default_rng(seed)
    group_id = np.repeat(random.permutation(num_groups) * 11, random.integers(1, 5, num_groups))
    group_right = random.random(num_groups * 11) < 0.8
    true = random.choice(
        num_classes, len(group_id), p=np.arange(num_classes, 0, -1) / np.arange(1, num_classes + 1).sum()
    )
    right = np.where(random.random(len(group_id)) < 0.9, group_right[group_id], random.random(len(group_id)) < 0.5)
    predicted = np.where(right, true, random.integers(0, num_classes, len(group_id)))
    return true, predicted, group_id


def plain_bootstrap(statistic, group_id, seed, num_draws=2_000):
    """Resample groups the slow, obvious way and return the 2.5 % and 97.5 % percentiles of a statistic of the rows."""
    random = np.random.default_rng(seed)
    rows_of = [np.flatnonzero(group_id == group) for group in np.unique(group_id)]
    draws = []
    for _ in range(num_draws):
        chosen = random.integers(0, len(rows_of), len(rows_of))
        draws.append(statistic(np.concatenate([rows_of[group] for group in chosen])))
    return np.percentile(draws, [2.5, 97.5])


def as_products(true, predicted, group_id, **columns):
    columns = {
        "num_images": 1,
        "conflicted": False,
        "probability_of_label": 0.5,
        "corrected_class_index": true,
        **columns,
    }
    return pd.DataFrame({"group_id": group_id, "class_index": true, "predicted": predicted, **columns})


def top_of(probabilities):
    return np.argsort(-probabilities, axis=1, kind="stable")


def measure(true, predicted, group_id, num_classes=4, top=None, **columns):
    top = np.tile(np.arange(num_classes), (len(true), 1)) if top is None else top
    return metrics.measure_products(as_products(true, predicted, group_id, **columns), top, num_classes, 0)


def test_accuracy_is_the_share_of_right_answers_with_what_it_is_counted_over():
    true, predicted, group_id = make_predictions()
    figure = metrics.mean_figure(true == predicted, group_id)
    assert figure["value"] == pytest.approx(sklearn_metrics.accuracy_score(true, predicted), abs=1e-6)
    assert (figure["n"], figure["num_groups"]) == (len(true), 200)
    assert figure["low"] < figure["value"] < figure["high"]


def test_the_interval_of_accuracy_agrees_with_a_plain_bootstrap_over_groups():
    true, predicted, group_id = make_predictions()
    correct = true == predicted
    figure = metrics.mean_figure(correct, group_id)
    low, high = plain_bootstrap(lambda rows: correct[rows].mean(), group_id, seed=1)
    assert figure["low"] == pytest.approx(low, abs=0.006)
    assert figure["high"] == pytest.approx(high, abs=0.006)


def test_the_interval_of_macro_f1_agrees_with_a_plain_bootstrap_over_groups():
    true, predicted, group_id = make_predictions(num_groups=120)
    macro, _ = metrics.f1_figures(true, predicted, group_id, 4)
    low, high = plain_bootstrap(
        lambda rows: sklearn_metrics.f1_score(true[rows], predicted[rows], average="macro"), group_id, 2, num_draws=800
    )
    assert macro["low"] == pytest.approx(low, abs=0.012)
    assert macro["high"] == pytest.approx(high, abs=0.012)


def test_groups_widen_the_interval_that_single_products_would_give():
    true, predicted, group_id = make_predictions()
    by_group = metrics.mean_figure(true == predicted, group_id)
    by_product = metrics.mean_figure(true == predicted, np.arange(len(true)))
    assert by_group["high"] - by_group["low"] > 1.2 * (by_product["high"] - by_product["low"])


@pytest.mark.parametrize("width", [2, metrics._WIDEST_COMPARED + 1])
def test_drawing_equal_groups_together_keeps_the_law_of_the_sums(width):
    """Narrow sums draw each distinct row with its count, wide ones each group: both must spread alike."""
    random = np.random.default_rng(3)
    values = np.zeros((300, width))
    values[:, 0], values[:, 1] = random.random(300) < 0.7, 1
    drawn = metrics.resampled_sums(values, np.arange(300))
    assert drawn.shape == (metrics.NUM_DRAWS, width)
    assert drawn[:, 0].mean() == pytest.approx(values[:, 0].sum(), abs=1)
    assert drawn[:, 0].std() == pytest.approx(np.sqrt(300 * 0.7 * 0.3), rel=0.08)
    assert (drawn[:, 1] == 300).all()


def test_figures_do_not_depend_on_the_order_of_products_or_the_names_of_groups():
    true, predicted, group_id = make_predictions()
    order = np.random.default_rng(5).permutation(len(true))
    correct = true == predicted
    assert metrics.mean_figure(correct, group_id) == metrics.mean_figure(correct[order], group_id[order] + 10**9)


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


def test_the_confusion_matrix_agrees_with_scikit_learn_and_adds_up():
    true, predicted, _ = make_predictions()
    found = metrics.confusion(true, predicted, 4)
    assert found["matrix"] == sklearn_metrics.confusion_matrix(true, predicted).tolist()
    assert sum(pair["n"] for pair in found["pairs"]) == (true != predicted).sum()
    counts = [pair["n"] for pair in found["pairs"]]
    assert counts == sorted(counts, reverse=True)


def test_above_256_classes_only_the_most_confused_pairs_are_kept():
    true = np.arange(300)
    found = metrics.confusion(true, (true + 1) % 300, 300)
    assert found["matrix"] is None
    assert len(found["pairs"]) == metrics.NUM_PAIRS


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


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_or_all_wrong_takes_the_wilson_interval_on_the_number_of_groups(share):
    group_id = np.repeat(np.arange(40), 3)
    figure = metrics.mean_figure(np.full(120, share), group_id)
    low, high = metrics.wilson_interval(share, 40)
    assert (figure["low"], figure["high"]) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert high - low == pytest.approx(1.96**2 / (40 + 1.96**2), abs=1e-3)


def test_one_group_has_the_wide_interval_of_a_single_trial():
    figure = metrics.mean_figure([1, 1, 0, 1], [7, 7, 7, 7])
    assert figure["value"] == 0.75
    assert figure["high"] - figure["low"] > 0.7


def test_no_product_gives_a_figure_without_a_value():
    assert metrics.mean_figure([], [])["value"] is None
    assert metrics.f1_figures(np.array([], int), np.array([], int), np.array([], int), 3)[0]["n"] == 0


def test_the_baseline_is_the_share_of_trains_largest_class_and_the_gain_is_paired():
    true, predicted, group_id = make_predictions()
    measured = measure(true, predicted, group_id)
    baseline, accuracy = measured["baseline"], measured["product"]["accuracy"]
    assert baseline["majority"]["value"] == pytest.approx((true == 0).mean(), abs=1e-6)
    assert baseline["gain"]["value"] == pytest.approx(accuracy["value"] - baseline["majority"]["value"], abs=2e-6)


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


def test_the_difference_of_two_accuracies_resamples_each_sample_by_itself():
    random = np.random.default_rng(0)
    a, b = random.random(400) < 0.9, random.random(400) < 0.7
    figure = metrics.difference_of_accuracies(a, np.arange(400), b, np.arange(400))
    spread = 1.96 * np.sqrt(a.mean() * (1 - a.mean()) / 400 + b.mean() * (1 - b.mean()) / 400)
    assert figure["value"] == pytest.approx(a.mean() - b.mean(), abs=1e-6)
    assert figure["high"] - figure["low"] == pytest.approx(2 * spread, rel=0.1)
    assert figure["num_groups"] == 800


def test_a_million_groups_cost_little():
    correct = np.random.default_rng(0).random(1_000_000) < 0.8
    figure = metrics.mean_figure(correct, np.arange(1_000_000))
    assert figure["high"] - figure["low"] == pytest.approx(2 * 1.96 * 0.4 / 1000, rel=0.1)
