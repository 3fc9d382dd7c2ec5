"""What the report shows of its chosen products: their pictures, activation maps and nearest train products.

What cannot be read does not keep the figures from being told: the page then says what is missing, and why.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.features.neighbours import Candidates, find_nearest, find_nearest_one
from cdiscount_tasks.learning.measuring.choices import ProductChoices
from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb
from cdiscount_tasks.pages.labels.rows import Picture
from cdiscount_tasks.pages.parts.thumbnails import make_thumbnail
from cdiscount_tasks.pages.report.cases import FIRST_SIDE, OTHER_SIDE, Evidence, TwinRow
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.features import iter_features
from cdiscount_tasks.tables.labels import read_jpegs
from cdiscount_tasks.vocabulary import TRAIN

logger = logging.getLogger(__name__)

NUM_TWINS = 3
MOST_ASKED = 8_192
"""Pictures of mistakes whose nearest train product is sought: as vectors of 1,280 numbers 42 MB."""

MOST_COMPARED = 1_000_000_000
"""Pairs of such a picture and one that was learnt from; at 1,280 numbers each a minute and a half of two busy cores."""

_LARGEST_SIDE = 180
"""Pixels; larger pictures are made smaller as they come, so that few megabytes are held."""

PICTURES_KEPT_OUT = "The sample's setting embed_pictures is false: no picture of the catalogue is on this page."
_OLD_EVALUATION = (
    "The evaluation was made by an older version, which kept none; a new run makes it again, with the same predictions."
)


def decode_small(jpeg: bytes) -> Image.Image | None:
    """Decode a picture and make it no larger than the catalogue's are; None if it does not decode."""
    try:
        picture = decode_rgb(jpeg)
    except ImageRefused:
        return None
    picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.LANCZOS)
    return picture


def read_small_pictures(
    sample_dir: Path, pictures: Iterable[Picture], *, embed_pictures: bool
) -> tuple[dict[Picture, Image.Image | None], str | None]:
    """Read pictures of the sample, unless the page is to hold none.

    Returns:
        The pictures, None where one does not decode; and, as a sentence, why there are none.
    """
    if not embed_pictures:
        return {}, PICTURES_KEPT_OUT
    try:
        jpegs = read_jpegs(sample_dir, list(pictures))
    except DataError as error:
        logger.warning("pictures are left out of the page: %s", error)
        return {}, f"The pictures cannot be read: {error}."
    return {Picture(*key): decode_small(jpeg) for key, jpeg in jpegs.items()}, None


