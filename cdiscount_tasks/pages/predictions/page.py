"""The page of a predictions run: what was answered, what it is worth, and products in pictures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from cdiscount_tasks.learning.measuring.predicted_products import NO_TRUTH, PredictedProducts
from cdiscount_tasks.pages.parts.figures import heat
from cdiscount_tasks.pages.parts.gallery import PictureShelf, ShownProduct
from cdiscount_tasks.pages.parts.outside_text import plain
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import ClassName, class_name, class_names
from cdiscount_tasks.pages.predictions.answers import KINDS, answers
from cdiscount_tasks.pages.predictions.choices import ShownOfClass
from cdiscount_tasks.pages.predictions.summary import headline, mixed_origins, promise_of, where_new_belong
from cdiscount_tasks.pages.report.drift import DriftPicture, show_drift

MAX_CLASSES_IN_HEATMAP = 30
MAX_CLASSES_IN_TABLE = 300
NUM_PAIRS = 20
_GALLERIES = (("surest", "The surest"), ("random", "At random"), ("least_sure", "The least sure"))


class PredictionPictures(NamedTuple):
    """Small JPEGs.

    Attributes:
        products: Of each product that is shown; None: no picture of it decodes.
        drift: Of the pictures that show drift.
        no_pictures: Why there are none, as a sentence; None: there are.
    """

    products: Mapping[int, bytes | None]
    drift: Mapping[DriftPicture, bytes | None]
    no_pictures: str | None = None


class AnsweredProduct(NamedTuple):
    """A product as a card shows it; `given` is what the file says, `is_right` None where it says nothing."""

    product: ShownProduct
    confidence: float
    is_abstained: bool
    given: ClassName | None
    is_right: bool | None


class ClassGallery(NamedTuple):
    """The products that are shown of a class, by kind: a title and the products."""

    name: ClassName
    num: int
    kinds: Sequence[tuple[str, Sequence[AnsweredProduct]]]


def _card(
    answered: PredictedProducts, row: int, pictures: PredictionPictures, given: ClassName | None, shelf: PictureShelf
) -> AnsweredProduct:
    product_id = int(answered.product_id[row])
    small = [pictures.products[product_id]] if product_id in pictures.products else []
    return AnsweredProduct(
        product=shelf.show(product_id, None, small),
        confidence=float(answered.confidence[row]),
        is_abstained=bool(answered.abstained[row]),
        given=given,
        is_right=None if given is None else bool(answered.best[row] == answered.given_class[row]),
    )


def show_classes(
    answered: PredictedProducts,
    shown: Sequence[ShownOfClass],
    names: Sequence[ClassName],
    pictures: PredictionPictures,
    name_of: Callable[[int], str],
    shelf: PictureShelf,
) -> list[ClassGallery]:
    """Put the chosen products on the page; the arguments are those of `render_predictions`."""

    def given(row: int) -> ClassName | None:
        index, category_id = int(answered.given_class[row]), int(answered.given[row])
        if index == NO_TRUTH:
            return None
        return names[index] if index >= 0 else class_name(plain(name_of(category_id)), category_id)

    return [
        ClassGallery(
            name=names[one.class_index],
            num=one.num,
            kinds=[
                (title, [_card(answered, row, pictures, given(row), shelf) for row in getattr(one, kind)])
                for kind, title in _GALLERIES
                if getattr(one, kind)
            ],
        )
        for one in shown
    ]


def render_predictions(
    summary: Mapping[str, Any],
    answered: PredictedProducts,
    shown: Sequence[ShownOfClass],
    telling: pd.DataFrame,
    pictures: PredictionPictures,
    name_of: Callable[[int], str],
) -> str:
    """Make the page: one file, no script, no network.

    Args:
        summary: What summary.json holds.
        answered: Of all products.
        shown: Which of them the page shows, by class.
        telling: The pictures that show drift, as drift_pictures.parquet has them.
        pictures: Small JPEGs of both.
        name_of: What a category is called.
    """
    names = class_names([{"level3": one["name"], "category_id": one["category_id"]} for one in summary["classes"]])
    shelf = PictureShelf()
    galleries = show_classes(answered, shown, names, pictures, name_of, shelf)
    matrix = ((summary["truth"] or {}).get("confusion") or {}).get("matrix")
    drift, said = summary["drift"], summary["drift"]["answers"]
    stubs = [{**one, "change": "common"} for one in summary["classes"]]  # of drift only their names are shown here
    rows = list(zip(names, summary["classes"], strict=True))
    return render_page(
        "predictions/page.html",
        summary=summary,
        names=names,
        kinds=KINDS,
        answers=answers(summary),
        accuracy=headline(summary),
        promise=promise_of(summary),
        mixed=mixed_origins(summary),
        new_belong=where_new_belong(summary),
        class_rows=sorted(rows, key=lambda row: -row[1]["num_best"])[:MAX_CLASSES_IN_TABLE],
        changes={one["category_id"]: one for one in said["classes"]},
        cells=heat(matrix) if matrix and len(names) <= MAX_CLASSES_IN_HEATMAP else None,
        num_pairs=NUM_PAIRS,
        strange_names={one["category_id"]: class_name(plain(one["name"]), one["category_id"])
                       for one in summary["strangers"]["categories"]},
        drift=show_drift({**drift, "classes": stubs, "renamed": []}, telling, pictures.drift, shelf),
        galleries=galleries,
        no_pictures=pictures.no_pictures,
    )  # fmt: skip
