"""No bytes make a scan ask for much memory or time."""

import os
import random
import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cdiscount_tasks.settings.environment import PROJECT_DIR
from tests.material.damaged_catalogues import product, wrapped
from tests.material.scanning import MOST_SECONDS

LIMITED = """
import sys, time
from pathlib import Path
from cdiscount_tasks.catalogue.scan import scan_bytes

most_mib = int(sys.argv[2])
path = Path(sys.argv[1])
started = time.monotonic()
found = scan_bytes(path, 0, path.stat().st_size, begins_at_start=True)
# Not getrusage: its peak begins with that of the process that was forked, the test run itself.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak_mib = int(status["VmHWM"].split()[0]) >> 10
print(f"{list(found.product_ids)}, peak {peak_mib} MiB, {time.monotonic() - started:.1f} s", file=sys.stderr)
assert peak_mib <= most_mib, f"{peak_mib} MiB"
assert not {"tensorflow", "pandas", "sklearn"} & set(sys.modules)
sys.exit(0 if list(found.product_ids) == [1, 2] else 3)
"""


def empty_documents(num_bytes=15 << 20):
    """Return a document that is nothing but empty documents: the most objects that a byte can ask for."""
    body = b"\x03\x00\x05\x00\x00\x00\x00" * (num_bytes // 7)
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


def wrapped_text(num_bytes):
    text = "\U0001f377".encode() + b"a" * num_bytes + b"\x00"
    return struct.pack("<i", len(text) + 12) + b"\x02a\x00" + struct.pack("<i", len(text)) + text + b"\x00"


def false_starts(num_bytes):
    """Return what looks like the beginning of a long document every 8 bytes."""
    return struct.pack("<i", 15 << 20) + (b"\x08a\x00\x00" + struct.pack("<i", 15 << 20)) * (num_bytes // 8)


def whole_starts(num_documents):
    """Return documents that begin every 14 bytes and all end together, each but one binary field."""
    end = 14 * num_documents + (15 << 20)
    heads = [
        struct.pack("<i3siB", end - 14 * n + 1, b"\x05a\x00", end - 14 * n - 12, 0) + b"ab"
        for n in range(num_documents)
    ]
    return b"".join(heads) + bytes((15 << 20) + 1)


HUNGRY = {
    "empty documents": empty_documents,
    "an array of empty documents": lambda: wrapped(4, empty_documents(14 << 20)),
    "a long text": lambda: wrapped_text(15 << 20),
    "zeros": lambda: bytes(40 << 20),
    "a length of 2 GB": lambda: struct.pack("<i", 2**31 - 1) + bytes(100),
    "false starts": lambda: false_starts(200_000) + bytes(17 << 20),
    "whole starts": lambda: b"\x99" + whole_starts(10_000),
    "noise": lambda: random.Random(7).randbytes(8 << 20),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux' /proc")
@pytest.mark.parametrize("name", HUNGRY)
def test_no_bytes_make_a_scan_ask_for_much_memory_or_time(tmp_path, name):
    path = tmp_path / "hungry.bson"
    path.write_bytes(product(1) + HUNGRY[name]() + product(2))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path, "150"], cwd=PROJECT_DIR, timeout=MOST_SECONDS, capture_output=True,
        text=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        env={**os.environ, "PYTHONPATH": str(PROJECT_DIR)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
