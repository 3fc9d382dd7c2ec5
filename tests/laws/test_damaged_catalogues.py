"""Campaigns of damage: whatever a file holds, the scan, whole or in ranges, equals a plain sequential reader.

`make test` runs a small part with fixed seeds; `make campaigns` runs them in full (counts in docs/measurements.md).
"""

import itertools
import os
import random
import resource
import signal
import struct
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import bson
import pytest
import xxhash
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.catalogue import window
from cdiscount_tasks.catalogue.layout import NO_CATEGORY
from cdiscount_tasks.catalogue.scan import scan_range
from cdiscount_tasks.index.tables import images_table
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages import index
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED
from tests.conftest import TEST_SCALE
from tests.material.indexing import index_catalogue
from tests.material.reference_reader import Reading, read_catalogue
from tests.material.tiny_catalogue import encode

MOST_SECONDS = 60
"""No case takes a hundredth of it."""

WINDOW_BYTES = 4096

STEP = 1 if TEST_SCALE > 1 else 4
"""Every byte in a campaign, every fourth in `make test`."""


def picture(number=0, more=b""):
    """Return the shortest bytes with a JPEG's frame header, and whatever else."""
    return b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 180, 100 + number % 50) + b"\x01\x01\x11\x00" + more


def product(number, *pictures, **more):
    return encode(number, pictures or [picture(number)], 1000 + number % 7, **more)


def chain(num_documents, first=900):
    return b"".join(product(first + number) for number in range(num_documents))


def fooling(number, num_documents, after=b""):
    """Return a product whose picture holds a chain of whole products."""
    return product(number, picture(number, chain(num_documents) + after), picture(number + 1))


USUAL = product(1, picture(1), picture(2, bytes(40)))
UNUSUAL = encode(Int64(2), [picture(3), b"", b"text"], 7, brand="Ch\u00e2teau", more={"a": [1, 2.5, None], "b": {}})
DOCUMENTS = [USUAL, UNUSUAL, fooling(3, 2)]
NAMES = ["_id", "imgs", "category_id", "picture", "x", "", "$ref", "$id", "0"]
REFUSED = encode("4", [picture(4)], 7)
BAIT = [fooling(number, count, after) for number, (count, after) in enumerate(
    itertools.product([1, 2, 4, 8], [b"", b"\xff\xd9", b"\x00" * 7]), 20)]  # fmt: skip
CATALOGUE = [*DOCUMENTS, REFUSED, *BAIT, product(50), product(51)]


