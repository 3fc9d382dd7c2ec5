"""Pictures left in the catalogue, beside copied ones: `python -m benchmarks.speed.pictures_left`.

    ... [--gb 3] [--images <at most so many are read in each way>]

Drawing: time, peak memory, disk. Reading: images/s with nothing of catalogue and sample in the page cache, in blocks of
as many rows as the label check reads (2,048), the decoding (512) and a training that decodes ahead (64); in the order
of the sample; in that of a catalogue whose product ids have nothing to do with the order of its file, with these blocks
and sorted by place as a whole; in any order. Keys: peak memory of finding the rows of all images.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.material.measure import make_cold, run_main, run_step

STEPS = "benchmarks.speed.pictures_left"
KINDS = ("copied", "in_catalogue")


def make(folder: str, num_gb: str) -> None:
    """Write a catalogue and index it."""
    from tests.material.indexing import index_catalogue
    from tests.material.synthetic_catalogue import write_catalogue

    catalogue = Path(folder) / "catalogue.bson"
    write_catalogue(catalogue, int(float(num_gb) * 1e9))
    print(json.dumps({"index": index_catalogue(catalogue, Path(folder) / "index")["path"]}))


def draw(folder: str, index_dir: str, kind: str) -> None:
    """Draw all of it."""
    from cdiscount_tasks.settings.sample import DrawConfig
    from cdiscount_tasks.stages.sample import draw_sample

    config = DrawConfig.model_validate({"categories": None, "pictures": kind})
    made = draw_sample(Path(index_dir), Path(folder) / "catalogue.bson", Path(folder), config)
    print(json.dumps(made))


def _in_order(order: str, sample_dir: Path) -> Any:
    """Return rows of a sample: as they are, all at random, or product by product at random."""
    import numpy as np

    from cdiscount_tasks.tables.sample_images import read_image_keys

    keys = read_image_keys(sample_dir, ["product_id"])["product_id"]
    random = np.random.default_rng(0)
    if order == "product_ids":
        place = np.searchsorted(np.unique(keys), keys)
        return np.argsort(random.permutation(place[-1] + 1)[place], kind="stable")
    return random.permutation(len(keys)) if order == "random" else np.arange(len(keys))


def read(sample_dir: str, catalogue: str, order: str, block: str, most: str) -> None:
    """Read pictures, none of which are in the page cache."""
    from cdiscount_tasks.tables.sample_images import SampleImages

    rows = _in_order(order, Path(sample_dir))[: int(most)]
    source = SampleImages(Path(sample_dir))
    scattered = source if order == "rows" else source.in_any_order()()
    for path in [Path(catalogue), *sorted(Path(sample_dir).glob("*.parquet"))]:
        make_cold(path)
    started, cpu_started, num_bytes = time.monotonic(), time.process_time(), 0
    for first in range(0, len(rows), int(block)):
        num_bytes += sum(map(len, scattered.read(rows[first : first + int(block)].tolist())))
    wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_started
    rates = {"per_s": len(rows) / wall_s, "per_cpu_s": len(rows) / cpu_s, "mb_per_s": num_bytes / wall_s / 1e6}
    print(json.dumps(rates))


def find(sample_dir: str) -> None:
    """Find the rows of all images of a sample by product and number."""
    from cdiscount_tasks.tables.sample_images import read_image_keys, rows_of

    keys = read_image_keys(Path(sample_dir), ["product_id", "image_number"])
    started = time.monotonic()
    rows_of(Path(sample_dir), keys["product_id"], keys["image_number"])
    print(json.dumps({"num_images": len(keys["product_id"]), "find_s": time.monotonic() - started}))


def measure(folder: Path, num_gb: float, most: int) -> None:
    """Draw both kinds, read them, and print a row for each."""
    index_dir = run_step(STEPS, "make", folder, num_gb).said["index"]
    print("| pictures | draw, s | peak MiB | sample, MB | pictures, MB |\n|---|---|---|---|---|")
    drawn = {kind: run_step(STEPS, "draw", folder, index_dir, kind) for kind in KINDS}
    at = {kind: Path(run.said["path"]) for kind, run in drawn.items()}
    for kind, run in drawn.items():
        size = sum(path.stat().st_size for path in at[kind].iterdir()) / 1e6
        print(f"| {kind} | {run.wall_s:.1f} | {run.peak_mib:,.0f} | {size:,.1f} | {run.said['num_bytes'] / 1e6:,.1f} |")
    print(
        "\n| pictures | order | block | images/s | images per CPU-second | MB/s |\n|---|---|---|---|---|---|",
        flush=True,
    )
    for order, block in (
        ("rows", 2048), ("rows", 512), ("product_ids", 512), ("product_ids", 4096), ("product_ids", 1 << 30),
        ("random", 64),
    ):  # fmt: skip
        for kind in KINDS[order == "product_ids" :]:
            said = run_step(STEPS, "read", at[kind], folder / "catalogue.bson", order, block, most).said
            rates = " | ".join(f"{said[name]:,.0f}" for name in ("per_s", "per_cpu_s", "mb_per_s"))
            print(f"| {kind} | {order} | {min(block, most):,} | {rates} |", flush=True)
    for kind in KINDS:
        run = run_step(STEPS, "find", at[kind])
        found = f"the rows of {run.said['num_images']:,} images in {run.said['find_s']:.2f} s"
        print(f"\n{kind}: {found}, {run.peak_mib:,.0f} MiB")


def main() -> None:
    """Measure in a folder that goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=3.0)
    parser.add_argument("--images", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pictures-left-") as scratch:
        measure(Path(scratch), options.gb, options.images)


if __name__ == "__main__":
    run_main(main, make, draw, read, find)
