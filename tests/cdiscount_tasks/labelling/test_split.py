from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.errors import ClassError, DataError
from cdiscount_tasks.labelling.split import (  # fmt: skip
    GIANT_SHARE,
    hash_shares,
    read_split_file,
    small_classes,
    split_by_file,
    split_by_hash,
    split_by_shares,
    split_images,
)
from cdiscount_tasks.settings.sample import SplitConfig
from cdiscount_tasks.vocabulary import SPLITS

SHARES = SplitConfig()


def products_of(rows):
    """Make a table of (category_id, group_id); product ids count from 0."""
    categories, groups = zip(*rows, strict=True)
    return pd.DataFrame({"product_id": range(len(rows)), "category_id": categories, "group_id": groups})


def plain(category_id, num_groups, first=0):
    return [(category_id, first + group) for group in range(num_groups)]


def split_of_groups(products, class_ids, seed=0, config=SHARES):
    split = split_by_hash(products, class_ids, config, seed)
    return dict(zip(products["group_id"], split.split, strict=True))


def test_a_share_depends_on_the_seed_and_the_id_alone():
    assert hash_shares(3, [7, 8])[1] == hash_shares(3, [8])[0] != hash_shares(4, [8])[0]


def test_shares_are_spread_evenly_over_zero_to_one():
    shares = hash_shares(0, np.arange(20_000))
    assert 0 <= shares.min() < shares.max() < 1
    assert np.abs(np.histogram(shares, 10, (0, 1))[0] / 2000 - 1).max() < 0.1


@pytest.mark.parametrize(
    ("share", "split"),
    [(0.0, "train"), (0.6999, "train"), (0.7, "validation"), (0.8499, "validation"), (0.85, "test"), (0.9999, "test")],
)
def test_the_cumulative_shares_cut_zero_to_one(share, split):
    assert split_by_shares(np.array([share]), SHARES).tolist() == [split]


def test_splits_have_the_shares_that_are_asked_for():
    products = products_of(plain(1, 10_000) + plain(2, 10_000, 10_000))
    found = split_by_hash(products, [1, 2], SplitConfig(train=0.5, validation=0.2, test=0.3), 0).split
    assert found.value_counts(normalize=True).round(2).to_dict() == {"train": 0.5, "test": 0.3, "validation": 0.2}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), min_size=60, max_size=150), st.integers(0, 5))
def test_no_group_is_cut_and_every_class_has_all_splits(rows, seed):
    products = products_of(rows + [(c, 1000 + 100 * c + i) for c in range(4) for i in range(5)])
    split = split_by_hash(products, [0, 1, 2, 3], SHARES, seed)
    assert split.split.groupby(products["group_id"]).nunique().max() == 1
    assert (split.split.groupby(products["category_id"]).nunique() == len(SPLITS)).all()


@given(st.sets(st.integers(1000, 5000), max_size=200), st.integers(0, 5))
def test_a_group_keeps_its_split_when_products_are_added(added, seed):
    before = products_of(plain(1, 100) + plain(2, 100, 100))
    after = products_of(plain(1, 100) + plain(2, 100, 100) + [(1 + group % 2, group) for group in sorted(added)])
    old, new = (split_of_groups(products, [1, 2], seed) for products in (before, after))
    assert {group: new[group] for group in old} == old


def test_another_seed_is_another_split():
    products = products_of(plain(1, 100) + plain(2, 100, 100))
    assert split_of_groups(products, [1, 2], 0) != split_of_groups(products, [1, 2], 1)


@pytest.mark.parametrize("seed", [0, 11])  # by its hash alone the group would be in train, in test
def test_a_group_of_several_products_above_a_twentieth_of_its_class_goes_to_train(seed):
    products = products_of(plain(1, 90) + [(1, 500)] * 10 + plain(2, 100, 1000))
    split = split_by_hash(products, [1, 2], SHARES, seed)
    assert split.giant_groups == (500,)
    assert set(split.split[products["group_id"] == 500]) == {"train"}


@pytest.mark.parametrize(("size", "is_giant"), [(5, False), (6, True)])
def test_a_group_of_exactly_a_twentieth_is_no_giant(size, is_giant):
    products = products_of(plain(1, 100 - size) + [(1, 500)] * size + plain(2, 100, 1000))
    assert GIANT_SHARE == 0.05
    assert (500 in split_by_hash(products, [1, 2], SHARES, 0).giant_groups) == is_giant


