"""What `benchmarks.speed.index` measures, a process each: `python -m benchmarks.speed.index_steps <step> ...`."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.material.measure import run_main

NUM_RANGES = 217
"""As many as the real catalogue of 58 GB has."""


def peer(catalogue: str, out_dir: str) -> None:
    """Index as is usual: decode each document, open each picture, md5, a data frame, Parquet."""
    import hashlib
    import io

    import bson
    import pandas as pd
    from PIL import Image

    rows = []
    with Path(catalogue).open("rb") as file:
        for product in bson.decode_file_iter(file):
            for number, entry in enumerate(product["imgs"]):
                jpeg = entry["picture"]
                with Image.open(io.BytesIO(jpeg)) as image:
                    width, height = image.size
                digest = hashlib.md5(jpeg).hexdigest()
                rows.append((product["_id"], number, product["category_id"], len(jpeg), width, height, digest))
    names = ["product_id", "image_number", "category_id", "length", "width", "height", "md5"]
    pd.DataFrame(rows, columns=names).to_parquet(Path(out_dir) / "peer.parquet")
    print(json.dumps({"num_images": len(rows)}))


def scan(catalogue: str, out_dir: str, first: str = "0", step: str = "1") -> None:
    """Scan every `step`-th range from the `first` on."""
    from cdiscount_tasks.stages import index

    ranges = index.plan_ranges(Path(catalogue), Path(out_dir))[int(first) :: int(step)]
    for byte_range in ranges:
        index.scan_range(Path(catalogue), byte_range, Path(out_dir))


def _use_blocks(block_bytes: int) -> None:
    """Let a range be one block of another size than 64 MiB, so that a smaller file has as many ranges."""
    from cdiscount_tasks.catalogue import ranges, window

    for module, name, value in (
        (ranges, "BLOCK_BYTES", block_bytes),
        (window, "BLOCK_BYTES", block_bytes),
        (ranges, "MIN_RANGE_BLOCKS", 1),
    ):
        assert hasattr(module, name)
        setattr(module, name, value)


def merge(catalogue: str, out_dir: str, block_bytes: str = "") -> None:
    """Join the ranges."""
    from cdiscount_tasks.stages import index

    if block_bytes:
        _use_blocks(int(block_bytes))
    print(json.dumps(index.merge_index(Path(catalogue), Path(out_dir), max_rejected_share=0.01)))


def ours(catalogue: str, out_dir: str, num_processes: str) -> None:
    """Index as the catalogue DAG does, its scans in one or two processes."""
    if num_processes == "1":
        scan(catalogue, out_dir)
    else:
        command = [sys.executable, "-m", "benchmarks.speed.index_steps", "scan", catalogue, out_dir, "1", "2"]
        with subprocess.Popen(command) as second:
            scan(catalogue, out_dir, "0", "2")
        assert second.returncode == 0
    merge(catalogue, out_dir)


def scan_small_pictures(catalogue: str, out_dir: str, num_images: str) -> None:
    """Write a catalogue of pictures of a few bytes, and scan it in as many ranges as the real one has."""
    from cdiscount_tasks.stages import index
    from tests.material.synthetic_catalogue import write_small_pictures

    write_small_pictures(Path(catalogue), int(num_images))
    block_bytes = max(Path(catalogue).stat().st_size // NUM_RANGES, 1 << 16)
    _use_blocks(block_bytes)
    ranges = index.plan_ranges(Path(catalogue), Path(out_dir))
    for byte_range in ranges:
        index.scan_range(Path(catalogue), byte_range, Path(out_dir))
    print(json.dumps({"num_ranges": len(ranges), "block_bytes": block_bytes}))


def default_parquet(index_dir: str, out_path: str) -> None:
    """Write the images of an index in file order with PyArrow's default settings."""
    import pyarrow.parquet as pq

    images = pq.read_table(Path(index_dir) / "images.parquet").sort_by("offset")
    pq.write_table(images, out_path)


def query(index_dir: str, default_path: str, rounds: str) -> None:
    """Read five categories of middling size, ours and the default's in turn."""
    import pyarrow.parquet as pq

    from cdiscount_tasks.tables.parquet import read_rows
    from cdiscount_tasks.tables.schemas import IMAGES

    path = Path(index_dir) / "images.parquet"
    counts = pq.read_table(path, columns=["category_id"])["category_id"].value_counts().to_pylist()
    middle = sorted(counts, key=lambda row: row["counts"])[len(counts) * 9 // 10 :][:5]
    categories = sorted(row["values"] for row in middle)
    found: dict[str, Any] = {"ours_s": [], "default_s": [], "ours_cpu_s": [], "default_cpu_s": []}
    for _ in range(int(rounds)):
        for name in ("ours", "default"):
            wall, cpu = time.perf_counter(), time.process_time()
            if name == "ours":
                ours_rows = len(read_rows(path, IMAGES, "category_id", categories))
            else:
                default_rows = len(pq.read_table(default_path, filters=[("category_id", "in", categories)]))
            found[f"{name}_s"].append(time.perf_counter() - wall)
            found[f"{name}_cpu_s"].append(time.process_time() - cpu)
    assert ours_rows == default_rows
    found |= {"rows": ours_rows, "ours_bytes": path.stat().st_size, "default_bytes": Path(default_path).stat().st_size}
    print(json.dumps(found))


def _products(index_dir: str, num_products: int) -> Any:
    """Return products of whole categories (the last one cut), by category and product as the index has them."""
    import pyarrow.parquet as pq

    products = pq.read_table(Path(index_dir) / "products.parquet")
    return products.slice(len(products) // 4, num_products)


def draw_peer(catalogue: str, index_dir: str, num_products: str) -> None:
    """Read a sample's pictures as is usual: seek, read and decode one document after another.

    In the order of the index: within a category by product and so by place in the file, which is then passed through
    once for each category. Nothing is hashed, compared or kept.
    """
    import bson

    places = _products(index_dir, int(num_products)).select(["offset", "length"]).to_pylist()
    started = time.perf_counter()
    num_images = 0
    with Path(catalogue).open("rb") as file:
        for place in places:
            file.seek(place["offset"])
            product = bson.decode(file.read(place["length"]))
            num_images += len([entry["picture"] for entry in product["imgs"]])
    print(json.dumps({"num_images": num_images, "read_s": time.perf_counter() - started}))


def draw_ours(catalogue: str, index_dir: str, num_products: str) -> None:
    """Read the same pictures as `draw_sample` does, file by file, each compared with its hash; none is kept."""
    from cdiscount_tasks.catalogue.reader import iter_images
    from cdiscount_tasks.stages.sample import plan_files
    from cdiscount_tasks.tables.parquet import read_rows
    from cdiscount_tasks.tables.schemas import IMAGES

    products = _products(index_dir, int(num_products)).sort_by("product_id")
    categories = sorted(set(products["category_id"].to_pylist()))
    images = read_rows(Path(index_dir) / "images.parquet", IMAGES, "category_id", categories)
    started = time.perf_counter()
    num_images = 0
    for file in plan_files(Path(catalogue), products, images, Path()):
        num_images += sum(1 for _ in iter_images(file.catalogue_path, file.products, file.images))
    print(json.dumps({"num_images": num_images, "read_s": time.perf_counter() - started}))


def warm_up() -> None:
    """Import what the steps import, so that its bytecode is there."""
    import bson
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from PIL import Image

    from cdiscount_tasks.stages import index

    assert all([bson, np, pd, pa, Image, index])
    Image.init()


if __name__ == "__main__":
    run_main(warm_up, peer, scan, merge, ours, scan_small_pictures, default_parquet, query, draw_peer, draw_ours)
