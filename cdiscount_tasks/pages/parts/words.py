"""How numbers, names and counts read on a page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from cdiscount_tasks.pages.parts.outside_text import plain
from cdiscount_tasks.settings.networks import BACKBONES, DESCRIPTOR
from cdiscount_tasks.vocabulary import Reason

_LONGEST_NAME = 60
_LONGEST_FULL_NAME = 300

NO_FIGURE = "—"
MINUS = "\N{MINUS SIGN}"

_EXPLAINED: dict[str, str] = {
    Reason.DOCUMENT_UNREADABLE: "The bytes are not valid BSON; the scan continued after them.",
    Reason.DOCUMENT_CUT: "The file ends inside the document.",
    Reason.ID_MISSING: "The document has no product id.",
    Reason.ID_NOT_AN_INTEGER: "The product id is not a whole number.",
    Reason.ID_REPEATED: "Another document of the file has the same product id: the first one is kept, of those with a "
    "category if there are any.",
    Reason.FIELD_REPEATED: "A field occurs twice in the document.",
    Reason.IMGS_MISSING: "The document has no list of pictures.",
    Reason.IMGS_EMPTY: "The list of pictures is empty.",
    Reason.IMGS_TOO_MANY: "The document has more than 4 pictures.",
    Reason.IMGS_NOT_PICTURES: "The list holds something other than pictures.",
    Reason.CATEGORY_NOT_AN_INTEGER: "The category is not a whole number.",
    Reason.PICTURE_EMPTY: "The picture has 0 bytes.",
    Reason.PICTURE_NOT_JPEG: "The bytes have no JPEG frame header.",
    Reason.PICTURE_DAMAGED: "The picture cannot be decoded.",
    Reason.PICTURE_TOO_LARGE: "The picture has more pixels than any that a shop would show.",
    Reason.PICTURE_OF_MANY_PRODUCTS: "A placeholder, such as “no photo”: too many products share the picture.",
    Reason.NO_IMAGE_LEFT: "None of the product's pictures could be used.",
    Reason.SMALL_CLASS: "The class has too few groups for three splits, or nothing to learn from.",
    Reason.NOT_IN_SPLIT_FILE: "The split file does not name the product.",
    Reason.NO_USABLE_IMAGE: "None of the product's pictures can be used, so that nothing can be answered.",
}


class ClassName(NamedTuple):
    """What a class is called on a page: short enough for a table, and in full."""

    short: str
    full: str
    category_id: int


def class_names(classes: Sequence[Mapping[str, Any]]) -> list[ClassName]:
    """Return the classes' names in order; those that share a name (it happens) carry their category id.

    Args:
        classes: `metrics.json`'s `classes`.
    """
    full = [plain(one["level3"]) or str(one["category_id"]) for one in classes]
    shared = Counter(name[:_LONGEST_NAME] for name in full)
    return [
        class_name(name, int(one["category_id"]), marked=shared[name[:_LONGEST_NAME]] > 1)
        for name, one in zip(full, classes, strict=True)
    ]


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: longest - 1].rstrip() + "…"


def class_name(name: str, category_id: int, *, marked: bool = False) -> ClassName:
    """Return a name, short and in full; `marked` with its category id where others share it."""
    mark = f" ({category_id})" if marked else ""
    return ClassName(_cut(name, _LONGEST_NAME) + mark, _cut(name, _LONGEST_FULL_NAME) + mark, category_id)


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure's value as text; a dash where it is undefined."""
    return NO_FIGURE if value is None else f"{value:z.{digits}f}"


def signed(value: float | None, digits: int = 1) -> str:
    """Return a difference as text, with its sign; a dash where it is undefined."""
    if value is None:
        return NO_FIGURE
    text = f"{value:.{digits}f}"
    if not text.strip("-0."):
        return text.lstrip("-")
    return f"{MINUS}{text[1:]}" if text.startswith("-") else f"+{text}"


def interval(figure: Mapping[str, Any], digits: int = 3) -> str:
    """Return a figure's interval as text."""
    if figure["low"] is None or figure["high"] is None:
        return "no interval"
    return f"{number(figure['low'], digits)} to {number(figure['high'], digits)}"


VERDICTS = {
    "first": "The first model that is better than always answering the largest class",
    "better": "Better than the champion",
    "no_evidence": "Not shown to be better than the champion",
    "worse": "Worse than the champion",
    "not_comparable": "Cannot be compared with the champion",
}
"""Of a judgement, as the page says them."""


