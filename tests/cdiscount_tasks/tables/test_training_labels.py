import pandas as pd
import pytest

from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import LABEL_IMAGES, LABEL_PRODUCTS
from cdiscount_tasks.tables.training_labels import read_class_names, read_split_rows


@pytest.fixture
def images(labels_dir):
    return read_table(labels_dir / "images.parquet", LABEL_IMAGES).to_pandas()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_train_takes_what_may_be_learnt_from_and_other_splits_take_all(labels_dir, images, split):
    rows = read_split_rows(labels_dir, split)
    wanted = images[images["learnt"]] if split == "train" else images[images["split"] == split]
    assert rows.places.tolist() == wanted.index.tolist()
    assert rows.product_ids.tolist() == wanted["product_id"].tolist()
    assert rows.image_numbers.tolist() == wanted["image_number"].tolist()
    assert set(rows.class_index) <= set(range(4))


def test_a_product_that_the_model_knows_already_is_not_in_validation(labels_dir, images):
    product = int(images.loc[images["split"] == "validation", "product_id"].iloc[0])
    products = read_table(labels_dir / "products.parquet", LABEL_PRODUCTS).to_pandas().set_index("product_id")
    group = products.index[products["group_id"] == products["group_id"][product]]
    hashes = [bytes(16)]
    known = pd.DataFrame({"product_id": [product], "split": ["train"], "content_hash": hashes, "pixel_hash": hashes})
    left = set(read_split_rows(labels_dir, "validation", known).product_ids)
    assert left == set(read_split_rows(labels_dir, "validation").product_ids) - set(group)
    assert read_split_rows(labels_dir, "train", known).places.tolist() == images.index[images["learnt"]].tolist()


def test_a_class_is_called_by_its_name_and_id(labels_dir):
    assert all(name.endswith(")") or name.isdecimal() for name in read_class_names(labels_dir))
