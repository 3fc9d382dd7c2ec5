"""What the examples of exported models are tested with: the rules of a model of four colours, and what one printed."""

import csv
import io

import numpy as np

from tests.material.answering_models import THRESHOLD
from tests.material.tiny_catalogue import CATEGORIES

RULES = {
    "file": "model.onnx",
    "decode": {"max_pixels": 25_000_000},
    "resize": {"size": [32, 32]},
    "join": {"smallest_probability": float(np.float32(1e-7))},
    "temperature": 2.0,
    "thresholds": [
        {"target_precision": 0.99, "least_confidence": None},
        {"target_precision": 0.95, "least_confidence": THRESHOLD},
    ],
    "classes": [{"category_id": one, "level3": f"Name of {one}"} for one in CATEGORIES],
}


def table(text):
    """Return what an example printed, a dict a product."""
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))
