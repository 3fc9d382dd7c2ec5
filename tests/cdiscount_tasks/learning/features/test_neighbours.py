import numpy as np
import pytest

from cdiscount_tasks.learning.features.neighbours import _AT_ONCE, Candidates, find_nearest, find_nearest_one


def batches_of(vectors, group_id, size):
    rows = np.arange(len(vectors))
    return (
        Candidates(rows[first : first + size], group_id[first : first + size], vectors[first : first + size])
        for first in range(0, len(vectors), size)
    )


def brute_force(queries, product_of_query, vectors, group_id, num):
    """Return rows by product: every similarity computed, sorted, one of each group."""

    def unit(some):
        return some / np.linalg.norm(some, axis=1, keepdims=True)

    found = []
    for product in range(product_of_query.max() + 1):
        similarity = (unit(queries[product_of_query == product]) @ unit(vectors).T).max(axis=0)
        rows, groups = [], set()
        for row in np.argsort(-similarity, kind="stable"):
            if group_id[row] not in groups and len(rows) < num:
                groups.add(group_id[row])
                rows.append(int(row))
        found.append(rows)
    return found


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_the_nearest_are_those_of_brute_force_whatever_the_batches(size):
    random = np.random.default_rng(size)
    vectors = random.normal(size=(300, 8)).astype(np.float32)
    group_id = random.integers(0, 60, 300)
    queries, product_of_query = (
        random.normal(size=(12, 8)).astype(np.float32),
        np.repeat([0, 1, 2, 3, 4], [1, 4, 3, 2, 2]),
    )
    nearest = find_nearest(queries, product_of_query, batches_of(vectors, group_id, size), 3)
    expected = brute_force(queries, product_of_query, vectors, group_id, 3)
    assert [[one.row for one in of_product] for of_product in nearest] == expected


def test_the_similarity_is_the_cosine_and_lengths_do_not_matter():
    vectors = np.array([[10, 0], [3, 3], [0, 0]], np.float32)
    ((first, second, third),) = find_nearest(
        np.array([[0.5, 0]], np.float32), np.array([0]), batches_of(vectors, np.arange(3), 2), 3
    )
    assert [one.row for one in (first, second, third)] == [0, 1, 2]
    assert [one.similarity for one in (first, second, third)] == pytest.approx([1, 2**-0.5, 0])


def test_equal_similarities_are_ordered_by_row_and_fewer_than_wanted_are_all_there_are():
    same = np.ones((4, 2), np.float32)
    (nearest,) = find_nearest(same[:1], np.array([0]), batches_of(same, np.array([5, 5, 6, 6]), 3), 3)
    assert [one.row for one in nearest] == [0, 2]


def test_nothing_asked_and_nothing_to_find_give_nothing():
    none = np.zeros((0, 2), np.float32)
    assert find_nearest(none, np.zeros(0, np.int64), iter([]), 3) == []
    assert find_nearest(np.ones((1, 2), np.float32), np.array([0]), iter([]), 3) == [[]]


@pytest.mark.parametrize("size", [7, 1000])
def test_the_one_nearest_is_the_first_of_the_nearest(size):
    random = np.random.default_rng(5)
    vectors, group_id = random.normal(size=(200, 8)).astype(np.float32), np.arange(200)
    vectors[150] = vectors[3]  # equals: the first row is taken
    num_products = _AT_ONCE + 3
    product_of_query = np.repeat(np.arange(num_products), random.integers(1, 5, num_products))
    queries = random.normal(size=(len(product_of_query), 8)).astype(np.float32)
    queries[0] = vectors[3]
    rows, similarity = find_nearest_one(queries, product_of_query, batches_of(vectors, group_id, size))
    firsts = [found[0] for found in find_nearest(queries, product_of_query, batches_of(vectors, group_id, size), 1)]
    assert rows.tolist() == [one.row for one in firsts] and rows[0] == 3
    assert np.allclose(similarity, [one.similarity for one in firsts], atol=1e-6)


def test_without_candidates_or_questions_no_row_is_found():
    queries, of_one = np.ones((1, 2), np.float32), np.zeros(1, np.int64)
    assert find_nearest_one(queries, of_one, [])[0].tolist() == [-1]
    assert find_nearest_one(queries[:0], of_one[:0], [])[0].tolist() == []
