"""Whether what a scan found is a catalogue that can be believed: whole, and hardly anything of it rejected."""

from collections import Counter
from pathlib import Path

import pyarrow as pa

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.records import Reason

_ROWS_AT_ONCE = 65_536


def check_rejected_share(catalogue_path: Path, num_rejected: int, num_documents: int, most: float, why: str) -> None:
    """Refuse a catalogue of which too many documents were rejected, or all.

    Args:
        catalogue_path: The BSON file.
        num_rejected: Documents rejected.
        num_documents: Documents read.
        most: Largest share that is accepted.
        why: The reasons, for the message.

    Raises:
        DataError: If so.
    """
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


def check_rejected(catalogue_path: Path, rejected: pa.Table, num_documents: int, most: float) -> None:
    """Refuse a catalogue that is cut, or of which too many documents or bytes were rejected.

    Args:
        catalogue_path: The BSON file.
        rejected: Rows of REJECTED.
        num_documents: Documents read.
        most: Largest share that is accepted, of documents and of bytes.

    Raises:
        DataError: If so; says where, or why.
    """
    reasons: Counter[str] = Counter()
    num_unreadable_bytes = 0
    for batch in rejected.to_batches(_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            if row["image_number"] is not None:
                continue
            if row["reason"] == Reason.DOCUMENT_CUT:
                raise DataError(f"{catalogue_path}: document at byte {row['byte_offset']}: {row['detail']}")
            if row["reason"] == Reason.DOCUMENT_UNREADABLE:
                num_unreadable_bytes += row["byte_length"]
            reasons[row["reason"]] += 1
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    check_rejected_share(catalogue_path, reasons.total(), num_documents, most, why)
    num_bytes = catalogue_path.stat().st_size
    # A hole, a stretch of gigabytes that were never written, is a single rejected document.
    if num_unreadable_bytes / num_bytes > most:
        raise DataError(
            f"{catalogue_path}: {num_unreadable_bytes} of {num_bytes} bytes are no documents, "
            f"expected at most {most:.2%}; the file may be damaged: fetch or unpack it again, or raise "
            "CDISCOUNT_MAX_REJECTED_SHARE"
        )
