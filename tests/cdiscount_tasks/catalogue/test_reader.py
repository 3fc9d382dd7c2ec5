import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import xxhash
from bson.int64 import Int64

from cdiscount_tasks.catalogue import reader
from cdiscount_tasks.catalogue.reader import ProductPlace, read_images, read_pictures
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS
from tests.material.tiny_catalogue import encode


@pytest.fixture
def catalogue(tmp_path):
    documents = [encode(1, [b"a", b"b"], 5), encode(2, [b"c"], 6)]
    path = tmp_path / "catalogue.bson"
    path.write_bytes(b"".join(documents))
    return path, [ProductPlace(1, 5, 0, len(documents[0])), ProductPlace(2, 6, len(documents[0]), len(documents[1]))]


def test_read_pictures_gives_each_products_pictures(catalogue):
    path, places = catalogue
    assert [pictures for _, pictures in read_pictures(path, places)] == [[b"a", b"b"], [b"c"]]


@pytest.mark.parametrize(
    "change", [{"product_id": 3}, {"category_id": 6}, {"offset": 1}, {"offset": 5000}, {"length": 20}]
)
def test_another_document_than_the_indexed_one_is_told(catalogue, change):
    path, places = catalogue
    with pytest.raises(DataError, match="the catalogue changed since it was indexed"):
        list(read_pictures(path, [places[0]._replace(**change)]))


def index_of(documents):
    """Return what the index would say of (product_id, category_id, pictures, encoded document), in file order."""
    offsets = np.cumsum([0, *(len(document) for *_, document in documents)])[:-1].tolist()
    products = [
        (product_id, category_id, len(pictures), offset, len(document))
        for (product_id, category_id, pictures, document), offset in zip(documents, offsets, strict=True)
    ]
    images = [
        (product_id, number, category_id, 0, len(jpeg), 1, 1, xxhash.xxh3_128_digest(jpeg))
        for product_id, category_id, pictures, _ in documents
        for number, jpeg in enumerate(pictures)
    ]
    tables = [pa.table(list(zip(*rows, strict=True)), schema=schema) for rows, schema in
              ((products, PRODUCTS), (images, IMAGES))]  # fmt: skip
    return tables[0].sort_by("product_id"), tables[1]


def pictures_of(product_id):
    return [b"%d-%d" % (product_id, number) * 50 for number in range(1 + product_id % 4)]


def encode_unusual(product_id, pictures):
    return encode(Int64(product_id), pictures, 5, brand="unknown to the usual layout")


UNUSUAL = {4, 5, 19}


@pytest.fixture
def mixed(tmp_path):
    """Return a catalogue with unusual documents among the usual ones, not in the order of ids, and its index."""
    documents = []
    for product_id in [*range(10, 20), *range(10)]:
        pictures = pictures_of(product_id)
        encoded = encode_unusual(product_id, pictures) if product_id in UNUSUAL else encode(product_id, pictures, 5)
        documents.append((product_id, 5, pictures, encoded))
    path = tmp_path / "mixed.bson"
    path.write_bytes(b"".join(document for *_, document in documents))
    return path, *index_of(documents)


@pytest.mark.parametrize("batch_bytes", [1, 700, 2 << 20])
def test_images_are_read_row_by_row_from_usual_and_unusual_documents(mixed, monkeypatch, batch_bytes):
    monkeypatch.setattr(reader, "_BATCH_BYTES", batch_bytes)
    path, products, images = mixed
    expected = [pictures_of(row["product_id"])[row["image_number"]] for row in images.to_pylist()]
    assert read_images(path, products, images).to_pylist() == expected


def test_images_that_the_index_rejected_are_left_out(mixed):
    path, products, images = mixed
    kept = images.filter(pc.not_equal(images["image_number"], 1))
    expected = [pictures_of(row["product_id"])[row["image_number"]] for row in kept.to_pylist()]
    assert read_images(path, products, kept).to_pylist() == expected


def test_products_with_others_between_them_are_read(mixed):
    path, products, images = mixed
    wanted = pa.array([0, 3, 4, 5, 9, 10, 17, 19])
    products = products.filter(pc.is_in(products["product_id"], value_set=wanted))
    images = images.filter(pc.is_in(images["product_id"], value_set=wanted))
    expected = [pictures_of(row["product_id"])[row["image_number"]] for row in images.to_pylist()]
    assert read_images(path, products, images).to_pylist() == expected


def test_nothing_is_read_for_no_products(mixed):
    path, products, images = mixed
    assert read_images(path, products.slice(0, 0), images.slice(0, 0)).to_pylist() == []


def test_images_are_read_where_the_system_takes_no_advice(mixed, monkeypatch):
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    path, products, images = mixed
    assert len(read_images(path, products, images)) == len(images)


@pytest.mark.parametrize("product_id", [10, 13, 19, 4, 5, 7])
def test_a_picture_that_changed_in_the_middle_of_a_batch_is_told(mixed, product_id):
    path, products, images = mixed
    number = len(pictures_of(product_id)) - 1
    data = bytearray(path.read_bytes())
    data[data.index(pictures_of(product_id)[number]) + 60] ^= 1
    path.write_bytes(data)
    offset = products.filter(pc.equal(products["product_id"], product_id))["offset"][0].as_py()
    with pytest.raises(
        DataError, match=rf"image {number} of product {product_id} \(document at byte {offset}\) is not the indexed one"
    ):
        read_images(path, products, images)


def test_a_picture_that_is_gone_is_told(mixed):
    path, products, images = mixed
    more = {**images.filter(pc.equal(images["product_id"], 8)).to_pylist()[0], "image_number": 2}
    images = pa.concat_tables([images, pa.Table.from_pylist([more], schema=IMAGES)])
    with pytest.raises(DataError, match=r"image 2 of product 8 .* is not the indexed one"):
        read_images(path, products, images)


@pytest.mark.parametrize("product_id", [10, 13, 19, 4, 5, 7])
@pytest.mark.parametrize("column", ["product_id", "category_id"])
def test_another_document_in_the_middle_of_a_batch_is_told(mixed, column, product_id):
    path, products, _ = mixed
    rows = sorted(products.to_pylist(), key=lambda row: row["offset"])
    places = [ProductPlace(*(row[name] for name in ProductPlace._fields)) for row in rows]
    number = [place.product_id for place in places].index(product_id)
    places[number] = places[number]._replace(**{column: 77})
    with pytest.raises(
        DataError, match=rf"product {places[number].product_id} is no longer at byte {places[number].offset}"
    ):
        list(read_pictures(path, places))


def test_a_file_that_was_cut_is_told_with_the_first_product_that_is_gone(mixed):
    path, products, images = mixed
    cut = products.filter(pc.equal(products["product_id"], 3))["offset"][0].as_py()
    path.write_bytes(path.read_bytes()[: cut + 40])
    with pytest.raises(DataError, match=f"product 3 is no longer at byte {cut}; the catalogue changed"):
        read_images(path, products, images)


def test_a_shorter_document_of_the_same_product_is_told(catalogue):
    path, places = catalogue
    shorter = encode(1, [b"a"], 5)
    path.write_bytes(shorter + path.read_bytes()[len(shorter) :])
    with pytest.raises(DataError, match="product 1 is no longer at byte 0"):
        list(read_pictures(path, places))


def test_products_without_a_category_are_read(tmp_path):
    path = tmp_path / "test.bson"
    path.write_bytes(encode(1, [b"a"]))
    place = ProductPlace(1, None, 0, path.stat().st_size)
    assert list(read_pictures(path, [place])) == [(place, [b"a"])]
