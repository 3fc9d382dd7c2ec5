import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.parquet import TableWriter, write_table
from cdiscount_tasks.tables.sample_images import CopiedImages, SampleImages, read_image_keys, rows_of
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


def test_images_of_one_product_are_found_in_two_files(tmp_path):
    folder = write_sample(tmp_path / "sample-0", [(1, number, b"%d" % number) for number in range(4)], 2, 3)
    assert rows_of(folder, np.array([1] * 4), np.array([3, 0, 2, 1], np.int8)).tolist() == [3, 0, 2, 1]


def test_files_that_cannot_hold_what_is_asked_for_are_not_read(folder):
    path = folder / "images-00000.parquet"
    content = bytearray(path.read_bytes())
    content[4:40] = bytes(36)  # its first page
    path.write_bytes(content)
    assert rows_of(folder, np.array([9, 4]), np.array([1, 0], np.int8)).tolist() == [7, 3]
    with pytest.raises(DataError, match="is damaged"):
        rows_of(folder, np.array([9, 1]), np.array([1, 0], np.int8))


def test_no_images_have_no_rows(folder):
    assert rows_of(folder, np.zeros(0, np.int64), np.zeros(0, np.int8)).tolist() == []


def test_hashes_take_sixteen_bytes_each_and_end_as_they_end(tmp_path):
    ends_in_zero = next(b"%d" % n for n in range(9999) if xxhash.xxh3_128_digest(b"%d" % n)[-1] == 0)
    keys = read_image_keys(write_sample(tmp_path / "sample-0", [(1, 0, ends_in_zero)]), ["content_hash"])
    assert list(keys) == ["content_hash"]
    assert (keys["content_hash"].nbytes, keys["content_hash"].tolist()) == (16, [xxhash.xxh3_128_digest(ends_in_zero)])


def test_a_damaged_file_of_the_sample_is_told(folder):
    path = folder / "images-00000.parquet"
    data = bytearray(path.read_bytes())
    place = data.index(b"1-1")
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="is damaged"):
        SampleImages(folder).read([1])


PICTURES = [(row // 4, row % 4, bytes([row % 251]) * (40_000 + 13 * row)) for row in range(120)]
"""Of 4.9 MB: a row group of fifty has several pages."""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("samples") / "sample-0", PICTURES, rows_per_group=50, rows_per_file=70)


def read_once(scattered):
    """Read all pictures, so that their places are known."""
    assert scattered.read(range(len(scattered))) == [jpeg for _, _, jpeg in PICTURES]
    return scattered


def test_pictures_read_in_any_order_are_those_read_in_order(large):
    scattered = SampleImages(large).in_any_order()()
    for seed in range(3):
        rows = np.random.default_rng(seed).integers(0, 120, 200).tolist()
        assert scattered.read(rows) == [PICTURES[row][2] for row in rows]


def test_a_row_group_is_read_once_whichever_of_its_pictures_are_asked_for(large, monkeypatch):
    open_scattered = SampleImages(large).in_any_order()
    read_once(open_scattered())
    monkeypatch.setattr(CopiedImages, "_read_group", None)  # another that shares the places needs none
    assert open_scattered().read([90, 3, 60]) == [PICTURES[row][2] for row in (90, 3, 60)]


def test_pictures_in_any_order_are_read_by_row_group_where_their_bytes_are_not_plain(tmp_path):
    rows = {name: [row[place] for row in PICTURES[:20]] for place, name in enumerate(SAMPLE_IMAGES.names[:2])}
    jpegs = [jpeg for _, _, jpeg in PICTURES[:20]]
    table = pa.table({**rows, "category_id": [5] * 20, "jpeg": jpegs, "content_hash": [b"0" * 16] * 20})
    pq.write_table(table.cast(SAMPLE_IMAGES), tmp_path / "images-00000.parquet", compression="ZSTD")
    scattered = SampleImages(tmp_path).in_any_order()()
    assert [scattered.read([row, 19 - row]) for row in range(20)] == [
        [jpegs[row], jpegs[19 - row]] for row in range(20)
    ]


def test_a_picture_that_is_damaged_after_its_place_was_found_is_told(tmp_path):
    folder = write_sample(tmp_path / "sample-0", PICTURES, rows_per_group=50, rows_per_file=120)
    scattered = read_once(SampleImages(folder).in_any_order()())
    path = folder / "images-00000.parquet"
    data = bytearray(path.read_bytes())
    data[data.index(PICTURES[7][2]) + 100] ^= 1
    path.write_bytes(data)
    assert scattered.read([8]) == [PICTURES[8][2]]
    with pytest.raises(DataError, match="is damaged"):
        scattered.read([7])


def test_a_file_that_is_gone_after_its_places_were_found_is_told(tmp_path):
    folder = write_sample(tmp_path / "sample-0", PICTURES, rows_per_group=50, rows_per_file=70)
    scattered = read_once(SampleImages(folder).in_any_order()())
    (folder / "images-00000.parquet").unlink()
    with pytest.raises(DataError, match="is missing"):
        scattered.read([7])


def test_a_source_without_pictures_has_none(tmp_path):
    write_table(tmp_path / "images-00000.parquet", {name: [] for name in SAMPLE_IMAGES.names}, SAMPLE_IMAGES)
    for source in (SampleImages(tmp_path), SampleImages(tmp_path).in_any_order()()):
        assert (len(source), source.read([])) == (0, [])


def test_a_sample_without_a_file_of_images_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has no file images-\*\.parquet, expected at least one"):
        read_image_keys(tmp_path)
