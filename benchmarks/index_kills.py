"""A scan killed three times ends in the same index; a changed catalogue is noticed and a touched one found again.

    .venv/bin/python benchmarks/index_kills.py [GIGABYTES] [SCRATCH_DIR]

Makes a synthetic catalogue of 4 GB, indexes it undisturbed, then in processes that are killed with SIGKILL at random
moments and started again, and compares the files byte for byte.
"""

import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cdiscount_tasks.stages import index
from cdiscount_tasks.storage.artifact import read_manifest
from cdiscount_tasks.storage.catalogue_scan import scan_range
from cdiscount_tasks.storage.hashes import fingerprint

NUM_KILLS = 3
_FRAME = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\xb4\x00\xb4\x01\x01\x11\x00"
_ID_PLACE = 9
TABLES = ("images.parquet", "products.parquet", "rejected.parquet")


def write_catalogue(path: Path, num_bytes: int) -> int:
    """Write products of about 8 KB, each with its own id, until the file has a size; returns how many."""
    rng = random.Random(1)
    templates = []
    for _ in range(500):
        pictures = [{"picture": _FRAME + rng.randbytes(rng.randrange(2000, 9000))} for _ in range(rng.randrange(1, 3))]
        document = {"_id": 0, "imgs": pictures, "category_id": 1_000_000_000 + rng.randrange(5000)}
        templates.append(bytearray(bson.encode(document)))
    num_products = written = 0
    with path.open("wb", buffering=8 << 20) as file:
        while written < num_bytes:
            document = templates[num_products % 500]
            struct.pack_into("<i", document, _ID_PLACE, num_products)
            file.write(document)
            written += len(document)
            num_products += 1
    return num_products


def scan_all(path: Path, parent_dir: Path) -> None:
    """Index a catalogue in this process, as one run does; print how many ranges stood already."""
    print("started", flush=True)
    reused = [
        index.scan_range(path, byte_range, parent_dir)["reused"] for byte_range in index.plan_ranges(path, parent_dir)
    ]
    scanned = time.monotonic()
    found = index.merge_index(path, parent_dir, 0.01)
    merge_s = time.monotonic() - scanned
    print(f"{sum(reused)} of {len(reused)} ranges stood already, merge {merge_s:.1f} s", found["path"], sep="\n")


def start(path: Path, parent_dir: Path) -> subprocess.Popen[str]:
    """Start an indexing process."""
    command = [sys.executable, __file__, "--scan", str(path), str(parent_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(path: Path, parent_dir: Path) -> tuple[Path, float, str]:
    """Index in a process of its own; returns the index, the seconds and what it said."""
    started = time.monotonic()
    said, _ = start(path, parent_dir).communicate()
    _, said, index_path = said.strip().split("\n")
    return Path(index_path), time.monotonic() - started, said


def killed_scans(path: Path, parent_dir: Path, whole_s: float) -> list[str]:
    """Start an index and kill it at random moments; returns what was there after each kill."""
    rng = random.Random()
    told = []
    for _ in range(NUM_KILLS):
        process = start(path, parent_dir)
        after_s = rng.uniform(0.02, 0.25) * whole_s
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        died = process.wait() == -signal.SIGKILL
        parts = len(list(parent_dir.glob("parts-*/part-*")))
        told.append(f"{'killed' if died else 'HAD ENDED'} after {after_s:.2f} s, {parts} ranges stand")
    return told


def same_files(first_dir: Path, second_dir: Path) -> bool:
    """Compare the tables of two indexes byte for byte."""
    return all((first_dir / name).read_bytes() == (second_dir / name).read_bytes() for name in TABLES)


def change_category(path: Path, offset: int) -> None:
    """Change the lowest byte of the category_id of the product at an offset, in place."""
    with path.open("r+b") as file:
        file.seek(offset)
        (length,) = struct.unpack("<i", file.read(4))
        file.seek(offset + length - 5)
        value = file.read(1)[0]
        file.seek(offset + length - 5)
        file.write(bytes([value ^ 1]))


def product_near(path: Path, offset: int) -> int:
    """Return where the first product behind an offset begins."""
    found = scan_range(path, offset, offset + (1 << 20), begins_at_start=False, hash_blocks=False)
    return int(found.first_offset or 0)


def main(num_bytes: int, scratch_dir: Path) -> None:
    """Run it all and print the figures."""
    path = scratch_dir / "catalogue.bson"
    started = time.monotonic()
    num_products = write_catalogue(path, num_bytes)
    print(f"{path.stat().st_size:,} bytes, {num_products:,} products written in {time.monotonic() - started:.1f} s")

    whole_dir, whole_s, said = finish(path, scratch_dir / "undisturbed" / fingerprint(path))
    identity = read_manifest(whole_dir)["identity"]
    print(f"undisturbed: {whole_s:.1f} s, {said}, {identity}")

    killed_parent = scratch_dir / "killed" / fingerprint(path)
    print(*killed_scans(path, killed_parent, whole_s), sep="\n")
    killed_dir, resumed_s, said = finish(path, killed_parent)
    left = [found.name for found in killed_parent.iterdir() if found.name.endswith(".part")]
    print(f"resumed: {resumed_s:.1f} s, {said}; same tables byte for byte: {same_files(whole_dir, killed_dir)}; "
          f"same identity: {read_manifest(killed_dir)['identity'] == identity}; left behind: {left}")  # fmt: skip

    status, before = path.stat(), fingerprint(path)
    os.utime(path, (1, 1))
    touched = fingerprint(path)
    touched_dir, _, _ = finish(path, scratch_dir / "touched" / touched)
    print(f"touched: fingerprint differs: {touched != before}; "
          f"same identity after a scan: {read_manifest(touched_dir)['identity'] == identity}")  # fmt: skip

    change_category(path, product_near(path, num_bytes * 2 // 5))
    changed = fingerprint(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    hidden = fingerprint(path)
    changed_dir, _, _ = finish(path, scratch_dir / "changed" / changed)
    print(f"one category_id changed: fingerprint differs: {changed != before}; with its mtime put back: "
          f"{hidden != before}; identity differs after a scan: {read_manifest(changed_dir)['identity'] != identity}; "
          f"tables differ: {not same_files(whole_dir, changed_dir)}")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--scan"]:
        scan_all(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 4
        scratch = Path(tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None, prefix="kills-"))
        try:
            main(int(gigabytes * 1e9), scratch)
        finally:
            shutil.rmtree(scratch)
