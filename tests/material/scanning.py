"""What a scan found, in the words of the reference reader, and the most time that it may take."""

import signal
from contextlib import contextmanager

import xxhash

from cdiscount_tasks.catalogue.layout import NO_CATEGORY
from cdiscount_tasks.index.tables import images_table
from tests.material.reference_reader import Reading

MOST_SECONDS = 60
"""No case takes a hundredth of it."""

WINDOW_BYTES = 4096
"""So few that a small file takes several windows."""


@contextmanager
def time_bound(seconds=MOST_SECONDS):
    """Fail what takes longer than it ever should."""

    def give_up(*_):
        raise AssertionError(f"still at it after {seconds} s: it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def as_read(found, data):
    """Turn what a scan found into what the reference reader gives; checks that pictures lie where it says."""
    reading = Reading()
    categories = [None if value == NO_CATEGORY else value for value in found.product_categories]
    reading.products = [*zip(found.product_ids, categories, found.product_offsets, found.product_lengths,
                             found.product_num_images, strict=True)]  # fmt: skip
    rows = images_table(found).sort_by("offset").to_pylist()
    for row in rows:
        held = data[row["offset"] : row["offset"] + row["length"]]
        assert xxhash.xxh3_128_digest(held) == row["content_hash"]
    reading.images = [
        (row["product_id"], row["image_number"], row["category_id"], row["length"], row["width"], row["height"],
         row["content_hash"]) for row in rows
    ]  # fmt: skip
    reading.rejected = [
        (row.byte_offset, row.byte_length, str(row.reason)) if row.image_number is None
        else (row.product_id, row.image_number, row.byte_length, str(row.reason))
        for row in found.rejected
    ]  # fmt: skip
    return reading
