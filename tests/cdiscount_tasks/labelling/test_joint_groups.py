import numpy as np
import pandas as pd

from cdiscount_tasks.labelling.joint_groups import compared_products, join_file_groups, join_groups, unseen_products


def images(*rows):
    return pd.DataFrame(rows, columns=["product_id", "group_id", "pixel_hash"])


def products(*rows):
    return pd.DataFrame(rows, columns=["product_id", "category_id", "split"])


def test_a_new_copy_of_an_old_picture_joins_its_group():
    joint = join_groups(images((1, 1, b"a"), (2, 2, b"b")), images((3, 3, b"b"), (4, 4, b"c")))
    assert joint.to_dict() == {1: 1, 2: 2, 3: 2, 4: 4}


def test_groups_of_either_side_stay_together_and_a_product_of_both_joins_them():
    before = images((1, 1, b"a"), (2, 1, b"a"))
    now = images((2, 2, b"x"), (3, 2, b"x"), (9, 9, b"y"))
    assert join_groups(before, now).to_dict() == {1: 1, 2: 1, 3: 1, 9: 9}


def test_products_tied_by_look_alikes_stay_together():
    """They share a group and no picture."""
    assert join_groups(images((5, 5, b"a"), (6, 5, b"b")), images((7, 7, b"b"))).to_dict() == {5: 5, 6: 5, 7: 5}


def test_the_same_number_of_two_groups_ties_nothing():
    assert join_groups(images((1, 1, b"a"), (2, 1, b"a")), images((3, 1, b"z"))).to_dict() == {1: 1, 2: 1, 3: 3}


def compare(before, now, joint, changed=()):
    found = compared_products(before, now, pd.Series(joint), np.array(changed, np.int64))
    return set(found[["product_id", "is_now", "group"]].itertuples(index=False, name=None))


def test_old_products_of_train_and_validation_are_compared_with_new_ones():
    before = products((1, 7, "train"), (2, 7, "validation"))
    now = products((1, 7, "train"), (2, 7, "train"), (3, 7, "test"))
    assert compare(before, now, {1: 1, 2: 2, 3: 3}) == {(1, False, 1), (2, False, 2), (3, True, 3)}


def test_a_product_with_new_pictures_is_on_both_sides():
    both = products((1, 7, "train"))
    assert compare(both, both, {1: 1}, [1]) == {(1, False, 1), (1, True, 1)}


def test_groups_of_the_old_test_split_are_left_out_with_their_new_copies():
    before = products((1, 7, "test"), (2, 7, "train"))
    now = products((1, 7, "test"), (3, 7, "test"), (4, 7, "train"))
    assert compare(before, now, {1: 1, 2: 2, 3: 1, 4: 2}) == {(2, False, 2), (4, True, 2)}


def test_products_of_a_file_are_tied_to_those_of_the_labels_by_product_and_by_picture():
    now = pd.DataFrame({"product_id": [9, 2, 5, 6], "group_id": [5, 2, 5, 6], "is_known": [False, True, False, False]})
    before = pd.DataFrame({"product_id": [1, 2, 3], "group_id": [1, 1, 3]})
    images = pd.DataFrame({"product_id": [1, 2, 3], "content_hash": [b"a", b"b", b"c"]})
    of_file, of_labels = join_file_groups(now, before, images, (np.array([5, 77]), [b"c", b"a"]))
    assert of_file[0] == of_file[2] == of_labels[2]
    assert of_file[1] == of_labels[0] == of_labels[1]
    assert len({of_file[0], of_file[1], of_file[3]}) == 3


def test_a_file_that_shares_nothing_with_the_labels_is_tied_to_nothing():
    now = pd.DataFrame({"product_id": [9], "group_id": [9], "is_known": [False]})
    before = pd.DataFrame({"product_id": [1], "group_id": [9]})
    images = pd.DataFrame({"product_id": [1], "content_hash": [b"a"]})
    of_file, of_labels = join_file_groups(now, before, images, (np.zeros(0, np.int64), []))
    assert of_file[0] != of_labels[0]


def test_unseen_are_products_of_validation_and_test_and_new_ones_without_the_groups_that_were_learnt_from():
    before = products((1, 7, "test"), (2, 7, "train"), (5, 7, "validation"), (6, 7, "validation"))
    now = products((1, 7, "test"), (3, 7, "test"), (4, 7, "train"), (8, 7, "test"))
    joint = {1: 1, 2: 2, 3: 1, 4: 2, 5: 5, 6: 2, 8: 8}
    found = unseen_products(before, now, pd.Series(joint), np.array([], np.int64))
    assert set(found[["product_id", "is_now", "group"]].itertuples(index=False, name=None)) == {
        (1, False, 1), (5, False, 5), (3, True, 1), (8, True, 8),
    }  # fmt: skip
