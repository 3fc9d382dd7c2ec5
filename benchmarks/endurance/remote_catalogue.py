"""A catalogue in a bucket beside the same on a disk: requests, bytes, seconds, memory, and what 58 GB would take.

    .venv/bin/python -m benchmarks.endurance.remote_catalogue [--gb 2] [--delay-ms 20] [--share 0.02] [--scratch DIR]

Makes a synthetic catalogue, puts it into moto's server, and indexes it and draws a sample of it three times: from the
disk, from the bucket, and from the bucket with a network that answers each request later. A proxy before the server
counts. Server and proxy run on the same machine and take its cores: the seconds are the machine's, requests, bytes and
memory are the project's. Every scan is checked to give the same catalogue_id, and every sample the same files.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from benchmarks.material.measure import Run, make_cold, run_main, run_step
from tests.material.fault_proxy import FaultProxy, fault_proxy
from tests.material.object_server import object_server
from tests.material.synthetic_catalogue import write_catalogue

STEPS = "benchmarks.endurance.remote_catalogue"
KAGGLE_BYTES = 58_200_000_000
GBITS = (1, 10)
DOLLARS_PER_1000_GETS, DOLLARS_PER_GB_OUT = 0.0004, 0.09
"""List prices of S3 Standard in us-east-1, written down from memory of 2025: look them up. HEAD costs as GET; within
the region bytes cost nothing."""


def scan(catalogue: str, parent: str) -> None:
    """Index a catalogue in this process, range by range, as one worker would."""
    from cdiscount_tasks.artifacts.byte_ranges import place_of
    from cdiscount_tasks.catalogue.file import fingerprint
    from cdiscount_tasks.stages import index

    place = place_of(catalogue)
    parent_dir = Path(parent) / fingerprint(place)
    for byte_range in index.plan_ranges(place, parent_dir):
        index.scan_range(place, byte_range, parent_dir)
    found = index.merge_index(place, parent_dir, 0.01)
    print(json.dumps({"path": found["path"], "id": found["catalogue_id"]}))


def draw(catalogue: str, index_dir: str, out: str, share: str) -> None:
    """Draw a sample of some of the categories, its pictures copied."""
    import numpy as np

    from cdiscount_tasks.artifacts.byte_ranges import place_of
    from cdiscount_tasks.artifacts.manifest import read_manifest
    from cdiscount_tasks.index.profile_file import read_profile
    from cdiscount_tasks.settings.sample import DrawConfig
    from cdiscount_tasks.stages.sample import draw_sample

    categories = sorted(int(one["category_id"]) for one in read_profile(Path(index_dir))["categories"])
    num_chosen = max(int(float(share) * len(categories)), 1)
    chosen = np.random.default_rng(7).choice(categories, num_chosen, replace=False)
    config = DrawConfig(categories=tuple(sorted(chosen.tolist())))
    made = draw_sample(Path(index_dir), place_of(catalogue), Path(out), config)
    files = read_manifest(Path(made["path"]))["files"]
    print(json.dumps({"num_images": made["num_images"], "num_bytes": made["num_bytes"], "files": files}))


class Seen(NamedTuple):
    """What a step took: its process, and what of it passed the proxy."""

    run: Run
    num_requests: int
    num_bytes: int


def _measure(proxy: FaultProxy, delay_s: float, step: str, *arguments: object) -> Seen:
    proxy.begin(delay_s=delay_s)
    run = run_step(STEPS, step, *arguments)
    return Seen(run, len(proxy.seen), proxy.num_bytes("GET"))


def _row(where: str, what: str, seen: Seen, num_bytes: int, detail: str) -> str:
    run = seen.run
    return (
        f"| {where} | {what} | {seen.num_requests:,} | {seen.num_bytes:,} | {seen.num_bytes / num_bytes:.3f} | "
        f"{run.wall_s:.1f} | {run.cpu_s:.1f} | {run.peak_mib:,.0f} | {detail} |"
    )


def _rows(where: str, catalogue: str, folder: Path, proxy: FaultProxy, delay_s: float, options: argparse.Namespace,
          size: int) -> tuple[Seen, Any, Any]:  # fmt: skip
    """Index a catalogue, draw a sample of it, and print a row for each; return the scan, and what was found."""
    scanned = _measure(proxy, delay_s, "scan", catalogue, folder / "index")
    print(_row(where, "index", scanned, size, f"{size / scanned.run.wall_s / 1e6:.0f} MB/s"), flush=True)
    drawn = _measure(proxy, delay_s, "draw", catalogue, scanned.run.said["path"], folder / "sample", options.share)
    said = drawn.run.said
    detail = f"{said['num_images']:,} images, {said['num_images'] / drawn.run.wall_s:,.0f} a second"
    print(_row(where, "sample", drawn, said["num_bytes"], detail), flush=True)
    return scanned, scanned.run.said["id"], said["files"]


def arithmetic(num_requests: int, num_bytes: int, cpu_s: float, peak_mib: float, size: int) -> list[str]:
    """Return what a scan of Kaggle's catalogue would take, by proportion.

    Args:
        num_requests: Of the scan that was measured.
        num_bytes: That it read.
        cpu_s: Of its process.
        peak_mib: Of its process; it does not grow with the catalogue.
        size: Bytes of the catalogue that was scanned.
    """
    times = KAGGLE_BYTES / size
    requests, gigabytes = num_requests * times, num_bytes * times / 1e9
    lines = [f"58.2 GB: {requests:,.0f} requests, {gigabytes:.1f} GB, {peak_mib:,.0f} MiB of memory a task"]
    lines += [
        f"at {gbit} Gbit/s: {8 * gigabytes / gbit:,.0f} s of network; {cpu_s * times:,.0f} s of CPU beside it"
        for gbit in GBITS
    ]
    in_region = requests / 1000 * DOLLARS_PER_1000_GETS
    outside = in_region + gigabytes * DOLLARS_PER_GB_OUT
    return [*lines, f"cost: ${in_region:.4f} within the region, ${outside:.2f} out of it"]


def measure(folder: Path, options: argparse.Namespace) -> bool:
    """Measure all and print it; returns whether disk and bucket gave the same."""
    path = folder / "catalogue.bson"
    num_products = write_catalogue(path, int(options.gb * 1e9))
    size = path.stat().st_size
    print(f"{size:,} bytes, {num_products:,} products", flush=True)
    with object_server() as server, fault_proxy(server.port) as proxy:
        url = f"{server.new_bucket()}/train/{path.name}"
        server.put_file(url, path)
        print("| from | step | requests | bytes | of the file, or the JPEGs | wall s | CPU s | peak MiB | |")
        print("|---|---|---|---|---|---|---|---|---|")
        make_cold(path)
        with patch.dict(os.environ, server.settings(proxy.port)):
            found = [_rows("disk", str(path), folder / "disk", proxy, 0, options, size)]
            for name, delay_s in (("bucket", 0.0), (f"bucket, {options.delay_ms:g} ms", options.delay_ms / 1000)):
                found.append(_rows(name, url, folder / name, proxy, delay_s, options, size))
    scanned = found[1][0]
    print(*arithmetic(scanned.num_requests, scanned.num_bytes, scanned.run.cpu_s, scanned.run.peak_mib, size), sep="\n")
    same = all(one[1:] == found[0][1:] for one in found)
    print(f"the same index and sample from disk and bucket: {same}")
    return same


def main() -> None:
    """Read the options, measure, and remove what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2)
    parser.add_argument("--delay-ms", type=float, default=20, help="how much later the far network answers")
    parser.add_argument("--share", type=float, default=0.02, help="of the categories, for the sample")
    parser.add_argument("--scratch", help="where the catalogue and its indexes are made for the while")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.scratch, prefix="remote-") as folder:
        same = measure(Path(folder), options)
    print(f"{time.monotonic() - began:.0f} s in all")
    if not same:
        raise SystemExit("disk and bucket differ")


if __name__ == "__main__":
    run_main(main, scan, draw)
