"""The report's galleries: chosen products joined with their pictures, activation maps and twins, within a budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from cdiscount_tasks.learning.measuring.choices import ConfusedPair, ProductChoices
from cdiscount_tasks.pages.labels.rows import Picture
from cdiscount_tasks.pages.parts.gallery import PictureShelf
from cdiscount_tasks.pages.parts.thumbnails import make_thumbnail
from cdiscount_tasks.pages.report.activation_pictures import draw_map

FIRST_SIDE, OTHER_SIDE = 160, 96
"""Pixels of a product's first picture and of the others, maps and twins: each is shown at about its own size."""

BUDGET_BYTES = {"pairs": 900_000, "mistakes": 1_100_000, "uncertain": 400_000, "random": 400_000}
"""Of each gallery's JPEGs; as base64 a third more. They leave 1 MB of a page of 5 for all that is no picture."""


@dataclass(frozen=True)
class TwinRow:
    """A train product near a mistake by what a pretrained network sees: its nearest picture, and how near (cosine)."""

    picture: Picture
    class_index: int
    similarity: float


@dataclass(frozen=True)
class Evidence:
    """What is known of the chosen products.

    Attributes:
        images_of: The kept pictures of each product, by number.
        pictures: Decoded and small; None: does not decode.
        maps: float32, [height, width], of pictures of mistakes.
        twins: Of mistakes, the nearest first.
        no_pictures: Why there are no pictures, as a sentence; None: there are.
        no_maps: The same of maps.
        no_twins: The same of twins.
    """

    images_of: Mapping[int, Sequence[int]]
    pictures: Mapping[Picture, Image.Image | None] = field(default_factory=dict)
    maps: Mapping[Picture, npt.NDArray[np.float32]] = field(default_factory=dict)
    twins: Mapping[int, Sequence[TwinRow]] = field(default_factory=dict)
    no_pictures: str | None = None
    no_maps: str | None = None
    no_twins: str | None = None

    def pictures_of(self, product_id: int) -> list[Picture]:
        """Return the pictures of a product that there are, in order."""
        named = [Picture(product_id, number) for number in self.images_of.get(product_id, ())]
        return [picture for picture in named if picture in self.pictures]


@dataclass(frozen=True)
class ShownPicture:
    """A picture and its activation map as data URIs.

    uri is None where the picture does not decode, map_uri where there is no map.
    """

    uri: str | None
    map_uri: str | None


@dataclass(frozen=True)
class ShownTwin:
    """A twin with its picture; None: not on this page."""

    product_id: int
    class_index: int
    similarity: float
    uri: str | None


@dataclass(frozen=True)
class Case:
    """A test product as it is shown."""

    product_id: int
    class_index: int
    predicted: int
    probability: float
    probability_of_label: float
    conflicted: bool
    pictures: tuple[ShownPicture, ...]
    num_left_out: int
    twins: tuple[ShownTwin, ...]

    @property
    def has_maps(self) -> bool:
        """Tell whether any of its pictures has a map."""
        return any(picture.map_uri for picture in self.pictures)

    def num_twins_of(self, class_index: int) -> int:
        """Return how many of its twins are of a class."""
        return sum(twin.class_index == class_index for twin in self.twins)


@dataclass(frozen=True)
class ShownPair:
    """A confused pair with its products."""

    true: int
    predicted: int
    num_products: int
    mistakes: Sequence[Case]
    typical_true: Sequence[Case]
    typical_predicted: Sequence[Case]


@dataclass(frozen=True)
class Galleries:
    """All products of the page, and why something is missing there; map_grid: height and width of the maps."""

    pairs: Sequence[ShownPair]
    mistakes: Sequence[Case]
    uncertain: Sequence[Case]
    random: Sequence[Case]
    no_pictures: str | None
    no_maps: str | None
    no_twins: str | None
    map_grid: tuple[int, int] | None


