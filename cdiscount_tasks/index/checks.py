"""Whether what a scan found is a catalogue to believe: the same file, whole, and hardly anything of it rejected."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from cdiscount_tasks.artifacts.byte_ranges import Place, modified_ns
from cdiscount_tasks.catalogue.file import CONTENT_NOTE, content_sample, file_size, fingerprint
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.numbers import numpy_numbers, present_numbers
from cdiscount_tasks.tables.parquet import iter_row_groups
from cdiscount_tasks.vocabulary import Reason

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


def check_same_catalogue(catalogue_path: Place, parent_dir: Path) -> None:
    """Refuse a file that is not the one whose fingerprint names the folder of its index, nor a copy of it.

    A copy on a different machine has a time of its own. It is known by its size and a sample of its content, and that
    nothing has written to it since the index was planned.

    Args:
        catalogue_path: The BSON file.
        parent_dir: The folder; one with a different kind of name says nothing.

    Raises:
        DataError: If the file was exchanged, or changed, since the run began.
    """
    if not is_named_by_fingerprint(parent_dir):
        return
    found = fingerprint(catalogue_path)
    if found != parent_dir.name and not _is_copy(catalogue_path, parent_dir):
        raise DataError(
            f"{catalogue_path}: is not the catalogue that this run began with (its fingerprint is {found}, it was "
            f"{parent_dir.name}): it was exchanged or changed since; trigger a new run when nothing writes to it. A "
            "copy that was made since keeps its time with `cp -p` or `rsync -t`"
        )


def _is_copy(catalogue_path: Place, parent_dir: Path) -> bool:
    path = parent_dir / CONTENT_NOTE
    try:
        noted, planned_ns = path.read_text(encoding="utf-8").strip(), path.stat().st_mtime_ns
    except FileNotFoundError:
        return False
    return modified_ns(catalogue_path) <= planned_ns and content_sample(catalogue_path) == noted


def is_named_by_fingerprint(parent_dir: Path) -> bool:
    """Tell whether a folder's name says which file its index is of, so that `check_same_catalogue` knows it again."""
    return _FINGERPRINT.fullmatch(parent_dir.name) is not None


def check_indexed(catalogue_path: Place, parent_dir: Path, num_bytes: int) -> None:
    """Refuse a file that is not the one that an index was made from.

    Args:
        catalogue_path: The BSON file.
        parent_dir: The folder of the index.
        num_bytes: The size of the file that was indexed.

    Raises:
        DataError: If the file was exchanged, or changed, since.
    """
    check_same_catalogue(catalogue_path, parent_dir)
    found = file_size(catalogue_path)
    if found != num_bytes:
        raise DataError(
            f"{catalogue_path}: has {found} bytes, expected {num_bytes} as when it was indexed; trigger a new run when "
            "nothing writes to it"
        )


class Totals(NamedTuple):
    """What of a catalogue was rejected, or has no category, and of how much; the index's result has the same fields."""

    num_rejected_documents: int
    num_without_category: int
    num_documents: int
    num_unreadable_bytes: int
    num_bytes: int

    @property
    def num_unlabelled(self) -> int:
        """Products without a category among others that have one; 0 in a catalogue without any category (test.bson)."""
        is_mixed = self.num_without_category < self.num_documents - self.num_rejected_documents
        return self.num_without_category if is_mixed else 0


def check_rejected_shares(catalogue_path: Place, totals: Totals, most: float, why: str) -> None:
    """Refuse a catalogue of which too many documents or bytes were rejected, or all.

    A product without a category among others that have one counts as rejected here: nothing can learn from it. Whoever
    only predicts allows any share.

    Args:
        catalogue_path: The BSON file.
        totals: What was rejected.
        most: Largest share that is accepted, of documents and of bytes.
        why: The reasons, for the message.

    Raises:
        DataError: If so.
    """
    num_rejected, _, num_documents, num_unreadable, num_bytes = totals
    if num_documents in (0, num_rejected):
        raise DataError(
            f"{catalogue_path}: none of {num_documents} documents is a product ({why or 'nothing was found'}); "
            "expected BSON documents {_id, imgs, category_id} one after another: compare with train.bson"
        )
    if (num_rejected + totals.num_unlabelled) / num_documents > most:
        why = f" ({why})" if num_rejected else ""
        unlabelled = f" and {totals.num_unlabelled} have no category to learn from" if totals.num_unlabelled else ""
        raise DataError(
            f"{catalogue_path}: {num_rejected} of {num_documents} documents were rejected{why}{unlabelled}, "
            f"expected at most {most:.2%}; the file may be damaged: compare its size with the source, or raise "
            "CDISCOUNT_MAX_REJECTED_SHARE"
        )
    # A hole, a stretch of gigabytes that were never written, is a single rejected document.
    if num_unreadable / num_bytes > most:
        raise DataError(
            f"{catalogue_path}: {num_unreadable} of {num_bytes} bytes are no documents, "
            f"expected at most {most:.2%}; the file may be damaged: fetch or unpack it again, or raise "
            "CDISCOUNT_MAX_REJECTED_SHARE"
        )


class RejectedCounts:
    """Counts what was rejected while its rows pass.

    Attributes:
        reasons: Documents by reason.
        num_images: Pictures.
        num_bytes: Bytes of the documents.
        num_unreadable_bytes: Bytes that are no documents.
    """

    def __init__(self, catalogue_path: Place) -> None:
        """Count from nothing."""
        self._catalogue_path = catalogue_path
        self.reasons: Counter[str] = Counter()
        self.num_images = self.num_bytes = self.num_unreadable_bytes = 0

    @property
    def num_documents(self) -> int:
        """Return how many documents were rejected."""
        return self.reasons.total()

    def pass_on(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield tables of REJECTED as they come, counted.

        Raises:
            DataError: If the catalogue is cut; says where.
        """
        for rows in tables:
            of_documents = ~present_numbers(rows["image_number"])
            lengths = numpy_numbers(rows["byte_length"])
            self.num_images += len(rows) - int(of_documents.sum())
            self.num_bytes += int(lengths[of_documents].sum())
            reasons = rows["reason"].to_pylist() if of_documents.any() else []
            for row in np.flatnonzero(of_documents).tolist():
                reason = reasons[row]
                self.reasons[reason] += 1
                if reason == Reason.DOCUMENT_CUT:
                    offset, detail = (rows[name][row].as_py() for name in ("byte_offset", "detail"))
                    raise DataError(f"{self._catalogue_path}: document at byte {offset}: {detail}")
                self.num_unreadable_bytes += int(lengths[row]) * (reason == Reason.DOCUMENT_UNREADABLE)
            yield rows


def check_every_byte(catalogue_path: Place, products_path: Path, refused: int, num_bytes: int) -> None:
    """Check that the documents kept and those rejected are together all the bytes of the file.

    Args:
        catalogue_path: The BSON file.
        products_path: The products kept.
        refused: Bytes of the documents rejected.
        num_bytes: Bytes of the file.

    Raises:
        DataError: If not: the file changed while it was scanned.
    """
    kept = sum(int(numpy_numbers(rows["length"]).sum()) for rows in iter_row_groups(products_path, ["length"]))
    if kept + refused != num_bytes:
        raise DataError(
            f"{catalogue_path}: documents of {kept} bytes were kept and of {refused} rejected, of {num_bytes}; "
            "the file changed while it was scanned: trigger a new run when nothing writes to it"
        )
