"""What is wrong with the labels of the artifacts that `report_inputs` writes."""

import numpy as np
import pandas as pd

from cdiscount_tasks.tables import schemas

OUTSIDE_PRODUCT, OUTSIDE_CATEGORY = 5, 1000009999


def near_duplicates(images) -> dict:
    """Call some pictures of test and train near-duplicates."""
    keys = ["product_id", "image_number", "split", "class_index"]
    test, train = (images[images["split"] == split][keys].head(20).to_dict("records") for split in ("test", "train"))
    examples = [{"distance": 2, "first": first, "second": second} for first, second in zip(test, train, strict=True)]
    return {
        "mode": "report",
        "max_distance": 2,
        "num_pairs": 57,
        "num_pairs_across_splits": 26,
        "num_test_products": 15,
        "share_of_test_products": 0.041,
        "examples": examples,
    }


def conflicts(images, clean) -> pd.DataFrame:
    """Take the first pictures that stand in several classes, and say that a product outside the sample claims them."""
    claims = images.groupby("content_hash").agg(
        category_ids=("category_id", lambda ids: [*sorted(set(ids)), OUTSIDE_CATEGORY]),
        product_ids=("product_id", lambda ids: [OUTSIDE_PRODUCT, *sorted(set(ids))]),
    )
    claims["decision"] = np.where(np.arange(len(claims)) % 9, "dropped_from_training", "not_in_train")
    return claims.reset_index().head(0 if clean else 30)


def faulty_product(images) -> int:
    """Return the first product with a single image in the sample: two faults are told of it."""
    num_images = images.groupby("product_id").size()
    return int(num_images.index[num_images == 1][0])


def rejected(images, stage, clean) -> pd.DataFrame:
    first = faulty_product(images)
    others = [product_id for product_id in images["product_id"].unique() if product_id != first][:59]
    found = {
        "index": [(first, 3, "picture_empty", "0 bytes")],
        "labels": [
            (first, 0, "picture_damaged", "image file is <b>truncated</b>"),
            (first, None, "no_image_left", "no image of the product can be used"),
            *[(product_id, 0, "picture_of_many_products", "") for product_id in others],
        ],
    }
    rows = [(stage, None, None, *row) for row in ([] if clean else found[stage])]
    table = pd.DataFrame(rows, columns=schemas.REJECTED.names)
    return table.astype({"byte_offset": "Int64", "byte_length": "Int64", "product_id": "Int64", "image_number": "Int8"})
