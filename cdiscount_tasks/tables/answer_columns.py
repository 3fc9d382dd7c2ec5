"""What a model answered to the products of a catalogue, as plain columns to measure."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.numbers import numpy_numbers
from cdiscount_tasks.tables.predicted import iter_predicted, read_predicted, read_rejected
from cdiscount_tasks.vocabulary import SPLITS

NOT_GIVEN, ANOTHER = -2, -1
"""In the place of a class index: the file says no category; it says one that the model does not know."""

_PLAIN = {
    "product_id": np.int64,
    "group_id": np.int64,
    "abstained": np.bool_,
    "num_images": np.int8,
    "num_damaged_images": np.int8,
    "copy_of_train": np.bool_,
}
_COLUMNS = [*_PLAIN, "probability", "top_category_ids", "known_split", "given_category_id"]
_AT_ONCE = 65_536

Column = npt.NDArray[np.generic]


def _class_index(category_id: npt.NDArray[np.int64], category_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the place of each category among the model's, ANOTHER where it is none of them."""
    order = np.argsort(category_ids)
    place = np.minimum(np.searchsorted(category_ids[order], category_id), len(order) - 1)
    found = order[place].astype(np.int32)
    return np.where(category_ids[found] == category_id, found, np.int32(ANOTHER))


def _columns_of(rows: pa.Table, category_ids: npt.NDArray[np.int64], folder: Path) -> dict[str, Column]:
    columns: dict[str, Column] = {name: np.asarray(rows[name]).astype(kind) for name, kind in _PLAIN.items()}
    best = numpy_numbers(pc.list_element(rows["top_category_ids"], 0))
    columns["best"] = _class_index(best, category_ids)
    if (columns["best"] == ANOTHER).any():
        stray = int(best[np.argmax(columns["best"] == ANOTHER)])
        raise DataError(
            f"{folder}: answers with category {stray}, which is none of the model's {len(category_ids)} classes; they "
            "were made with a different model: start the run again"
        )
    columns["confidence"] = np.asarray(rows["probability"]).astype(np.float32)
    known = pc.fill_null(pc.index_in(rows["known_split"], value_set=pa.array(SPLITS)), -1)
    columns["known"] = np.asarray(known).astype(np.int8)
    is_given = np.asarray(pc.is_valid(rows["given_category_id"]))
    given = np.asarray(pc.fill_null(rows["given_category_id"], 0)).astype(np.int64)
    columns["given"] = given
    columns["given_class"] = np.where(is_given, _class_index(given, category_ids), np.int32(NOT_GIVEN))
    return columns


def read_answer_columns(predictions_dir: Path, category_ids: Sequence[int]) -> dict[str, Column]:
    """Read what was answered into plain columns: some 36 bytes a product, however many classes its row lists.

    Args:
        predictions_dir: Finished predictions artifact.
        category_ids: Of the model's classes, in the order of its outputs.

    Returns:
        The columns of `learning.measuring.predicted_products.PredictedProducts`, by name.

    Raises:
        DataError: If the file is missing, damaged, or answers with a class that the model does not have.
    """
    ids = np.asarray(category_ids, np.int64)
    parts = [
        _columns_of(rows.slice(first, _AT_ONCE), ids, predictions_dir)
        for rows in iter_predicted(predictions_dir, _COLUMNS)
        for first in range(0, len(rows), _AT_ONCE)
    ]
    parts = parts or [_columns_of(read_predicted(predictions_dir, _COLUMNS), ids, predictions_dir)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"num_damaged" if name == "num_damaged_images" else name: column for name, column in columns.items()}


def count_rejected(predictions_dir: Path) -> dict[str, int]:
    """Count the documents and products that have no answer, by reason, the most frequent first.

    Raises:
        DataError: If the file is missing or damaged.
    """
    found = Counter(read_rejected(predictions_dir)["reason"].to_pylist())
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
