"""A scan that is killed and started again, and a catalogue changed in place (in full: `benchmarks.endurance`)."""

import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.catalogue import ranges, window
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.stages import index
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import RED, draw_jpeg, encode

pytestmark = pytest.mark.slow

BLOCK_BYTES = 1 << 19
TABLES = ("images.parquet", "products.parquet", "rejected.parquet")
WORKER = f"""
import sys
from pathlib import Path
from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.stages import index
from cdiscount_tasks.catalogue import window as file_window

ranges.BLOCK_BYTES = file_window.BLOCK_BYTES = {BLOCK_BYTES}
ranges.MIN_RANGE_BLOCKS = 1
path, parent_dir = map(Path, sys.argv[1:])
for byte_range in index.plan_ranges(path, parent_dir):
    print("reused" if index.scan_range(path, byte_range, parent_dir)["reused"] else "scanned", flush=True)
index.merge_index(path, parent_dir, 0)
"""


@pytest.fixture(scope="module")
def large_path(tmp_path_factory):
    """Return a catalogue of 8 MB, more than a fingerprint samples."""
    jpeg = draw_jpeg()
    path = tmp_path_factory.mktemp("large") / "large.bson"
    with path.open("wb") as file:
        for number in range(800):
            file.write(encode(number, [jpeg + number.to_bytes(4) + bytes(9000)], RED))
    return path


@pytest.fixture
def small_blocks(monkeypatch):
    for module in (ranges, window):
        monkeypatch.setattr(module, "BLOCK_BYTES", BLOCK_BYTES)
    monkeypatch.setattr(ranges, "MIN_RANGE_BLOCKS", 1)


def start(path, parent_dir):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, path, parent_dir], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT_DIR)},
    )  # fmt: skip


def test_a_scan_killed_three_times_ends_in_the_same_index(large_path, small_blocks, tmp_path):
    whole = index_catalogue(large_path, tmp_path / "whole", 0)
    rng = random.Random(1)
    for _ in range(3):
        with start(large_path, tmp_path / "killed") as process:
            for _ in range(rng.randint(1, 4)):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    with start(large_path, tmp_path / "killed") as process:
        said = process.stdout.read().split()
    assert "reused" in said
    found = index.merge_index(large_path, tmp_path / "killed", 0)
    assert found == {**whole, "path": found["path"], "reused": True}
    for name in TABLES:
        assert (Path(found["path"]) / name).read_bytes() == (Path(whole["path"]) / name).read_bytes()
    assert [path.name for path in (tmp_path / "killed").iterdir() if path.name.endswith(".part")] == []


def change_category(path, number):
    """Change the category_id of the document with a number in place; all documents have one length."""
    with path.open("r+b") as file:
        (length,) = struct.unpack("<i", file.read(4))
        file.seek((number + 1) * length - 5)
        file.write(struct.pack("<i", RED + 1))


@pytest.fixture
def own_path(large_path, tmp_path):
    """Return a copy that a test may change."""
    path = tmp_path / "own.bson"
    path.write_bytes(large_path.read_bytes())
    return path


def test_a_category_changed_in_place_is_noticed_by_its_time(own_path):
    os.utime(own_path, (1, 1))
    before = fingerprint(own_path)
    change_category(own_path, 401)
    assert fingerprint(own_path) != before


def test_a_category_changed_behind_the_files_time_is_another_catalogue_once_it_is_scanned(
    own_path, small_blocks, tmp_path
):
    os.utime(own_path, (1, 1))
    before, first = fingerprint(own_path), index_catalogue(own_path, tmp_path / "first", 0)
    # Byte 3,720,000 lies between two samples, which are 64 KiB every 115 KiB.
    change_category(own_path, 384)
    os.utime(own_path, (1, 1))
    assert fingerprint(own_path) == before
    assert index_catalogue(own_path, tmp_path / "second", 0)["catalogue_id"] != first["catalogue_id"]


def test_a_catalogue_only_touched_is_the_same_catalogue_once_it_is_scanned(own_path, small_blocks, tmp_path):
    before, first = fingerprint(own_path), index_catalogue(own_path, tmp_path / "first", 0)
    os.utime(own_path, (1, 1))
    assert fingerprint(own_path) != before
    second = index_catalogue(own_path, tmp_path / "second", 0)
    identities = {read_manifest(Path(result["path"]))["identity"] for result in (first, second)}
    assert len(identities) == 1
