"""The catalogue's page: what an index holds, at three levels of categories, with pictures."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cdiscount_tasks.pages.parts.figures import Curve, bars, histogram, rank_sizes
from cdiscount_tasks.pages.parts.gallery import ShownProduct
from cdiscount_tasks.pages.parts.outside_text import plain
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import ClassName, class_name
from cdiscount_tasks.vocabulary import REAL_CATALOGUE_IMAGES, REAL_CATALOGUE_PRODUCTS

NUM_LARGEST = 20
MAX_CATEGORIES_IN_TABLE = 300
FEWEST_PRODUCTS_TO_CHOOSE = 300
"""A category below this would leave a test split of 45 products."""


class CategoryRow(NamedTuple):
    """A category of the catalogue, with its names."""

    category_id: int
    level1: str
    level2: str
    level3: str
    num_products: int
    num_images: int
    num_copies: int


class LevelRow(NamedTuple):
    """A category at one of three levels; `within` names the level above it."""

    name: ClassName
    within: str
    num_categories: int
    num_products: int
    num_images: int


class Choice(NamedTuple):
    """Categories of nearly equal size that a sample could be made of."""

    kind: str
    rows: Sequence[CategoryRow]

    @property
    def ratio(self) -> float:
        """Return the smallest size over the largest one."""
        sizes = [row.num_products for row in self.rows]
        return min(sizes) / max(sizes)


@dataclass(frozen=True)
class ShownConflict:
    """A picture that is in several categories."""

    picture: str | None
    num_images: int
    num_products: int
    num_categories: int
    categories: Sequence[tuple[ClassName, int]]


@dataclass(frozen=True)
class ShownSample:
    """A sample and some products of each of its categories; `num_absent` categories have no product here."""

    name: str
    title: str
    categories: Sequence[tuple[CategoryRow, Sequence[ShownProduct]]]
    num_categories: int
    num_products: int
    num_absent: int


@dataclass(frozen=True)
class Anatomy:
    """A document taken apart.

    Attributes:
        product: Which one, with the picture that is taken apart first.
        offset: Of the document in the file.
        dump: Its first bytes: offset, hex, text.
        fields: Its pieces; None if it is not of the usual layout.
        segments: The first picture's pieces.
        pixels: Width and height of the decoded picture; None if it does not decode.
    """

    product: ShownProduct
    offset: int
    dump: Sequence[tuple[str, str, str]]
    fields: Sequence[Any] | None
    segments: Sequence[Any]
    pixels: tuple[int, int] | None


@dataclass(frozen=True)
class CataloguePictures:
    """What the page shows of the catalogue's documents."""

    anatomy: Anatomy | None
    conflicts: Sequence[ShownConflict]
    products: Sequence[ShownProduct]
    samples: Sequence[ShownSample]


def short_name(row: CategoryRow) -> ClassName:
    """Return a category's narrowest name for the page."""
    return class_name(plain(row.level3), row.category_id)


def levels_of(rows: Sequence[CategoryRow]) -> list[list[LevelRow]]:
    """Add categories up at each of three levels, the largest first; a level's category is its whole path of names."""
    levels = []
    for level in (1, 2, 3):
        groups: dict[tuple[Any, ...], list[CategoryRow]] = defaultdict(list)
        for row in rows:
            path = (row.level1, row.level2)[:level]
            groups[path if level < 3 else (*path, row.category_id)].append(row)
        found = [
            LevelRow(
                name=short_name(group[0]) if level == 3 else class_name(plain(path[-1]), 0),
                within=plain(path[level - 2]) if level > 1 else "",
                num_categories=len(group),
                num_products=sum(row.num_products for row in group),
                num_images=sum(row.num_images for row in group),
            )
            for path, group in groups.items()
        ]
        levels.append(sorted(found, key=lambda one: (-one.num_products, one.name.full, one.within)))
    return levels


def _best_window(rows: Sequence[CategoryRow], num_categories: int) -> Sequence[CategoryRow] | None:
    """Return the categories, neighbours in size, whose sizes are nearest to each other; of equal ones the larger."""
    ordered = sorted(rows, key=lambda row: (row.num_products, row.category_id))
    windows = [ordered[start : start + num_categories] for start in range(len(ordered) - num_categories + 1)]
    ratios = [window[0].num_products / window[-1].num_products for window in windows]
    best = max(range(len(windows)), key=lambda place: (ratios[place], place), default=None)
    return None if best is None else windows[best]


