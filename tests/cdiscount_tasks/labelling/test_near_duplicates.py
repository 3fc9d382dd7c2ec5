import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.labelling.near_duplicates import (
    MAX_DISTANCE,
    NUM_EXAMPLES,
    count_near_duplicates,
    tie_near_duplicates,
)
from cdiscount_tasks.vocabulary import SPLITS

NEAR, NEARER, FAR = 0b11, 0b1, 0b111 << 40


def images_of(rows):
    """Make images of (product_id, split, picture, hash), and the hashes by row."""
    frame = pd.DataFrame(rows, columns=["product_id", "split", "picture", "hash"])
    frame = frame.sort_values("product_id", kind="stable", ignore_index=True)
    frame["image_number"] = frame.groupby("product_id").cumcount()
    frame["class_index"] = frame["product_id"] % 2
    frame["pixel_hash"] = frame["picture"].astype(str)
    return frame, frame["hash"].to_numpy(np.uint64)


def counted(rows, mode="report"):
    return count_near_duplicates(*images_of(rows), mode)


def pair_of(example):
    return (example["distance"], example["first"]["product_id"], example["second"]["product_id"])


@st.composite
def labelled_images(draw):
    """Draw images of few hashes; every picture stands in one split and has one hash."""
    pictures = draw(st.lists(st.tuples(st.sampled_from(SPLITS), st.integers(0, 15)), min_size=1, max_size=12))
    rows = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, len(pictures) - 1)), min_size=1, max_size=30))
    return [
        (10 * SPLITS.index(pictures[picture][0]) + product, pictures[picture][0], picture, pictures[picture][1] * 7)
        for product, picture in rows
    ]


def expected_of(rows):
    """Count by comparing every picture with every other."""
    pictures = {picture: (split, look) for _, split, picture, look in rows}
    near = {
        (one, other)
        for one in pictures
        for other in pictures
        if one < other and (pictures[one][1] ^ pictures[other][1]).bit_count() <= MAX_DISTANCE
    }
    across = {pair for pair in near if pictures[pair[0]][0] != pictures[pair[1]][0]}
    touched = {
        product
        for product, split, picture, look in rows
        if split == "test"
        and any(s == "train" and (look ^ h).bit_count() <= MAX_DISTANCE for s, h in pictures.values())
    }
    return len(near), len(across), len(touched)


@given(labelled_images())
def test_pairs_and_test_products_are_those_of_a_comparison_of_all_with_all(rows):
    found = counted(rows)
    counts = (found["num_pairs"], found["num_pairs_across_splits"], found["num_test_products"])
    assert counts == expected_of(rows)


@given(labelled_images())
def test_examples_are_near_and_show_two_pictures(rows):
    for example in counted(rows)["examples"]:
        first, second = example["first"], example["second"]
        assert (first["product_id"], first["image_number"]) < (second["product_id"], second["image_number"])
        assert example["distance"] <= MAX_DISTANCE


def test_a_test_product_with_a_near_duplicate_in_train_counts_once():
    rows = [(1, "train", "a", 0), (2, "test", "b", NEAR), (2, "test", "c", NEARER), (3, "test", "d", FAR)]
    found = counted(rows)
    assert (found["num_test_products"], found["share_of_test_products"]) == (1, 0.5)
    assert (found["num_pairs"], found["num_pairs_across_splits"]) == (3, 2)


def test_copies_are_no_near_duplicates_of_themselves():
    found = counted([(1, "train", "a", 5), (2, "train", "a", 5), (3, "test", "b", FAR)])
    assert (found["num_pairs"], found["examples"]) == (0, [])


def test_examples_show_pairs_across_splits_first_and_the_closest_of_them():
    rows = [(1, "train", "a", 0), (2, "train", "b", 0), (3, "test", "c", NEAR), (4, "test", "d", NEARER)]
    assert [pair_of(example) for example in counted(rows)["examples"]] == [(1, 1, 4), (2, 1, 3), (0, 1, 2), (1, 3, 4)]


def test_an_example_says_which_pictures_it_shows():
    example = counted([(2, "train", "a", 0), (2, "train", "x", FAR), (5, "test", "b", NEAR)])["examples"][0]
    assert example == {
        "distance": 2,
        "first": {"product_id": 2, "image_number": 0, "split": "train", "class_index": 0},
        "second": {"product_id": 5, "image_number": 0, "split": "test", "class_index": 1},
    }


def test_thousands_of_pictures_of_one_look_are_counted_without_comparing_them():
    num = 20_000
    found = counted([(product, SPLITS[product % 2 * 2], product, 9) for product in range(num)])
    assert found["num_pairs"] == num * (num - 1) // 2
    assert found["num_pairs_across_splits"] == (num // 2) ** 2
    assert len(found["examples"]) == 1


def test_no_more_examples_than_a_page_shows():
    rows = [(number, SPLITS[number % 3], number, number << 10) for number in range(64)]
    assert len(counted(rows)["examples"]) == NUM_EXAMPLES


@pytest.mark.parametrize(
    ("hashes", "components"),
    [([0, NEAR, FAR], [0, 0, 1]), ([0, 0b11, 0b1111], [0, 0, 0]), ([7, 7, 7], [0, 0, 0]), ([], [])],
)
def test_near_duplicates_are_tied_directly_or_through_others(hashes, components):
    assert pd.factorize(tie_near_duplicates(np.array(hashes, np.uint64)))[0].tolist() == components
