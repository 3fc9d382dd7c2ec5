"""The comparison of a scan with the reference reader, which several campaigns of damage make."""

import pytest

from cdiscount_tasks.catalogue import window
from cdiscount_tasks.catalogue.scan import scan_bytes
from tests.material.reference_reader import read_catalogue
from tests.material.scanning import WINDOW_BYTES, as_read, time_bound


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Scan bytes and compare with the reference reader, record for record and refusal for refusal."""
    monkeypatch.setattr(window, "WINDOW_BYTES", WINDOW_BYTES)
    path = tmp_path / "catalogue.bson"

    def run(data):
        data = bytes(data)
        path.write_bytes(data)
        with time_bound():
            found = scan_bytes(path, 0, len(data), begins_at_start=True)
        expected = read_catalogue(data)
        assert as_read(found, data) == expected
        kept = sum(found.product_lengths)
        documents = [row for row in found.rejected if row.image_number is None]
        assert kept + sum(row.byte_length for row in documents) == len(data) == found.end_offset
        assert found.num_documents == len(found.product_ids) + len(documents)
        return expected

    return run