def test_a_single_product_is_never_a_giant():
    assert split_by_hash(products_of(plain(1, 4) + plain(2, 4, 10)), [1, 2], SHARES, 0).giant_groups == ()


@pytest.mark.parametrize("seed", range(8))
def test_a_class_of_three_groups_has_one_in_each_split(seed):
    products = products_of(plain(1, 3) + plain(2, 200, 10))
    found = split_of_groups(products, [1, 2], seed)
    assert sorted(found[group] for group in range(3)) == sorted(SPLITS)


@pytest.mark.parametrize("seed", range(8))
def test_a_small_class_of_groups_of_several_products_has_all_splits_too(seed):
    products = products_of([(1, group) for group in range(4) for _ in range(3)] + plain(2, 200, 10))
    split = split_by_hash(products, [1, 2], SHARES, seed)
    assert set(split.split[products["category_id"] == 1]) == set(SPLITS)
    in_train = set(products.loc[split.split == "train", "group_id"])
    assert set(split.giant_groups) <= in_train


def test_only_groups_of_the_class_that_lacks_a_split_are_moved_and_told():
    products = products_of(plain(1, 3) + plain(2, 200, 10))
    split = split_by_hash(products, [1, 2], SHARES, 0)
    hashed = split_by_shares(hash_shares(0, products["group_id"]), SHARES)
    assert set(products.loc[split.split != hashed, "group_id"]) <= set(split.moved_groups) <= {0, 1, 2}


def test_classes_whose_groups_are_all_tied_cannot_be_split():
    products = products_of([(c, group) for c in (1, 2) for group in range(2)])
    with pytest.raises(
        ClassError, match=r"category 1 and 1 more have no group for the .* split: their .*; take them out of the sample"
    ) as told:
        split_by_hash(products, [1, 2], SHARES, 0)
    assert told.value.category_ids == (1, 2)


def test_one_class_whose_groups_are_too_few_is_named_alone():
    products = products_of([*plain(1, 20), *plain(2, 2, 100)])
    with pytest.raises(ClassError, match=r"category 2 has no group for the .* split: its .*; take the category out"):
        split_by_hash(products, [1, 2], SHARES, 0)


def test_classes_with_fewer_than_three_groups_are_small():
    products = products_of([*plain(1, 3), (2, 10), (2, 10), (2, 11)])
    assert small_classes(products, [1, 2, 3]) == [2, 3]


@pytest.fixture
def split_file(tmp_path):
    def write(text):
        (tmp_path / "splits.csv").write_text(text)
        return tmp_path / "splits.csv"

    return write


def test_a_split_file_gives_a_split_by_product(split_file):
    fixed = read_split_file(split_file("split,product_id,note\ntrain,5,a\ntest,-7,b\n"))
    assert fixed.to_dict() == {5: "train", -7: "test"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read as a split file"),
        ("id,split\n5,train\n", "line 1 lacks the column product_id, expected product_id, split"),
        ("product_id,split\n5,train\n6,dev\n", "line 3 is '6', 'dev'"),
        ("product_id,split\n5,train\nx,test\n", "line 3 is 'x', 'test'"),
        ("product_id,split\n5,train\n6,test\n5,train\n", "line 4 names product 5 a second time"),
        ("product_id,split\n99999999999999999999,train\n", "line 2 is '99999999999999999999', 'train'"),
        ("product_id,split\n5,train\n6,Validation\n", "did you mean validation?"),
        ("product_id,split\n007,train\n", "; write 7, without plus and leading zeros"),
        ("product_id,split\n5,train,x\n6,test,y\n", "line 2"),
    ],
)
def test_a_wrong_line_of_a_split_file_is_told_with_its_number(split_file, text, words):
    with pytest.raises(DataError, match=r"splits\.csv: ") as caught:
        read_split_file(split_file(text))
    assert words in str(caught.value)


PRODUCTS = products_of([(1, 0), (1, 0), (1, 2), (2, 3), (2, 4), (2, 5)])


