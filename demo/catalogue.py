"""Draws the catalogue that takes the place of Cdiscount's 58 GB: same layout, drawn pictures."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import bson
import numpy as np
from bson.int64 import Int64
from PIL import Image

from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.machine.cores import map_in_processes
from demo.bag import paint_bag
from demo.bottles import paint_bottle
from demo.canvas import encode_jpeg
from demo.categories import BAG, CATEGORIES, REST, WINE, names_csv
from demo.others import paint_other
from demo.plan import MIN_PRODUCTS, Counts, Picture, Plan, Product, count, plan_catalogue

logger = logging.getLogger(__name__)

VERSION = 2
"""Raise it whenever the same parameters draw other bytes: an existing catalogue is then drawn anew."""

CATALOGUE_NAME = "catalogue.bson"
NAMES_NAME = "category_names.csv"
RECEIPT_NAME = "catalogue.drawn.json"
DEFAULT_PRODUCTS = 5000
PICTURES_PER_TASK = 64
WORTH_PROCESSES = 500
"""Fewer pictures are drawn in this process: they take as long as starting others."""

PAINTERS: dict[str, Callable[[str, np.random.Generator, np.random.Generator, int], Image.Image]] = {
    WINE: paint_bottle,
    BAG: paint_bag,
    REST: paint_other,
}


class DemoResult(Counts):
    """What was drawn. `num_products` counts the good ones; the other figures are over all documents of the file."""

    catalogue_path: str
    names_path: str
    num_products: int
    size_bytes: int
    reused: bool


def draw_catalogue(out_dir: Path, *, num_products: int = DEFAULT_PRODUCTS, seed: int = 0) -> DemoResult:
    """Draw a catalogue and its category names, unless both exist already.

    Args:
        out_dir: Where `catalogue.bson`, `category_names.csv` and `catalogue.drawn.json` are written; made if missing.
        num_products: MIN_PRODUCTS or more.
        seed: 0 or more; the same seed gives the same bytes, whatever the number of processes.

    Returns:
        The paths and what was planted.

    Raises:
        ValueError: If an argument is out of its range.
    """
    if num_products < MIN_PRODUCTS or seed < 0:
        raise ValueError(f"num_products={num_products}, seed={seed}: expected at least {MIN_PRODUCTS} and 0")
    parameters = {"version": VERSION, "num_products": num_products, "seed": seed}
    existing = _find_existing(out_dir, parameters)
    if existing is not None:
        logger.info("%s already exists, drawn with the same parameters", existing["catalogue_path"])
        return existing
    plan = plan_catalogue(num_products, seed)
    counts = count(plan)
    logger.info("drawing %d pictures for %d products", counts["num_distinct_images"], num_products)
    documents = _iter_documents(plan, _draw_pictures(plan, seed))
    return _publish(out_dir, parameters, documents, {"num_products": num_products, **counts})


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


def _draw_pictures(plan: Plan, seed: int) -> list[bytes]:
    tasks = [
        plan.pictures[first : first + PICTURES_PER_TASK] for first in range(0, len(plan.pictures), PICTURES_PER_TASK)
    ]
    drawn = map_in_processes(partial(_draw_some, seed=seed), tasks, worth_it=len(plan.pictures) >= WORTH_PROCESSES)
    return [jpeg for jpegs in drawn for jpeg in jpegs]


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
    out_dir: Path, parameters: dict[str, int], documents: Iterator[bytes], counts: dict[str, Any]
) -> DemoResult:
    """Write the three files, the names before the catalogue, and last the receipt that vouches for both."""
    out_dir.mkdir(parents=True, exist_ok=True)
    # A receipt must never vouch for a catalogue that another call has replaced.
    (out_dir / RECEIPT_NAME).unlink(missing_ok=True)
    _write_whole(out_dir / NAMES_NAME, [names_csv()])
    _write_whole(out_dir / CATALOGUE_NAME, documents)
    counts = {**counts, "size_bytes": (out_dir / CATALOGUE_NAME).stat().st_size}
    receipt = {
        "parameters": parameters,
        "counts": counts,
        "xxh3_128": {name: hash_file(out_dir / name) for name in (NAMES_NAME, CATALOGUE_NAME)},
    }
    _write_whole(out_dir / RECEIPT_NAME, [json.dumps(receipt, indent=2).encode() + b"\n"])
    logger.info("drew %s: %d images, %d bytes", out_dir / CATALOGUE_NAME, counts["num_images"], counts["size_bytes"])
    return _result(out_dir, counts, reused=False)


def _find_existing(out_dir: Path, parameters: dict[str, int]) -> DemoResult | None:
    """Return the result of an earlier call with these parameters, if its files still are what it wrote."""
    try:
        receipt = json.loads((out_dir / RECEIPT_NAME).read_bytes())
        if receipt["parameters"] != parameters:
            return None
        if any(hash_file(out_dir / name) != expected for name, expected in receipt["xxh3_128"].items()):
            return None
        return _result(out_dir, receipt["counts"], reused=True)
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _result(out_dir: Path, counts: dict[str, Any], *, reused: bool) -> DemoResult:
    paths = {"catalogue_path": str(out_dir / CATALOGUE_NAME), "names_path": str(out_dir / NAMES_NAME)}
    return cast(DemoResult, {**paths, **counts, "reused": reused})


def _write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    def write(aside: Path) -> None:
        with aside.open("wb") as file:
            file.writelines(chunks)

    replace_file(path, write)
