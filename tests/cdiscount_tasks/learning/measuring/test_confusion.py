import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from cdiscount_tasks.learning.measuring import confusion
from tests.material.predictions import LEVELS, make_classes, make_predictions


def test_the_confusion_matrix_agrees_with_scikit_learn_and_adds_up():
    true, predicted, _ = make_predictions()
    found = confusion.confusion(true, predicted, 4)
    assert found["matrix"] == sklearn_metrics.confusion_matrix(true, predicted).tolist()
    assert sum(pair["n"] for pair in found["pairs"]) == (true != predicted).sum()
    counts = [pair["n"] for pair in found["pairs"]]
    assert counts == sorted(counts, reverse=True)


def test_above_256_classes_only_the_most_confused_pairs_are_kept():
    true = np.arange(300)
    found = confusion.confusion(true, (true + 1) % 300, 300)
    assert found["matrix"] is None
    assert len(found["pairs"]) == confusion.NUM_PAIRS
    assert found["num_pairs"] == 300


def test_up_to_256_classes_the_matrix_says_how_many_pairs_there_are():
    assert "num_pairs" not in confusion.confusion(np.arange(256), np.arange(256), 256)


def test_blocks_count_what_the_confusion_of_level_1_holds_and_the_largest_stand_first():
    true, predicted, _ = make_predictions(num_classes=5)
    level1 = [levels[0] for levels in LEVELS]
    found = confusion.confusion_blocks(true, predicted, make_classes(5, LEVELS))
    order = [block["name"] for block in found["blocks"]]
    named = np.array(level1)
    expected = sklearn_metrics.confusion_matrix(named[true], named[predicted], labels=order)
    assert (found["level"], found["matrix"]) == (1, expected.tolist())
    assert [block["num_products"] for block in found["blocks"]] == expected.sum(axis=1).tolist()
    assert [block["num_classes"] for block in found["blocks"]] == [level1.count(name) for name in order]
    assert expected.sum(axis=1).tolist() == sorted(expected.sum(axis=1).tolist(), reverse=True)


def test_where_level_1_is_one_category_the_blocks_are_of_level_2():
    levels = [("ALL", f"KIND {index % 3}", str(index)) for index in range(6)]
    assert confusion.confusion_blocks(np.arange(6), np.arange(6), make_classes(6, levels))["level"] == 2


@pytest.mark.parametrize("num_names", [1, confusion.MAX_BLOCKS + 1])
def test_too_few_or_too_many_categories_make_no_blocks(num_names):
    levels = [(f"KIND {index % num_names}", "SAME", str(index)) for index in range(70)]
    assert confusion.confusion_blocks(np.arange(70), np.arange(70), make_classes(70, levels)) is None
