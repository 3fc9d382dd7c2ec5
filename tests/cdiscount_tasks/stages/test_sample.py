import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.stages import sample as sample_stage
from cdiscount_tasks.stages.sample import choose_products, draw_sample
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED, SAMPLE_PRODUCTS
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import BLUE, CATEGORIES, GREEN, RED, draw_jpeg, encode


def table(rows):
    """Make index products from (product_id, category_id)."""
    ids, categories = zip(*rows, strict=True)
    return pa.table([ids, categories, [1] * len(ids), ids, [9] * len(ids)], schema=PRODUCTS)


MANY = table([(number, (RED, GREEN)[number % 2]) for number in range(200)])


def chosen(most, seed=0, products=MANY):
    config = DrawConfig(categories=(RED, GREEN), max_products_per_category=most, seed=seed)
    return choose_products(products, config)["product_id"].to_pylist()


def test_without_a_limit_every_product_is_chosen():
    assert chosen(None) == list(range(200))


def test_a_limit_holds_for_each_category():
    ids = chosen(7)
    assert [sum(product % 2 == side for product in ids) for side in (0, 1)] == [7, 7]


def test_chosen_products_are_sorted_by_id():
    assert chosen(20) == sorted(chosen(20))


def test_a_larger_limit_only_adds_products():
    assert set(chosen(10)) < set(chosen(30))


def test_products_added_to_the_catalogue_push_out_only_as_many_as_they_are():
    more = pa.concat_tables([MANY, table([(1000, RED), (1001, RED)])])
    assert len(set(chosen(20)) - set(chosen(20, products=more))) <= 2


def test_another_seed_draws_other_products():
    assert chosen(20, seed=0) == chosen(20, seed=0) != chosen(20, seed=1)


def test_a_category_without_products_is_an_error_that_names_it():
    with pytest.raises(DataError, match="has no product of category 77, 78; take it out of the sample's categories"):
        choose_products(MANY, DrawConfig(categories=(77, 78, RED)))


def test_a_catalogue_without_categories_is_no_source_of_a_sample():
    with pytest.raises(DataError, match=r"the catalogue has no categories \(is it test\.bson\?\)"):
        choose_products(table([(1, None)]), DrawConfig(categories=None))


def test_a_named_category_is_missed_in_a_catalogue_without_categories(tmp_path):
    path = tmp_path / "test.bson"
    path.write_bytes(b"".join(encode(number, [draw_jpeg(seed=number)]) for number in range(3)))
    index_dir = Path(index_catalogue(path, tmp_path)["path"])
    with pytest.raises(DataError, match=f"has no product of category {RED}"):
        draw_sample(index_dir, path, tmp_path, DrawConfig(categories=(RED, GREEN)))


def test_the_sample_has_the_pictures_of_the_catalogue(tiny, sample_dir):
    keys = read_image_keys(sample_dir)
    jpegs = SampleImages(sample_dir).read(range(len(keys["product_id"])))
    found = dict(zip(zip(keys["product_id"].tolist(), keys["image_number"].tolist(), strict=True), jpegs, strict=True))
    assert found == tiny.labelled_pictures


def test_the_result_counts_what_was_drawn(tiny, tiny_sample):
    assert {name: tiny_sample[name] for name in ("num_categories", "num_products", "num_images", "num_bytes")} == {
        "num_categories": 4,
        "num_products": len(tiny.category_of) - 2,  # which have no category
        "num_images": len(tiny.labelled_pictures),
        "num_bytes": sum(map(len, tiny.labelled_pictures.values())),
    }


def test_images_are_sorted_by_product_and_number(sample_dir):
    keys = read_image_keys(sample_dir)
    places = list(zip(keys["product_id"], keys["image_number"], strict=True))
    assert places == sorted(places)


def test_images_that_the_index_rejected_come_along_with_their_products(sample_dir):
    rejected = read_table(sample_dir / "rejected.parquet", REJECTED).to_pylist()
    assert [(row["product_id"], row["image_number"]) for row in rejected] == [(322, 1), (322, 2)]


def test_a_sample_holds_whole_products_of_its_categories_alone(index_dir, tiny, tiny_path, tmp_path):
    result = draw_sample(
        index_dir, tiny_path, tmp_path, DrawConfig(categories=(RED, BLUE), max_products_per_category=5)
    )
    products = read_table(Path(result["path"]) / "products.parquet", SAMPLE_PRODUCTS).to_pydict()
    assert sorted(products["category_id"]) == [RED] * 5 + [BLUE] * 5
    expected = [sum(key[0] == product for key in tiny.pictures) for product in products["product_id"]]
    assert products["num_images"] == expected


def data_files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.parquet")}


