"""What a model answered to a catalogue: the one writer and reader of these tables, range by range and joined."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from cdiscount_tasks.tables.joined_answers import products_to_fill, rejected_documents, submission_rows
from cdiscount_tasks.tables.numbers import numpy_numbers
from cdiscount_tasks.tables.parquet import iter_row_groups, read_table, write_table, write_whole_groups
from cdiscount_tasks.tables.schemas import ANSWERED, PREDICTED, REJECTED_PRODUCTS
from cdiscount_tasks.tables.schemas import REJECTED as REJECTED_BY_INDEX

ANSWERS = "answers.parquet"
PREDICTED_PRODUCTS = "predictions.parquet"
REJECTED = "rejected.parquet"
SUBMISSION = "submission.csv"
SUMMARY = "summary.json"


def write_answers(artifact_dir: Path, answers: Iterable[pa.Table]) -> None:
    """Write the answers to the products of a range as they come."""
    write_whole_groups(artifact_dir / ANSWERS, answers, ANSWERED)


def iter_answers(artifact_dir: Path) -> Iterator[pa.Table]:
    """Yield the answers to the products of a range, in the order of the file, some rows at a time.

    Raises:
        DataError: If the file is missing or damaged.
    """
    return iter_row_groups(artifact_dir / ANSWERS, ANSWERED.names)


def write_predicted(artifact_dir: Path, predicted: Iterable[pa.Table]) -> None:
    """Write the predictions of a whole catalogue as they come."""
    write_whole_groups(artifact_dir / PREDICTED_PRODUCTS, predicted, PREDICTED)


def iter_predicted(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the predictions of a catalogue, in the order of its file, some rows at a time.

    Args:
        folder: A predictions artifact, or a page made of one.
        columns: Some of the columns; None: all.

    Raises:
        DataError: If the file is missing or damaged.
    """
    return iter_row_groups(folder / PREDICTED_PRODUCTS, PREDICTED.names if columns is None else columns)


def read_predicted(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read the predictions of a catalogue as `iter_predicted` does, as one table."""
    return read_table(folder / PREDICTED_PRODUCTS, PREDICTED, columns)


def write_rejected(artifact_dir: Path, rejected: pa.Table) -> None:
    """Write what was not predicted, of a range or of a whole catalogue."""
    write_table(artifact_dir / REJECTED, rejected, REJECTED_PRODUCTS)


def read_rejected(folder: Path) -> pa.Table:
    """Read what was not predicted, in the order of the file.

    Raises:
        DataError: If the file is missing or damaged.
    """
    return read_table(folder / REJECTED, REJECTED_PRODUCTS)


def join_rejected(index_dir: Path, part_dirs: Sequence[Path]) -> pa.Table:
    """Join what an index rejected with what was rejected in each range, in the order of the file.

    Args:
        index_dir: Finished index artifact.
        part_dirs: Finished answers artifacts.

    Returns:
        Rows of REJECTED_PRODUCTS.

    Raises:
        DataError: If a file is missing or damaged.
    """
    of_index = rejected_documents(iter_row_groups(index_dir / REJECTED, REJECTED_BY_INDEX.names))
    return pa.concat_tables([of_index, *map(read_rejected, part_dirs)]).sort_by("byte_offset")


def write_submission(part_dirs: Sequence[Path], rejected: pa.Table, category_id: int, artifact_dir: Path) -> int:
    """Write a file as Kaggle's competition takes it, `_id,category_id`: every id of the catalogue once, in its order.

    Args:
        part_dirs: Finished answers artifacts, in the order of the file.
        rejected: Of the whole catalogue, in the order of the file.
        category_id: Of the products of which nothing was predicted.
        artifact_dir: Where to; predictions.parquet is there.

    Returns:
        How many products have it.
    """
    ids = [numpy_numbers(rows["product_id"]) for rows in iter_predicted(artifact_dir, ["product_id"])]
    filled = products_to_fill(rejected, np.concatenate(ids))
    answers = (rows for part_dir in part_dirs for rows in iter_answers(part_dir))
    with (artifact_dir / SUBMISSION).open("w", encoding="ascii", newline="") as file:
        file.write("_id,category_id\n")
        for product_ids, category_ids in submission_rows(answers, filled, category_id):
            pairs = zip(product_ids.tolist(), category_ids.tolist(), strict=True)
            file.writelines(f"{one},{category}\n" for one, category in pairs)
    return len(filled.product_ids)
