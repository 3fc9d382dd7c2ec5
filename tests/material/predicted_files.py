"""Files that were asked about: products that a model knows, new ones, and some of a category that it does not know."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from cdiscount_tasks.learning.measuring.predicted_products import NEW, NO_TRUTH, STRANGER
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.stages.predictions_page import write_predictions_page
from cdiscount_tasks.vocabulary import SPLITS
from tests.material.html_page import Page
from tests.material.indexing import index_catalogue
from tests.material.predicted_products import answers_of, make_predictions
from tests.material.tiny_catalogue import TinyCatalogue, draw_jpeg, undecodable

FACTS = {
    "sample": "wine", "title": "Wine", "catalogue": "test.bson", "run_id": "manual__predicted", "decision": 3,
    "since": "2026-11-20 10:00", "report": "../../../wine/champion/report.html",
}  # fmt: skip
STRANGE = 77
NUM_NEW, NUM_STRANGE = 60, 40


def model_of(inputs):
    return PredictingModel(*(inputs.dirs[name] for name in ("model", "evaluation", "labels", "sample")))


def asked_about(inputs, *, with_truth=True):
    """Return products: all that the labels have, new ones of its classes, and some of another category."""
    known = inputs.products[["product_id", "class_index", "split", "predicted"]]
    own = [(int(p), int(c), SPLITS.index(s), int(b)) for p, c, s, b in known.itertuples(index=False)]
    new = [(50_000 + n, n % 5, NEW, n % 5 if n % 4 else 0) for n in range(NUM_NEW)]
    strange = [(60_000 + n, STRANGER, NEW, 1) for n in range(NUM_STRANGE)]
    table = pd.DataFrame([*own, *new, *strange], columns=["product_id", "given_class", "known", "best"])
    if not with_truth:
        return table.assign(given_class=NO_TRUTH, given=0)
    return table.assign(given=np.where(table["given_class"] >= 0, 1000003400 + table["given_class"], STRANGE))


def write_catalogue(place, table):
    """Write and index a file of these products; returns its path and the index's folder."""
    made = TinyCatalogue()
    for number, row in enumerate(table.itertuples()):
        picture = draw_jpeg(10 + row.best, number, size=16)
        pictures = [undecodable(picture), picture] if number % 50 == 0 else [picture]
        made.add(row.product_id, row.given or None, pictures)
    path = made.write(place / "test.bson")
    return path, index_catalogue(path, place / "index")["path"]


class AskedFile:
    """A file, and what was answered to it; `write` writes its page."""

    def __init__(self, place, inputs, *, with_truth=True, target_precision=0.95, rejected=()):
        table = asked_about(inputs, with_truth=with_truth)
        self.table, self.model = table, model_of(inputs)
        self.path, self.index_dir = write_catalogue(place, table)
        confidence = np.where(np.arange(len(table)) % 3 == 0, 0.97, 0.6)
        self.answers = answers_of(
            product_id=table["product_id"], group_id=table["product_id"], best=table["best"], confidence=confidence,
            known=table["known"], copy_of_train=table["known"] == 0, given=table["given"],
            given_class=table["given_class"], num_damaged=np.arange(len(table)) % 50 == 0,
            abstained=(confidence < 0.9) & (target_precision is not None),
        )  # fmt: skip
        ids = sorted(set(inputs.products["class_index"] + 1000003400))
        self.predictions_dir = make_predictions(place, self.answers, ids, rejected, target_precision)
        self.out_dir = place / "reports" / "predictions" / "wine" / "run"

    def write(self, names_path=None, **facts):
        result = write_predictions_page(
            Path(self.index_dir), self.path, self.predictions_dir, self.model, names_path, self.out_dir, FACTS | facts
        )
        return result, json.loads((self.out_dir / "summary.json").read_text("utf-8"))

    @property
    def page(self):
        return Page((self.out_dir / "predictions.html").read_text("utf-8"))
