"""The answers of all ranges as one: who is answered, what was left out, and the file for the competition."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.numbers import arrow_numbers, empty_table, numpy_numbers, present_numbers
from cdiscount_tasks.tables.schemas import PREDICTED, REJECTED_PRODUCTS

Integers = npt.NDArray[np.int64]


def best_categories(answers: pa.Table) -> Integers:
    """Return the most probable category of each product of a table of ANSWERED or PREDICTED: int64, [num_products]."""
    lists = answers["top_category_ids"].combine_chunks()
    return np.asarray(lists.flatten().to_numpy(zero_copy_only=False).reshape(len(answers), -1)[:, 0])


def predicted_rows(answers: pa.Table, least_confidence: float, group_ids: Integers) -> pa.Table:
    """Turn rows of ANSWERED into rows of PREDICTED.

    Args:
        answers: The rows.
        least_confidence: From which on the best category is the answer.
        group_ids: int64, [num_products], of the whole catalogue.
    """
    if not len(answers):
        return empty_table(PREDICTED)
    abstained = answers["probability"].to_numpy() < least_confidence
    columns = {name: answers[name] for name in answers.column_names if name in PREDICTED.names}
    columns |= {
        "category_id": pa.array(best_categories(answers), mask=abstained),
        "abstained": pa.array(abstained),
        "group_id": arrow_numbers(group_ids, pa.int64()),
    }
    return pa.table({name: columns[name] for name in PREDICTED.names}, schema=PREDICTED)


def rejected_documents(index_rows: Iterable[pa.Table]) -> pa.Table:
    """Choose the documents among what an index rejected, as rows of REJECTED_PRODUCTS."""
    found = [empty_table(REJECTED_PRODUCTS)]
    for rows in index_rows:
        of_documents = rows.filter(pa.array(~present_numbers(rows["image_number"])))
        found.append(of_documents.select(REJECTED_PRODUCTS.names).cast(REJECTED_PRODUCTS))
    return pa.concat_tables(found)


def check_every_document(catalogue_path: Place, num_predicted: int, rejected: pa.Table, num_documents: int) -> None:
    """Check that every document of a catalogue was predicted or rejected, and that there is something to use.

    Args:
        catalogue_path: The catalogue.
        num_predicted: Of its products.
        rejected: Rows of REJECTED_PRODUCTS.
        num_documents: What the index counted.

    Raises:
        DataError: If not.
    """
    if num_predicted + len(rejected) != num_documents:
        raise DataError(
            f"{catalogue_path}: {num_predicted} products were predicted and {len(rejected)} documents rejected, "
            f"expected {num_documents} together; remove its index and its predictions, and trigger a new run"
        )
    if not num_predicted:
        raise DataError(
            f"{catalogue_path}: none of {num_documents} documents has an image that decodes, so that nothing was "
            "predicted; compare the file with its source"
        )


class Filled(NamedTuple):
    """Products of a file that were not predicted, in its order: int64 ids, and where their documents begin."""

    product_ids: Integers
    offsets: Integers

    def between(self, start: int, stop: int) -> "Filled":
        """Return those whose documents begin in [start, stop)."""
        first, last = np.searchsorted(self.offsets, (start, stop))
        return Filled(self.product_ids[first:last], self.offsets[first:last])


def products_to_fill(rejected: pa.Table, predicted_ids: Integers) -> Filled:
    """Return the rejected ids that no predicted product has, each once.

    Args:
        rejected: Rows of REJECTED_PRODUCTS, in the order of the file.
        predicted_ids: int64, [num_predicted].
    """
    has_id = present_numbers(rejected["product_id"])
    ids = numpy_numbers(rejected["product_id"])[has_id]
    offsets = numpy_numbers(rejected["byte_offset"])[has_id]
    first = np.sort(np.unique(ids, return_index=True)[1])
    first = first[~np.isin(ids[first], predicted_ids)]
    return Filled(ids[first], offsets[first])


def submission_rows(
    answers: Iterable[pa.Table], filled: Filled, category_id: int
) -> Iterator[tuple[Integers, Integers]]:
    """Yield product_ids and category_ids in the order of the file, each product once.

    Args:
        answers: Rows of ANSWERED in the order of the file, some at a time.
        filled: What comes between them.
        category_id: That these get.
    """
    done = -1
    for rows in answers:
        if not len(rows):
            continue
        offsets = numpy_numbers(rows["byte_offset"])
        between = filled.between(done, int(offsets[-1]))
        order = np.argsort(np.concatenate([offsets, between.offsets]), kind="stable")
        ids = np.concatenate([numpy_numbers(rows["product_id"]), between.product_ids])
        answered = np.concatenate([best_categories(rows), np.full(len(between.offsets), category_id)])
        yield ids[order], answered[order]
        done = int(offsets[-1])
    last = filled.between(done, np.iinfo(np.int64).max)
    yield last.product_ids, np.full(len(last.offsets), category_id)


def count_predicted(predicted: Iterable[pa.Table]) -> dict[str, int]:
    """Count rows of PREDICTED: those of each kind, and the images that they are joined from."""
    counts = dict.fromkeys(("num_predicted", "num_answered", "num_abstained", "num_images", "num_copies_of_train"), 0)
    for rows in predicted:
        num_abstained = int(np.count_nonzero(rows["abstained"].to_numpy()))
        counts["num_predicted"] += len(rows)
        counts["num_answered"] += len(rows) - num_abstained
        counts["num_abstained"] += num_abstained
        counts["num_images"] += int(numpy_numbers(rows["num_images"]).sum())
        counts["num_copies_of_train"] += int(np.count_nonzero(rows["copy_of_train"].to_numpy()))
    return counts