def split_products(splits, straddling="error"):
    fixed = pd.Series(dict(enumerate(splits)))
    return split_by_file(PRODUCTS, fixed, [1, 2], straddling, Path("splits.csv"))


def test_products_get_the_split_that_the_file_gives():
    splits = ["train", "train", "test", "train", "validation", "test"]
    assert split_products(splits).split.tolist() == splits


def test_a_file_that_cuts_a_group_is_refused_with_the_group_and_its_products():
    with pytest.raises(
        DataError, match=r"splits\.csv: cuts 1 group of products that share an image: 0 \(0: train, 1: test\); give"
    ):
        split_products(["train", "test", "train", "train", "validation", "test"])


def test_of_many_cut_groups_the_first_ten_are_listed():
    products = products_of([(1, group // 2 * 2) for group in range(30)])
    fixed = pd.Series({number: SPLITS[number % 2] for number in range(30)})
    with pytest.raises(DataError, match="cuts 15 groups") as caught:
        split_by_file(products, fixed, [1], "error", Path("splits.csv"))
    assert (str(caught.value).count(": train, "), "and more" in str(caught.value)) == (10, True)


def test_a_cut_group_may_go_to_train_as_a_whole():
    split = split_products(["test", "train", "train", "train", "validation", "test"], "move_to_train")
    assert (split.split.tolist()[:2], split.moved_groups) == (["train", "train"], (0,))


@pytest.mark.parametrize("lacking", SPLITS)
def test_a_file_that_leaves_a_split_empty_is_refused(lacking):
    others = [split for split in SPLITS if split != lacking]
    with pytest.raises(DataError, match=f"leaves the {lacking} split without a product"):
        split_products([others[0]] * 3 + [others[1]] * 3)


def test_a_file_that_leaves_nothing_of_a_class_to_learn_is_refused():
    with pytest.raises(DataError, match="leaves category 1 without a product in train"):
        split_products(["test", "test", "validation", "train", "train", "train"])


@pytest.mark.parametrize(
    ("num_unknown", "told"),
    [
        (1, "1 product is not among the products that this sample keeps: 6"),
        (2, "2 products are not among the products that this sample keeps: 6, 7"),
        (
            12,
            "12 products are not among the products that this sample keeps: 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 and 2 ",
        ),
    ],
)
def test_products_of_the_file_that_the_sample_lacks_are_counted_and_the_first_named(num_unknown, told):
    splits = ["train", "train", "test", "train", "validation", "test"] + ["test"] * num_unknown
    assert split_products(splits).warnings[0].startswith(f"split file: {told}")


def several_images():
    """Return 200 products, tied in pairs, of two images each."""
    product_id = np.arange(200)
    products = pd.DataFrame({"product_id": product_id, "category_id": product_id // 2 % 3})
    products["group_id"] = product_id - product_id % 2
    return products, pd.DataFrame({"product_id": product_id.repeat(2)})


@pytest.mark.parametrize(
    ("kind", "kept_whole", "parted"),
    [("certified", ["group_id", "product_id"], []), ("by_product", ["product_id"], ["group_id"]),
     ("by_image", [], ["group_id", "product_id"])],
)  # fmt: skip
def test_each_kind_of_split_keeps_whole_what_it_promises(kind, kept_whole, parted):
    products, images = several_images()
    rows = images.merge(products, on="product_id")
    rows["split"] = split_images(products, images, kind, SplitConfig(), seed=0)
    assert set(rows["split"]) == {"train", "validation", "test"}
    for unit in kept_whole:
        assert (rows.groupby(unit)["split"].nunique() == 1).all()
    for unit in parted:
        assert (rows.groupby(unit)["split"].nunique() > 1).any()


@pytest.mark.parametrize(("row", "blamed"), [("1,val", False), ("1,", False), ("01,val", True), ("1.0,train", True)])
def test_only_an_id_that_is_none_gets_the_advice_on_ids(tmp_path, row, blamed):
    (tmp_path / "split.csv").write_text(f"product_id,split\n{row}\n")
    with pytest.raises(DataError, match="line 2 is") as caught:
        read_split_file(tmp_path / "split.csv")
    assert ("; write 1" in str(caught.value) or "spreadsheet" in str(caught.value)) == blamed