def count(value: int | None, what: str = "", plural: str = "") -> str:
    """Return a count with its noun: `1 product`, `7,916 products`."""
    if value is None:
        return NO_FIGURE
    noun = what if value == 1 else plural or (f"{what}s" if what else "")
    return f"{value:,} {noun}".rstrip()


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as a percentage: `73.6 %`; a dash where it is undefined."""
    return NO_FIGURE if share is None else f"{100 * share:z.{digits}f} %"


def percent_interval(figure: Mapping[str, Any]) -> str:
    """Return the interval of a share in per cent: `66.2 to 79.9`."""
    return interval({end: None if figure[end] is None else 100 * figure[end] for end in ("low", "high")}, 1)


def share(figure: Mapping[str, Any]) -> str:
    """Return a share with its interval as pages, logs and messages write it: `73.6 %, 66.2 to 79.9`.

    Args:
        figure: `value`, `low` and `high` in [0, 1]; None where undefined.
    """
    if figure["value"] is None:
        return "undefined"
    has_interval = figure["low"] is not None and figure["high"] is not None
    return percent(figure["value"]) + (f", {percent_interval(figure)}" if has_interval else "")


def points(figure: Mapping[str, Any], sign: int = 0) -> str:
    """Return a difference of two shares in points: `+8.1 points (3.0 to 13.2)`; it fits into a sentence.

    Args:
        figure: `value`, `low` and `high` in [-1, 1]; None where undefined.
        sign: 1 or -1 multiplies it and leaves out the plus, where the sentence says which of the two is larger.
    """
    if figure["value"] is None:
        return "undefined"
    said = signed(100 * (sign or 1) * figure["value"])
    if sign:
        said = said.removeprefix("+")
    if figure["low"] is None or figure["high"] is None:
        return f"{said} points"
    ends = sorted(100 * (sign or 1) * figure[end] for end in ("low", "high"))
    low, high = (signed(end) if not sign else signed(end).removeprefix("+") for end in ends)
    return f"{said} points ({low} to {high})"


def distance(value: float | None) -> str:
    """Return how far two shares are apart, in points: `11.3 points`; a dash where it is undefined."""
    return NO_FIGURE if value is None else f"{100 * value:.1f} points"


def minute(moment: datetime | None) -> str:
    """Return a time to the minute; empty where there is none."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def duration(seconds: float | None) -> str:
    """Return a time in the two units that matter: `48 s`, `3 min 12 s`, `2 h 05 min`."""
    if seconds is None:
        return NO_FIGURE
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    hours, rest_min = divmod(minutes, 60)
    if hours:
        return f"{hours} h {rest_min:02d} min"
    return f"{minutes} min {rest_s:02d} s" if minutes else f"{rest_s} s"


def features_named(network: str) -> str:
    """Name what looked at the pictures: `features of MobileNetV2, trained on ImageNet`, or the project's descriptor.

    Args:
        network: As a features artifact names it.
    """
    if network == DESCRIPTOR:
        return "the descriptor of shapes and colours that comes with the project"
    return f"features of {BACKBONES[network].application if network in BACKBONES else network}, trained on ImageNet"


def spoken(identifier: str) -> str:
    """Return a reason such as `id_repeated` as words."""
    return identifier.replace("_", " ")


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning and a stop at its end."""
    ends = text.endswith((".", "!", "?", "]", ":"))
    return f"{text[:1].upper()}{text[1:]}{'' if ends or not text else '.'}"


def in_link(text: str) -> str:
    """Return a text as one part of an address."""
    return quote(text, safe="")


def explained(reason: str) -> str:
    """Return what a reason of a `rejected.parquet` means."""
    return _EXPLAINED.get(reason, "Listed in rejected.parquet.")


def of_no_class(counts: Mapping[str, Any], num_of_classes: int | None) -> str | None:
    """Say that a file has categories and none of the model's; None: it has some, or does not say (null).

    Args:
        counts: num_predicted, num_with_truth, num_answered.
        num_of_classes: How many products the file puts in one of the model's classes.
    """
    if num_of_classes != 0:
        return None
    told = counts["num_with_truth"]
    whole = told == counts["num_predicted"]
    of = f"none of its {count(told, 'product')}" if whole else f"none of the {count(told, 'product')} with a category"
    answers = "every answer" if whole else "every answer to them"
    return f"{of} is of the model's classes: {answers} {'is' if counts['num_answered'] else 'would be'} wrong"
