"""Which products of a catalogue a model knows already: by the images of the labels that it learnt from."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.tables.numbers import numpy_numbers
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.schemas import LABEL_IMAGES
from cdiscount_tasks.vocabulary import SPLITS, TRAIN

_NEW = len(SPLITS)


class Known(NamedTuple):
    """What a model knows of products.

    Attributes:
        copy_of_train: bool, [num_products], whether an image of it has the bytes of one in train.
        known_split: Of each product, the split that has a product of its id with one of its images; None: it is new.
            Where images of one product are split, the split that the model saw first.
    """

    copy_of_train: npt.NDArray[np.bool_]
    known_split: list[str | None]


def look_up_products(labels_dir: Path, products: pa.Table, images: pa.Table, product_of_image: np.ndarray) -> Known:
    """Look products up among those that a model learnt from or was measured on.

    Args:
        labels_dir: Finished labels artifact of the model.
        products: With a column product_id, each once.
        images: Their images, with the columns product_id and content_hash.
        product_of_image: int64, [num_images], rows of `products`.

    Raises:
        DataError: If the labels are damaged.
    """
    columns = ["product_id", "split", "content_hash"]
    known = read_table(labels_dir / "images.parquet", LABEL_IMAGES, columns)
    in_train = known.filter(pc.equal(known["split"], TRAIN))["content_hash"]
    is_copy = pc.is_in(images["content_hash"], value_set=in_train.combine_chunks()).to_numpy()
    copy_of_train = np.zeros(len(products), bool)
    copy_of_train[product_of_image[is_copy]] = True

    place = np.full(len(products), _NEW)
    # By id first: few rows are left, whose hashes are compared one by one.
    known = known.filter(pc.is_in(known["product_id"], value_set=products["product_id"].combine_chunks()))
    asked = images.filter(pc.is_in(images["product_id"], value_set=known["product_id"].combine_chunks()))
    row_of = {product_id: row for row, product_id in enumerate(numpy_numbers(products["product_id"]).tolist())}
    asked_keys = set(zip(*(asked[name].to_pylist() for name in ("product_id", "content_hash")), strict=True))
    for product_id, split, content_hash in zip(*(known[name].to_pylist() for name in columns), strict=True):
        if (product_id, content_hash) in asked_keys:
            row = row_of[product_id]
            place[row] = min(place[row], SPLITS.index(split))
    return Known(copy_of_train, [None if one == _NEW else SPLITS[one] for one in place.tolist()])
