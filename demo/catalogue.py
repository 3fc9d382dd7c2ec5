"""Draws the catalogue that stands in for Cdiscount's 58 GB: same layout, drawn pictures."""

import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypedDict, cast

import bson
import numpy as np
import xxhash
from bson.int64 import Int64
from PIL import Image

from demo.bag import paint_bag
from demo.bottles import paint_bottle
from demo.canvas import encode_jpeg
from demo.categories import BAG, CATEGORIES, REST, WINE, names_csv
from demo.others import paint_other
from demo.plan import MIN_PRODUCTS, Picture, Plan, Product, count, plan_catalogue

logger = logging.getLogger(__name__)

VERSION = 2
"""Raise it whenever the same parameters draw other bytes: a catalogue that stands is then drawn anew."""

CATALOGUE_NAME = "catalogue.bson"
NAMES_NAME = "category_names.csv"
RECEIPT_NAME = "catalogue.drawn.json"
DEFAULT_PRODUCTS = 5000
PICTURES_PER_TASK = 64

PAINTERS: dict[str, Callable[[str, np.random.Generator, np.random.Generator, int], Image.Image]] = {
    WINE: paint_bottle,
    BAG: paint_bag,
    REST: paint_other,
}


class DemoResult(TypedDict):
    """What was drawn. `num_products` counts the good ones; the other figures are over all documents of the file."""

    catalogue_path: str
    names_path: str
    num_products: int
    num_documents: int
    num_images: int
    num_distinct_images: int
    num_identical_copies: int
    num_copies_across_products: int
    num_conflicting_images: int
    num_damaged_pictures: int
    num_odd_documents: int
    num_refused_documents: int
    size_bytes: int
    reused: bool


def draw_catalogue(
    out_dir: Path, *, num_products: int = DEFAULT_PRODUCTS, seed: int = 0, num_processes: int = 2
) -> DemoResult:
    """Draw a catalogue and its category names, or find that they stand already.

    Args:
        out_dir: Where `catalogue.bson`, `category_names.csv` and `catalogue.drawn.json` will stand; made if missing.
        num_products: MIN_PRODUCTS or more.
        seed: 0 or more; the same seed gives the same bytes, whatever the number of processes.
        num_processes: 1 draws in this process.

    Returns:
        The paths and what was planted.

    Raises:
        ValueError: If an argument is out of its range.
    """
    if num_products < MIN_PRODUCTS or seed < 0 or num_processes < 1:
        raise ValueError(
            f"num_products={num_products}, seed={seed}, num_processes={num_processes}: "
            f"expected at least {MIN_PRODUCTS}, 0 and 1"
        )
    parameters = {"version": VERSION, "num_products": num_products, "seed": seed}
    standing = _find_standing(out_dir, parameters)
    if standing is not None:
        logger.info("%s stands already, drawn with the same parameters", standing["catalogue_path"])
        return standing
    plan = plan_catalogue(num_products, seed)
    counts = asdict(count(plan))
    logger.info(
        "drawing %d pictures for %d products with %d processes",
        counts["num_distinct_images"],
        num_products,
        num_processes,
    )
    return _publish(
        out_dir,
        parameters,
        _iter_documents(plan, _draw_pictures(plan, seed, num_processes)),
        {"num_products": num_products, **counts},
    )


def draw_picture(picture: Picture, seed: int) -> bytes:
    """Draw one planned picture as the bytes that the catalogue will hold, damage included."""
    if picture.damage == "empty":
        return b""
    if picture.damage == "no_image":
        return b"<html><head><title>404 Not Found</title></head><body>The picture is not here.</body></html>\n" * 30
    category = CATEGORIES[picture.class_number]
    look_rng, rng = np.random.default_rng([seed, 1, picture.look]), np.random.default_rng([seed, 2, picture.number])
    jpeg = encode_jpeg(PAINTERS[category.set_name](category.kind, look_rng, rng, picture.view))
    # A download that broke off: the frame header is there, the rest of the picture is not.
    return jpeg[: int(len(jpeg) * rng.uniform(0.45, 0.7))] if picture.damage == "truncated" else jpeg


def _draw_some(pictures: list[Picture], seed: int) -> list[bytes]:
    return [draw_picture(picture, seed) for picture in pictures]


