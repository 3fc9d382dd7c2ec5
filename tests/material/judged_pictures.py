"""Pictures for the products of a judged run (`judged_runs.py`): each of one colour, as its sample would hold them."""

import io

import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from cdiscount_tasks.tables import parquet, schemas


def jpeg_of(product_id):
    picture = Image.new("RGB", (120, 90), (product_id % 251, 30, 200))
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def add_pictures(run):
    """Write a picture of each test product of a run into its sample and its labels."""
    folders = run.folders()
    products = pq.read_table(folders["labels"] / "products.parquet").to_pandas()
    rows = products[products["split"] == "test"].sort_values("product_id")
    hashes = [int(one).to_bytes(16, "big") for one in rows["product_id"]]
    common = pd.DataFrame({"product_id": rows["product_id"], "image_number": 0, "content_hash": hashes})
    of_sample = common.assign(category_id=rows["category_id"], jpeg=rows["product_id"].map(jpeg_of))
    of_labels = common.assign(class_index=rows["class_index"], split="test", pixel_hash=hashes, learnt=False)
    for path, table, schema in (
        (folders["sample"] / "images-0000.parquet", of_sample, schemas.SAMPLE_IMAGES),
        (folders["labels"] / "images.parquet", of_labels, schemas.LABEL_IMAGES),
    ):
        parquet.write_table(path, table[schema.names], schema)
