"""What scans found, as Arrow tables in the schemas of the index."""

from collections.abc import Sequence

import pyarrow as pa

from cdiscount_tasks.catalogue.damage import Rejected
from cdiscount_tasks.catalogue.layout import NO_CATEGORY
from cdiscount_tasks.catalogue.scan import RangeScan
from cdiscount_tasks.tables.numbers import arrow_numbers, arrow_optional, arrow_texts, empty_table, sorted_by_category
from cdiscount_tasks.tables.schemas import IMAGES, PRODUCTS, REJECTED


def images_table(scan: RangeScan) -> pa.Table:
    """Return a scan's images in the schema IMAGES, sorted by category."""
    hashes = pa.Array.from_buffers(pa.binary(16), len(scan.image_numbers), [None, pa.py_buffer(scan.image_hashes)])
    columns = {
        "product_id": arrow_numbers(scan.image_product_ids, pa.int64()),
        "image_number": arrow_numbers(scan.image_numbers, pa.int8()),
        "category_id": arrow_numbers(scan.image_categories, pa.int64(), NO_CATEGORY),
        "offset": arrow_numbers(scan.image_offsets, pa.int64()),
        "length": arrow_numbers(scan.image_lengths, pa.int32()),
        "width": arrow_numbers(scan.image_widths, pa.int16()),
        "height": arrow_numbers(scan.image_heights, pa.int16()),
        "content_hash": hashes,
    }
    return sorted_by_category(pa.table(columns, schema=IMAGES))


def products_table(scan: RangeScan) -> pa.Table:
    """Return a scan's products in the schema PRODUCTS, sorted by category."""
    columns = {
        "product_id": arrow_numbers(scan.product_ids, pa.int64()),
        "category_id": arrow_numbers(scan.product_categories, pa.int64(), NO_CATEGORY),
        "num_images": arrow_numbers(scan.product_num_images, pa.int8()),
        "offset": arrow_numbers(scan.product_offsets, pa.int64()),
        "length": arrow_numbers(scan.product_lengths, pa.int32()),
    }
    return sorted_by_category(pa.table(columns, schema=PRODUCTS))


def rejected_table(rejected: Sequence[Rejected]) -> pa.Table:
    """Return what a scan refused in the schema REJECTED."""
    if not rejected:
        return empty_table(REJECTED)
    offsets, lengths, product_ids, image_numbers, reasons, details = zip(*rejected, strict=True)
    columns = [
        arrow_texts(["index"] * len(rejected)),
        arrow_optional(offsets, pa.int64()),
        arrow_optional(lengths, pa.int64()),
        arrow_optional(product_ids, pa.int64()),
        arrow_optional(image_numbers, pa.int8()),
        arrow_texts(reasons),
        arrow_texts(details),
    ]
    return pa.table(columns, schema=REJECTED)
