"""A large file that is written in pieces, while one of the requests goes wrong."""

import pytest

from cdiscount_tasks.artifacts.object_store import PIECE_BYTES, ObjectStore
from tests.material.fault_proxy import Fault

NUM_REQUESTS = 5
"""The beginning of an upload, three pieces, its end."""


@pytest.mark.parametrize("number", range(1, NUM_REQUESTS + 1))
@pytest.mark.parametrize("fault", [Fault.CUT, Fault.LOST, Fault.INTERNAL, Fault.LONGER])
def test_a_fault_of_one_request_changes_no_byte(proxied_bucket, object_server, object_proxy, tmp_path, fault, number):
    content = b"0123456789abcdef" * (PIECE_BYTES // 16) * 2 + b"the end"
    (tmp_path / "large").write_bytes(content)
    object_proxy.begin({number: fault})
    e_tag = ObjectStore(f"{proxied_bucket}/some").put("large", tmp_path / "large")
    assert object_server.read(f"{proxied_bucket}/some/large") == content
    assert e_tag
    assert object_proxy.num_requests >= NUM_REQUESTS
