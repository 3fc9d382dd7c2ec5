"""Moto's server as a process: run by the Python that has moto, which need not be that of the tests.

Moto reads a whole object for each range of it. Of a large one it maps the file here, so that a range of a catalogue of
gigabytes costs what the range has; the protocol stays moto's own.
"""

import mmap
import re
import sys

LARGE_BYTES = 8 << 20


def map_large_objects():
    """Let a GET of a range read of a large object what is asked for alone."""
    from flask import has_request_context, request
    from moto.s3.models import FakeKey

    whole = FakeKey.value

    def value(key):
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", "")) if has_request_context() else None
        # A range that ends before it begins is ignored, and the whole object answered.
        ranged = asked and request.method == "GET" and int(asked[1]) <= int(asked[2])
        if not ranged or key.contentsize <= LARGE_BYTES:
            return whole.fget(key)
        with key.lock:
            key._value_buffer.flush()
            return mmap.mmap(key._value_buffer.fileno(), 0, access=mmap.ACCESS_READ)

    FakeKey.value = property(value, whole.fset)


if __name__ == "__main__":
    from moto.server import main

    map_large_objects()
    main(sys.argv[1:])