def _image_numbers(images: pd.DataFrame, product_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the numbers of the kept pictures of some products.

    Args:
        images: Rows of the labels' images.parquet.
        product_ids: Which products.
    """
    kept = images[images["product_id"].isin(list(product_ids))].sort_values(["product_id", "image_number"])
    numbers: dict[int, list[int]] = {}
    for product_id, number in zip(kept["product_id"].tolist(), kept["image_number"].tolist(), strict=True):
        numbers.setdefault(product_id, []).append(number)
    return numbers


def read_thumbnails(
    dirs: Mapping[str, Path], product_ids: Sequence[int], *, embed_pictures: bool, first_side: int = FIRST_SIDE
) -> tuple[dict[int, list[bytes | None]], str | None]:
    """Read all pictures of some products as small JPEGs: the first of each of other pixels a side than the rest.

    Returns:
        The pictures by product, in order, None for one that does not decode; and, as a sentence, why there are none.
    """
    images = parquet.read_table(dirs["labels"] / "images.parquet", schemas.LABEL_IMAGES, ["product_id", "image_number"])
    numbers = _image_numbers(images.to_pandas(), product_ids)
    wanted = [Picture(product_id, number) for product_id, some in numbers.items() for number in some]
    pictures, no_pictures = read_small_pictures(dirs["sample"], wanted, embed_pictures=embed_pictures)
    thumbnails: dict[int, list[bytes | None]] = {}
    for key, picture in sorted(pictures.items(), key=lambda item: item[0]):
        side = OTHER_SIDE if key.product_id in thumbnails else first_side
        small = None if picture is None else make_thumbnail(picture, side)
        thumbnails.setdefault(key.product_id, []).append(small)
    return thumbnails, no_pictures


def _read_maps(evaluation_dir: Path, network: str) -> tuple[dict[Picture, npt.NDArray[np.float32]], str | None]:
    path = evaluation_dir / "activation_maps.parquet"
    if not path.is_file():
        if "num_activation_maps" not in read_manifest(evaluation_dir)["result"]:
            return {}, _OLD_EVALUATION
        return (
            {},
            f"{network} has no feature map of at least 7 x 7 places; a coarser one would say nothing.",
        )
    rows = parquet.read_table(path, schemas.ACTIVATION_MAPS).to_pylist()
    return {
        Picture(row["product_id"], row["image_number"]): np.asarray(row["values"], np.float32).reshape(
            row["height"], row["width"]
        )
        for row in rows
    }, None


class _Pictures:
    """The pictures of some products and those that were learnt from, as vectors.

    Attributes:
        images: Rows of the labels' images.parquet.
        queries: float32, [num_queries, num_features]: of the products that are asked about.
        product_of_query: int64, [num_queries]: place in `product_ids`.
        product_ids: Those asked about that have any picture, ascending.
    """

    def __init__(self, features_dir: Path, labels_dir: Path, images: pd.DataFrame, product_ids: Sequence[int]) -> None:
        columns = ["product_id", "group_id", "train_class_index"]
        products = parquet.read_table(labels_dir / "products.parquet", schemas.LABEL_PRODUCTS, columns).to_pandas()
        self.images, self._features_dir = images, features_dir
        self._products = products.set_index("product_id")
        asked = np.flatnonzero(images["product_id"].isin(product_ids))
        found = [vectors for _, vectors in iter_features(features_dir, asked, len(images))]
        self.queries = np.concatenate(found) if found else np.empty((0, 0), np.float32)
        self.product_of_query, ids = pd.factorize(images["product_id"].to_numpy()[asked])
        self.product_ids: list[int] = ids.tolist()

    def iter_learnt(self) -> Iterator[Candidates]:
        """Read what was learnt from, some 20 MB at a time."""
        learnt = np.flatnonzero(self.images["learnt"] & (self.images["split"] == TRAIN))
        group_of_row = self._products["group_id"].reindex(self.images["product_id"]).to_numpy()
        for rows, vectors in iter_features(self._features_dir, learnt, len(self.images)):
            yield Candidates(rows, group_of_row[rows], vectors)

    def twin(self, row: int, similarity: float) -> TwinRow:
        """Return a learnt picture that was found to be near."""
        found = self.images.iloc[row]
        product_id = int(found["product_id"])
        class_index = int(self._products["train_class_index"][product_id])
        return TwinRow(Picture(product_id, int(found["image_number"])), class_index, similarity)


def _find_twins(pictures: _Pictures) -> dict[int, list[TwinRow]]:
    """Find the nearest pictures among those that were learnt from, one of each group of products."""
    if not pictures.product_ids:
        return {}
    nearest = find_nearest(pictures.queries, pictures.product_of_query, pictures.iter_learnt(), NUM_TWINS)
    return {
        product_id: [pictures.twin(one.row, one.similarity) for one in neighbours]
        for product_id, neighbours in zip(pictures.product_ids, nearest, strict=True)
        if neighbours
    }


def _read_twins(
    features_dir: Path | None, no_features: str, labels_dir: Path, images: pd.DataFrame, product_ids: Sequence[int]
) -> tuple[dict[int, list[TwinRow]], str | None]:
    if features_dir is None:
        return {}, f"They are found by the features of the pictures, which were not computed: {no_features}."
    try:
        return _find_twins(_Pictures(features_dir, labels_dir, images, product_ids)), None
    except DataError as error:
        logger.warning("nearest train products are left out of the page: %s", error)
        return {}, f"The features cannot be read: {error}."


def _as_many_as_asked(images: pd.DataFrame, product_ids: Sequence[int], num_pictures: int) -> list[int]:
    """Return the first products that have together no more than so many pictures."""
    counts = images["product_id"].value_counts().reindex(list(product_ids), fill_value=0)
    return list(product_ids[: int((counts.cumsum() <= num_pictures).sum())])


def read_nearest(
    dirs: Mapping[str, Path], product_ids: Sequence[int], twins: Mapping[int, Sequence[TwinRow]]
) -> dict[int, TwinRow]:
    """Find the nearest train product of mistakes: of as many as MOST_ASKED and MOST_COMPARED allow, and of those shown.

    Args:
        dirs: As for `read_evidence`.
        product_ids: The mistakes, the most important first.
        twins: Of the mistakes that the page shows, as it shows them.

    Returns:
        The nearest by product; empty where there are no features, or they cannot be read (which the page says).
    """
    shown = {product_id: found[0] for product_id, found in twins.items() if found}
    if "features" not in dirs:
        return shown
    columns = ["product_id", "image_number", "split", "learnt"]
    images = parquet.read_table(dirs["labels"] / "images.parquet", schemas.LABEL_IMAGES, columns).to_pandas()
    num_learnt = int((images["learnt"] & (images["split"] == TRAIN)).sum())
    asked = _as_many_as_asked(images, product_ids, min(MOST_ASKED, MOST_COMPARED // max(num_learnt, 1)))
    try:
        pictures = _Pictures(dirs["features"], dirs["labels"], images, asked)
        rows, similarity = find_nearest_one(pictures.queries, pictures.product_of_query, pictures.iter_learnt())
    except DataError as error:
        logger.warning("nearest train products are left out of mistakes.csv: %s", error)
        return shown
    found = zip(pictures.product_ids, rows.tolist(), similarity.tolist(), strict=True)
    return {product_id: pictures.twin(row, near) for product_id, row, near in found if row >= 0} | shown


def read_evidence(
    dirs: Mapping[str, Path], choices: ProductChoices, network: str, no_features: str, *, embed_pictures: bool = True
) -> Evidence:
    """Read what the page shows of its products.

    Args:
        dirs: The input artifacts by stage: sample, labels, evaluation, and features where the model was trained on any.
        choices: Which products.
        network: The model's, by name.
        no_features: Why there are none, where there are none.
        embed_pictures: Whether the page may hold pictures of the catalogue.
    """
    columns = ["product_id", "image_number", "split", "learnt"]
    images = parquet.read_table(dirs["labels"] / "images.parquet", schemas.LABEL_IMAGES, columns).to_pandas()
    images_of = _image_numbers(images, choices.product_ids())
    twins, no_twins = _read_twins(
        dirs.get("features"), no_features, dirs["labels"], images, choices.mistakes["product_id"].tolist()
    )
    maps, no_maps = _read_maps(dirs["evaluation"], network)
    wanted: list[Any] = [Picture(product_id, number) for product_id, numbers in images_of.items() for number in numbers]
    wanted += [twin.picture for of_product in twins.values() for twin in of_product]
    pictures, no_pictures = read_small_pictures(dirs["sample"], wanted, embed_pictures=embed_pictures)
    return Evidence(images_of, pictures, maps, twins, no_pictures, no_maps, no_twins)