class _Embedded:
    """The pictures of some products as data URIs: the first of each product before any second one."""

    def __init__(
        self, rows: pd.DataFrame, evidence: Evidence, shelf: PictureShelf, *, maps: bool = False, twins: bool = False
    ) -> None:
        self._evidence, self._shelf, self._with_twins = evidence, shelf, twins
        self._plain: dict[Picture, str | None] = {}
        self._maps: dict[Picture, str | None] = {}
        self._twins: dict[Picture, str | None] = {}
        for picture, is_first in self._in_turn(rows):
            side = FIRST_SIDE if is_first else OTHER_SIDE
            self._plain[picture] = self._take(evidence.pictures[picture], side)
            if maps and picture in evidence.maps:
                self._maps[picture] = self._take(self._drawn(picture), side)
        for product_id in rows["product_id"] if twins else ():
            for twin in evidence.twins.get(int(product_id), ()):
                self._twins[twin.picture] = self._take(evidence.pictures.get(twin.picture), OTHER_SIDE)

    def _in_turn(self, rows: pd.DataFrame) -> Iterator[tuple[Picture, bool]]:
        of_products = [self._evidence.pictures_of(int(product_id)) for product_id in rows["product_id"]]
        for place in range(max(map(len, of_products), default=0)):
            yield from ((pictures[place], place == 0) for pictures in of_products if place < len(pictures))

    def _take(self, picture: Image.Image | None, side: int) -> str | None:
        return None if picture is None else self._shelf.take(make_thumbnail(picture, side))

    def _drawn(self, picture: Picture) -> Image.Image | None:
        plain, maps = self._evidence.pictures[picture], self._evidence.maps
        if plain is None:
            return None
        of_product = [maps[one] for one in self._evidence.pictures_of(picture.product_id) if one in maps]
        return draw_map(plain, maps[picture], max(float(one.max()) for one in of_product))

    def case(self, row: Mapping[Any, Any]) -> Case:
        """Return a product with what was embedded of it."""
        product_id = int(row["product_id"])
        pictures = self._evidence.pictures_of(product_id)
        shown = [one for one in pictures if self._plain[one] or self._evidence.pictures[one] is None]
        twins = self._evidence.twins.get(product_id, ()) if self._with_twins else ()
        return Case(
            product_id=product_id,
            class_index=int(row["class_index"]),
            predicted=int(row["predicted"]),
            probability=float(row["probability"]),
            probability_of_label=float(row["probability_of_label"]),
            conflicted=bool(row["conflicted"]),
            pictures=tuple(ShownPicture(self._plain[one], self._maps.get(one)) for one in shown),
            num_left_out=len(pictures) - len(shown),
            twins=tuple(
                ShownTwin(one.picture.product_id, one.class_index, one.similarity, self._twins.get(one.picture))
                for one in twins
            ),
        )


def _show(
    rows: pd.DataFrame, evidence: Evidence, shelf: PictureShelf, *, maps: bool = False, twins: bool = False
) -> list[Case]:
    embedded = _Embedded(rows, evidence, shelf, maps=maps, twins=twins)
    return [embedded.case(row) for row in rows.to_dict("records")]


def _show_pair(pair: ConfusedPair, evidence: Evidence, shelf: PictureShelf) -> ShownPair:
    return ShownPair(
        true=pair.true,
        predicted=pair.predicted,
        num_products=pair.num_products,
        mistakes=_show(pair.mistakes, evidence, shelf, maps=True),
        typical_true=_show(pair.typical_true, evidence, shelf),
        typical_predicted=_show(pair.typical_predicted, evidence, shelf),
    )


def show_galleries(choices: ProductChoices, evidence: Evidence) -> Galleries:
    """Join the chosen products with what is known of them; what BUDGET_BYTES does not hold is left out and counted.

    Each pair has an equal part of its gallery's budget.

    Args:
        choices: Rows with product_id, class_index, predicted, probability, probability_of_label and conflicted.
        evidence: Their pictures, maps and twins.
    """
    part = BUDGET_BYTES["pairs"] // max(len(choices.pairs), 1)
    grids = [(one.shape[0], one.shape[1]) for one in evidence.maps.values()]
    shelves = {name: PictureShelf(budget) for name, budget in BUDGET_BYTES.items()}
    return Galleries(
        pairs=[_show_pair(pair, evidence, PictureShelf(part)) for pair in choices.pairs],
        mistakes=_show(choices.mistakes, evidence, shelves["mistakes"], maps=True, twins=True),
        uncertain=_show(choices.uncertain, evidence, shelves["uncertain"]),
        random=_show(choices.random, evidence, shelves["random"]),
        no_pictures=evidence.no_pictures,
        no_maps=evidence.no_maps,
        no_twins=evidence.no_twins,
        map_grid=grids[0] if grids else None,
    )
