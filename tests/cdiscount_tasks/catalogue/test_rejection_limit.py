from pathlib import Path

import pytest

from cdiscount_tasks.catalogue.damage import Rejected
from cdiscount_tasks.catalogue.rejection_limit import RejectionLimit
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.vocabulary import Reason

SIZE = 100_000_000


def limit(*, begins_at_start=True):
    return RejectionLimit(Path("c.bson"), SIZE, 0, 0.01, begins_at_start=begins_at_start)


def rejected(num_bytes, reason=Reason.DOCUMENT_UNREADABLE):
    return [Rejected(0, num_bytes, None, None, reason, "why")]


def test_a_scan_goes_on_while_no_more_is_rejected_than_may_be():
    limit().check(rejected(SIZE // 100), 1)


def test_a_scan_ends_once_more_bytes_are_unreadable_than_may_be():
    with pytest.raises(DataError, match=r"c\.bson: the scan was stopped at byte 1000001 of .*expected at most 1.00%"):
        limit().check(rejected(SIZE // 100 + 1), 1)


def test_a_scan_that_guessed_where_it_begins_may_reject_two_documents_more():
    limit(begins_at_start=False).check(rejected(SIZE // 100 + 1), 1)


def test_a_file_that_ends_inside_a_document_is_not_refused_here():
    limit().check(rejected(SIZE, Reason.DOCUMENT_CUT), 1)


def test_a_scan_ends_once_too_many_documents_are_rejected_whatever_follows():
    counted, document = limit(), rejected(47, Reason.ID_MISSING)
    with pytest.raises(DataError, match="documents were rejected so far"):
        for num_documents in range(1, 1000):
            counted.check([row._replace(byte_offset=SIZE - 100) for row in document], num_documents)
