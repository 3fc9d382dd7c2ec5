from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.catalogue.ranges import ByteRange
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index import in_range
from cdiscount_tasks.index.in_range import DamagedImages, read_chunks, read_range
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS
from tests.material.bucket_catalogues import put_catalogue
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import RED, TinyCatalogue, draw_jpeg


def whole(path):
    return ByteRange(start=0, stop=path.stat().st_size)


def cuts_of(path, num_ranges):
    edges = np.linspace(0, path.stat().st_size, num_ranges + 1).astype(int).tolist()
    return [ByteRange(start=start, stop=stop) for start, stop in pairwise(edges)]


@pytest.mark.parametrize("num_ranges", [1, 3, 50])
def test_every_product_is_in_one_range_with_all_of_its_images(index_dir, tiny_path, tiny, num_ranges):
    found, images, num_rejected = [], [], 0
    for byte_range in cuts_of(tiny_path, num_ranges):
        rows = read_range(index_dir, byte_range)
        offsets = rows.products["offset"].to_pylist()
        assert all(byte_range["start"] <= offset < byte_range["stop"] for offset in offsets)
        ids = rows.products["product_id"].to_pylist()
        assert [ids[place] for place in rows.product_of_image] == rows.images["product_id"].to_pylist()
        assert [ids[place] for place in rows.product_of_rejected] == rows.rejected_images["product_id"].to_pylist()
        found += ids
        images += zip(*(rows.images[name].to_pylist() for name in ("product_id", "image_number")), strict=True)
        num_rejected += len(rows.rejected_images)
    assert found == list(tiny.category_of)
    assert images == list(tiny.pictures)
    assert num_rejected == 2


def test_the_range_of_the_whole_file_is_the_whole_index(index_dir, tiny_path):
    rows = read_range(index_dir, whole(tiny_path))
    for name, schema, part in (("products", PRODUCTS, rows.products), ("images", IMAGES, rows.images)):
        assert read_table(index_dir / f"{name}.parquet", schema).sort_by("offset").equals(part)


def test_a_range_without_a_document_has_no_rows(index_dir):
    rows = read_range(index_dir, ByteRange(start=1, stop=2))
    assert [len(part) for part in rows] == [0] * 5
    assert (rows.products.schema, rows.images.schema) == (PRODUCTS, IMAGES)


def test_chunks_of_an_object_are_those_of_the_file(index_dir, tiny_path, object_server, bucket):
    rows = read_range(index_dir, whole(tiny_path))
    place = put_catalogue(object_server, bucket, tiny_path)
    assert list(read_chunks(place, rows, 7)) == list(read_chunks(tiny_path, rows, 7))


@pytest.mark.parametrize("most", [1, 7, 64, 1000])
def test_chunks_hold_whole_products_in_the_order_of_the_file(index_dir, tiny_path, tiny, most):
    rows = read_range(index_dir, whole(tiny_path))
    chunks = list(read_chunks(tiny_path, rows, most))
    assert [jpeg for _, jpegs in chunks for jpeg in jpegs] == list(tiny.pictures.values())
    assert [row for chunk, _ in chunks for row in chunk] == list(range(len(rows.images)))
    products = [set(rows.product_of_image[chunk].tolist()) for chunk, _ in chunks]
    assert sum(map(len, products)) == len(set().union(*products))
    assert max(len(chunk) for chunk, _ in chunks) <= most + 3
    assert all(len(chunk) >= most - 3 for chunk, _ in chunks[:-1])


def test_a_chunk_is_read_only_when_it_is_asked_for(index_dir, tiny_path, monkeypatch):
    read, plain = [], in_range.iter_images

    def watched(*arguments):
        for row, jpeg in plain(*arguments):
            read.append(row)
            yield row, jpeg

    monkeypatch.setattr(in_range, "iter_images", watched)
    chunks = read_chunks(tiny_path, read_range(index_dir, whole(tiny_path)), 10)
    for _ in range(3):
        rows, _ = next(chunks)
        assert read[-1] == rows[-1] + 1  # the one that begins the next chunk


def test_images_without_a_category_are_read(tmp_path):
    catalogue = TinyCatalogue()
    for product_id in (5, 4, 3):
        catalogue.add(product_id, None, [draw_jpeg(RED, product_id)])
    path = catalogue.write(tmp_path / "test.bson")
    index_dir = Path(index_catalogue(path, tmp_path / "index")["path"])
    ((_, jpegs),) = read_chunks(path, read_range(index_dir, whole(path)), 10)
    assert jpegs == list(catalogue.pictures.values())


def test_an_image_that_is_not_the_indexed_one_is_told(index_dir, tiny, tmp_path):
    data = bytearray(tiny.data)
    data[len(data) // 2] ^= 1
    path = tmp_path / "rotten.bson"
    path.write_bytes(data)
    with pytest.raises(DataError, match="the catalogue changed since it was indexed"):
        list(read_chunks(path, read_range(index_dir, whole(path)), 10))


def test_damaged_images_are_counted_by_product_and_named_in_their_order(index_dir, tiny_path):
    rows = read_range(index_dir, whole(tiny_path))
    ids = rows.products["product_id"].to_pylist()
    place = ids.index(322)  # whose images 1 and 2 the index rejected
    damaged = DamagedImages(rows)
    assert len(damaged) == 2
    damaged.add([(rows.product_of_image.tolist().index(place), "picture_damaged", "cut")])
    assert damaged.counts(np.array([place, 0])).tolist() == [3, 0]
    has_image = np.ones(len(ids), bool)
    has_image[place] = False
    (row,) = damaged.products_without_image(has_image).to_pylist()
    assert (row["product_id"], row["reason"]) == (322, "no_usable_image")
    assert row["byte_offset"] == rows.products["offset"][place].as_py()
    assert row["detail"].startswith("image 0: picture_damaged (cut); image 1: picture_not_jpeg (")
    assert "; image 2: picture_empty (" in row["detail"]
