"""Predictions -> their page: what a model answered to a catalogue, and how far the answers can be believed.

As figures for programs and with pictures for people, beside copies of the tables that people take away.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from cdiscount_tasks.artifacts.byte_ranges import Place
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.artifacts.make import make_page
from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe, versions
from cdiscount_tasks.catalogue.names import read_category_names
from cdiscount_tasks.index.rows import pictures_of, products_with
from cdiscount_tasks.labelling.joint_groups import join_file_groups
from cdiscount_tasks.learning.features.looks import first_usable, look_at
from cdiscount_tasks.learning.measuring.answer_drift import Answered, compare_answers
from cdiscount_tasks.learning.measuring.calibration import Calibration
from cdiscount_tasks.learning.measuring.drift import choose_looked_at
from cdiscount_tasks.learning.measuring.predicted import measure_answers
from cdiscount_tasks.learning.measuring.predicted_drift import (
    Compared,
    Looked,
    choose_compared,
    measure_file_drift,
    nothing_looked_at,
    why_nothing,
)
from cdiscount_tasks.learning.measuring.predicted_products import NEW, HeldOut, PredictedProducts
from cdiscount_tasks.learning.pictures.images import decode_rgb
from cdiscount_tasks.pages.parts.thumbnails import make_thumbnail
from cdiscount_tasks.pages.predictions.choices import ShownOfClass, choose_shown
from cdiscount_tasks.pages.predictions.page import PredictionPictures, render_predictions
from cdiscount_tasks.pages.predictions.summary import listed, summarise
from cdiscount_tasks.pages.report.drift import DriftPicture
from cdiscount_tasks.reports.evidence import PICTURES_KEPT_OUT
from cdiscount_tasks.stages.inputs import PredictingModel
from cdiscount_tasks.tables.answer_columns import count_rejected, read_answer_columns
from cdiscount_tasks.tables.labelled_answers import LabelledAnswers, read_labelled_answers
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predicted import PREDICTED_PRODUCTS, REJECTED, SUBMISSION, SUMMARY
from cdiscount_tasks.tables.sample_images import SampleImages, rows_of
from cdiscount_tasks.tables.schemas import CLASSES
from cdiscount_tasks.vocabulary import SPLITS, TEST, TRAIN

logger = logging.getLogger(__name__)

VERSION = 1
_SEED = 0


class PredictionsPageResult(TypedDict):
    """Where the page is, and its headline: accuracy where the file has truth, expected_accuracy where it has none.

    `num_with_truth` products have a category in the file, `num_of_classes` of them one of the model's (None: none has).
    """

    path: str
    sample: str
    title: str
    catalogue: str
    origin: str
    model_origin: str | None
    num_documents: int
    num_predicted: int
    num_answered: int
    num_rejected: int
    target_precision: float | None
    num_with_truth: int
    num_of_classes: int | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    accuracy_of: str | None
    expected_accuracy: float | None
    num_alarms: int


def _as_learnt(answers: PredictedProducts, seen_before: np.ndarray) -> PredictedProducts:
    """Return the answers where products that the model knows through the one that it began with count as learnt."""
    is_seen = np.isin(answers.product_id, seen_before)
    return answers._replace(known=np.where(is_seen, np.int8(SPLITS.index(TRAIN)), answers.known))


class _Sides(NamedTuple):
    """Where the pictures of both sides are read: of the file, and of the model's labels."""

    index_dir: Path
    catalogue_path: Place
    sample_dir: Path
    images: pd.DataFrame

    def new(self, product_ids: Sequence[int]) -> Iterator[tuple[int, Sequence[int], Sequence[bytes]]]:
        """Give products of the file: product_id, the numbers of its pictures, and the pictures, in the file's order."""
        for product_id, pictures in pictures_of(self.catalogue_path, self.index_dir, product_ids):
            yield product_id, range(len(pictures)), pictures

    def learnt(self, product_ids: Sequence[int]) -> Iterator[tuple[int, Sequence[int], Sequence[bytes]]]:
        """Give the same of products of the labels, of the pictures that these keep."""
        if not len(product_ids):
            return
        kept = self.images[self.images["product_id"].isin(product_ids)]
        ids, numbers = kept["product_id"].to_numpy(np.int64), kept["image_number"].to_numpy(np.int8)
        rows = rows_of(self.sample_dir, ids, numbers)
        source, table = SampleImages(self.sample_dir), pd.DataFrame({"number": numbers, "row": rows})
        for product_id, part in table.groupby(ids):
            yield cast(int, product_id), part["number"].tolist(), source.read(part["row"].tolist())


