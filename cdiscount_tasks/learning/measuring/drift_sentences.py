"""What has changed, in plain words: a sentence for each alarm."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from cdiscount_tasks.learning.measuring.class_drift import ClassChange
from cdiscount_tasks.learning.measuring.intervals import Figure

_MOST_NAMED = 3
_MOST_DIFFERENCES = 6


class Renamed(TypedDict):
    """A class whose products have a different category now; `num_products` of those that are still there."""

    from_id: int
    from_name: str
    to_id: int
    to_name: str
    num_products: int


class _Words(NamedTuple):
    """How a property is spoken of: where the new pictures have more of it, where less; its name and how many digits."""

    more: str
    less: str
    name: str
    digits: int
    percent: bool = False

    @property
    def subject(self) -> str:
        """Return what has the property: `Pictures`."""
        return "Products" if self.name == "number" else "Pictures"


_WORDS: Mapping[str, _Words] = {
    "brightness": _Words("Pictures are brighter", "Pictures are darker", "brightness", 0),
    "contrast": _Words("Pictures have more contrast", "Pictures have less contrast", "contrast", 0),
    "saturation": _Words("Pictures are more colourful", "Pictures are paler", "saturation", 0, percent=True),
    "sharpness": _Words("Pictures are sharper", "Pictures are more blurred", "sharpness", 1),
    "file_bytes": _Words("Picture files are larger", "Picture files are smaller", "size in bytes", 0),
    "white_border": _Words(
        "White borders are wider", "White borders are narrower", "share of the picture", 0, percent=True
    ),
    "aspect": _Words("Pictures are wider", "Pictures are narrower", "width by height", 2),
    "images_per_product": _Words("Products have more pictures", "Products have fewer pictures", "number", 1),
}


def property_value(name: str, value: float) -> str:
    """Return a property's value as people read it: `201`, `12 %`, `1.33`."""
    words = _WORDS[name]
    return f"{100 * value:,.{words.digits}f} %" if words.percent else f"{value:,.{words.digits}f}"


def _tell_property(one: Mapping[str, Any]) -> str:
    words, name = _WORDS[one["name"]], one["name"]
    said = words.more if one["d"] > 0 else words.less
    for kind in ("median", "mean"):
        before, now = (property_value(name, one[side][kind]) for side in ("before", "now"))
        if before != now and (one["now"][kind] > one["before"][kind]) == (one["d"] > 0):
            return f"{said}: {kind} {words.name} {before} -> {now}."
    # Neither tells it: the middle stayed, and what lies around it moved.
    return f"{words.subject} vary differently from before: {words.name}, with the same median and mean."


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _listed(texts: Sequence[str], num_more: int) -> str:
    return "; ".join(texts) + (f"; and {num_more} more" if num_more > 0 else "")


def _tell_shares(changed: Sequence[ClassChange], total_variation: Figure | None) -> list[str]:
    if changed:
        named = [
            f"{one['name']} {_percent(one['before']['value'])} -> {_percent(one['now']['value'])}"
            for one in changed[:_MOST_NAMED]
        ]
        return [f"Shares of classes have changed: {_listed(named, len(changed) - _MOST_NAMED)}."]
    if total_variation is not None:
        value = _percent(total_variation["value"])
        return [f"The shares of the classes have changed, none of them much by itself: {value} of the products in all."]
    return []


def _tell_list(classes: Sequence[ClassChange], is_new: bool) -> list[str]:
    if not classes:
        return []
    counts = [one["num_products_now"] if is_new else one["num_products_before"] for one in classes]
    named = [
        f"{one['name']} ({num:,} product{'' if num == 1 else 's'})"
        for one, num in zip(classes[:_MOST_NAMED], counts, strict=False)
    ]
    them = "it" if len(classes) == 1 else "them"
    what = f"new, and the champion cannot answer with {them}" if is_new else "gone"
    noun = "A class is" if len(classes) == 1 else f"{len(classes)} classes are"
    return [f"{noun} {what}: {_listed(named, len(classes) - _MOST_NAMED)}."]


def _setting(value: Any) -> str:
    return "none" if value is None else str(value)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the settings that differ, such as `seed 0 -> 1`; of lists and groups of settings the name alone."""
    told = []
    for name in sorted({*before, *now}):
        values = before.get(name), now.get(name)
        if values[0] != values[1]:
            is_plain = not any(isinstance(value, list | tuple | dict) for value in values)
            told.append(f"{name} {_setting(values[0])} -> {_setting(values[1])}" if is_plain else name)
    return _listed(told[:_MOST_DIFFERENCES], len(told) - _MOST_DIFFERENCES)


def tell_same_catalogue(
    draws: tuple[Mapping[str, Any], Mapping[str, Any]], labels: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> str:
    """Say what differs where both samples are of one catalogue, which has not changed; without its stop.

    Args:
        draws: The settings of the draw, of the champion's sample and of this one.
        labels: The settings of the labels of the two.
    """
    if differences := _differences(*draws):
        drawn = f"this run's sample was drawn differently ({differences}): what differs is the draw"
        return f"the catalogue is the same; {drawn}"
    made = f"this run's labels were made differently ({_differences(*labels) or 'by other files'})"
    return f"the catalogue is the same; {made}: what differs is the labels"


def tell_alarms(
    classes: Sequence[ClassChange],
    total_variation: Figure | None,
    renamed: Sequence[Renamed],
    properties: Sequence[Mapping[str, Any]],
    auc: Figure | None,
) -> list[str]:
    """Return a sentence for each thing that has changed.

    Args:
        classes: All; those without an alarm are passed over.
        total_variation: None: it is no alarm.
        renamed: All; each is an alarm, since the same products show it.
        properties: All; those without an alarm are passed over.
        auc: Of the classifier; None: it is no alarm.
    """
    told = [
        f"The products of {one['from_name']} ({one['from_id']}) are now filed under {one['to_name']} ({one['to_id']}): "
        f"{one['num_products']:,} of them."
        for one in renamed
    ]
    known = {one["from_id"] for one in renamed} | {one["to_id"] for one in renamed}
    by_change = {
        change: [one for one in classes if one["alarm"] and one["change"] == change and one["category_id"] not in known]
        for change in ("common", "new", "vanished")
    }
    told += _tell_list(by_change["new"], is_new=True) + _tell_list(by_change["vanished"], is_new=False)
    told += _tell_shares(by_change["common"], total_variation)
    told += [_tell_property(one) for one in properties if one["alarm"]]
    if auc is not None:
        told.append(
            "New pictures look different: a classifier tells them from those that the champion learnt from "
            f"(AUC {auc['value']:.2f}, {auc['low']:.2f} to {auc['high']:.2f}; 0.50 is chance)."
        )
    return told
