import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
import xxhash

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.catalogue import ranges, window
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.refusals import repeated_products
from cdiscount_tasks.index.rows import draw_products
from cdiscount_tasks.stages import index
from cdiscount_tasks.stages.index import merge_index, plan_ranges, scan_range
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED
from tests.conftest import MAX_REJECTED_SHARE
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import GREEN, RED, draw_jpeg, encode, several


def read(index_dir, name, schema):
    return read_table(Path(index_dir) / f"{name}.parquet", schema).to_pandas()


@pytest.fixture(scope="module")
def images(index_dir):
    return read(index_dir, "images", IMAGES)


@pytest.fixture(scope="module")
def products(index_dir):
    return read(index_dir, "products", PRODUCTS)


@pytest.fixture(scope="module")
def rejected(index_dir):
    return read(index_dir, "rejected", REJECTED)


def test_documents_read_are_those_kept_and_those_rejected(tiny, tiny_index):
    assert tiny_index["num_documents"] == len(tiny.documents)
    assert tiny_index["num_products"] + tiny_index["num_rejected_documents"] == len(tiny.documents)


def test_the_products_kept_are_those_of_the_catalogue(tiny, products):
    categories = products["category_id"].astype("Int64").astype(object)
    found = dict(zip(products["product_id"], categories.where(categories.notna(), None), strict=True))
    assert found == tiny.category_of


def test_documents_are_rejected_for_the_reasons_that_were_planted(tiny, rejected):
    assert rejected[rejected["image_number"].isna()]["reason"].value_counts().to_dict() == dict(tiny.rejected)


def test_the_bytes_of_documents_kept_and_rejected_are_the_file(tiny, products, rejected):
    documents = rejected[rejected["image_number"].isna()]
    assert products["length"].sum() + documents["byte_length"].sum() == len(tiny.data)


def test_every_image_of_a_kept_product_is_kept_or_rejected(tiny, images, rejected):
    refused = rejected[rejected["image_number"].notna()]
    keys = [*zip(images["product_id"], images["image_number"], strict=True)]
    assert sorted(keys) == sorted(tiny.pictures)
    assert sorted(zip(refused["product_id"], refused["image_number"], refused["reason"], strict=True)) == [
        (322, 1, "picture_not_jpeg"), (322, 2, "picture_empty")
    ]  # fmt: skip


def test_every_byte_range_read_from_the_file_is_its_picture(tiny, images):
    data = tiny.data
    read_back = {
        (row.product_id, row.image_number): data[row.offset : row.offset + row.length] for row in images.itertuples()
    }
    assert read_back == tiny.pictures


def test_content_hashes_are_those_of_the_bytes(tiny, images):
    keys = zip(images["product_id"], images["image_number"], strict=True)
    assert [xxhash.xxh3_128_digest(tiny.pictures[key]) for key in keys] == images["content_hash"].tolist()


def test_products_count_their_kept_images(products, images):
    counts = images["product_id"].value_counts()
    assert (products["num_images"] == products["product_id"].map(counts)).all()


def test_images_are_sorted_by_category_product_and_number(images):
    keys = images[["category_id", "product_id", "image_number"]].to_numpy().tolist()
    assert keys == sorted(keys)


def test_the_result_counts_distinct_images_and_categories(tiny, tiny_index):
    assert tiny_index["num_images"] == len(tiny.pictures)
    assert tiny_index["num_distinct_images"] == len(set(tiny.pictures.values()))
    assert (tiny_index["num_categories"], tiny_index["origin"], tiny_index["is_complete_train_bson"]) == (
        4,
        "file",
        False,
    )


