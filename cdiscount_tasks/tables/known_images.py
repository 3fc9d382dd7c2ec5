"""Which products of a catalogue a model knows already: by the images of the labels that it learnt from."""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.tables.parquet import iter_row_groups
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


def look_up_products(
    labels_dir: Path, products: pa.Table, images: pa.Table, product_of_image: np.ndarray, seen_before: pd.DataFrame
) -> Known:
    """Look products up among those that a model learnt from or was measured on.

    Args:
        labels_dir: Finished labels artifact of the model.
        products: With a column product_id, each once.
        images: Their images, with the columns product_id and content_hash.
        product_of_image: int64, [num_images], rows of `products`.
        seen_before: What the model knows through those that it began with, as `read_seen_before` gives it.

    Raises:
        DataError: If the labels are damaged.
    """
    columns = ["product_id", "split", "content_hash"]
    asked = images["content_hash"].combine_chunks()
    known: list[tuple[int, str, bytes]] = []
    # Of millions of labelled images only those are held that are among the asked ones.
    for rows in iter_row_groups(labels_dir / "images.parquet", columns):
        same = rows.filter(pc.is_in(rows["content_hash"], value_set=asked))
        known += zip(*(same[name].to_pylist() for name in columns), strict=True)
    of_before = seen_before[seen_before["content_hash"].isin(asked.to_pylist())]
    known += of_before[columns].itertuples(index=False, name=None)
    of_train = {content_hash for _, split, content_hash in known if split == TRAIN}
    splits_of = defaultdict(list)
    for product_id, split, content_hash in known:
        splits_of[product_id, content_hash].append(SPLITS.index(split))

    copy_of_train, first_split = np.zeros(len(products), bool), np.full(len(products), _NEW)
    if known:
        keys = zip(images["product_id"].to_pylist(), images["content_hash"].to_pylist(), strict=True)
        for row, key in zip(product_of_image.tolist(), keys, strict=True):
            copy_of_train[row] |= key[1] in of_train
            first_split[row] = min([first_split[row], *splits_of.get(key, ())])
    return Known(copy_of_train, [None if one == _NEW else SPLITS[one] for one in first_split.tolist()])