@contextmanager
def time_bound(seconds=MOST_SECONDS):
    """Fail what takes longer than it ever should."""

    def give_up(*_):
        raise AssertionError(f"still at it after {seconds} s: it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def as_read(found, data):
    """Turn what a scan found into what the reference reader gives; checks that pictures lie where it says."""
    reading = Reading()
    categories = [None if value == NO_CATEGORY else value for value in found.product_categories]
    reading.products = [*zip(found.product_ids, categories, found.product_offsets, found.product_lengths,
                             found.product_num_images, strict=True)]  # fmt: skip
    rows = images_table(found).sort_by("offset").to_pylist()
    for row in rows:
        held = data[row["offset"] : row["offset"] + row["length"]]
        assert xxhash.xxh3_128_digest(held) == row["content_hash"]
    reading.images = [
        (row["product_id"], row["image_number"], row["category_id"], row["length"], row["width"], row["height"],
         row["content_hash"]) for row in rows
    ]  # fmt: skip
    reading.rejected = [
        (row.byte_offset, row.byte_length, str(row.reason)) if row.image_number is None
        else (row.product_id, row.image_number, row.byte_length, str(row.reason))
        for row in found.rejected
    ]  # fmt: skip
    return reading


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Scan bytes and compare with the reference reader, record for record and refusal for refusal."""
    monkeypatch.setattr(window, "WINDOW_BYTES", WINDOW_BYTES)
    path = tmp_path / "catalogue.bson"

    def run(data):
        data = bytes(data)
        path.write_bytes(data)
        with time_bound():
            found = scan_range(path, 0, len(data), begins_at_start=True)
        expected = read_catalogue(data)
        assert as_read(found, data) == expected
        kept = sum(found.product_lengths)
        documents = [row for row in found.rejected if row.image_number is None]
        assert kept + sum(row.byte_length for row in documents) == len(data) == found.end_offset
        assert found.num_documents == len(found.product_ids) + len(documents)
        return expected

    return run


def test_the_undamaged_catalogue_is_read_as_it_was_made(check):
    expected = check(b"".join(CATALOGUE))
    assert [row[0] for row in expected.products] == [1, 2, 3, *range(20, 32), 50, 51]


@pytest.mark.parametrize("document", DOCUMENTS, ids=["usual", "unusual", "fooling"])
@pytest.mark.parametrize("after", [b"", product(60) + product(61)], ids=["at the end", "with products behind"])
def test_a_document_cut_at_every_byte_is_read_as_the_reference_reads_it(check, document, after):
    for end in range(0, len(document), STEP):
        check(product(59) + document[:end] + after)


@pytest.mark.parametrize("document", DOCUMENTS, ids=["usual", "unusual", "fooling"])
def test_every_byte_missing_from_a_document_is_read_as_the_reference_reads_it(check, document):
    for place in range(0, len(document), STEP):
        check(product(59) + document[:place] + document[place + 1 :] + product(60) + product(61))


def test_flipped_bits_are_read_as_the_reference_reads_them(check):
    rng = random.Random(3)
    for _ in range(int(500 * TEST_SCALE)):
        data = bytearray(b"".join(rng.sample(CATALOGUE, 6)))
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        check(data)


def damaged(rng, documents):
    """Return documents joined with one to three damages: bytes changed, removed, inserted, doubled, or a cut."""
    data = bytearray(b"".join(documents))
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(data))
        end = min(start + rng.choice([1, 4, 30, 300]), len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[start:end] = rng.randbytes(end - start)
        elif kind == 1:
            del data[start:end]
        elif kind == 2:
            data[start:start] = rng.choice([rng.randbytes(end - start), bytes(end - start), chain(2), product(70)[:-3]])
        elif kind == 3:
            data[start:start] = data[start:end]
        elif kind == 4:
            data[start:end] = bytes(end - start)
        elif len(data) > 600:
            del data[-rng.randrange(1, 200) :]
    return bytes(data)


def test_damaged_files_with_fooling_pictures_are_read_as_the_reference_reads_them(check):
    rng = random.Random(4)
    for _ in range(int(150 * TEST_SCALE)):
        check(damaged(rng, rng.sample(BAIT, 3) + rng.sample(CATALOGUE, 3)))


@pytest.mark.parametrize("num_documents", [1, 2, 4, 8])
def test_a_fooling_picture_is_no_products_while_its_own_document_is_sound(check, num_documents):
    expected = check(product(59) + fooling(5, num_documents) + product(60))
    assert [row[0] for row in expected.products] == [59, 5, 60]


def places_of_lengths(document):
    """Return where the lengths of a usual document stand: its own, the array's, each picture's two."""
    places = [0, document.index(b"\x04imgs\x00") + 6]
    for found in (b"\x03%d\x00" % number for number in range(4)):
        if found in document:
            start = document.index(found) + 3
            places += [start, start + 13]
    return places


LENGTHS = [0, 1, 4, 5, -1, -5, -(2**31), 2**31 - 1, 2**31 - 5, 16 * 2**20, 16 * 2**20 + 1, 100_000]


@pytest.mark.parametrize("document", [USUAL, UNUSUAL, fooling(3, 2)], ids=["usual", "unusual", "fooling"])
def test_lengths_of_nothing_less_and_far_too_much_are_read_as_the_reference_reads_them(check, document):
    for place in places_of_lengths(document):
        (true,) = struct.unpack_from("<i", document, place)
        for length in [*LENGTHS, true - 1, true + 1, true + len(product(60))]:
            wrong = bytearray(document)
            struct.pack_into("<i", wrong, place, length)
            check(product(59) + bytes(wrong) + product(60) + product(61))


def wrapped(kind, inner):
    """Return a document with one field: a document (3), an array (4) or code with a scope (15)."""
    if kind == 15:
        inner = struct.pack("<i", 9 + len(inner)) + b"\x01\x00\x00\x00\x00" + inner
    return struct.pack("<i", len(inner) + 8) + bytes([kind]) + b"0\x00" + inner + b"\x00"


def nested(kind, depth):
    """Return documents in each other, `depth` of them."""
    inner = b"\x05\x00\x00\x00\x00"
    for _ in range(depth - 1):
        inner = wrapped(kind, inner)
    return inner


def with_field(document, kind, name, value):
    body = document[4:-1] + bytes([kind]) + name + b"\x00" + value
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("depth", [98, 99, 100, 101, 1000, 5000])
def test_deep_nesting_costs_its_document_alone(check, kind, depth):
    deep = [nested(kind, depth), with_field(product(5), kind, b"unknown", nested(kind, depth))]
    expected = check(product(59) + deep[0] + product(60) + deep[1] + product(61))
    assert [row[0] for row in expected.products if row[0] != 5] == [59, 60, 61]
    assert (5 in [row[0] for row in expected.products]) == (depth < 100)


@pytest.mark.parametrize("depth", [100, 101, 1000, 5000])
def test_scopes_of_code_nested_deep_cost_their_document_alone(check, depth):
    deep = [nested(15, depth), with_field(product(5), 3, b"unknown", nested(15, depth))]
    expected = check(product(59) + deep[0] + product(60) + deep[1] + product(61))
    assert [row[0] for row in expected.products] == [59, 60, 61]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1).map(Int64) | st.integers(-9, 9) | st.floats()
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9) | st.binary(max_size=30)
    | st.just(picture()) | st.sampled_from([bson.Code("f"), bson.Code("f", {"a": {}}), bson.Binary(b"x", 5)]),
    lambda values: st.lists(values, max_size=5) | st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
    st.lists(st.fixed_dictionaries({"picture": st.just(picture()) | VALUES}) | VALUES, max_size=6),
    st.integers(-9, 9) | VALUES,
)
def test_documents_of_any_fields_are_read_as_the_reference_reads_them(check, fields, imgs, product_id):
    for document in (fields, {**fields, "imgs": imgs}, {**fields, "imgs": imgs, "_id": product_id}):
        check(product(59) + bson.encode(document) + product(60))


def test_a_search_finds_products_whose_first_field_has_a_long_name(check):
    long = [bson.encode({"n" * 5000: 1, "_id": number, "imgs": [{"picture": picture()}]}) for number in (60, 61)]
    expected = check(product(59) + b"\x99" * 50 + long[0] + long[1] + product(62))
    assert [row[0] for row in expected.products] == [59, 60, 61, 62]


def joined(path, cuts):
    """Scan range by range and join as the index does; returns readings of each part, joined."""
    data, true_offset, whole = path.read_bytes(), 0, Reading()
    for start, stop in itertools.pairwise(cuts):
        if true_offset >= stop:
            continue
        found = scan_range(path, start, stop, begins_at_start=start == 0)
        if found.first_offset != true_offset:
            found = scan_range(path, true_offset, stop, begins_at_start=True)
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
    for module in (index, window):
        monkeypatch.setattr(module, "BLOCK_BYTES", -(-path.stat().st_size // num_ranges))
    monkeypatch.setattr(index, "MIN_RANGE_BLOCKS", 1)
    # Nothing here needs to outlive a power cut, and thousands of small files are synced.
    monkeypatch.setattr(os, "fsync", lambda _: None)
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


LIMITED = """
import sys, time
from pathlib import Path
from cdiscount_tasks.catalogue.scan import scan_range

most_mib = int(sys.argv[2])
path = Path(sys.argv[1])
started = time.monotonic()
found = scan_range(path, 0, path.stat().st_size, begins_at_start=True)
# Not getrusage: its peak begins with that of the process that was forked, the test run itself.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak_mib = int(status["VmHWM"].split()[0]) >> 10
print(f"{list(found.product_ids)}, peak {peak_mib} MiB, {time.monotonic() - started:.1f} s", file=sys.stderr)
assert peak_mib <= most_mib, f"{peak_mib} MiB"
assert not {"tensorflow", "pandas", "sklearn"} & set(sys.modules)
sys.exit(0 if list(found.product_ids) == [1, 2] else 3)
"""


def empty_documents(num_bytes=15 << 20):
    """Return a document that is nothing but empty documents: the most objects that a byte can ask for."""
    body = b"\x03\x00\x05\x00\x00\x00\x00" * (num_bytes // 7)
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


def wrapped_text(num_bytes):
    text = "\U0001f377".encode() + b"a" * num_bytes + b"\x00"
    return struct.pack("<i", len(text) + 12) + b"\x02a\x00" + struct.pack("<i", len(text)) + text + b"\x00"


def false_starts(num_bytes):
    """Return what looks like the beginning of a long document every 8 bytes."""
    return struct.pack("<i", 15 << 20) + (b"\x08a\x00\x00" + struct.pack("<i", 15 << 20)) * (num_bytes // 8)


def whole_starts(num_documents):
    """Return documents that begin every 14 bytes and all end together, each but one binary field."""
    end = 14 * num_documents + (15 << 20)
    heads = [
        struct.pack("<i3siB", end - 14 * n + 1, b"\x05a\x00", end - 14 * n - 12, 0) + b"ab"
        for n in range(num_documents)
    ]
    return b"".join(heads) + bytes((15 << 20) + 1)


HUNGRY = {
    "empty documents": empty_documents,
    "an array of empty documents": lambda: wrapped(4, empty_documents(14 << 20)),
    "a long text": lambda: wrapped_text(15 << 20),
    "zeros": lambda: bytes(40 << 20),
    "a length of 2 GB": lambda: struct.pack("<i", 2**31 - 1) + bytes(100),
    "false starts": lambda: false_starts(200_000) + bytes(17 << 20),
    "whole starts": lambda: b"\x99" + whole_starts(10_000),
    "noise": lambda: random.Random(7).randbytes(8 << 20),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux' /proc")
@pytest.mark.parametrize("name", HUNGRY)
def test_no_bytes_make_a_scan_ask_for_much_memory_or_time(tmp_path, name):
    path = tmp_path / "hungry.bson"
    path.write_bytes(product(1) + HUNGRY[name]() + product(2))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path, "150"], cwd=PROJECT_DIR, timeout=MOST_SECONDS, capture_output=True,
        text=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        env={**os.environ, "PYTHONPATH": str(PROJECT_DIR)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
