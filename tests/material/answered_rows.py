"""Rows of ANSWERED and REJECTED_PRODUCTS of a few numbers."""

import pyarrow as pa

from cdiscount_tasks.tables.schemas import ANSWERED, REJECTED_PRODUCTS


def answers(rows):
    """Make rows of ANSWERED of (product_id, byte_offset, best category, probability)."""
    num = len(rows)
    columns = {
        "product_id": [row[0] for row in rows],
        "probability": [row[3] for row in rows],
        "top_category_ids": [[row[2], 9] for row in rows],
        "top_probabilities": [[row[3], 1 - row[3]] for row in rows],
        "num_images": [2] * num,
        "num_damaged_images": [0] * num,
        "copy_of_train": [row[0] % 2 == 0 for row in rows],
        "known_split": [None] * num,
        "given_category_id": [None] * num,
        "byte_offset": [row[1] for row in rows],
    }
    return pa.table(columns, schema=ANSWERED)


def rejected(rows):
    """Make rows of REJECTED_PRODUCTS of (product_id, byte_offset)."""
    columns = {"product_id": [row[0] for row in rows], "byte_offset": [row[1] for row in rows]}
    texts = {"reason": ["id_repeated"] * len(rows), "detail": [""] * len(rows)}
    return pa.table({**columns, **texts}, schema=REJECTED_PRODUCTS)
