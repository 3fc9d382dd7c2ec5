"""The BSON corpus of the MongoDB drivers, each document placed between two good products."""

import json
from pathlib import Path

import pytest

from cdiscount_tasks.catalogue.document import Broken, Refused, read_any
from cdiscount_tasks.catalogue.scan import scan_bytes
from cdiscount_tasks.vocabulary import Reason
from tests.material.tiny_catalogue import draw_jpeg, encode

CORPUS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "bson_corpus").glob("*.json"))
}
VALID_FIELDS = ("canonical_bson", "degenerate_bson", "converted_bson")
BAD = [
    pytest.param(bytes.fromhex(case["bson"]), id=f"{name}: {case['description']}")
    for name, part in CORPUS.items()
    for case in part.get("decodeErrors", [])
]
VALID = {
    name: [
        (case["description"], bytes.fromhex(case[field]))
        for case in part["valid"]
        for field in VALID_FIELDS
        if field in case
    ]
    for name, part in CORPUS.items()
    if part.get("valid")
}
BEFORE, AFTER = encode(1, [draw_jpeg(seed=1)], 5), encode(2, [draw_jpeg(seed=2)], 5)


@pytest.fixture
def scan_between(tmp_path):
    """Scan a document between two good products."""

    def run(document):
        path = tmp_path / "catalogue.bson"
        path.write_bytes(BEFORE + document + AFTER)
        return scan_bytes(path, 0, path.stat().st_size, begins_at_start=True)

    return run


def rejected_bytes(found):
    return sum(row.byte_length for row in found.rejected if row.image_number is None)


def test_the_corpus_is_all_there():
    assert (len(CORPUS), len(BAD), sum(map(len, VALID.values()))) == (31, 75, 746)


@pytest.mark.parametrize("document", BAD)
def test_a_bad_document_gives_nothing_and_both_neighbours_stay(scan_between, document):
    found = scan_between(document)
    assert (list(found.product_ids), list(found.image_product_ids)) == ([1, 2], [1, 2])
    assert list(found.product_offsets) == [0, len(BEFORE) + len(document)]
    assert {row.reason for row in found.rejected} <= {*Reason} - {Reason.DOCUMENT_CUT}
    assert rejected_bytes(found) == len(document)


@pytest.mark.parametrize("document", BAD)
def test_a_bad_document_is_known_as_broken(document):
    assert isinstance(read_any(document), Broken)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_document_that_is_no_product_is_one_rejected_row_and_both_neighbours_stay(scan_between, name):
    for description, document in VALID[name]:
        found = scan_between(document)
        assert list(found.product_ids) == [1, 2], description
        assert [(row.byte_offset, row.byte_length) for row in found.rejected] == [(len(BEFORE), len(document))]


@pytest.mark.parametrize("name", VALID)
def test_a_valid_document_is_refused_for_what_it_lacks_unless_python_cannot_hold_it(name):
    broken = [description for description, document in VALID[name] if not isinstance(read_any(document), Refused)]
    assert broken == (["Y10K"] if "Y10K" in dict(VALID[name]) else [])
