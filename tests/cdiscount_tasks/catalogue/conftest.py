import pytest

from cdiscount_tasks.catalogue.scan import scan_range


@pytest.fixture
def scan(tmp_path):
    """Write bytes to a file and scan all of it."""

    def run(data, **options):
        path = tmp_path / "catalogue.bson"
        path.write_bytes(data)
        return scan_range(path, 0, len(data), begins_at_start=True, **options)

    return run
