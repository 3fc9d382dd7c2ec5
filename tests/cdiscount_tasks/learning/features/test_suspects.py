import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.learning.features import suspects
from cdiscount_tasks.learning.features import suspects as judging
from cdiscount_tasks.learning.features.suspects import (
    NUM_FOLDS,
    RANDOM,
    SUSPECT,
    Evidence,
    Verdicts,
    choose_list,
    deal_folds,
    find_suspects,
    judge_out_of_sample,
)


def separable(num_products=200, num_classes=4, num_wrong=12, seed=0):
    """Return features that tell the classes apart, their labels, and which of these are wrong."""
    random = np.random.default_rng(seed)
    true = np.arange(num_products) % num_classes
    features = random.normal(size=(num_products, max(10, num_classes))).astype(np.float32)
    features[np.arange(num_products), true] += 8
    wrong = random.choice(num_products, num_wrong, replace=False)
    label = true.copy()
    label[wrong] = (true[wrong] + 1) % num_classes
    return features, label, set(wrong.tolist()), true


def judge(features, label, num_classes, group_id=None, learnt=None, most_learnt=10_000):
    everything = np.ones(len(label), bool)
    return judge_out_of_sample(
        features,
        np.arange(len(label)),
        label,
        np.arange(len(label)) if group_id is None else group_id,
        everything if learnt is None else learnt,
        num_classes,
        most_learnt,
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60), st.integers(0, 5))
def test_a_group_lies_in_one_fold(rows, seed):
    label, group_id = np.array(rows).T
    fold = deal_folds(label, group_id, NUM_FOLDS, seed)
    assert set(fold) <= set(range(NUM_FOLDS))
    assert all(len(set(fold[group_id == group])) == 1 for group in group_id)


@pytest.mark.parametrize("num_groups", [2, 3, 5, 11])
def test_two_groups_of_a_class_are_never_in_the_same_fold_while_another_is_without(num_groups):
    label = np.repeat([0, 1, 2], num_groups)
    fold = deal_folds(label, np.arange(len(label)), NUM_FOLDS, seed=1)
    for class_index in range(3):
        counts = np.bincount(fold[label == class_index], minlength=NUM_FOLDS)
        assert counts.max() - counts.min() <= 1


def test_no_products_probability_comes_from_a_head_that_saw_its_group(monkeypatch):
    features, label, _, _ = separable()
    group_id = np.arange(len(label)) // 3
    judged_in = []

    def watch(some_features, class_index, learnt, judged, num_classes):
        assert set(group_id[learnt]).isdisjoint(group_id[judged])
        judged_in.extend(np.flatnonzero(judged))
        return np.full((judged.sum(), num_classes), 1 / num_classes, np.float32)

    monkeypatch.setattr(judging, "predict_by_head", watch)
    judge(features, label, 4, group_id)
    assert sorted(judged_in) == list(range(len(label)))


def test_planted_wrong_labels_come_first_and_their_true_class_is_suggested():
    features, label, wrong, true = separable()
    verdicts = find_suspects(judge(features, label, 4), label, np.ones(len(label), bool))
    first = np.argsort(verdicts.quality, kind="stable")[: len(wrong)]
    assert set(first) == wrong
    suspects = set(np.flatnonzero(verdicts.is_suspect).tolist())
    assert suspects <= wrong
    assert len(suspects) >= 0.8 * len(wrong)
    assert (verdicts.suggestion[first] == true[first]).all()


def test_two_classes_are_enough():
    features, label, wrong, _ = separable(num_classes=2)
    verdicts = find_suspects(judge(features, label, 2), label, np.ones(len(label), bool))
    assert set(np.argsort(verdicts.quality)[: len(wrong)]) == wrong


def test_a_class_of_one_group_is_not_judged():
    features, label, _, _ = separable()
    label[[0, 4]] = 4
    group_id = np.arange(len(label))
    group_id[4] = 0
    evidence = judge(features, label, 5, group_id)
    assert not evidence.is_judged[[0, 4]].any()
    verdicts = find_suspects(evidence, label, np.ones(len(label), bool))
    assert not verdicts.is_suspect[[0, 4]].any()
    assert evidence.is_judged.sum() == len(label) - 2


