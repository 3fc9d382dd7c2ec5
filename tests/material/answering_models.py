"""A model that answers without TensorFlow: whole artifacts, and in place of its network the mean colour of images."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.stages.inputs import PredictingModel
from tests.material.registry_models import CONTRACT
from tests.material.tiny_catalogue import CATEGORIES, COLOURS

IMAGE_SIZE = 32
THRESHOLD, NOTE = 0.7, "No threshold keeps a promise of 99 % precision: too few products."


class ColourNetwork:
    """Answers by how near the mean colour of an image is to that of each category."""

    image_size = IMAGE_SIZE

    def __init__(self):
        self.num_images = 0

    def answer(self, pixels):
        """Return float32, [num_images, 4], rows sum to 1; fails where a test has set how many images it bears."""
        self.num_images += len(pixels)
        colours = np.array([COLOURS[category] for category in CATEGORIES], np.float32)
        mean = pixels.mean(axis=(1, 2), dtype=np.float32)
        near = -np.abs(mean[:, None] - colours).sum(axis=2) / 60
        powers = np.exp(near - near.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _make(parent, stage, write, inputs=None):
    recipe = Recipe(stage, 1, {"name": "colours"}, inputs or {})
    return Path(build_artifact(recipe.dir_in(parent), recipe, lambda part: Made(write(part) or {}))["path"])


def write_answering_model(parent, labels_dir, sample_dir, temperature=2.0):
    """Write the artifacts of a model of the tiny catalogue's categories; 95 % are promised from THRESHOLD on."""
    parent.mkdir(parents=True, exist_ok=True)

    def write_model(part_dir):
        (part_dir / "model.keras").write_bytes(b"the weights")
        write_json(part_dir / "input.json", {**CONTRACT, "image_size": IMAGE_SIZE})
        pq.write_table(pq.read_table(labels_dir / "classes.parquet"), part_dir / "classes.parquet")

    def write_evaluation(part_dir):
        thresholds = [
            {"target_precision": 0.99, "threshold": None, "note": NOTE},
            {"target_precision": 0.95, "threshold": THRESHOLD, "note": None},
        ]
        write_json(part_dir / "calibration.json", {"temperature": temperature, "thresholds": thresholds})

    model_dir = _make(parent, "model", write_model)
    evaluation_dir = _make(parent, "evaluation", write_evaluation, {"model": model_dir, "labels": labels_dir})
    return PredictingModel(model_dir, evaluation_dir, labels_dir, sample_dir)
