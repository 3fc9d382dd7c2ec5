"""The catalogue's page: what the index holds, as counts for programs and with pictures for people.

Made from the index, a few of the catalogue's documents, the names CSV and the samples' choices.
"""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from cdiscount_tasks.artifacts.byte_ranges import Place, open_ranges
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.make import find_page, make_page
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.catalogue.anatomy import hex_lines, take_document_apart, take_jpeg_apart
from cdiscount_tasks.catalogue.names import CategoryNames, read_category_names
from cdiscount_tasks.catalogue.reader import ProductPlace, read_pictures
from cdiscount_tasks.index.profile_file import PROFILE, read_profile
from cdiscount_tasks.index.rows import draw_products, first_images, first_products, places_of, products_at
from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb
from cdiscount_tasks.pages.catalogue.page import (
    Anatomy,
    CataloguePictures,
    CategoryRow,
    ShownConflict,
    ShownSample,
    render_catalogue,
    short_name,
)
from cdiscount_tasks.pages.parts.gallery import PictureShelf, ShownProduct
from cdiscount_tasks.pages.parts.outside_text import csv_cell
from cdiscount_tasks.stages.inputs import SampleChoice

logger = logging.getLogger(__name__)

VERSION = 3
NUM_RANDOM_PRODUCTS = 24
NUM_PRODUCTS_PER_CATEGORY = 5
MAX_CATEGORIES_PER_SAMPLE = 12
_DUMP_BYTES = 128
_NUM_CANDIDATES = 64


class CataloguePageResult(TypedDict):
    """Where the page stands, and what it is about."""

    path: str
    catalogue_id: str
    origin: str
    num_products: int
    num_images: int
    num_categories: int
    num_copies: int
    num_conflicts: int


def _recipe(index_dir: Path, names_path: Path | None, samples: Sequence[SampleChoice]) -> Recipe:
    return Recipe(
        stage="catalogue_page",
        version=VERSION,
        config={"samples": [sample._asdict() for sample in samples]},
        inputs={"index": index_dir},
        files={} if names_path is None else {"category_names": hash_file(names_path)},
        libraries=versions("jinja2", "matplotlib", "numpy", "pillow"),
    )


def page_stands(index_dir: Path, names_path: Path | None, samples: Sequence[SampleChoice], out_dir: Path) -> bool:
    """Return whether a page made from exactly these inputs exists whole."""
    recipe = _recipe(index_dir, names_path, samples)
    return find_page(CataloguePageResult, recipe, out_dir, every_byte=False) is not None


def name_categories(profile: dict[str, Any], names: CategoryNames) -> list[CategoryRow]:
    """Give each category of a profile its names, joined by id; one that the CSV lacks carries its id."""
    return [
        CategoryRow(row["category_id"], *names[row["category_id"]], *(row[count] for count in CategoryRow._fields[4:]))
        for row in profile["categories"]
    ]


def _decoded_size(jpeg: bytes) -> tuple[int, int] | None:
    try:
        return decode_rgb(jpeg).size
    except ImageRefused:
        return None


class _Catalogue:
    """Reads products out of the catalogue onto one shelf; a picture that does not decode is told and not shown."""

    def __init__(self, path: Place, index_dir: Path) -> None:
        self.path, self.index_dir = path, index_dir
        self.shelf = PictureShelf()

    def show(self, places: Sequence[ProductPlace]) -> list[ShownProduct]:
        return [
            self.shelf.show(
                place.product_id,
                place.category_id,
                [jpeg if _decoded_size(jpeg) else None for jpeg in pictures],
            )
            for place, pictures in read_pictures(self.path, places)
        ]

    def document(self, place: ProductPlace) -> bytes:
        with open_ranges(self.path) as file:
            return file.read(place.offset, place.offset + place.length)


def _take_apart(catalogue: _Catalogue) -> Anatomy | None:
    """Take the file's first document apart that has the usual layout and a picture that decodes; else the first one."""
    places = first_products(catalogue.index_dir, _NUM_CANDIDATES)
    chosen = None
    for place, pictures in read_pictures(catalogue.path, places):
        usual = bool(pictures) and _decoded_size(pictures[0]) is not None
        usual = usual and take_document_apart(catalogue.document(place)) is not None
        if pictures and (usual or chosen is None):
            chosen = place, pictures[0]
        if usual:
            break
    if chosen is None:
        return None
    place, jpeg = chosen
    data = catalogue.document(place)
    size = _decoded_size(jpeg)
    return Anatomy(
        product=catalogue.shelf.show(place.product_id, place.category_id, [jpeg if size else None]),
        offset=place.offset,
        dump=hex_lines(data, _DUMP_BYTES),
        fields=take_document_apart(data),
        segments=take_jpeg_apart(jpeg),
        pixels=size,
    )


