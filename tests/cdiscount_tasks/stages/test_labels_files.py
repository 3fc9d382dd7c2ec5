"""What people decide about the labels in files: fixes, a split, names of categories."""

from pathlib import Path

import pandas as pd
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.sample import SplitConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.tables.labels import read_y_values
from cdiscount_tasks.vocabulary import SPLITS, TRAIN
from tests.material.label_tables import MEASURED, read, read_json
from tests.material.tiny_catalogue import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    TinyCatalogue,
    catalogue_of,
    draw_jpeg,
    plain,
    same_pixels_other_bytes,
)


def write_fixes(tmp_path, text):
    path = tmp_path / "fixes.csv"
    path.write_text("product_id,category_id,reason\n" + text)
    return LabelFiles(fixes_path=path)


def test_human_fixes_change_what_is_learnt_and_never_what_is_measured(fix, products, tmp_path):
    alone = ~products["group_id"].duplicated(keep=False) & ~products["conflicted"]
    one, other = products[(products["split"] == TRAIN) & alone].index[:2]
    files = write_fixes(tmp_path, f"{one},{YELLOW},seen\n{other},,no product\n9999,{RED},unknown\n")
    path = fix(files)["path"]
    found = read(path, "products").set_index("product_id", drop=False)
    assert found[MEASURED].equals(products[MEASURED])
    assert (found.loc[one, "label"], found.loc[one, "train_class_index"], found.loc[one, "rule"]) == (
        YELLOW,
        3,
        "human_fix",
    )
    assert (pd.isna(found.loc[other, "label"]), found.loc[other, "rule"]) == (True, "human_exclusion")
    assert read_json(path, "counts")["human_fixes"] == {
        "num_relabelled": 1, "num_confirmed": 0, "num_excluded": 1, "num_contradicted": 0, "num_found_right": 0,
        "num_unsure": 0,
        "warnings": ["fixes file, line 4: product 9999 is not among the products that this sample keeps"],
    }  # fmt: skip


def test_a_changed_fixes_file_is_another_artifact(fix, tmp_path):
    paths = {fix(write_fixes(tmp_path, text))["path"] for text in ("", f"302,{BLUE},same\n")}
    assert len(paths) == 2


def test_fixes_that_leave_a_class_nothing_to_learn_are_an_error(fix, products, tmp_path):
    ids = products[products["category_id"] == YELLOW].index
    with pytest.raises(DataError, match=f"category {YELLOW} has no product left to learn from after human fixes"):
        fix(write_fixes(tmp_path, "".join(f"{product},,x\n" for product in ids)))


def test_a_confirmed_product_that_a_copy_contradicts_is_counted_as_both(label_catalogue, tmp_path):
    # A group of two in so small a class goes to train.
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + [(300, RED, [7]), (301, GREEN, [7])]
    files = write_fixes(tmp_path, f"300,{RED},x\n301,{GREEN},x\n")
    counts = read_json(label_catalogue(catalogue_of(rows), files)["path"], "counts")
    assert {name: n for name, n in counts["human_fixes"].items() if name != "warnings"} == {
        "num_relabelled": 0, "num_confirmed": 2, "num_excluded": 0, "num_contradicted": 2, "num_found_right": 0,
        "num_unsure": 0,
    }  # fmt: skip


def test_what_people_found_right_and_could_not_tell_is_counted_and_products_outside_the_sample_are_not(
    fix, products, tmp_path
):
    right, unsure = products[products["split"] == TRAIN].index[:2]
    path = tmp_path / "fixes.csv"
    rows = [f"{right},,catalogue,seen", f"{unsure},,unsure,seen", f"9999,{RED},catalogue,seen"]
    path.write_text("product_id,category_id,verdict,reason\n" + "\n".join(rows) + "\n")
    counts = read_json(fix(LabelFiles(fixes_path=path))["path"], "counts")
    assert {name: n for name, n in counts["human_fixes"].items() if name != "warnings"} == {
        "num_relabelled": 0, "num_confirmed": 0, "num_excluded": 1, "num_contradicted": 0, "num_found_right": 1,
        "num_unsure": 1,
    }  # fmt: skip


def test_a_fix_to_a_category_outside_the_sample_is_an_error_with_its_line(fix, tmp_path):
    with pytest.raises(
        DataError, match=r"fixes\.csv: line 2 gives product 302 the category 77, which is not of the sample"
    ):
        fix(write_fixes(tmp_path, "302,77,x\n"))


def test_a_fix_to_a_class_that_was_left_out_is_an_error(label_catalogue, tmp_path):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + plain(BLUE, 2, 300)
    with pytest.raises(DataError, match=f"line 2 gives product 100 the category {BLUE}, which was left out"):
        label_catalogue(catalogue_of(rows), write_fixes(tmp_path, f"100,{BLUE},x\n"), small_classes="reject")