@pytest.mark.parametrize("block_bytes", [1_000, 7_000, 20_000])
def test_an_index_of_many_ranges_has_the_same_rows(tiny_path, index_dir, tmp_path, monkeypatch, block_bytes):
    for module in (ranges, window):
        monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    assert len(plan_ranges(tiny_path, tmp_path / "work")) > 1
    found = index_catalogue(tiny_path, tmp_path / "work")
    for name in ("images.parquet", "products.parquet", "rejected.parquet"):
        assert (Path(found["path"]) / name).read_bytes() == (index_dir / name).read_bytes()


def test_the_parts_go_when_the_index_stands(tiny_index, index_dir):
    assert [path.name for path in index_dir.parent.glob("parts-*")] == []


def test_an_index_that_stands_is_found_and_nothing_is_scanned(tiny_path, tiny_index, index_dir):
    assert plan_ranges(tiny_path, index_dir.parent) == []
    assert merge_index(tiny_path, index_dir.parent, 0.5) == {**tiny_index, "reused": True}


def test_a_range_that_was_scanned_is_not_scanned_again(tiny_path, tmp_path):
    (byte_range,) = plan_ranges(tiny_path, tmp_path)
    assert [scan_range(tiny_path, byte_range, tmp_path)["reused"] for _ in range(2)] == [False, True]


def test_a_range_planned_before_the_index_stood_is_part_of_it(tiny_path, tiny_index, index_dir):
    result = scan_range(tiny_path, {"start": 0, "stop": 10}, index_dir.parent)
    assert (result["path"], result["reused"]) == (str(index_dir), True)


def test_joining_before_every_range_was_scanned_is_an_error(tiny_path, tmp_path):
    with pytest.raises(DataError, match="no finished artifact stands there"):
        merge_index(tiny_path, tmp_path, 0.5)


def test_a_catalogue_that_was_only_copied_keeps_its_identity(tiny_path, tiny_index, tmp_path):
    copy = shutil.copyfile(tiny_path, tmp_path / "moved.bson")
    os.utime(copy, (1, 1))
    assert fingerprint(copy) != fingerprint(tiny_path)
    found = index_catalogue(copy, tmp_path / "work")
    assert read_manifest(Path(found["path"]))["identity"] == read_manifest(Path(tiny_index["path"]))["identity"]


def test_a_single_changed_byte_is_another_catalogue(tiny, tiny_index, index_bytes):
    data = bytearray(tiny.data)
    data[200] ^= 1
    assert index_bytes(bytes(data))["catalogue_id"] != tiny_index["catalogue_id"]


def test_a_truncated_file_of_the_index_is_moved_aside_and_rebuilt(tiny, index_bytes):
    first = index_bytes(tiny.data)
    path = Path(first["path"]) / "images.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert index_bytes(tiny.data) == first
    assert len(list(path.parents[1].glob("index-*.damaged-*"))) == 1


def test_of_a_repeated_id_the_first_in_the_file_is_kept_with_its_images(index_bytes):
    data = several(1, RED, 5)[0] + several(2, GREEN, 4)[1] + several(1, RED, 9)[0]
    found = index_bytes(data)
    kept = read(found["path"], "images", IMAGES)
    assert (kept["product_id"].tolist(), kept["category_id"].tolist()) == ([5, 9], [RED, RED])


def test_a_document_with_two_faults_is_rejected_once(index_bytes):
    found = index_bytes(b"".join(several(3)) + encode(0, [draw_jpeg(seed=9)]))
    assert read(found["path"], "rejected", REJECTED)["reason"].tolist() == ["id_repeated"]


def test_an_image_of_a_rejected_document_is_no_row_of_its_own(index_bytes):
    found = index_bytes(b"".join(several(3)) + encode(0, [draw_jpeg(seed=9), b"x"], RED))
    rows = read(found["path"], "rejected", REJECTED)
    assert (rows["reason"].tolist(), found["num_rejected_images"]) == (["id_repeated"], 0)


def test_repeated_products_marks_all_but_the_first_in_the_file():
    ids, offsets = np.array([7, 5, 7, 7, 5]), np.array([40, 30, 20, 10, 50])
    assert repeated_products(ids, offsets, np.zeros(5, bool)).tolist() == [True, False, True, False, True]


