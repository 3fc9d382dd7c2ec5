import numpy as np
import pyarrow as pa
import pytest
import xxhash

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.parquet import TableWriter, write_table
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys, rows_of
from cdiscount_tasks.tables.schemas import SAMPLE_IMAGES


def write_sample(folder, rows, rows_per_group=2, rows_per_file=3):
    """Write (product_id, image_number, jpeg) as a sample's files."""
    folder.mkdir(exist_ok=True)
    for first in range(0, len(rows), rows_per_file):
        ids, numbers, jpegs = zip(*rows[first : first + rows_per_file], strict=True)
        hashes = [xxhash.xxh3_128_digest(jpeg) for jpeg in jpegs]
        table = pa.table([ids, numbers, [5] * len(ids), jpegs, hashes], schema=SAMPLE_IMAGES)
        with TableWriter(folder / f"images-{first:05d}.parquet", SAMPLE_IMAGES, rows_per_group) as writer:
            writer.write(table)
    return folder


ROWS = [(product, number, b"%d-%d" % (product, number)) for product in (1, 4, 9) for number in range(3)]


@pytest.fixture
def folder(tmp_path):
    return write_sample(tmp_path / "sample-0", ROWS)


def test_pictures_come_in_the_order_asked_for(folder):
    assert SampleImages(folder).read([8, 0, 4, 4, 3]) == [ROWS[row][2] for row in (8, 0, 4, 4, 3)]


def test_the_length_is_the_number_of_pictures_over_all_files(folder):
    assert len(SampleImages(folder)) == 9


def test_keys_and_rows_agree_with_the_files(folder):
    keys = read_image_keys(folder)
    assert [(int(p), int(n)) for p, n in zip(keys["product_id"], keys["image_number"], strict=True)] == [
        row[:2] for row in ROWS
    ]


def test_rows_are_found_by_product_and_number(folder):
    assert rows_of(folder, np.array([9, 1]), np.array([0, 2], np.int8)).tolist() == [6, 2]


@pytest.mark.parametrize("product_id", [0, 5, 100])
def test_an_image_that_the_sample_lacks_is_told(folder, product_id):
    with pytest.raises(DataError, match=f"image 0 of product {product_id} is not in the sample"):
        rows_of(folder, np.array([product_id]), np.array([0], np.int8))


def test_rows_are_found_for_ids_of_64_bits(tmp_path):
    ids = [-(2**62), -1, 0, 2**61, 2**62, 2**62 + 1]
    folder = write_sample(tmp_path / "sample-0", [(product, 0, b"%d" % product) for product in ids])
    assert rows_of(folder, np.array(ids), np.zeros(6, np.int8)).tolist() == list(range(6))


def test_a_damaged_file_of_the_sample_is_told(folder):
    path = folder / "images-00000.parquet"
    data = bytearray(path.read_bytes())
    place = data.index(b"1-1")
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="is damaged"):
        SampleImages(folder).read([1])


def test_a_source_without_pictures_has_none(tmp_path):
    write_table(tmp_path / "images-00000.parquet", {name: [] for name in SAMPLE_IMAGES.names}, SAMPLE_IMAGES)
    assert (len(SampleImages(tmp_path)), SampleImages(tmp_path).read([])) == (0, [])


def test_a_sample_without_a_file_of_images_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has no file images-\*\.parquet, expected at least one"):
        read_image_keys(tmp_path)