def test_what_people_have_settled_is_no_suspect():
    features, label, wrong, _ = separable()
    open_to_doubt = np.ones(len(label), bool)
    open_to_doubt[sorted(wrong)] = False
    verdicts = find_suspects(judge(features, label, 4), label, open_to_doubt)
    assert not verdicts.is_suspect[sorted(wrong)].any()


def test_probabilities_of_zero_and_one_are_judged():
    label = np.array([0, 1] * 20)
    certain = np.zeros((40, 2), np.float32)
    certain[np.arange(40), label] = 1
    certain[3] = certain[3, ::-1]
    verdicts = find_suspects(Evidence(certain, np.ones(40, bool)), label, np.ones(40, bool))
    assert np.flatnonzero(verdicts.is_suspect).tolist() == [3]


def test_hundreds_of_classes_with_few_products_are_judged():
    features, label, _, _ = separable(num_products=900, num_classes=300, num_wrong=1)
    verdicts = find_suspects(judge(features, label, 300, most_learnt=500), label, np.ones(900, bool))
    assert np.isfinite(verdicts.quality).all()


def test_nothing_to_learn_from_means_nothing_is_judged():
    features, label, _, _ = separable()
    assert not judge(features, label, 4, learnt=np.zeros(len(label), bool)).is_judged.any()


def verdicts_of(num_products=400, num_suspects=60):
    quality = np.random.default_rng(1).permutation(np.linspace(0, 1, num_products))
    return Verdicts(quality, quality < num_suspects / num_products, np.zeros(num_products, np.int64))


def test_a_fifth_of_a_list_is_random_and_unsuspected():
    verdicts = verdicts_of()
    kind = choose_list(verdicts, np.zeros(400, bool), seed=0).kind
    assert (kind == SUSPECT).sum() == 60
    assert (kind == RANDOM).sum() == 15
    assert not verdicts.is_suspect[kind == RANDOM].any()


def test_the_most_suspect_are_listed_where_they_are_too_many(monkeypatch):
    monkeypatch.setattr(suspects, "MOST_LISTED", 20)
    verdicts = verdicts_of()
    kind = choose_list(verdicts, np.zeros(400, bool), seed=0).kind
    assert set(np.flatnonzero(kind == SUSPECT)) == set(np.argsort(verdicts.quality)[:20])


def test_what_is_known_is_not_listed_again():
    verdicts = verdicts_of()
    known = np.arange(400) % 2 == 0
    assert not set(np.flatnonzero(choose_list(verdicts, known, seed=0).kind != "")) & set(np.flatnonzero(known))


def test_the_scores_of_a_list_do_not_tell_which_rows_are_random():
    listed = choose_list(verdicts_of(), np.zeros(400, bool), seed=0)
    shares = [np.bincount(listed.score[listed.kind == kind], minlength=6)[1:] for kind in (SUSPECT, RANDOM)]
    assert [one.tolist() for one in shares] == [[12] * 5, [3] * 5]


def test_without_suspects_nothing_is_listed():
    verdicts = verdicts_of(num_suspects=0)
    assert (choose_list(verdicts, np.zeros(400, bool), seed=0).kind == "").all()


def test_what_was_listed_and_not_looked_at_comes_first_as_what_it_was():
    verdicts = verdicts_of()
    first = choose_list(verdicts, np.zeros(400, bool), seed=0)
    seen = np.zeros(400, bool)
    seen[np.flatnonzero(first.kind != "")[::4]] = True
    turned = verdicts._replace(quality=verdicts.quality[::-1].copy(), is_suspect=verdicts.is_suspect[::-1].copy())
    again = choose_list(turned, seen, seed=1, listed_before=first.kind)
    offered = (first.kind != "") & ~seen
    assert (again.kind[offered] == first.kind[offered]).all()
    assert (again.kind[seen] == "").all()
    assert (again.kind == RANDOM).sum() == round((again.kind == SUSPECT).sum() / 4)