@pytest.mark.parametrize("policy", ["drop_image", "majority"])
def test_ids_of_64_bits_keep_every_digit(label_catalogue, tmp_path, policy):
    big, bigger = 2**62 + 1, 2**62 + 2
    rows = plain(big, 12, 2**62 + 101) + plain(bigger, 12, 2**62 + 201)
    rows += [(2**62 + 301, bigger, [7, 8]), (2**62 + 302, big, [7]), (2**62 + 303, big, [7])]
    files = write_fixes(tmp_path, f"{2**62 + 201},{big},seen\n{2**62 + 202},,seen\n")
    made = TinyCatalogue()
    for product_id, category_id, seeds in rows:
        made.add(product_id, category_id, [draw_jpeg(RED, seed % 2**62, size=16) for seed in seeds])
    values = read_y_values(Path(label_catalogue(made, files, conflicts=policy)["path"])).set_index("product_id")
    assert set(values["category_id"]) == set(values["label"].dropna()) == {big, bigger}
    assert values.loc[2**62 + 201, "label"] == big and values.loc[2**62 + 203, "label"] == bigger


def write_splits(tmp_path, split_of):
    path = tmp_path / "splits.csv"
    path.write_text("product_id,split\n" + "".join(f"{product},{split}\n" for product, split in split_of.items()))
    return LabelFiles(split_path=path)


def fixed_splits(products):
    """Give every group a split of its own choice: by turns within its category."""
    groups = products.groupby("group_id")["class_index"].first()
    turn = {group: SPLITS[number % 3] for number, group in enumerate(groups.sort_values(kind="stable").index)}
    return products["group_id"].map(turn).to_dict()


def test_a_fixed_split_is_taken_as_it_is(fix, products, tmp_path):
    splits = fixed_splits(products)
    path = fix(write_splits(tmp_path, splits), split=SplitConfig(file="splits.csv"))["path"]
    assert read(path, "products").set_index("product_id")["split"].to_dict() == splits
    assert read_json(path, "certificate")["split_source"] == "file"


def test_a_split_file_that_cuts_a_group_is_an_error_that_lists_it(fix, products, tmp_path):
    splits = {**fixed_splits(products), 302: "test", 303: "train"}
    with pytest.raises(
        DataError,
        match=r"splits\.csv: cuts 1 group of products that share an image: 302 \(302: test, 303: train, 304: ",
    ):
        fix(write_splits(tmp_path, splits), split=SplitConfig(file="splits.csv"))


def test_a_cut_group_may_be_moved_to_train(fix, products, tmp_path):
    splits = {**fixed_splits(products), 302: "test", 303: "train"}
    path = fix(write_splits(tmp_path, splits), split=SplitConfig(file="splits.csv"), straddling="move_to_train")["path"]
    found = read(path, "products").set_index("product_id")
    assert set(found.loc[[302, 303, 304], "split"]) == {TRAIN}
    assert read_json(path, "certificate")["num_moved_groups"] == 1


def test_products_that_the_split_file_does_not_name_are_rejected(fix, products, tmp_path):
    splits = {product: split for product, split in fixed_splits(products).items() if product != 350}
    path = fix(write_splits(tmp_path, splits), split=SplitConfig(file="splits.csv"))["path"]
    rejected = read(path, "rejected")
    assert rejected.loc[rejected["reason"] == "not_in_split_file", "product_id"].tolist() == [350]


def test_other_bytes_of_a_picture_that_a_split_file_leaves_out_claim_it_too(label_catalogue, tmp_path):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200)
    made = catalogue_of(rows)
    made.add(300, GREEN, [same_pixels_other_bytes(draw_jpeg(RED, 100, size=16))])
    files = write_splits(tmp_path, {product: SPLITS[number % 3] for number, (product, *_) in enumerate(rows)})
    path = label_catalogue(made, files, split=SplitConfig(file="splits.csv"))["path"]
    assert read(path, "products").set_index("product_id").loc[100, "conflicted"]


def write_names(tmp_path, *rows):
    path = tmp_path / "names.csv"
    path.write_text("category_id,category_level1,category_level2,category_level3\n" + "".join(rows))
    return LabelFiles(names_path=path)


def test_names_stand_in_the_classes(fix, tmp_path):
    classes = read(fix(write_names(tmp_path, f"{RED},ALL,WARM,RED \n"))["path"], "classes")
    assert classes["level3"].tolist() == ["RED", str(GREEN), str(BLUE), str(YELLOW)]


def test_another_name_of_a_class_is_another_artifact(fix, tmp_path):
    paths = {fix(write_names(tmp_path, f"{RED},ALL,WARM,{name}\n"))["path"] for name in ("RED", "ROUGE")}
    assert len(paths) == 2


def test_a_name_outside_the_sample_makes_nothing_again(fix, tmp_path):
    paths = {fix(write_names(tmp_path, f"{RED},ALL,WARM,RED\n77,ALL,COLD,{name}\n"))["path"] for name in "AB"}
    assert len(paths) == 1
