"""What `benchmarks.index` measures, each a process of its own: `python -m benchmarks.index_steps <step> ...`."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


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


def merge(catalogue: str, out_dir: str) -> None:
    """Join the ranges."""
    from cdiscount_tasks.stages import index

    print(json.dumps(index.merge_index(Path(catalogue), Path(out_dir), max_rejected_share=0.01)))


def ours(catalogue: str, out_dir: str, num_processes: str) -> None:
    """Index as the catalogue DAG does, its scans in one or two processes."""
    if num_processes == "1":
        scan(catalogue, out_dir)
    else:
        command = [sys.executable, "-m", "benchmarks.index_steps", "scan", catalogue, out_dir, "1", "2"]
        with subprocess.Popen(command) as second:
            scan(catalogue, out_dir, "0", "2")
        assert second.returncode == 0
    merge(catalogue, out_dir)


def _fake_scan(number: int, num_products: int, num_images: int, start: int, stop: int) -> Any:
    """Return what a scan of a range would have found, without a file."""
    import numpy as np

    from benchmarks.synthetic_catalogue import IMAGES_PER_PRODUCT, NUM_CATEGORIES
    from cdiscount_tasks.storage.catalogue_scan import RangeScan
    from cdiscount_tasks.storage.file_window import BLOCK_BYTES

    rng = np.random.default_rng(number)
    counts = rng.choice([1, 2, 3, 4], num_products, p=np.array(IMAGES_PER_PRODUCT) / sum(IMAGES_PER_PRODUCT))
    weights = 1 / (np.arange(NUM_CATEGORIES) + 40)
    categories = 1_000_000_000 + 17 * rng.choice(NUM_CATEGORIES, num_products, p=weights / weights.sum())
    ids = np.arange(num_products, dtype=np.int64) * 3 + number * num_products * 3 + 1
    edges = start + np.linspace(0, stop - start, num_products + 1).astype(np.int64)
    of_image = np.repeat(np.arange(num_products), counts)[:num_images]
    numbers = np.arange(len(of_image)) - np.searchsorted(of_image, of_image)
    hashes = rng.bytes(16 * len(of_image))
    copied = rng.random(len(of_image)) < 0.37
    rows = np.frombuffer(hashes, np.int64).reshape(-1, 2).copy()
    rows[copied] = np.stack([np.arange(1000), np.arange(1000)], 1)[rng.integers(0, 1000, copied.sum())]
    found = RangeScan(first_offset=start, end_offset=stop, num_documents=num_products)
    columns = {
        "product_ids": ids,
        "product_categories": categories,
        "product_offsets": edges[:-1],
        "product_lengths": np.diff(edges),
        "product_num_images": np.bincount(of_image, minlength=num_products),
        "image_product_ids": ids[of_image],
        "image_numbers": numbers,
        "image_categories": categories[of_image],
        "image_offsets": edges[of_image] + 60 + numbers * 2000,
        "image_lengths": rng.integers(900, 1900, len(of_image)),
        "image_widths": np.full(len(of_image), 180),
        "image_heights": np.full(len(of_image), 180),
    }
    for name, values in columns.items():
        column = getattr(found, name)
        column.frombytes(values.astype(f"i{column.itemsize}").tobytes())
    found.image_hashes += rows.tobytes()
    found.block_hashes = [f"{number:032x}"] * math.ceil((stop - start) / BLOCK_BYTES)
    return found


def fake_parts(catalogue: str, out_dir: str, num_images: str) -> None:
    """Write the parts of a catalogue of the real size, made up: a file of holes stands for its bytes."""
    from cdiscount_tasks.stages import index

    num_products = int(int(num_images) / 1.749)
    with Path(catalogue).open("wb") as file:
        file.truncate(int(num_products * 8230))
    ranges = index.plan_ranges(Path(catalogue), Path(out_dir))
    for number, byte_range in enumerate(ranges):
        found = _fake_scan(number, num_products // len(ranges), 2**40, byte_range["start"], byte_range["stop"])
        vars(index)["scan_bytes"] = lambda *_, found=found, **__: found
        index.scan_range(Path(catalogue), byte_range, Path(out_dir))
    print(json.dumps({"num_ranges": len(ranges)}))


def default_parquet(index_dir: str, out_path: str) -> None:
    """Write the images of an index in file order with PyArrow's default settings."""
    import pyarrow.parquet as pq

    images = pq.read_table(Path(index_dir) / "images.parquet").sort_by("offset")
    pq.write_table(images, out_path)


def query(index_dir: str, default_path: str, rounds: str) -> None:
    """Read five categories of middling size, ours and the default's in turn."""
    import pyarrow.parquet as pq

    from cdiscount_tasks.storage.schemas import IMAGES
    from cdiscount_tasks.storage.tables import read_rows

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
    from cdiscount_tasks.stages.sample import plan_files
    from cdiscount_tasks.storage.image_source import iter_images
    from cdiscount_tasks.storage.schemas import IMAGES
    from cdiscount_tasks.storage.tables import read_rows

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


STEPS = {
    step.__name__: step
    for step in (peer, scan, merge, ours, fake_parts, default_parquet, query, draw_peer, draw_ours, warm_up)
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](*sys.argv[2:])
