"""A sample's accuracies as one small line, with the intervals as a band; colours come from the page."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from cdiscount_tasks.pages.parts.words import percent, percent_interval

_WIDTH, _HEIGHT, _MARGIN = 640, 96, 8
_LEAST_SPAN = 0.05
"""Of accuracy: less than five points never fill the height, so that chance does not look like a slope."""

_AIR = 0.15
"""Of the intervals' height, left free above and below."""


class Point(NamedTuple):
    """A run.

    Attributes:
        value: Its accuracy.
        low, high: The ends of its interval; None: it has none.
        preset: Its preset and knobs in words, such as `smoke with epochs 2`.
        day: When it was finished.
        kind: What its line has in common: two presets of one name may have other knobs.
    """

    value: float
    low: float | None
    high: float | None
    preset: str
    day: str
    kind: str = ""

    @property
    def joined_by(self) -> tuple[str, str]:
        """Return what the runs of one line share."""
        return self.preset, self.kind


class Sparkline(NamedTuple):
    """The line of one preset and its knobs, other runs as separate marks.

    Attributes:
        line: Corners of the line, as SVG wants them.
        band: Corners of the band of intervals; empty where a run lacks one.
        dots: Centres of the line's runs: x, y.
        others: Centres of the runs of other presets or knobs.
        preset: Whose line it is.
        num_runs: Of all presets and knobs.
        bottom, top: Accuracy at the lower and the upper edge.
        first_day, last_day: When the oldest and the newest run were finished.
        alt: The same in words.
    """

    line: str
    band: str
    dots: list[tuple[float, float]]
    others: list[tuple[float, float]]
    preset: str
    num_runs: int
    bottom: float
    top: float
    first_day: str
    last_day: str
    alt: str


def _span(points: Sequence[Point]) -> tuple[float, float]:
    """Return what the height spans: all intervals with some air, and at least so much."""
    bottom = min(point.value if point.low is None else point.low for point in points)
    top = max(point.value if point.high is None else point.high for point in points)
    spare = max(_LEAST_SPAN - (top - bottom), 2 * _AIR * (top - bottom)) / 2
    return max(0.0, bottom - spare), min(1.0, top + spare)


def _alt(points: Sequence[Point], mine: Sequence[Point]) -> str:
    last = mine[-1]
    ends = {"low": last.low, "high": last.high}
    interval = "" if None in ends.values() else f", interval {percent_interval(ends)}"
    others = f"; {len(points) - len(mine)} of other presets or knobs" if len(points) > len(mine) else ""
    values = [point.value for point in mine]
    return (
        f"Product accuracy of {len(mine)} runs with preset {last.preset}, oldest to newest: "
        f"first {percent(values[0])}, lowest {percent(min(values))}, highest {percent(max(values))}, "
        f"last {percent(last.value)}{interval}{others}."
    )


def draw_sparkline(points: Sequence[Point]) -> Sparkline | None:
    """Draw runs one after another, from the oldest to the newest; None for fewer than two.

    The line joins the runs of one preset with the same knobs, the commonest (of equally common ones that of the newest
    run): joining others would draw slopes that no model took.

    Args:
        points: Oldest first.
    """
    if len(points) < 2:
        return None
    counts = Counter(point.joined_by for point in points)
    newest_place = {point.joined_by: place for place, point in enumerate(points)}
    line = max(counts, key=lambda kind: (counts[kind], newest_place[kind]))
    bottom, top = _span(points)

    def x(place: int) -> float:
        return round(_MARGIN + (_WIDTH - 2 * _MARGIN) * place / (len(points) - 1), 1)

    def y(value: float) -> float:
        return round(_MARGIN + (_HEIGHT - 2 * _MARGIN) * (top - value) / ((top - bottom) or 1.0), 1)

    mine = [(place, point) for place, point in enumerate(points) if point.joined_by == line]
    uppers = [(x(place), y(point.high)) for place, point in mine if point.high is not None]
    lowers = [(x(place), y(point.low)) for place, point in mine if point.low is not None]
    whole = len(uppers) == len(lowers) == len(mine) > 1
    dots = [(x(place), y(point.value)) for place, point in mine]
    return Sparkline(
        line=" ".join(f"{left},{up}" for left, up in dots),
        band=" ".join(f"{left},{up}" for left, up in [*uppers, *reversed(lowers)]) if whole else "",
        dots=dots,
        others=[(x(place), y(point.value)) for place, point in enumerate(points) if point.joined_by != line],
        preset=line[0],
        num_runs=len(points),
        bottom=bottom,
        top=top,
        first_day=points[0].day,
        last_day=points[-1].day,
        alt=_alt(points, [point for _, point in mine]),
    )
