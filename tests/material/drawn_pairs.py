"""Pairs of catalogues drawn from one, with copies as in Cdiscount's, alike or with a drift that is planted."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, JpegImagePlugin

from cdiscount_tasks.labelling.joint_groups import compared_products
from cdiscount_tasks.learning.features import descriptor
from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.learning.pictures.properties import measure_pictures
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from tests.material.drawn_test_sets import draw_usual_sizes

DARKER, BORDER = 0.8, 0.85
NEW_SHARE, TEST_SHARE = 0.2, 0.15
NEW_ID = 7
BY_GROUPS, BY_PRODUCTS = "by groups, half and half", "by products, a fifth new"


class Base(NamedTuple):
    """What pairs are drawn from.

    Attributes:
        name: Of the catalogue.
        category_id: int64, [num_products].
        group_id: int64, [num_products]; None: each product is one group, and copies are made of it.
        looks: By kind (`plain`, `darker`, `border`): properties and features of each product's first picture.
        images: Of every picture: float64, [num_images, number of PROPERTIES_COMPARED].
        product_of_image: int64, [num_images], ascending.
    """

    name: str
    category_id: np.ndarray
    group_id: np.ndarray | None
    looks: dict[str, tuple[np.ndarray, np.ndarray]]
    images: np.ndarray
    product_of_image: np.ndarray


class Pair(NamedTuple):
    """Two sides drawn from one catalogue.

    Attributes:
        rows: A row a product: product_id, base (its place in the Base), category_id, group, is_now, split.
        candidates: What is compared, as `compared_products` returns it, with base.
        holds_old: Whether the new labels hold the old products too.
    """

    rows: pd.DataFrame
    candidates: pd.DataFrame
    holds_old: bool


class _Encoded:
    """Pictures in memory, as a source."""

    def __init__(self, jpegs: Sequence[bytes]) -> None:
        self._jpegs = jpegs

    def __len__(self) -> int:
        return len(self._jpegs)

    def read(self, rows: Sequence[int]) -> list[bytes]:
        return [self._jpegs[row] for row in rows]


def _saved_again(jpeg: bytes, change: Callable[[Image.Image], Image.Image]) -> bytes:
    """Change a picture and save it with the tables that it had: nothing else of the file differs."""
    with Image.open(io.BytesIO(jpeg)) as image:
        tables, sampling = image.quantization, JpegImagePlugin.get_sampling(image)  # type: ignore[attr-defined]
        changed, file = change(image.convert("RGB")), io.BytesIO()
    changed.save(file, "JPEG", qtables=tables, subsampling=max(sampling, 0))
    return file.getvalue()


def _darker(image: Image.Image) -> Image.Image:
    return image.point(lambda level: level * DARKER)


def _bordered(image: Image.Image) -> Image.Image:
    width, height = round(image.width * BORDER), round(image.height * BORDER)
    framed = Image.new("RGB", image.size, (255, 255, 255))
    framed.paste(image.resize((width, height)), ((image.width - width) // 2, (image.height - height) // 2))
    return framed


def _look(jpegs: Sequence[bytes], num_images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    source, rows = _Encoded(jpegs), range(len(jpegs))
    features = descriptor.describe(load_images(source, rows, descriptor.IMAGE_SIDE))
    return np.column_stack([measure_pictures(source, rows), num_images]), features


def read_base(name: str, sample_dir: Path, rows: pd.DataFrame) -> Base:
    """Look at all pictures of a catalogue once, and at the changed ones.

    Args:
        name: Of the catalogue.
        sample_dir: Finished sample artifact.
        rows: product_id, image_number, category_id, group_id; a row an image.
    """
    rows = rows.sort_values(["product_id", "image_number"], ignore_index=True)
    keys = (rows[key].to_numpy() for key in ("product_id", "image_number"))
    jpegs = SampleImages(sample_dir).read(rows_of(sample_dir, *keys).tolist())
    _, first, product, num_images = np.unique(
        rows["product_id"], return_index=True, return_inverse=True, return_counts=True
    )
    firsts = [jpegs[row] for row in first]
    kinds = {"plain": firsts}
    for look, change in (("darker", _darker), ("border", _bordered)):
        kinds[look] = [_saved_again(jpeg, change) for jpeg in firsts]
    group_id = rows["group_id"].to_numpy()[first]
    source = _Encoded(jpegs)
    return Base(
        name=name,
        category_id=rows["category_id"].to_numpy()[first],
        group_id=group_id if len(np.unique(group_id)) < len(first) else None,
        looks={look: _look(some, num_images) for look, some in kinds.items()},
        images=np.column_stack([measure_pictures(source, range(len(source))), num_images[product]]),
        product_of_image=product,
    )


def _copied(base: Base, random: np.random.Generator, num_groups: int | None) -> pd.DataFrame:
    """Return products in groups: product_id, base, category_id, group; of all groups, or of so many drawn ones."""
    if base.group_id is None:
        place = np.repeat(np.arange(len(base.category_id)), draw_usual_sizes(random, (len(base.category_id),)))
        group = place
    else:
        group = np.unique(base.group_id, return_inverse=True)[1]
        place = np.argsort(group, kind="stable")
        group = group[place]
    if num_groups is not None:
        first = np.searchsorted(group, np.arange(group[-1] + 2))
        drawn = random.integers(0, group[-1] + 1, num_groups)
        place = place[np.concatenate([np.arange(first[one], first[one + 1]) for one in drawn])]
        group = np.repeat(np.arange(num_groups), np.diff(first)[drawn])
    return pd.DataFrame(
        {"product_id": np.arange(len(place)), "base": place, "category_id": base.category_id[place], "group": group}
    )


def draw_pair(
    base: Base, how: str, random: np.random.Generator, doubled: int | None = None, num_groups: int | None = None
) -> Pair:
    """Draw two sides in which nothing has changed, or one class has doubled on the new side."""
    rows = _copied(base, random, num_groups)
    num_groups = int(rows["group"].max()) + 1
    by_groups = how == BY_GROUPS
    unit = rows["group"].to_numpy() if by_groups else np.arange(len(rows))
    chance = np.full(len(rows), 0.5 if by_groups else NEW_SHARE)
    if doubled is not None:  # its odds are twice those of the others
        odds = 2 * chance / (1 - chance)
        chance = np.where(rows["category_id"] == doubled, odds / (1 + odds), chance)
    is_now = random.random(max(len(rows), num_groups))[unit] < chance
    split = np.where((random.random(num_groups) < TEST_SHARE)[rows["group"]], "test", "train")
    rows = rows.assign(is_now=is_now, split="train" if by_groups else split)
    joint = pd.Series(rows["group"].to_numpy(), index=pd.Index(rows["product_id"], name="product_id"))
    before = rows[~rows["is_now"]]
    candidates = compared_products(before, rows if not by_groups else rows[rows["is_now"]], joint, np.empty(0, int))
    candidates["base"] = rows["base"].to_numpy()[candidates["product_id"]]
    return Pair(rows, candidates, holds_old=not by_groups)


def class_lists(pair: Pair, renamed: int | None = None) -> pd.DataFrame:
    """Return what both labels hold of each class."""
    sides = {"before": pair.rows[~pair.rows["is_now"]], "now": pair.rows[pair.holds_old | pair.rows["is_now"]]}
    counts = {}
    for side, rows in sides.items():
        of = (
            rows["category_id"].replace(renamed, NEW_ID)
            if side == "now" and renamed is not None
            else rows["category_id"]
        )
        counts[f"products_{side}"] = rows.groupby(of).size()
        counts[f"groups_{side}"] = rows["group"].groupby(of).nunique()
    lists = pd.DataFrame(counts).fillna(0).astype("int64").sort_index()
    return lists.assign(name=lists.index.astype(str))
