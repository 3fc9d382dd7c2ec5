import numpy as np
from threadpoolctl import threadpool_limits

from cdiscount_tasks.learning.features.head import keep_whole_groups, predict_by_head


def test_a_class_that_was_not_learnt_has_the_probability_zero():
    random = np.random.default_rng(0)
    label = np.array([0, 2] * 20)
    learnt = np.arange(40) < 30
    found = predict_by_head(random.normal(size=(40, 5)).astype(np.float32), label, learnt, ~learnt, 4)
    assert found.shape == (10, 4)
    assert not found[:, [1, 3]].any()
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)


def test_one_learnt_class_is_the_only_answer():
    learnt = np.array([True, True, False])
    found = predict_by_head(np.ones((3, 2), np.float32), np.array([1, 1, 0]), learnt, ~learnt, 2)
    assert found.tolist() == [[0, 1]]


def test_groups_are_kept_whole_and_no_more_rows_than_wanted():
    group_id = np.repeat(np.arange(30), np.arange(30) % 4 + 1)
    kept = keep_whole_groups(group_id, 25, seed=3)
    assert 20 <= kept.sum() <= 25
    assert set(group_id[kept]).isdisjoint(group_id[~kept])


def test_few_rows_are_all_kept():
    assert keep_whole_groups(np.array([5, 5, 9]), 3, seed=0).all()


def test_the_threads_that_a_machine_offers_change_no_figure():
    random = np.random.default_rng(0)
    features, label = random.normal(size=(600, 700)).astype(np.float32), random.integers(0, 5, 600)
    learnt = np.arange(600) < 500
    found = []
    for num_threads in (1, 2):
        with threadpool_limits(num_threads):
            found.append(predict_by_head(features, label, learnt, ~learnt, 5))
    assert np.array_equal(*found)