def _draw_pictures(plan: Plan, seed: int, num_processes: int) -> list[bytes]:
    tasks = [
        plan.pictures[first : first + PICTURES_PER_TASK] for first in range(0, len(plan.pictures), PICTURES_PER_TASK)
    ]
    if num_processes == 1:
        return [jpeg for task in tasks for jpeg in _draw_some(task, seed)]
    # Spawned, not forked: the caller may hold threads (Airflow, TensorFlow) that a fork would copy amid their work.
    with ProcessPoolExecutor(num_processes, mp_context=get_context("spawn")) as pool:
        return [jpeg for drawn in pool.map(_draw_some, tasks, [seed] * len(tasks)) for jpeg in drawn]


def _iter_documents(plan: Plan, jpegs: list[bytes]) -> Iterator[bytes]:
    for product in plan.products:
        imgs = [{"picture": jpegs[number]} for number in product.pictures if number is not None]
        yield bson.encode(_document(product, imgs))


def _document(product: Product, imgs: list[dict[str, bytes]]) -> dict[str, Any]:
    """Lay a document out as the real file does, or in the odd way that was planned."""
    category_id = CATEGORIES[product.class_number].category_id
    if product.oddity == "other_key_order":
        return {"_id": product.product_id, "category_id": category_id, "imgs": imgs}
    if product.oddity == "no_category":
        return {"_id": product.product_id, "imgs": imgs}
    document = {"_id": product.product_id, "imgs": imgs, "category_id": category_id}
    if product.oddity == "unknown_field":
        document["brand"] = "SANS MARQUE"
    elif product.oddity == "int64_category":
        document["category_id"] = Int64(category_id)
    return document


def _publish(
    out_dir: Path, parameters: dict[str, int], documents: Iterator[bytes], counts: dict[str, int]
) -> DemoResult:
    """Write the three files, the names before the catalogue, and last the receipt that vouches for both."""
    out_dir.mkdir(parents=True, exist_ok=True)
    # A receipt must never vouch for a catalogue that another call has replaced.
    (out_dir / RECEIPT_NAME).unlink(missing_ok=True)
    names_hash = _write_whole(out_dir / NAMES_NAME, iter([names_csv()]))
    catalogue_hash = _write_whole(out_dir / CATALOGUE_NAME, documents)
    counts = {**counts, "size_bytes": (out_dir / CATALOGUE_NAME).stat().st_size}
    receipt = {
        "parameters": parameters,
        "counts": counts,
        "xxh3_128": {NAMES_NAME: names_hash, CATALOGUE_NAME: catalogue_hash},
    }
    _write_whole(out_dir / RECEIPT_NAME, iter([json.dumps(receipt, indent=2).encode() + b"\n"]))
    logger.info("drew %s: %d images, %d bytes", out_dir / CATALOGUE_NAME, counts["num_images"], counts["size_bytes"])
    return _result(out_dir, counts, reused=False)


def _find_standing(out_dir: Path, parameters: dict[str, int]) -> DemoResult | None:
    """Return the result of an earlier call with these parameters, if its files still are what it wrote."""
    try:
        receipt = json.loads((out_dir / RECEIPT_NAME).read_bytes())
        if receipt["parameters"] != parameters:
            return None
        for name, expected in receipt["xxh3_128"].items():
            with (out_dir / name).open("rb") as file:
                if _hash_file(file) != expected:
                    return None
        return _result(out_dir, receipt["counts"], reused=True)
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _hash_file(file: Any) -> str:
    digest = xxhash.xxh3_128()
    while block := file.read(1 << 22):
        digest.update(block)
    return digest.hexdigest()


def _result(out_dir: Path, counts: dict[str, int], *, reused: bool) -> DemoResult:
    paths = {"catalogue_path": str(out_dir / CATALOGUE_NAME), "names_path": str(out_dir / NAMES_NAME)}
    return cast(DemoResult, {**paths, **counts, "reused": reused})


def _write_whole(path: Path, chunks: Iterator[bytes]) -> str:
    """Write a file aside, then move it to its place; return the xxh3-128 of its bytes."""
    part_path = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"
    digest = xxhash.xxh3_128()
    try:
        with part_path.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part_path.replace(path)
    finally:
        part_path.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return digest.hexdigest()