@pytest.mark.parametrize("config", [DrawConfig(categories=CATEGORIES), DrawConfig(categories=None)])
def test_the_same_seed_gives_the_same_bytes(index_dir, tiny_path, sample_dir, tmp_path, config):
    assert data_files(draw_sample(index_dir, tiny_path, tmp_path, config)["path"]) == data_files(sample_dir)


def test_a_sample_that_stands_is_found_and_not_drawn_again(index_dir, tiny_path, tiny_sample, artifacts_dir):
    again = draw_sample(index_dir, tiny_path, artifacts_dir, DrawConfig(categories=CATEGORIES))
    assert again == {**tiny_sample, "reused": True}


def test_a_moved_catalogue_finds_its_sample_again(tiny_path, tiny_sample, artifacts_dir, tmp_path):
    moved = shutil.copyfile(tiny_path, tmp_path / "moved.bson")
    index_dir = Path(index_catalogue(moved, tmp_path)["path"])
    again = draw_sample(index_dir, moved, artifacts_dir, DrawConfig(categories=CATEGORIES))
    assert again == {**tiny_sample, "reused": True}


def test_a_truncated_file_of_the_sample_is_moved_aside_and_drawn_again(index_dir, tiny_path, tmp_path):
    config = DrawConfig(categories=(RED, BLUE))
    first = draw_sample(index_dir, tiny_path, tmp_path, config)
    path = Path(first["path"]) / "images-00000.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert draw_sample(index_dir, tiny_path, tmp_path, config) == first
    assert path.read_bytes() == whole


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_a_catalogue_that_changed_since_it_was_indexed_is_an_error(index_dir, tiny, tmp_path, place):
    data = bytearray(tiny.data)
    at = int(len(data) * place)
    data[at : at + 3000] = bytes(3000)
    (tmp_path / "changed.bson").write_bytes(data)
    with pytest.raises(DataError, match="the catalogue changed since it was indexed"):
        draw_sample(index_dir, tmp_path / "changed.bson", tmp_path, DrawConfig(categories=CATEGORIES))


def test_a_single_byte_of_a_picture_that_changed_is_an_error(index_dir, tiny, tmp_path):
    data = bytearray(tiny.data)
    data[data.index(tiny.pictures[303, 1]) + 300] ^= 1
    (tmp_path / "changed.bson").write_bytes(data)
    with pytest.raises(DataError, match=r"image 1 of product 303 .* is not the indexed one"):
        draw_sample(index_dir, tmp_path / "changed.bson", tmp_path, DrawConfig(categories=CATEGORIES))


def test_products_of_several_files_are_the_same(index_dir, tiny, tiny_path, tmp_path, monkeypatch):
    monkeypatch.setattr(sample_stage, "_PRODUCTS_PER_FILE", 30)
    result = draw_sample(index_dir, tiny_path, tmp_path, DrawConfig(categories=CATEGORIES))
    folder = Path(result["path"])
    assert len(list(folder.glob("images-*.parquet"))) == 3
    assert SampleImages(folder).read(range(result["num_images"])) == [
        tiny.pictures[key] for key in sorted(tiny.labelled_pictures)
    ]


def test_products_with_ids_of_64_bits_are_drawn(tmp_path):
    ids = [2**63 - 1, -(2**63), 2**40]
    path = tmp_path / "wide.bson"
    from bson.int64 import Int64

    path.write_bytes(b"".join(encode(Int64(product), [draw_jpeg(seed=n)], RED) for n, product in enumerate(ids)))
    index_dir = Path(index_catalogue(path, tmp_path)["path"])
    result = draw_sample(index_dir, path, tmp_path, DrawConfig(categories=None))
    assert read_image_keys(Path(result["path"]))["product_id"].tolist() == sorted(ids)


def test_the_key_of_a_sample_with_copied_pictures_is_that_of_before_there_was_a_choice(index_dir):
    assert sample_stage.sample_recipe(index_dir, DrawConfig(categories=(RED, GREEN))).config == {
        "categories": [RED, GREEN], "max_products_per_category": None, "seed": 0,
    }  # fmt: skip


def test_a_file_is_handed_to_another_process_without_the_rest_of_the_sample(index_dir, tmp_path):
    products = choose_products(read_table(index_dir / "products.parquet", PRODUCTS), DrawConfig(categories=CATEGORIES))
    images = read_table(index_dir / "images.parquet", IMAGES)
    files = sample_stage.plan_files(tmp_path / "catalogue.bson", products, images, tmp_path, 10)
    assert sum(len(file.images) for file in files) == len(images) - images["category_id"].null_count
    assert max(file.images.get_total_buffer_size() for file in files) < images.nbytes / 3
