"""What the categories of a sample look like: a few products of each, drawn at random."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb
from cdiscount_tasks.pages.parts.gallery import PictureShelf
from cdiscount_tasks.pages.parts.thumbnails import make_thumbnail
from cdiscount_tasks.tables.compared_labels import ComparedLabels
from cdiscount_tasks.tables.labels import PictureKey, read_jpegs

NUM_EXAMPLES = 6


def _draw_pictures(labels: ComparedLabels, classes: Sequence[int]) -> dict[int, list[PictureKey]]:
    """Draw the first picture of some products of each class, each of a different group."""
    products = labels.products.drop_duplicates("group_id")
    first = labels.images.drop_duplicates("product_id").set_index("product_id")["image_number"]
    drawn = {}
    for class_index in classes:
        ids = products.loc[products["class_index"] == class_index, "product_id"].to_numpy()
        some = np.random.default_rng([1, class_index]).permutation(ids)[:NUM_EXAMPLES].tolist()
        drawn[class_index] = [(product_id, int(first[product_id])) for product_id in sorted(some)]
    return drawn


def _show(jpeg: bytes, shelf: PictureShelf) -> str | None:
    try:
        return shelf.take(make_thumbnail(decode_rgb(jpeg)))
    except ImageRefused:
        return None


def show_classes(
    labels: ComparedLabels, sample_dir: Path, classes: Sequence[int], shelf: PictureShelf
) -> dict[int, list[tuple[str, int]]]:
    """Show some products of each class.

    Args:
        labels: Of the sample.
        sample_dir: Finished sample artifact.
        classes: Class indices.
        shelf: Takes the pictures, as long as it has room.

    Returns:
        By class index: pictures as data URIs, each with its product's id.

    Raises:
        DataError: If a picture is not in the sample, or the sample is damaged.
    """
    drawn = _draw_pictures(labels, classes)
    jpegs = read_jpegs(sample_dir, [key for keys in drawn.values() for key in keys])
    shown: dict[int, list[tuple[str, int]]] = {}
    for class_index, keys in drawn.items():
        pictures = [(_show(jpegs[key], shelf), key[0]) for key in keys]
        shown[class_index] = [(uri, product_id) for uri, product_id in pictures if uri is not None]
    return shown