def test_an_empty_catalogue_is_an_error(tmp_path):
    (tmp_path / "empty.bson").write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.bson: the catalogue is empty \(0 bytes\); fetch or unpack it again"):
        plan_ranges(tmp_path / "empty.bson", tmp_path)


def test_a_cut_catalogue_is_an_error_that_says_how_many_bytes_are_missing(tiny, index_bytes):
    cut = tiny.data[:-123]
    with pytest.raises(
        DataError, match=r"document at byte \d+: the file ends inside this document: 123 bytes are missing"
    ):
        index_bytes(cut)


@pytest.mark.parametrize("left", [1, 4, 5, 50])
def test_a_catalogue_cut_early_in_its_last_document_is_an_error(tiny, index_bytes, left):
    start = len(tiny.data) - len(tiny.documents[-1])
    with pytest.raises(DataError, match=r"the file ends inside .* document: .* bytes"):
        index_bytes(tiny.data[: start + left])


@pytest.mark.parametrize("data", [bytes(3000), b"\x07\xbc\xaf\x27\x1c" * 500])
def test_a_file_that_is_no_catalogue_is_an_error_that_says_what_was_expected(index_bytes, data):
    with pytest.raises(DataError, match=r"none of 1 documents is a product .*compare with train\.bson"):
        index_bytes(data, 1)


def test_too_many_rejected_documents_are_an_error_with_the_reasons(index_bytes):
    data = b"".join(several(8)) + encode(90, [], RED) + encode(91, [], RED)
    with pytest.raises(DataError, match=r"2 of 10 documents were rejected \(imgs_empty 2\), expected at most 10.00%"):
        index_bytes(data, 0.1)


def test_as_many_rejected_documents_as_are_allowed_are_no_error(index_bytes):
    assert index_bytes(b"".join(several(9)) + encode(90, [], RED), 0.1)["num_rejected_documents"] == 1


def test_a_catalogue_of_which_most_bytes_are_unreadable_is_an_error(index_bytes):
    data = b"".join(several(200))
    with pytest.raises(DataError, match=r"\d+ of \d+ bytes are no documents, expected at most 1.00%"):
        index_bytes(data + bytes(len(data)), 0.01)


def test_an_index_that_stands_is_refused_where_less_may_be_rejected(tiny_path, tiny_index, index_dir):
    with pytest.raises(DataError, match=r"documents were rejected .* raise CDISCOUNT_MAX_REJECTED_SHARE"):
        merge_index(tiny_path, index_dir.parent, 0.01)


def test_a_catalogue_drawn_by_the_demo_says_so(index_bytes):
    from cdiscount_tasks.vocabulary import DRAWN_COMMENT

    comment = b"\xff\xfe" + (len(DRAWN_COMMENT) + 2).to_bytes(2, "big") + DRAWN_COMMENT
    jpegs = [draw_jpeg(seed=number) for number in range(3)]
    documents = [encode(number, [jpeg[:2] + comment + jpeg[2:]], RED) for number, jpeg in enumerate(jpegs)]
    assert index_bytes(b"".join(documents))["origin"] == "drawn"


def test_num_images_of_products_is_that_of_images(index_dir):
    products, images = (
        read_table(index_dir / "products.parquet", PRODUCTS),
        read_table(index_dir / "images.parquet", IMAGES),
    )
    assert pc.sum(products["num_images"]).as_py() == images.num_rows