def _show_conflicts(
    catalogue: _Catalogue, profile: dict[str, Any], rows: dict[int, CategoryRow]
) -> list[ShownConflict]:
    largest = profile["conflicts"]["largest"]
    images = first_images(catalogue.index_dir, [bytes.fromhex(conflict["content_hash"]) for conflict in largest])
    places = places_of(
        catalogue.index_dir, [(category_id, product_id) for category_id, product_id, _ in images.values()]
    )
    pictures = {place.product_id: found for place, found in read_pictures(catalogue.path, places)}
    shown = []
    for conflict in largest:
        _, product_id, number = images[bytes.fromhex(conflict["content_hash"])]
        jpeg = pictures[product_id][number]
        shown.append(
            ShownConflict(
                picture=catalogue.shelf.take(jpeg) if _decoded_size(jpeg) else None,
                num_images=conflict["num_images"],
                num_products=conflict["num_products"],
                num_categories=conflict["num_categories"],
                categories=[
                    (short_name(rows[category["category_id"]]), category["num_images"])
                    for category in conflict["categories"]
                ],
            )
        )
    return shown


def _show_sample(catalogue: _Catalogue, sample: SampleChoice, rows: dict[int, CategoryRow], seed: int) -> ShownSample:
    chosen = sorted(rows) if sample.category_ids is None else sample.category_ids
    present = [rows[category_id] for category_id in chosen if category_id in rows]
    largest = sorted(present, key=lambda row: (-row.num_products, row.category_id))[:MAX_CATEGORIES_PER_SAMPLE]
    ids = [row.category_id for row in largest]
    drawn = draw_products(catalogue.index_dir, ids, NUM_PRODUCTS_PER_CATEGORY, seed) if ids else {}
    return ShownSample(
        name=sample.name,
        title=sample.title,
        categories=[(row, catalogue.show(drawn[row.category_id])) for row in largest],
        num_categories=len(present),
        num_products=sum(row.num_products for row in present),
        num_absent=len(chosen) - len(present),
    )


def _choose_random(num_products: int, seed: int) -> list[int]:
    """Choose ordinals of products, ascending."""
    random = np.random.default_rng(seed)
    chosen = random.choice(num_products, min(NUM_RANDOM_PRODUCTS, num_products), replace=False)
    return sorted(int(ordinal) for ordinal in chosen)


def _show_all(
    catalogue: _Catalogue,
    profile: dict[str, Any],
    rows: Sequence[CategoryRow],
    samples: Sequence[SampleChoice],
    seed: int,
) -> CataloguePictures:
    """Choose the page's pictures; what is shown first is sure of its place where the page is full."""
    by_id = {row.category_id: row for row in rows}
    return CataloguePictures(
        anatomy=_take_apart(catalogue),
        conflicts=_show_conflicts(catalogue, profile, by_id),
        products=catalogue.show(products_at(catalogue.index_dir, _choose_random(profile["num_products"], seed))),
        samples=[_show_sample(catalogue, sample, by_id, seed) for sample in samples] if rows else [],
    )


def _count(index: Mapping[str, Any], profile: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "catalogue_id": index["catalogue_id"],
        "origin": index["origin"],
        "num_products": profile["num_products"],
        "num_images": profile["num_images"],
        "num_categories": len(profile["categories"]),
        "num_copies": profile["copies"]["num_copies"],
        "num_conflicts": profile["conflicts"]["num_distinct"],
    }


def _write_categories(path: Path, rows: Sequence[CategoryRow]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CategoryRow._fields)
        writer.writerows([csv_cell(value) if isinstance(value, str) else value for value in row] for row in rows)


def write_catalogue_page(
    index_dir: Path,
    catalogue_path: Place,
    names_path: Path | None,
    samples: Sequence[SampleChoice],
    out_dir: Path,
) -> CataloguePageResult:
    """Write the page of a catalogue. One that exists is replaced.

    Args:
        index_dir: Finished index artifact.
        catalogue_path: The BSON file that the index was made from.
        names_path: The names CSV; None: ids stand as names.
        samples: What each sample that can be read chooses.
        out_dir: `<reports>/catalogue/<catalogue_id>`.

    Returns:
        The paths and the counts.

    Raises:
        DataError: If the index is damaged, or the catalogue is not the indexed one.
    """
    index = read_manifest(index_dir)["result"]
    profile = read_profile(index_dir)
    rows = name_categories(profile, read_category_names(names_path))

    def write(part_dir: Path) -> Made:
        catalogue = _Catalogue(catalogue_path, index_dir)
        pictures = _show_all(catalogue, profile, rows, samples, seed=int(index["catalogue_id"], 16))
        page = render_catalogue(profile, index, rows, pictures)
        (part_dir / "catalogue.html").write_text(page, encoding="utf-8")
        _write_categories(part_dir / "categories.csv", rows)
        write_json(part_dir / PROFILE, profile, indent=None)
        return Made(_count(index, profile))

    return make_page(CataloguePageResult, _recipe(index_dir, names_path, samples), out_dir, write)
