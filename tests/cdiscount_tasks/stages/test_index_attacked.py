"""An index is of the file that its run began with, whoever exchanges it, and whoever else indexes it."""

import math
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cdiscount_tasks.catalogue import scan
from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.catalogue.reader import ProductPlace, read_pictures
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.index.rows import first_products
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages import index
from cdiscount_tasks.stages.index import merge_index, plan_ranges, scan_range
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import GREEN, RED, draw_jpeg, encode


def several(num_products, category_id=RED, first=0):
    return b"".join(encode(first + n, [draw_jpeg(category_id, n)], category_id) for n in range(num_products))


def tiny_document(product_id, num_pictures, category_id=RED):
    """Return a document whose pictures are empty: all of them are rejected."""
    return encode(product_id, [b""] * num_pictures, category_id)


@pytest.fixture
def catalogue(tmp_path):
    """Return a catalogue and the folder of its index, named by its fingerprint as a run's is."""
    path = tmp_path / "train.bson"
    path.write_bytes(several(24))
    return path, tmp_path / fingerprint(path)


EXCHANGED = pytest.mark.parametrize("data", [several(26), several(24, GREEN), several(24, RED, 100)])


@EXCHANGED
def test_a_file_that_was_exchanged_since_the_run_began_is_not_planned_and_not_scanned(catalogue, data):
    path, parent_dir = catalogue
    (byte_range,) = plan_ranges(path, parent_dir)
    path.write_bytes(data)
    for step in (lambda: plan_ranges(path, parent_dir), lambda: scan_range(path, byte_range, parent_dir)):
        with pytest.raises(DataError, match=r"is not the catalogue that this run began with .* trigger a new run"):
            step()
    assert list(parent_dir.rglob("*.parquet")) == []


@EXCHANGED
def test_a_file_that_was_exchanged_after_its_scan_is_not_merged(catalogue, data):
    path, parent_dir = catalogue
    for byte_range in plan_ranges(path, parent_dir):
        scan_range(path, byte_range, parent_dir)
    path.write_bytes(data)
    with pytest.raises(DataError, match="is not the catalogue that this run began with"):
        merge_index(path, parent_dir, 0.5)
    assert list(parent_dir.glob("index-*")) == []


def test_a_file_that_was_exchanged_and_put_back_is_indexed_as_it_is(catalogue):
    path, parent_dir = catalogue
    (byte_range,) = plan_ranges(path, parent_dir)
    data, state = path.read_bytes(), path.stat()
    path.write_bytes(several(26))
    with pytest.raises(DataError):
        scan_range(path, byte_range, parent_dir)
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert index_catalogue(path, parent_dir)["num_products"] == 24


def test_what_is_to_be_done_about_a_rotten_byte_leads_out(tmp_path):
    path = tmp_path / "train.bson"
    jpeg = draw_jpeg()
    path.write_bytes(b"".join(encode(n, [jpeg + n.to_bytes(4) + bytes(9000)], RED) for n in range(800)))
    os.utime(path, (1, 1))
    before = fingerprint(path)
    first = index_catalogue(path, tmp_path / before)
    (place,) = [p for p in first_products(Path(first["path"]), 800) if p.product_id == 384]
    with path.open("r+b") as file:
        file.seek(place.offset + place.length - 5)
        file.write(struct.pack("<i", GREEN))
    os.utime(path, (1, 1))
    assert fingerprint(path) == before  # the byte lies between two sampled blocks
    with pytest.raises(DataError, match=r"compare it with its source, and fetch it again .*`touch \S+train\.bson`"):
        list(read_pictures(path, [place]))
    path.touch()
    second = index_catalogue(path, tmp_path / fingerprint(path))
    assert second["catalogue_id"] != first["catalogue_id"]
    found = ProductPlace(384, GREEN, place.offset, place.length)
    assert len(list(read_pictures(path, [found]))) == 1