def test_an_index_of_a_sound_catalogue_is_made_without_pandas_and_without_tensorflow(tmp_path):
    path = tmp_path / "catalogue.bson"
    path.write_bytes(b"".join(encode(number, [draw_jpeg()], 5) for number in range(9)))
    code = """
import sys
from pathlib import Path
from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.stages import index
catalogue_path, parent_dir = map(Path, sys.argv[1:])
for byte_range in index.plan_ranges(catalogue_path, parent_dir):
    index.scan_range(catalogue_path, byte_range, parent_dir)
index.merge_index(catalogue_path, parent_dir, 0.5)
print(sorted({"pandas", "pyarrow.compute", "tensorflow", "sklearn"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "work")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.fixture
def scanned(tmp_path):
    """Return a catalogue and the folder of its parts, scanned and not merged."""
    path = tmp_path / "catalogue.bson"
    path.write_bytes(b"".join(several(4)))
    for byte_range in plan_ranges(path, tmp_path / "work"):
        scan_range(path, byte_range, tmp_path / "work")
    return path, tmp_path / "work"


@pytest.mark.parametrize("data", [b"", several(1)[0], b"".join(several(5)), b"".join(several(4))])
def test_a_catalogue_that_changed_after_its_scan_is_refused(scanned, data):
    path, work = scanned
    path.write_bytes(data)
    os.utime(path, (1, 1))
    with pytest.raises(DataError, match="the catalogue changed while it was scanned; trigger a new run"):
        merge_index(path, work, 0.5)


def test_a_catalogue_that_went_away_is_told(scanned):
    path, work = scanned
    path.unlink()
    for step in (
        lambda: merge_index(path, work, 0.5),
        lambda: plan_ranges(path, work / "new"),
        lambda: fingerprint(path),
    ):
        with pytest.raises(DataError, match="the catalogue cannot be read"):
            step()


def test_a_range_that_is_cut_while_it_is_scanned_is_no_part(scanned, tmp_path, monkeypatch):
    path, _ = scanned
    data, state = path.read_bytes(), path.stat()
    scan = index.scan_bytes

    def scan_a_short_file(*arguments, **options):
        path.write_bytes(b"")
        found = scan(*arguments, **options)
        path.write_bytes(data)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        return found

    monkeypatch.setattr(index, "scan_bytes", scan_a_short_file)
    (byte_range,) = plan_ranges(path, tmp_path / "new")
    with pytest.raises(DataError, match="changed while it was scanned"):
        scan_range(path, byte_range, tmp_path / "new")


def test_a_part_with_a_damaged_footer_is_told_before_it_is_read(scanned):
    path, work = scanned
    (table,) = work.glob("parts-*/part-*/images.parquet")
    data = bytearray(table.read_bytes())
    data[-20] ^= 1
    table.write_bytes(data)
    with pytest.raises(DataError, match=r"images.parquet: its hash is"):
        merge_index(path, work, 0.5)


def test_an_index_that_stands_is_refused_when_fewer_bytes_may_be_unreadable(tmp_path):
    path = tmp_path / "catalogue.bson"
    path.write_bytes(b"".join(several(40)) + bytes(4000))
    index_catalogue(path, tmp_path / "work", 0.9)
    with pytest.raises(DataError, match="bytes are no documents"):
        merge_index(path, tmp_path / "work", 0.03)


def test_a_negative_category_is_drawn_from(index_bytes):
    found = index_bytes(b"".join(encode(number, [draw_jpeg(seed=number)], -7) for number in range(3)))
    assert len(draw_products(Path(found["path"]), [-7], 2, seed=1)[-7]) == 2


def test_what_was_rejected_is_told_when_the_index_is_made_and_not_again(tiny_path, tmp_path, caplog):
    caplog.set_level("INFO")
    index_catalogue(tiny_path, tmp_path)
    (first,) = (each for each in caplog.records if "were rejected" in each.message)
    caplog.clear()
    merge_index(tiny_path, tmp_path, MAX_REJECTED_SHARE)

    assert first.levelname == "INFO"
    assert "no more than the 50 % that CDISCOUNT_MAX_REJECTED_SHARE allows, so there is nothing to do" in first.message
    assert [each.levelname for each in caplog.records if "were rejected" in each.message] == []
