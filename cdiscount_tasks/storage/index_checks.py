"""Whether what a scan found is a catalogue that can be believed: whole, and hardly anything of it rejected."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.records import Reason


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


def _check_whole(catalogue_path: Path, rejected: pa.Table) -> None:
    cut = rejected.filter(pc.equal(rejected["reason"], Reason.DOCUMENT_CUT)).to_pylist()
    if cut:
        raise DataError(f"{catalogue_path}: document at byte {cut[0]['byte_offset']}: {cut[0]['detail']}")


def _check_readable_share(catalogue_path: Path, rejected: pa.Table, most: float) -> None:
    """Refuse a file with a hole: a stretch of gigabytes that were never written is a single rejected document."""
    unreadable = rejected.filter(pc.equal(rejected["reason"], Reason.DOCUMENT_UNREADABLE))
    num_unreadable_bytes = pc.sum(unreadable["byte_length"]).as_py() or 0
    num_bytes = catalogue_path.stat().st_size
    if num_unreadable_bytes / num_bytes > most:
        raise DataError(
            f"{catalogue_path}: {num_unreadable_bytes} of {num_bytes} bytes are no documents, "
            f"expected at most {most:.2%}; the file may be damaged: fetch or unpack it again, or raise "
            "CDISCOUNT_MAX_REJECTED_SHARE"
        )


def _reasons(rejected: pa.Table) -> str:
    documents = rejected.filter(pc.is_null(rejected["image_number"]))
    counts = documents["reason"].value_counts().to_pylist()
    return ", ".join(f"{row['values']} {row['counts']}" for row in sorted(counts, key=lambda row: -row["counts"]))


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
    _check_whole(catalogue_path, rejected)
    num_rejected = rejected["image_number"].null_count
    check_rejected_share(catalogue_path, num_rejected, num_documents, most, _reasons(rejected))
    _check_readable_share(catalogue_path, rejected, most)