def _unlike_window(rows: Sequence[CategoryRow], num_categories: int) -> Sequence[CategoryRow] | None:
    """The same among categories of different kinds: of each size upwards, the next ones with a new level 1."""
    ordered = sorted(rows, key=lambda row: (row.num_products, row.category_id))
    best: list[CategoryRow] | None = None
    for start in range(len(ordered)):
        seen: dict[str, CategoryRow] = {}
        for row in ordered[start:]:
            seen.setdefault(row.level1, row)
            if len(seen) == num_categories:
                break
        window = list(seen.values())
        ratio = window[0].num_products / window[-1].num_products
        if len(window) == num_categories and (best is None or ratio >= best[0].num_products / best[-1].num_products):
            best = window
    return best


def suggest_choices(rows: Sequence[CategoryRow], num_categories: int = 5) -> list[Choice]:
    """Choose categories of nearly equal size: alike (all of one level 2) and unlike (each of a different level 1).

    Args:
        rows: All categories; those below FEWEST_PRODUCTS_TO_CHOOSE products are left out, unless few would be left.
        num_categories: How many to choose.
    """
    large = [row for row in rows if row.num_products >= FEWEST_PRODUCTS_TO_CHOOSE]
    if len(large) < 4 * num_categories:
        large = [row for row in rows if row.num_products >= 3]
    families: dict[tuple[str, str], list[CategoryRow]] = defaultdict(list)
    for row in large:
        families[row.level1, row.level2].append(row)
    windows = [window for _, family in sorted(families.items()) if (window := _best_window(family, num_categories))]
    alike = [Choice("alike", window) for window in windows]
    choices = [max(alike, key=lambda choice: (choice.ratio, choice.rows[0].num_products))] if alike else []
    unlike = _unlike_window(large, num_categories)
    return [*choices, *([Choice("unlike", unlike)] if unlike else [])]


def _figures(profile: Mapping[str, Any], levels: Sequence[Sequence[LevelRow]]) -> dict[str, Curve]:
    per_product = [row for row in profile["images_per_product"] if row["num_images"] or row["num_products"]]
    lines = [
        (f"level {level}", [row.num_products for row in rows if row.num_products])
        for level, rows in enumerate(levels, 1)
    ]
    times = profile["copies"]["repetitions"]
    while times and not times[-1]["num_distinct"]:
        times = times[:-1]
    labels = [
        f"{row['from']:,}+" if row["to"] is None else f"{row['from']}" if row["from"] == row["to"] else
        f"{row['from']}-{row['to']}"
        for row in times
    ]  # fmt: skip
    bytes_histogram = profile["bytes"]["histogram"]
    return {
        "sizes": rank_sizes("ranks", "Products of each category", lines, "products"),
        "per_product": bars(
            "perproduct",
            "Products by number of pictures",
            [str(row["num_images"]) for row in per_product],
            [row["num_products"] for row in per_product],
            "pictures of a product",
        ),
        "bytes": histogram(
            "bytes", "Pictures by size", bytes_histogram["counts"], bytes_histogram["bin_bytes"], "bytes of the JPEG"
        ),
        "times": bars(
            "times",
            "Different pictures by how often they occur",
            labels,
            [row["num_distinct"] for row in times],
            "times in the catalogue",
        ),
    }


def render_catalogue(
    profile: Mapping[str, Any],
    index: Mapping[str, Any],
    rows: Sequence[CategoryRow],
    pictures: CataloguePictures,
) -> str:
    """Make the catalogue's page: one file, no script, no network.

    Args:
        profile: What profile.json holds.
        index: The result in the index's manifest.
        rows: Every category, with its names.
        pictures: What is shown of the documents.
    """
    levels = levels_of(rows)
    by_size = sorted(rows, key=lambda row: (-row.num_products, row.category_id))
    return render_page(
        "catalogue/page.html",
        profile=profile,
        index=index,
        levels=[level[:NUM_LARGEST] for level in levels],
        level_sizes=[len(level) for level in levels],
        categories=[(short_name(row), row) for row in by_size[:MAX_CATEGORIES_IN_TABLE]],
        num_categories_left_out=max(0, len(rows) - MAX_CATEGORIES_IN_TABLE),
        names={row.category_id: short_name(row) for row in rows},
        choices=[(choice, [(short_name(row), row) for row in choice.rows]) for choice in suggest_choices(rows)],
        fewest_to_choose=FEWEST_PRODUCTS_TO_CHOOSE,
        figures=_figures(profile, levels),
        pictures=pictures,
        real_products=REAL_CATALOGUE_PRODUCTS,
        real_images=REAL_CATALOGUE_IMAGES,
    )
