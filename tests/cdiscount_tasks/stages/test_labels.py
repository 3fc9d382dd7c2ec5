import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures import check
from cdiscount_tasks.learning.pictures.images import decode_rgb
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.tables import schemas
from cdiscount_tasks.tables.labels import read_y_values
from cdiscount_tasks.tables.sample_images import read_image_keys
from cdiscount_tasks.vocabulary import SPLITS, TRAIN
from tests.conftest import TINY_LABELS
from tests.material.label_tables import MEASURED, data_files, read, read_json
from tests.material.tiny_catalogue import BLUE, CATEGORIES, GREEN, RED, YELLOW, catalogue_of, make_tiny_catalogue, plain


@pytest.fixture(scope="module")
def images(labels_dir):
    return read(labels_dir, "images")


def test_every_image_of_the_sample_is_kept_or_rejected_or_of_a_rejected_product(tiny, labels_dir, images):
    rejected = read(labels_dir, "rejected")
    keys = [*zip(images["product_id"], images["image_number"], strict=True)]
    refused = rejected[rejected["image_number"].notna()]
    keys += [*zip(refused["product_id"], refused["image_number"].astype(int), strict=True)]
    assert sorted(keys) == sorted(tiny.labelled_pictures)


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


def test_a_group_keeps_its_split_when_products_are_added(label_catalogue):
    rows = plain(RED, 60, 100) + plain(GREEN, 60, 200)
    before = read(label_catalogue(catalogue_of(rows))["path"], "products").set_index("product_id")
    more = plain(RED, 30, 500) + plain(GREEN, 30, 600)
    after = read(label_catalogue(catalogue_of(more + rows))["path"], "products").set_index("product_id")
    assert after.loc[before.index, "split"].equals(before["split"])


def test_each_distinct_picture_is_decoded_once(fix, sample_dir, monkeypatch):
    decoded = []
    monkeypatch.setattr(check, "decode_rgb", lambda jpeg: decoded.append(jpeg) or decode_rgb(jpeg))
    fix()
    keys = read_image_keys(sample_dir)
    assert len(decoded) == len(set(decoded)) == len(set(keys["content_hash"].tolist())) < len(keys["content_hash"])


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
