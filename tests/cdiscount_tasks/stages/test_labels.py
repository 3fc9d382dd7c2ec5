import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures import check
from cdiscount_tasks.learning.pictures.images import decode_rgb
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig, SplitConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.labels import read_y_values
from cdiscount_tasks.tables.sample_images import read_image_keys
from cdiscount_tasks.vocabulary import SPLITS, TRAIN
from tests.conftest import TINY_LABELS
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import (
    BLUE,
    CATEGORIES,
    GREEN,
    RED,
    YELLOW,
    TinyCatalogue,
    draw_jpeg,
    make_tiny_catalogue,
    same_pixels_other_bytes,
    undecodable,
)

MEASURED = ["product_id", "category_id", "class_index", "group_id", "split", "conflicted"]


def read(labels_dir, name):
    of_file = {"products": schemas.LABEL_PRODUCTS, "images": schemas.LABEL_IMAGES, "classes": schemas.CLASSES,
               "conflicts": schemas.CONFLICTS, "rejected": schemas.REJECTED}  # fmt: skip
    return parquet.read_table(Path(labels_dir) / f"{name}.parquet", of_file[name]).to_pandas()


def read_json(labels_dir, name):
    return json.loads((Path(labels_dir) / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def products(labels_dir):
    return read(labels_dir, "products").set_index("product_id", drop=False)


@pytest.fixture(scope="module")
def images(labels_dir):
    return read(labels_dir, "images")


@pytest.fixture
def fix(index_dir, sample_dir, tmp_path):
    """Fix the tiny sample's labels with other rules or files."""

    def run(files=LabelFiles(), **changes):  # noqa: B008 - it never changes
        return fix_labels(index_dir, sample_dir, files, tmp_path / "labels", TINY_LABELS.model_copy(update=changes))

    return run


@pytest.fixture
def label_catalogue(tmp_path):
    """Index, draw and label a catalogue made in the test."""

    def run(made, files=LabelFiles(), **rules):  # noqa: B008 - it never changes
        path = made.write(tmp_path / "made.bson")
        index_dir = Path(index_catalogue(path, tmp_path / "index")["path"])
        sample_dir = Path(
            draw_sample(index_dir, path, tmp_path, DrawConfig(categories=rules.get("categories")))["path"]
        )
        return fix_labels(index_dir, sample_dir, files, tmp_path, LabelConfig(**{"categories": None, **rules}))

    return run


def catalogue_of(rows):
    """Make a catalogue of (product_id, category_id, seeds of its pictures)."""
    made = TinyCatalogue()
    for product_id, category_id, seeds in rows:
        made.add(product_id, category_id, [draw_jpeg(RED, seed, size=16) for seed in seeds])
    return made


def plain(category_id, num_products, first):
    return [(first + number, category_id, [first + number]) for number in range(num_products)]


def test_every_image_of_the_sample_is_kept_or_rejected_or_of_a_rejected_product(tiny, labels_dir, images):
    rejected = read(labels_dir, "rejected")
    keys = [*zip(images["product_id"], images["image_number"], strict=True)]
    refused = rejected[rejected["image_number"].notna()]
    keys += [*zip(refused["product_id"], refused["image_number"].astype(int), strict=True)]
    assert sorted(keys) == sorted(tiny.pictures)


def test_damaged_pictures_are_rejected_and_a_product_without_any_left(labels_dir):
    rows = read(labels_dir, "rejected")[["product_id", "image_number", "reason"]].astype(object)
    assert rows.where(rows.notna(), None).to_numpy().tolist() == [
        [320, 0, "picture_damaged"], [321, 0, "picture_damaged"], [321, None, "no_image_left"]
    ]  # fmt: skip


def test_the_result_agrees_with_the_tables(tiny_labels, products, images):
    assert (tiny_labels["num_products"], tiny_labels["num_images"]) == (len(products), len(images))
    assert sum(tiny_labels[f"num_{split}_products"] for split in SPLITS) == len(products)
    assert tiny_labels["num_groups"] == products["group_id"].nunique()
    assert (tiny_labels["num_rejected_images"], tiny_labels["num_classes"]) == (2, 4)


@pytest.mark.parametrize(
    ("one", "other"),
    [(301, "GREEN"), (302, 303), (303, 304), (302, 304)],
)
def test_products_that_share_bytes_or_pixels_are_one_group(tiny, products, one, other):
    if other == "GREEN":
        other = next(p for p, c in tiny.category_of.items() if c == GREEN)
    assert (
        products.loc[one, "group_id"]
        == products.loc[other, "group_id"]
        == min(one, other, products.loc[one, "group_id"])
    )


def test_splits_share_no_picture(images):
    for column in ("content_hash", "pixel_hash"):
        assert images.groupby(column)["split"].nunique().max() == 1


def test_the_written_files_are_certified(labels_dir):
    certificate = read_json(labels_dir, "certificate")
    assert {
        certificate[name] for name in ("shared_content_hashes", "shared_pixel_hashes", "num_straddling_groups")
    } == {0}


def test_every_class_has_all_splits(products):
    assert (products.groupby("class_index")["split"].nunique() == len(SPLITS)).all()


def test_classes_are_counted_in_the_order_of_their_ids(labels_dir, products, images):
    classes = read(labels_dir, "classes")
    assert classes["category_id"].tolist() == sorted(CATEGORIES)
    assert classes["class_index"].tolist() == list(range(4))
    for what, rows in (("products", products), ("images", images)):
        assert classes[[f"num_{what}_{split}" for split in SPLITS]].to_numpy().sum() == len(rows)


def test_class_index_is_always_that_of_the_given_category(products):
    assert products["class_index"].map(dict(enumerate(sorted(CATEGORIES)))).equals(products["category_id"])


def test_train_class_index_stands_in_train_alone(products):
    assert products.loc[products["split"] != TRAIN, "train_class_index"].isna().all()
    assert (
        products.loc[products["split"] == TRAIN, "train_class_index"]
        .isna()
        .equals(products.loc[products["split"] == TRAIN, "label"].isna())
    )


def test_only_images_of_train_are_learnt_from(images):
    assert set(images.loc[images["learnt"], "split"]) == {TRAIN}


def test_planted_conflicts_are_found_by_bytes_and_by_pixels(products):
    assert products.loc[[310, 311, 312], "conflicted"].all()
    assert products["conflicted"].sum() == 6


def test_conflicts_name_the_categories_and_the_products(labels_dir, tiny):
    conflicts = read(labels_dir, "conflicts")
    assert sorted(map(tuple, conflicts["category_ids"])) == [(RED, GREEN), (RED, YELLOW), (RED, YELLOW), (BLUE, YELLOW)]
    for row in conflicts.itertuples():
        assert {tiny.category_of[product] for product in row.product_ids} == set(row.category_ids)


def test_counts_agree_with_the_tables(labels_dir, images, products):
    counts = read_json(labels_dir, "counts")
    assert counts["num_distinct_images"] + counts["num_identical_copies"] == len(images)
    assert counts["rejected_images"] == {"picture_damaged": 2}
    assert counts["rejected_products"] == {"no_image_left": 1}
    assert counts["conflicts"]["num_products"] == products["conflicted"].sum()


def test_pixel_hashes_differ_where_pictures_do_and_only_there(tiny, images):
    looks = [
        decode_rgb(tiny.pictures[key]).tobytes()
        for key in zip(images["product_id"], images["image_number"], strict=True)
    ]
    pairs = set(zip(images["pixel_hash"], looks, strict=True))
    assert len(pairs) == images["pixel_hash"].nunique() == len(set(looks))


def test_y_values_lie_row_for_row_beside_the_images(labels_dir, images, products):
    values = read_y_values(labels_dir)
    keys = ["product_id", "image_number", "class_index", "split"]
    assert values[keys].equals(images[keys])
    assert values["category_id"].tolist() == products.loc[images["product_id"], "category_id"].tolist()
    unlabelled = products.loc[images["product_id"], "label"].isna().to_numpy()
    assert values["label"].isna().tolist() == (unlabelled | ((images["split"] == "train") & ~images["learnt"])).tolist()


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


def data_files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != "manifest.json"}


def test_the_same_rules_give_the_same_bytes(fix, labels_dir):
    assert data_files(fix()["path"]) == data_files(labels_dir)


def test_labels_that_stand_are_found_and_not_made_again(fix):
    assert fix() == {**fix(), "reused": False}
    assert fix()["reused"] is True


def test_a_truncated_file_of_the_labels_is_moved_aside_and_made_again(fix):
    first = fix()
    path = Path(first["path"]) / "products.parquet"
    path.write_bytes(b"")
    assert fix() == first


@pytest.mark.parametrize("policy", ["keep", "majority"])
def test_a_policy_changes_what_is_learnt_and_never_what_is_measured(fix, products, policy):
    found = read(fix(conflicts=policy)["path"], "products")
    assert found[MEASURED].equals(products[MEASURED].reset_index(drop=True))


def test_a_policy_is_another_artifact(fix):
    assert len({fix(conflicts=policy)["path"] for policy in ("drop_image", "keep", "majority")}) == 3


def test_another_seed_is_another_split_of_the_same_groups(fix, products):
    found = read(fix(seed=4)["path"], "products").set_index("product_id")
    assert found["group_id"].equals(products["group_id"])
    assert not found["split"].equals(products["split"])


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


def test_a_picture_in_too_many_products_is_a_placeholder_and_ties_nothing(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200)
    rows = [(product, category, [*seeds, 7]) for product, category, seeds in rows] + [(300, RED, [7])]
    found = label_catalogue(catalogue_of(rows), max_products_per_image=20)
    assert (found["num_groups"], found["num_images"], found["num_rejected_images"]) == (24, 24, 25)
    assert read_json(found["path"], "counts")["placeholders"] == {"num_images": 25, "num_distinct": 1}
    assert read_json(found["path"], "counts")["rejected_products"] == {"no_image_left": 1}


def test_a_picture_in_too_many_products_of_the_whole_catalogue_is_a_placeholder_of_the_sample(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + plain(BLUE, 20, 300)
    rows = [(product, category, [*seeds, 7] if product % 100 < 2 else seeds) for product, category, seeds in rows]
    rows += [(400 + number, BLUE, [7]) for number in range(17)]
    found = label_catalogue(catalogue_of(rows), categories=[RED, GREEN], max_products_per_image=23)
    assert found["num_rejected_images"] == 0
    found = label_catalogue(catalogue_of(rows), categories=[RED, GREEN], max_products_per_image=22)
    assert read_json(found["path"], "counts")["placeholders"] == {"num_images": 4, "num_distinct": 1}
    rejected = read(found["path"], "rejected")
    assert set(rejected["detail"]) == {"the same picture stands in 23 products of the catalogue, expected at most 22"}


def test_a_picture_in_as_many_products_as_are_allowed_stays(label_catalogue):
    rows = [
        (product, category, [*seeds, 7 + (category == GREEN)])
        for product, category, seeds in plain(RED, 3, 100) + plain(GREEN, 3, 200)
    ]
    rows += plain(RED, 30, 300) + plain(GREEN, 30, 400)
    assert label_catalogue(catalogue_of(rows), max_products_per_image=3)["num_rejected_images"] == 0


def test_a_class_with_fewer_than_three_groups_is_an_error_that_names_it(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + [(300, BLUE, [1]), (301, BLUE, [1]), (302, BLUE, [2])]
    with pytest.raises(DataError, match=rf"fewer than 3 groups .*: {BLUE} \({BLUE}: 2\); .* small_classes: reject"):
        label_catalogue(catalogue_of(rows))


def test_a_small_class_may_be_left_out(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + plain(BLUE, 2, 300)
    found = label_catalogue(catalogue_of(rows), small_classes="reject")
    assert read(found["path"], "classes")["category_id"].tolist() == [RED, GREEN]
    assert read_json(found["path"], "counts")["rejected_products"] == {"small_class": 2}


def test_a_fix_to_a_class_that_was_left_out_is_an_error(label_catalogue, tmp_path):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + plain(BLUE, 2, 300)
    with pytest.raises(DataError, match=f"line 2 gives product 100 the category {BLUE}, which was left out"):
        label_catalogue(catalogue_of(rows), write_fixes(tmp_path, f"100,{BLUE},x\n"), small_classes="reject")


def test_a_class_that_was_left_out_still_claims_its_pictures(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + [(300, BLUE, [100])]
    found = read(label_catalogue(catalogue_of(rows), small_classes="reject")["path"], "products").set_index(
        "product_id"
    )
    assert found.loc[100, "conflicted"]


def test_other_bytes_of_a_picture_in_a_class_that_was_left_out_claim_it_too(label_catalogue):
    made = catalogue_of(plain(RED, 12, 100) + plain(GREEN, 12, 200))
    made.add(300, BLUE, [same_pixels_other_bytes(draw_jpeg(RED, 100, size=16))])
    path = label_catalogue(made, small_classes="reject")["path"]
    assert read(path, "products").set_index("product_id").loc[100, "conflicted"]
    assert read(path, "conflicts")[["category_ids", "product_ids"]].map(list).to_numpy().tolist() == [
        [[RED, BLUE], [100, 300]]
    ]


def test_other_bytes_of_a_picture_that_a_split_file_leaves_out_claim_it_too(label_catalogue, tmp_path):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200)
    made = catalogue_of(rows)
    made.add(300, GREEN, [same_pixels_other_bytes(draw_jpeg(RED, 100, size=16))])
    files = write_splits(tmp_path, {product: SPLITS[number % 3] for number, (product, *_) in enumerate(rows)})
    path = label_catalogue(made, files, split=SplitConfig(file="splits.csv"))["path"]
    assert read(path, "products").set_index("product_id").loc[100, "conflicted"]


@pytest.mark.parametrize("small_classes", ["error", "reject"])
def test_one_class_only_is_an_error(label_catalogue, small_classes):
    with pytest.raises(DataError, match="1 class is left to learn, expected at least 2; add categories"):
        label_catalogue(catalogue_of(plain(RED, 12, 100)), small_classes=small_classes)


def test_a_sample_of_which_no_picture_decodes_is_an_error(label_catalogue):
    made = TinyCatalogue()
    for product_id in range(8):
        made.add(product_id, CATEGORIES[product_id % 2], [undecodable(draw_jpeg(seed=product_id))])
    with pytest.raises(DataError, match=r"fewer than 3 groups|0 class is left"):
        label_catalogue(made)


def test_a_claim_of_a_category_outside_the_sample_is_a_conflict(label_catalogue):
    rows = plain(RED, 12, 100) + plain(GREEN, 12, 200) + [(300, BLUE, [105]), (301, BLUE, [300])]
    found = label_catalogue(catalogue_of(rows), categories=(RED, GREEN))
    conflicts = read(found["path"], "conflicts")
    assert [(list(row.category_ids), list(row.product_ids)) for row in conflicts.itertuples()] == [
        ([RED, BLUE], [105, 300])
    ]


def test_a_group_keeps_its_split_when_products_are_added(label_catalogue):
    rows = plain(RED, 60, 100) + plain(GREEN, 60, 200)
    before = read(label_catalogue(catalogue_of(rows))["path"], "products").set_index("product_id")
    more = plain(RED, 30, 500) + plain(GREEN, 30, 600)
    after = read(label_catalogue(catalogue_of(more + rows))["path"], "products").set_index("product_id")
    assert after.loc[before.index, "split"].equals(before["split"])


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


def test_every_row_of_a_picture_that_cannot_be_used_is_told(label_catalogue):
    made = catalogue_of(plain(RED, 12, 100) + plain(GREEN, 12, 200))
    damaged = undecodable(draw_jpeg(RED, 5))
    made.add(300, RED, [damaged, damaged])
    made.add(301, GREEN, [draw_jpeg(GREEN, 6, size=16), damaged])
    rejected = read(label_catalogue(made)["path"], "rejected")
    images = rejected[rejected["image_number"].notna()]
    assert images[["product_id", "image_number"]].to_numpy(int).tolist() == [[300, 0], [300, 1], [301, 1]]


def test_each_distinct_picture_is_decoded_once(fix, sample_dir, monkeypatch):
    decoded = []
    monkeypatch.setattr(check, "decode_rgb", lambda jpeg: decoded.append(jpeg) or decode_rgb(jpeg))
    fix()
    keys = read_image_keys(sample_dir)
    assert len(decoded) == len(set(decoded)) == len(set(keys["content_hash"])) < len(keys["content_hash"])


def blotchy_jpeg(seed, quality=90):
    """Draw a picture that keeps its look at another quality."""
    random = np.random.default_rng(seed)
    picture = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def catalogue_of_looks(num_near):
    """Make 120 products of two categories; the first `num_near` show one picture, saved at so many qualities."""
    made = TinyCatalogue()
    for number in range(120):
        jpeg = blotchy_jpeg(0, 95 - number) if number < num_near else blotchy_jpeg(number)
        made.add(100 + number, (RED, GREEN)[number % 2], [jpeg])
    return made


@pytest.mark.parametrize(("mode", "num_groups"), [("off", 120), ("report", 120), ("group", 115)])
def test_near_duplicates_tie_groups_where_they_are_to(label_catalogue, mode, num_groups):
    assert label_catalogue(catalogue_of_looks(6), near_duplicates=mode)["num_groups"] == num_groups


def test_reported_near_duplicates_change_no_row(label_catalogue):
    off, report = (label_catalogue(catalogue_of_looks(6), near_duplicates=mode)["path"] for mode in ("off", "report"))
    for name in ("products", "images", "classes", "conflicts", "rejected"):
        assert read(off, name).equals(read(report, name))


def test_near_duplicates_that_are_off_are_not_looked_for(label_catalogue, monkeypatch):
    monkeypatch.setattr(check, "_hash_square", None)
    found = label_catalogue(catalogue_of_looks(6), near_duplicates="off")
    assert read_json(found["path"], "certificate")["near_duplicates"] is None


def test_near_duplicates_are_counted_across_splits(label_catalogue):
    path = label_catalogue(catalogue_of_looks(30))["path"]
    split_of = read(path, "products").set_index("product_id")["split"]
    near = split_of.loc[100:129].value_counts()
    found = read_json(path, "certificate")["near_duplicates"]
    assert (found["mode"], found["num_test_products"]) == ("report", near["test"])
    assert found["num_pairs"] <= 30 * 29 // 2
    first = found["examples"][0]
    assert first["first"]["split"] != first["second"]["split"]


def test_grouped_near_duplicates_are_never_parted(label_catalogue):
    path = label_catalogue(catalogue_of_looks(6), near_duplicates="group")["path"]
    found = read_json(path, "certificate")["near_duplicates"]
    assert (found["num_pairs"] > 0, found["num_pairs_across_splits"], found["num_test_products"]) == (True, 0, 0)


def test_near_duplicates_that_tie_too_much_together_are_an_error(label_catalogue):
    with pytest.raises(
        DataError,
        match=r"group ties 7 of 120 products into one group, that of product 100; expected at most 5% of .* report",
    ):
        label_catalogue(catalogue_of_looks(7), near_duplicates="group")


def test_identical_pictures_alone_are_never_too_much(label_catalogue):
    rows = [(100 + number, RED, [1]) for number in range(20)] + plain(RED, 12, 200) + plain(GREEN, 12, 300)
    made = TinyCatalogue()
    for product_id, category_id, seeds in rows:
        made.add(product_id, category_id, [blotchy_jpeg(seed) for seed in seeds])
    assert label_catalogue(made, near_duplicates="group")["num_groups"] == 25


def test_class_shares_of_each_split_add_up_to_one(labels_dir):
    shares = read_json(labels_dir, "certificate")["class_shares"]
    assert [row["class_index"] for row in shares] == [0, 1, 2, 3]
    for split in SPLITS:
        assert sum(row[split] for row in shares) == pytest.approx(1, abs=1e-5)


def test_conflicts_by_class_add_up_to_all(labels_dir):
    conflicts = read_json(labels_dir, "counts")["conflicts"]
    for name in ("num_images", "num_products"):
        assert sum(row[name] for row in conflicts["by_class"]) == conflicts[name] > 0


def test_the_tiny_catalogue_is_made_the_same_every_time(tiny):
    assert make_tiny_catalogue().data == tiny.data


def test_a_damaged_page_of_the_index_is_an_error_that_names_the_file(index_dir, sample_dir, tmp_path):
    copy = shutil.copytree(index_dir, tmp_path / "index")
    place = schemas.IMAGES.names.index("content_hash")
    column = pq.ParquetFile(copy / "images.parquet").metadata.row_group(0).column(place)
    data = bytearray((copy / "images.parquet").read_bytes())
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    (copy / "images.parquet").write_bytes(data)
    with pytest.raises(DataError, match=r"images\.parquet: is damaged"):
        fix_labels(copy, sample_dir, LabelFiles(), tmp_path, TINY_LABELS)