def _of_both(compared: Compared, before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return a value of each product compared, from a column of the labels and one of the file."""
    return np.where(compared.is_now, now[compared.row % len(now)], before[compared.row % len(before)])


def _look(
    compared: Compared, answers: PredictedProducts, labelled: LabelledAnswers, classes: pd.DataFrame, sides: _Sides
) -> tuple[Looked, pd.DataFrame]:
    """Look at pictures of the products compared; returns what was seen, and of each product compared its picture."""
    products, category_ids = labelled.products, classes["category_id"].to_numpy()
    ids = _of_both(compared, products["product_id"].to_numpy(), answers.product_id)
    category_id = _of_both(compared, products["category_id"].to_numpy(), category_ids[answers.best])
    chosen = choose_looked_at(compared.is_now, _SEED)
    looks, places = [], []
    for is_now, read in ((False, sides.learnt), (True, sides.new)):
        here = chosen[compared.is_now[chosen] == is_now]
        looks.append(look_at(read(ids[here].tolist()), _SEED))
        places.append(pd.Series(here, index=ids[here]).reindex(looks[-1].product_id).to_numpy(np.int64))
    place = np.concatenate(places)
    order = np.argsort(place)
    place = place[order]
    product_id, number, properties, features = (np.concatenate(columns)[order] for columns in zip(*looks, strict=True))
    columns = {"product_id": product_id, "image_number": number, "category_id": category_id[place]}
    return Looked(place, properties, features), pd.DataFrame(columns, index=place)


def _measure_drift(
    answers: PredictedProducts, labelled: LabelledAnswers, classes: pd.DataFrame, sides: _Sides
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return drift, nearly as drift.json of a report has it, and the pictures that show it."""
    products, is_new = labelled.products, answers.known == NEW
    now = pd.DataFrame({"product_id": answers.product_id, "group_id": answers.group_id, "is_known": ~is_new})
    hashes = pa.array(labelled.images["content_hash"].unique(), pa.binary(16))
    copies = products_with(sides.index_dir, hashes)
    of_file, of_labels = join_file_groups(now, products, labelled.images, (copies[0], copies[1].to_pylist()))
    is_test, is_train = ((products["split"] == split).to_numpy() for split in (TEST, TRAIN))
    is_measured = (products["predicted"] >= 0).to_numpy()
    asked = choose_compared(of_labels, is_measured, is_train, of_file, is_new, _SEED)
    category_ids = classes["category_id"].to_numpy()
    said = Answered(
        is_now=asked.is_now,
        category_id=category_ids[_of_both(asked, products["predicted"].to_numpy(), answers.best)],
        probability=_of_both(asked, products["confidence"].to_numpy(), answers.confidence).astype(np.float64),
    )
    names = dict(zip(category_ids.tolist(), classes["level3"].tolist(), strict=True))
    compared = choose_compared(of_labels, ~is_test, is_test, of_file, is_new, _SEED)
    counts = {"num_new_products": int(is_new.sum()), "num_products_learnt": int((~is_test).sum())}
    looked, pictures = nothing_looked_at(1), pd.DataFrame(columns=["product_id", "image_number", "category_id"])
    if why_nothing(compared) is None:
        looked, pictures = _look(compared, answers, labelled, classes, sides)
    of_answers = compare_answers(said, names, why_nothing(compared))
    drift, shown = measure_file_drift(compared, looked, of_answers, counts, _SEED)
    sides_of, places, scores = ([one[part] for one in shown] for part in range(3))
    return drift, pictures.loc[places].assign(side=sides_of, score=scores)


def _small_pictures(
    answers: PredictedProducts, shown: Sequence[ShownOfClass], telling: pd.DataFrame, sides: _Sides
) -> PredictionPictures:
    """Make small pictures of the products that the page shows."""
    rows = [row for one in shown for row in one.rows]
    new = telling[telling["side"] == "now"]
    number_of = dict(zip(new["product_id"].tolist(), new["image_number"].tolist(), strict=True))
    of_products: dict[int, bytes | None] = {}
    of_drift: dict[DriftPicture, bytes | None] = {}
    ids = {*answers.product_id[rows].tolist(), *number_of}
    for product_id, _, pictures in sides.new(sorted(ids)):
        found = first_usable(pictures)
        of_products[product_id] = make_thumbnail(found[1]) if found else None
        if product_id in number_of:
            number = number_of[product_id]
            of_drift["now", product_id, number] = make_thumbnail(decode_rgb(pictures[number]))
    wanted = dict(telling.loc[telling["side"] == "before", ["product_id", "image_number"]].to_numpy().tolist())
    for product_id, numbers, pictures in sides.learnt(list(wanted)):
        jpeg = pictures[list(numbers).index(wanted[product_id])]
        of_drift["before", product_id, wanted[product_id]] = make_thumbnail(decode_rgb(jpeg))
    return PredictionPictures(of_products, of_drift)


def _recipe(
    index_dir: Path, predictions_dir: Path, model: PredictingModel, names_path: Path | None, facts: Mapping[str, Any]
) -> Recipe:
    return Recipe(
        stage="predictions_page",
        version=VERSION,
        config=dict(facts),
        inputs={
            "index": index_dir,
            "predictions": predictions_dir,
            **{name.removesuffix("_dir"): path for name, path in model._asdict().items()},
        },
        files={} if names_path is None else {"category_names": hash_file(names_path)},
        libraries=versions("jinja2", "matplotlib", "numpy", "pillow", "scikit-learn", "scipy"),
    )


def write_predictions_page(
    index_dir: Path,
    catalogue_path: Place,
    predictions_dir: Path,
    model: PredictingModel,
    names_path: Path | None,
    out_dir: Path,
    facts: Mapping[str, Any],
) -> PredictionsPageResult:
    """Write the page of a predictions run. One that exists is replaced.

    Args:
        index_dir: Finished index artifact of the file that was asked about.
        catalogue_path: That file.
        predictions_dir: Finished predictions artifact.
        model: The model that answered.
        names_path: The names CSV; None: categories that the model does not know are called by their ids.
        out_dir: `<reports>/predictions/<sample>/<run>`.
        facts: What the run knows, as JSON: sample and title; catalogue, the file's name; run_id; of the model
            model_run_id, preset, report (the link to its report from the page), model_origin (`drawn` or `file`: what
            it learnt from), decision and since (where it is a champion), each of them or null; embed_pictures, false
            where the sample keeps pictures out of its pages.

    Returns:
        The path and the headline.

    Raises:
        DataError: If an artifact is damaged, or the catalogue is not the indexed one.
    """

    def write(part_dir: Path) -> Made:
        classes = read_table(model.labels_dir / "classes.parquet", CLASSES).to_pandas()
        columns = read_answer_columns(predictions_dir, classes["category_id"].tolist())
        labelled = read_labelled_answers(model.model_dir, model.evaluation_dir, model.labels_dir, len(classes))
        answers = _as_learnt(PredictedProducts(**cast("dict[str, Any]", columns)), labelled.seen_before)
        tested = HeldOut(*(labelled.tested[name].to_numpy() for name in HeldOut._fields))
        calibration = cast(Calibration, read_json(model.evaluation_dir / "calibration.json"))
        sides = _Sides(index_dir, catalogue_path, model.sample_dir, labelled.images)
        drift, telling = _measure_drift(answers, labelled, classes, sides)
        names = read_category_names(names_path)

        def name_of(category_id: int) -> str:
            return names[category_id].level3

        summary = summarise(
            {**measure_answers(answers, classes, calibration, tested), "drift": drift},
            facts,
            read_manifest(index_dir)["result"]["origin"],
            read_manifest(predictions_dir)["result"],
            count_rejected(predictions_dir),
            name_of,
        )
        shown = choose_shown(answers, _SEED)
        pictures = PredictionPictures({}, {}, PICTURES_KEPT_OUT)
        if facts.get("embed_pictures", True):
            pictures = _small_pictures(answers, shown, telling, sides)
        page = render_predictions(summary, answers, shown, telling, pictures, name_of)
        (part_dir / "predictions.html").write_text(page, encoding="utf-8")
        write_json(part_dir / SUMMARY, summary)
        for name in (PREDICTED_PRODUCTS, REJECTED, SUBMISSION):
            shutil.copyfile(predictions_dir / name, part_dir / name)
        return Made(listed(summary))

    recipe = _recipe(index_dir, predictions_dir, model, names_path, facts)
    return make_page(PredictionsPageResult, recipe, out_dir, write)
