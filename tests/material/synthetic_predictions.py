"""Predictions of a classifier that errs the way classifiers do, over thousands of classes.

More among neighbours, never towards a few classes, exactly certain at times.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.learning.measuring.calibration import choose_calibration, tempered
from cdiscount_tasks.learning.measuring.metrics import squared_errors
from cdiscount_tasks.tables import parquet, schemas


def draw_neighbours(names: pd.DataFrame, num_neighbours: int, random: np.random.Generator) -> np.ndarray:
    """Return classes that each is taken for, [num_classes, num_neighbours], most of them near in the tree."""
    order = np.lexsort([names["level2"], names["level1"]])
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    near = random.geometric(0.15, (len(names), num_neighbours)) * random.choice([-1, 1], (len(names), num_neighbours))
    far = random.integers(1, max(2, len(names)), (len(names), num_neighbours))
    step = np.where(random.random((len(names), num_neighbours)) < 0.8, near, far)
    return order[(place[:, None] + step) % len(names)]


def _probabilities(true: np.ndarray, neighbours: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the most probable classes of each row and their probabilities; the rest of the classes get none."""
    width = neighbours.shape[1] + 1
    candidates = np.concatenate([true[:, None], neighbours[true]], axis=1)
    never = (candidates % 53 == 11) & (np.arange(width) > 0)
    scores = random.gumbel(size=candidates.shape) * 1.6
    scores[:, 0] += 2.2 - 2.5 * (true % 53 == 11)
    scores[never] = -30
    order = np.argsort(-scores, axis=1, kind="stable")
    scores, top = np.take_along_axis(scores, order, axis=1), np.take_along_axis(candidates, order, axis=1)
    # Every hundredth row is as sure as float32 can be: probabilities of exactly 1 and 0.
    scores[::100, 1:] = -200
    values = np.exp(scores - scores[:, :1])
    values = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    of_label = np.where(order == 0, values, 0).sum(axis=1, dtype=np.float32)
    return {"top": top, "values": values, "of_label": of_label, "label_place": np.argmin(order, axis=1)}


def _fixed(values: np.ndarray, kind: pa.DataType) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), kind), values.shape[1])


def write_predictions(part_dir: Path, products: pd.DataFrame, neighbours: np.ndarray, seed: int) -> None:
    """Write predictions.parquet, image_predictions.parquet and calibration.json, as an evaluation does."""
    random, num_classes = np.random.default_rng(seed + 1), len(neighbours)
    judged = products[products["split"] != "train"].reset_index(drop=True)
    images = judged.loc[judged.index.repeat(judged["num_images"])].reset_index(drop=True)
    images["image_number"] = images.groupby("product_id").cumcount()
    for name, rows, by_image in (("predictions", judged, False), ("image_predictions", images, True)):
        found = _probabilities(rows["class_index"].to_numpy(), neighbours, random)
        columns: dict[str, Any] = {key: rows[key].to_numpy() for key in rows.columns}
        columns |= {"predicted": found["top"][:, 0], "probability_of_label": found["of_label"]}
        columns["top_classes"] = _fixed(found["top"], pa.int16())
        columns["probabilities"] = _fixed(found["values"], pa.float32())
        if not by_image:
            on_validation = (rows["split"] == "validation").to_numpy()
            of_validation = (found["values"], found["label_place"], rows["group_id"].to_numpy())
            calibration = choose_calibration(*(one[on_validation] for one in of_validation))
            write_json(part_dir / "calibration.json", calibration)
            confidence, in_label = tempered(found["values"], found["label_place"], calibration["temperature"])
            columns["squared_error"] = squared_errors(found["values"], found["label_place"]).astype(np.float32)
            columns |= {"confidence": confidence, "confidence_in_label": in_label}
        schema = schemas.prediction_schema(num_classes, by_image)
        parquet.write_table(part_dir / f"{name}.parquet", {key: columns[key] for key in schema.names}, schema)