WORKER = """
import sys
from pathlib import Path
from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.stages import index
from cdiscount_tasks.catalogue import window as file_window
ranges.BLOCK_BYTES = file_window.BLOCK_BYTES = 4096
ranges.MIN_RANGE_BLOCKS = 1
if sys.argv[3] == "no locks":
    import fcntl
    fcntl.flock = lambda *_: None
path, parent_dir = map(Path, sys.argv[1:3])
sys.stdin.readline()
for byte_range in index.plan_ranges(path, parent_dir):
    index.scan_range(path, byte_range, parent_dir, 0.5)
print(index.merge_index(path, parent_dir, 0.5)["num_products"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_runs_that_index_one_new_catalogue_at_once_do_not_disturb_each_other(tmp_path, locks):
    path = tmp_path / "train.bson"
    path.write_bytes(several(60))
    for number in range(4):
        parent_dir = tmp_path / str(number)
        command = [sys.executable, "-c", WORKER, str(path), str(parent_dir), locks]
        runs = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             cwd=PROJECT_DIR)
            for _ in range(3)
        ]  # fmt: skip
        for run in runs:
            run.stdin.write("go\n")
            run.stdin.flush()
        said = [run.communicate(timeout=120) for run in runs]
        assert [out for out, _ in said] == ["60\n"] * 3, said
        assert list(parent_dir.glob("parts-*")) == []
        assert len(list(parent_dir.glob("index-*"))) == 1


def test_parts_that_another_run_still_writes_are_left_to_it(catalogue):
    path, parent_dir = catalogue
    (byte_range,) = plan_ranges(path, parent_dir)
    scan_range(path, byte_range, parent_dir)
    with index.lock(parent_dir / ".parts.lock", "a scan", shared=True):
        merge_index(path, parent_dir, 0.5)
        assert len(list(parent_dir.glob("parts-*/part-*"))) == 1
    merge_index(path, parent_dir, 0.5)
    assert list(parent_dir.glob("parts-*")) == []


@pytest.mark.parametrize("left", [0, 1, 700, 4096, 20_000])
@pytest.mark.parametrize("reading", range(1, 5))
def test_a_catalogue_that_shrinks_while_it_is_scanned_is_told_as_one_that_changes(tmp_path, monkeypatch, left, reading):
    path = tmp_path / "train.bson"
    path.write_bytes(several(9) + bytes(30_000) + several(9, first=50) + b"\xff\xff\x0f\x00\x10" + bytes(30_000))
    monkeypatch.setattr(file_window, "WINDOW_BYTES", 4096)
    monkeypatch.setattr(file_window, "_READ_BYTES", 8192)
    (byte_range,) = plan_ranges(path, tmp_path / "work")
    read, num_readings = file_window.Window._read_more, []

    def read_and_cut(window):
        num_readings.append(1)
        if len(num_readings) == reading:
            os.truncate(path, left)
        return read(window)

    monkeypatch.setattr(file_window.Window, "_read_more", read_and_cut)
    with pytest.raises(DataError, match="the catalogue changed while it was scanned; trigger a new run"):
        scan_range(path, byte_range, tmp_path / "work", 0.001)


def test_a_range_that_was_never_scanned_is_named_at_the_merge(catalogue):
    path, parent_dir = catalogue
    with pytest.raises(
        DataError, match=r"train\.bson: bytes 0 to \d+ have not been scanned .* clear the task scan_range"
    ):
        merge_index(path, parent_dir, 0.5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x05\x00\x00\x00\x00" * 60_000, r"\d+ of \d+ documents were rejected so far \(id_missing \d+\)"),
        (several(2) + bytes(40 << 20), r"\d+ of \d+ bytes are no documents so far \(document_unreadable 1\)"),
    ],
)
def test_a_scan_ends_once_too_much_is_rejected_whatever_follows(tmp_path, data, words):
    path = tmp_path / "train.bson"
    path.write_bytes(data + several(3))
    (byte_range,) = plan_ranges(path, tmp_path / "work")
    with pytest.raises(
        DataError, match=rf"the scan was stopped at byte \d+ of \d+: {words}.* First: document at byte \d+"
    ):
        scan_range(path, byte_range, tmp_path / "work", 0.01)


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_scan_is_not_ended_where_what_follows_may_make_up_for_it(tmp_path, share):
    path = tmp_path / "train.bson"
    path.write_bytes(b"\x05\x00\x00\x00\x00" * 40 + several(100))
    (byte_range,) = plan_ranges(path, tmp_path / "work")
    assert scan_range(path, byte_range, tmp_path / "work", share)["num_rejected"] == 40


def test_a_file_that_ends_inside_a_document_is_told_so_however_much_was_rejected(tmp_path):
    path = tmp_path / "train.bson"
    path.write_bytes(several(3)[:-20])
    (byte_range,) = plan_ranges(path, tmp_path / "work")
    scan_range(path, byte_range, tmp_path / "work", 0.0)
    with pytest.raises(DataError, match="the file ends inside this document: 20 bytes are missing"):
        merge_index(path, tmp_path / "work", 0.0)


@pytest.mark.parametrize("held", [1, 3, 50])
def test_what_is_written_as_it_comes_is_what_is_written_at_the_end(
    tiny, tiny_path, index_dir, tmp_path, monkeypatch, held
):
    monkeypatch.setattr(scan, "MOST_HELD", held)
    monkeypatch.setattr(scan, "MOST_REJECTED_HELD", held)
    monkeypatch.setattr(scan, "_MOST_AT_ONCE", held)
    found = index_catalogue(tiny_path, tmp_path / "work")
    for name in ("images.parquet", "products.parquet", "rejected.parquet", "profile.json"):
        assert (Path(found["path"]) / name).read_bytes() == (index_dir / name).read_bytes()


MEASURED = """
import sys
from pathlib import Path
from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.stages import index
from cdiscount_tasks.machine.memory import forget_peak, peak_memory_mib
path, parent_dir = map(Path, sys.argv[1:])
(byte_range,) = index.plan_ranges(path, parent_dir)
for step in (lambda: index.scan_range(path, byte_range, parent_dir), lambda: index.merge_index(path, parent_dir, 1.0)):
    forget_peak()
    step()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(peak_memory_mib() - int(status["RssFile"].split()[0]) // 1024)
"""
"""Prints the most memory of a scan and of a merge, in MiB, less the pages of libraries: these alone take 60 to 100 MiB,
as the kernel maps them, whatever is scanned."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        lambda number: tiny_document(number, 1),
        lambda number: tiny_document(number, 4),
        lambda number: tiny_document(number, 1, None),
        lambda number: tiny_document(number % 1, 1),
        lambda number: b"\x05\x00\x00\x00\x00" if number else several(1),
    ],
    ids=["one empty picture", "four", "no category", "one id", "five bytes"],
)
def test_memory_does_not_grow_with_what_is_rejected(tmp_path, document):
    path = tmp_path / "train.bson"
    path.write_bytes(b"".join(map(document, range(250_000))))
    command = [sys.executable, "-c", MEASURED, str(path), str(tmp_path / "work")]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=PROJECT_DIR).stdout.split()
    scanned, merged = map(int, said)
    assert scanned <= 90
    assert merged <= 240


def test_more_parts_than_a_process_may_open_files_are_merged(tmp_path):
    path = tmp_path / "train.bson"
    path.write_bytes(several(700))
    num_ranges = math.ceil(path.stat().st_size / 4096)
    code = WORKER.replace(
        "import sys\n", "import resource, sys\nresource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))\n", 1
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "work"), "locks"]
    said = subprocess.run(command, input="go\n", stdout=subprocess.PIPE, text=True, check=True, cwd=PROJECT_DIR)
    assert num_ranges > 100
    assert said.stdout == "700\n"
