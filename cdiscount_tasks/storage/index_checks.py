"""Whether what a scan found is a catalogue that can be believed: whole, and hardly anything of it rejected."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.records import Reason
from cdiscount_tasks.storage.arrow_numbers import numpy_numbers, present_numbers
from cdiscount_tasks.storage.tables import iter_row_groups

_ROWS_AT_ONCE = 65_536


class Totals(NamedTuple):
    """What of a catalogue was rejected, and of how much; the fields are those of the index's result."""

    num_rejected_documents: int
    num_documents: int
    num_unreadable_bytes: int
    num_bytes: int


def check_rejected_shares(catalogue_path: Path, totals: Totals, most: float, why: str) -> None:
    """Refuse a catalogue of which too many documents or bytes were rejected, or all.

    Args:
        catalogue_path: The BSON file.
        totals: What was rejected.
        most: Largest share that is accepted, of documents and of bytes.
        why: The reasons, for the message.

    Raises:
        DataError: If so.
    """
    num_rejected, num_documents, num_unreadable, num_bytes = totals
    if num_documents in (0, num_rejected):
        raise DataError(
            f"{catalogue_path}: none of {num_documents} documents is a product ({why or 'nothing was found'}); "
            "expected BSON documents {_id, imgs, category_id} one after another: compare with train.bson"
        )
    if num_rejected / num_documents > most:
        raise DataError(
            f"{catalogue_path}: {num_rejected} of {num_documents} documents were rejected ({why}), expected at most "
            f"{most:.2%}; the file may be damaged: compare its size with the source, or raise "
            "CDISCOUNT_MAX_REJECTED_SHARE"
        )
    # A hole, a stretch of gigabytes that were never written, is a single rejected document.
    if num_unreadable / num_bytes > most:
        raise DataError(
            f"{catalogue_path}: {num_unreadable} of {num_bytes} bytes are no documents, "
            f"expected at most {most:.2%}; the file may be damaged: fetch or unpack it again, or raise "
            "CDISCOUNT_MAX_REJECTED_SHARE"
        )


def check_rejected(catalogue_path: Path, rejected: pa.Table, num_documents: int, num_bytes: int, most: float) -> int:
    """Refuse a catalogue that is cut, or of which too many documents or bytes were rejected.

    Args:
        catalogue_path: The BSON file.
        rejected: Rows of REJECTED.
        num_documents: Documents read.
        num_bytes: Bytes of the file.
        most: Largest share that is accepted, of documents and of bytes.

    Returns:
        How many bytes are no documents.

    Raises:
        DataError: If so; says where, or why.
    """
    reasons: Counter[str] = Counter()
    num_unreadable = 0
    for batch in rejected.to_batches(_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            if row["image_number"] is not None:
                continue
            if row["reason"] == Reason.DOCUMENT_CUT:
                raise DataError(f"{catalogue_path}: document at byte {row['byte_offset']}: {row['detail']}")
            if row["reason"] == Reason.DOCUMENT_UNREADABLE:
                num_unreadable += row["byte_length"]
            reasons[row["reason"]] += 1
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    totals = Totals(reasons.total(), num_documents, num_unreadable, num_bytes)
    check_rejected_shares(catalogue_path, totals, most, why)
    return num_unreadable


def check_every_byte(catalogue_path: Path, products_path: Path, rejected: pa.Table, num_bytes: int) -> None:
    """Check that the documents kept and those rejected are together all the bytes of the file.

    Raises:
        DataError: If not: the file changed while it was scanned.
    """
    kept = sum(int(numpy_numbers(rows["length"]).sum()) for rows in iter_row_groups(products_path, ["length"]))
    of_documents = ~present_numbers(rejected["image_number"])
    refused = int(numpy_numbers(rejected["byte_length"])[of_documents].sum())
    if kept + refused != num_bytes:
        raise DataError(
            f"{catalogue_path}: documents of {kept} bytes were kept and of {refused} rejected, of {num_bytes}; "
            "the file changed while it was scanned: trigger a new run when nothing writes to it"
        )
