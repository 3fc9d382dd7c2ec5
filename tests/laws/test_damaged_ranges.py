"""Campaigns of damage: ranges, cut anywhere, join to what a plain sequential reader reads; and so does the index."""

import itertools
import random
from pathlib import Path

import pytest

from cdiscount_tasks.catalogue import ranges, window
from cdiscount_tasks.catalogue.scan import scan_bytes
from cdiscount_tasks.stages import index
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED
from tests.conftest import TEST_SCALE
from tests.material.damaged_catalogues import BAIT, CATALOGUE, damaged, fooling, picture, product
from tests.material.indexing import index_catalogue
from tests.material.reference_reader import Reading, read_catalogue
from tests.material.scanning import WINDOW_BYTES, as_read, time_bound


def joined(path, cuts):
    """Scan range by range and join as the index does; returns readings of each part, joined."""
    data, true_offset, whole = path.read_bytes(), 0, Reading()
    for start, stop in itertools.pairwise(cuts):
        if true_offset >= stop:
            continue
        found = scan_bytes(path, start, stop, begins_at_start=start == 0)
        if found.first_offset != true_offset:
            found = scan_bytes(path, true_offset, stop, begins_at_start=True)
        part = as_read(found, data)
        whole.products += part.products
        whole.images += part.images
        whole.rejected += part.rejected
        true_offset = found.end_offset
    return whole


def test_ranges_cut_anywhere_join_to_what_the_reference_reads_in_damaged_fooling_files(tmp_path, check):
    rng = random.Random(5)
    for _ in range(int(25 * TEST_SCALE)):
        data = damaged(rng, rng.sample(BAIT, 4) + rng.sample(CATALOGUE, 4))
        expected = check(data)
        cuts = sorted(rng.sample(range(1, len(data)), rng.choice([1, 6, 63])))
        with time_bound():
            assert joined(tmp_path / "catalogue.bson", [0, *cuts, len(data)]) == expected


@pytest.fixture(scope="module")
def hard_path(tmp_path_factory):
    """Return a file of 201 documents, many fooling, damaged in 30 places; no id stands twice, and it is not cut."""
    rng = random.Random(6)
    documents = []
    for number in range(200):
        make = rng.choice([fooling, fooling, product])
        more = (rng.choice([1, 2, 4, 8]), bytes(rng.randrange(3))) if make is fooling else ()
        documents.append(make(10_000 + number, *more))
    for number in rng.sample(range(1, 190), 30):
        broken = bytearray(documents[number])
        place = rng.choice([0, 4, 12, 20, len(broken) - 1, rng.randrange(len(broken))])
        broken[place] ^= 1 << rng.randrange(8)
        documents[number] = bytes(broken[: rng.choice([len(broken), len(broken), rng.randrange(len(broken))])])
    path = tmp_path_factory.mktemp("hard") / "hard.bson"
    # 8,000 is a multiple of 2, 64 and 500: so many blocks fill the file exactly.
    room = -len(b"".join(documents) + product(20_000)) % 8000
    path.write_bytes(b"".join(documents) + product(20_000, picture(20_000, bytes(room))))
    return path


TABLES = {"images.parquet": IMAGES, "products.parquet": PRODUCTS, "rejected.parquet": REJECTED}


@pytest.fixture(scope="module")
def one_range_dir(hard_path, tmp_path_factory):
    """Return the index of the hard file scanned as one range."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        index_dir, num_planned = index_in_ranges(hard_path, tmp_path_factory.mktemp("one"), 1, monkeypatch)
    assert num_planned == 1
    return index_dir


def index_in_ranges(path, parent_dir, num_ranges, monkeypatch):
    """Index a file in about so many ranges of one block each; returns the folder and the number of ranges."""
    for module in (ranges, window):
        monkeypatch.setattr(module, "BLOCK_BYTES", -(-path.stat().st_size // num_ranges))
    monkeypatch.setattr(ranges, "MIN_RANGE_BLOCKS", 1)
    monkeypatch.setattr(window, "WINDOW_BYTES", WINDOW_BYTES)
    num_planned = len(index.plan_ranges(path, parent_dir))
    return Path(index_catalogue(path, parent_dir, 0.9)["path"]), num_planned


NUM_RANGES = [2, 7, 64] + ([500] if TEST_SCALE > 1 else [])


@pytest.mark.parametrize("num_ranges", NUM_RANGES)
def test_an_index_of_any_number_of_ranges_is_the_same_index(
    hard_path, one_range_dir, tmp_path, monkeypatch, num_ranges
):
    many_dir, num_planned = index_in_ranges(hard_path, tmp_path, num_ranges, monkeypatch)
    assert num_planned == num_ranges
    for name, schema in TABLES.items():
        assert read_table(many_dir / name, schema).equals(read_table(one_range_dir / name, schema))
        assert (many_dir / name).read_bytes() == (one_range_dir / name).read_bytes()


def test_the_index_of_a_hard_file_is_what_the_reference_reads(hard_path, one_range_dir):
    expected = read_catalogue(hard_path.read_bytes())
    repeated = len(expected.products) - len({row[0] for row in expected.products})
    products = read_table(one_range_dir / "products.parquet", PRODUCTS).sort_by("offset").to_pylist()
    assert len(products) + repeated == len(expected.products) > 150
    assert {row["offset"] for row in products} <= {row[2] for row in expected.products}
