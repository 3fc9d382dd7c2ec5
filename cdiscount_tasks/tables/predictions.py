"""What a model predicted, by product and by image: the one writer and reader of both files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import TEST

if TYPE_CHECKING:
    import pandas as pd

PREDICTIONS, IMAGE_PREDICTIONS = "predictions.parquet", "image_predictions.parquet"
"""Of an evaluation artifact; a report has a copy of the first."""

_WRITTEN_AT_ONCE = 65_536
_JUDGED = ("product_id", "split", "group_id", "class_index", "predicted")
_OF_IMAGES = ("product_id", "split", "group_id", "class_index", "predicted", "probability_of_label")


class Predictions(NamedTuple):
    """The predictions of products.

    Attributes:
        products: Row for row as written: the columns of one value each, and `probability`, that of the class predicted.
        top_classes: int64, [num_products, num_top], the most probable classes of each, the first one the most.
    """

    products: "pd.DataFrame"
    top_classes: npt.NDArray[np.int64]


class ImageProbabilities(NamedTuple):
    """What was predicted of single images, as far as it is kept.

    Attributes:
        images: product_id, image_number, split and class_index, row for row as written.
        classes: int64, [num_images, num_kept]: of which classes the probabilities are.
        probabilities: float32, [num_images, num_kept].
    """

    images: "pd.DataFrame"
    classes: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]


def _lists(values: npt.NDArray[Any], of: pa.DataType) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1), of), values.shape[1])


def write_predictions(
    path: Path, rows: "pd.DataFrame", said: Mapping[str, npt.NDArray[Any] | None], num_classes: int, *, by_image: bool
) -> None:
    """Write what was predicted, some ten thousand rows at a time: a list of each row as an object would be large.

    Args:
        path: The file to make.
        rows: The columns of the schema that say which rows these are.
        said: Its other columns, row for row; `top_classes` may be None where all classes are kept.
        num_classes: Of the model, which decides what a row keeps.
        by_image: Whether a row is an image.
    """
    schema = schemas.prediction_schema(num_classes, by_image)

    def column(field: pa.Field, some: slice) -> Any:
        if field.name in rows:
            return rows[field.name].iloc[some]
        values = said[field.name]
        assert values is not None, field.name
        is_list = pa.types.is_nested(field.type)
        return _lists(values[some], field.type.value_type) if is_list else pa.array(values[some], field.type)

    def parts() -> Iterator[pa.Table]:
        for first in range(0, len(rows), _WRITTEN_AT_ONCE):
            some = slice(first, first + _WRITTEN_AT_ONCE)
            yield pa.table({field.name: column(field, some) for field in schema}, schema=schema)

    parquet.write_whole_groups(path, parts(), schema)


def _matrix(column: pa.ChunkedArray, width: int) -> npt.NDArray[Any]:
    """Return a column of lists of one length as a matrix."""
    values = column.combine_chunks().flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(-1, width)


def read_predictions(evaluation_dir: Path, num_classes: int) -> Predictions:
    """Read what was predicted of validation and test products.

    Args:
        evaluation_dir: Finished evaluation artifact.
        num_classes: Of the model, which decides what a row keeps.

    Raises:
        DataError: If the file is missing, damaged or of another number of classes.
    """
    schema = schemas.prediction_schema(num_classes, by_image=False)
    table = parquet.read_table(evaluation_dir / PREDICTIONS, schema)
    probabilities = _matrix(table["probabilities"], schema.field("probabilities").type.list_size)
    if "top_classes" in table.column_names:
        top_classes = _matrix(table["top_classes"], probabilities.shape[1]).astype(np.int64)
    else:
        top_classes = np.argsort(-probabilities, axis=1, kind="stable")[:, : schemas.NUM_TOP_CLASSES]
    of_one_value = [field.name for field in schema if not pa.types.is_nested(field.type)]
    products = table.select(of_one_value).to_pandas()
    products["probability"] = probabilities.max(axis=1)
    return Predictions(products, top_classes)


def read_image_predictions(evaluation_dir: Path, num_classes: int) -> "pd.DataFrame":
    """Read what was predicted of single images.

    Args:
        evaluation_dir: Finished evaluation artifact.
        num_classes: Of the model, which decides what a row keeps.

    Returns:
        product_id, split, group_id, class_index, predicted and probability_of_label, row for row as written.

    Raises:
        DataError: If the file is missing, damaged or of another number of classes.
    """
    schema = schemas.prediction_schema(num_classes, by_image=True)
    images: pd.DataFrame = parquet.read_table(evaluation_dir / IMAGE_PREDICTIONS, schema, _OF_IMAGES).to_pandas()
    return images


def read_image_probabilities(evaluation_dir: Path, num_classes: int) -> ImageProbabilities:
    """Read the probabilities of single images: of all classes up to 256, else of the ten most probable.

    Args:
        evaluation_dir: Finished evaluation artifact.
        num_classes: Of the model, which decides what a row keeps.

    Raises:
        DataError: If the file is missing, damaged or of another number of classes.
    """
    schema = schemas.prediction_schema(num_classes, by_image=True)
    table = parquet.read_table(evaluation_dir / IMAGE_PREDICTIONS, schema)
    probabilities = _matrix(table["probabilities"], schema.field("probabilities").type.list_size)
    if "top_classes" in table.column_names:
        classes = _matrix(table["top_classes"], probabilities.shape[1]).astype(np.int64)
    else:
        classes = np.broadcast_to(np.arange(num_classes), probabilities.shape)
    images = table.select(["product_id", "image_number", "split", "class_index"]).to_pandas()
    return ImageProbabilities(images, classes, probabilities)


def read_answers(evaluation_dir: Path) -> "pd.DataFrame":
    """Read what was answered to each product; how many classes the model has need not be known.

    Returns:
        product_id, split, group_id, class_index and predicted, row for row as written.

    Raises:
        DataError: If the file is missing, damaged or lacks a column.
        OSError: If it cannot be read for now.
    """
    rows: pd.DataFrame = parquet.read_columns(evaluation_dir / PREDICTIONS, _JUDGED).to_pandas()
    return rows


def read_confidence(evaluation_dir: Path) -> "pd.Series":
    """Read how sure each answer is, 0 to 1, after calibration: float, by product_id.

    Raises:
        DataError: If the file is missing, damaged or lacks a column.
        OSError: If it cannot be read for now.
    """
    rows = parquet.read_columns(evaluation_dir / PREDICTIONS, ("product_id", "confidence")).to_pandas()
    confidence: pd.Series = rows.set_index("product_id")["confidence"]
    return confidence


def read_judged(folder: Path) -> "pd.DataFrame":
    """Read which test products were predicted right; how many classes the model has need not be known.

    Args:
        folder: An evaluation artifact, or a report.

    Returns:
        group_id, class_index, predicted and right, by product_id in the order of the file.

    Raises:
        DataError: If the file is missing, damaged or lacks a column.
        OSError: If it cannot be read for now.
    """
    rows = read_answers(folder)
    rows = rows[rows["split"] == TEST].set_index("product_id")
    rows["right"] = rows["class_index"] == rows["predicted"]
    return rows[["group_id", "class_index", "predicted", "right"]]
