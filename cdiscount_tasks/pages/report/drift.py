"""The section of a report that says whether the catalogue has changed since the champion learnt."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from cdiscount_tasks.learning.measuring.drift_sentences import property_value
from cdiscount_tasks.pages.parts.gallery import PictureShelf, ShownProduct
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import ClassName, class_name, spoken

BEFORE, NOW = SIDES = ("before", "now")
MOST_CLASSES = 20
_BUDGET_BYTES = 300_000

DriftPicture = tuple[str, int, int]
"""Side, product_id and image_number: a product may be on both sides, with other pictures."""


class ShownProperty(NamedTuple):
    """One property of pictures, in words."""

    name: str
    before: str
    now: str
    d: float
    alarm: bool


class ShownClass(NamedTuple):
    """A class on both sides; the figures as in drift.json."""

    name: ClassName
    facts: Mapping[str, Any]


class ShownPicture(NamedTuple):
    """A picture that shows the drift, and how probable the classifier finds it that it is a new one."""

    product: ShownProduct
    name: ClassName
    score: float


class ShownDrift(NamedTuple):
    """What the section says.

    Attributes:
        facts: drift.json.
        properties: A row a property.
        shares: The classes that both have, the least probable change first, MOST_CLASSES at most.
        num_shares: Of all such classes.
        new: Classes that the champion does not know.
        vanished: Classes that the new labels lack.
        renamed: From and to.
        pictures: By side.
    """

    facts: Mapping[str, Any]
    properties: Sequence[ShownProperty]
    shares: Sequence[ShownClass]
    num_shares: int
    new: Sequence[ShownClass]
    vanished: Sequence[ShownClass]
    renamed: Sequence[tuple[ClassName, ClassName, int]]
    pictures: Mapping[str, Sequence[ShownPicture]]


def drift_pictures(pictures: pd.DataFrame) -> list[DriftPicture]:
    """Return which pictures the section shows: those of side `before` are in the champion's sample, `now` in this one.

    Args:
        pictures: drift_pictures.parquet.
    """
    return list(pictures[["side", "product_id", "image_number"]].itertuples(index=False, name=None))


def _show_property(one: Mapping[str, Any]) -> ShownProperty:
    name = one["name"]
    before, now = (
        f"{property_value(name, one[side]['median'])} ({property_value(name, one[side]['mean'])})" for side in SIDES
    )
    return ShownProperty(spoken(name), before, now, one["d"], one["alarm"])


def show_drift(
    facts: Mapping[str, Any],
    pictures: pd.DataFrame,
    thumbnails: Mapping[DriftPicture, bytes | None],
    shelf: PictureShelf | None = None,
) -> ShownDrift:
    """Put drift into words and its pictures on the page; the arguments are those of `render_drift_section`."""
    shelf = shelf or PictureShelf(_BUDGET_BYTES)
    names = {one["category_id"]: class_name(one["name"], one["category_id"]) for one in facts["classes"]}
    of_change: dict[str, list[ShownClass]] = {"common": [], "new": [], "vanished": []}
    for one in facts["classes"]:
        of_change[one["change"]].append(ShownClass(names[one["category_id"]], one))
    shown: dict[str, list[ShownPicture]] = {side: [] for side in SIDES}
    for row in pictures.to_dict("records"):
        key = (str(row["side"]), int(row["product_id"]), int(row["image_number"]))
        if key in thumbnails:
            category_id = int(row["category_id"])
            product = shelf.show(key[1], category_id, [thumbnails[key]])
            name = names.get(category_id) or class_name(str(category_id), category_id)
            shown[key[0]].append(ShownPicture(product, name, float(row["score"])))
    return ShownDrift(
        facts=facts,
        properties=[_show_property(one) for one in facts["properties"]],
        shares=of_change["common"][:MOST_CLASSES],
        num_shares=len(of_change["common"]),
        new=of_change["new"],
        vanished=of_change["vanished"],
        renamed=[(names[one["from_id"]], names[one["to_id"]], one["num_products"]) for one in facts["renamed"]],
        pictures=shown,
    )


def render_drift_section(
    facts: Mapping[str, Any],
    pictures: pd.DataFrame,
    thumbnails: Mapping[DriftPicture, bytes | None],
    shelf: PictureShelf | None = None,
) -> Markup:
    """Make the section `#drift`, to be put into a page that has the package's style sheet.

    Args:
        facts: What drift.json holds.
        pictures: drift_pictures.parquet.
        thumbnails: Small JPEGs of `drift_pictures`; None: it does not decode. What is missing here is not shown, so
            that an empty mapping makes the section without pictures.
        shelf: That of the page's other galleries; None: a small one of its own.
    """
    return Markup(render_page("report/drift.html", drift=show_drift(facts, pictures, thumbnails, shelf)))
