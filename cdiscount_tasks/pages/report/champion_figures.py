"""How the champion's own accuracy moved since it took its place: a small line and a table for the report."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from cdiscount_tasks.learning.measuring.intervals import Figure
from cdiscount_tasks.pages.parts.sparkline import Point, Sparkline, draw_sparkline
from cdiscount_tasks.pages.parts.templating import render_page
from cdiscount_tasks.pages.parts.words import count, percent, share

MOST_ROWS = 12
"""Of the table, the newest; the line has all."""


class AskedAgain(NamedTuple):
    """What the champion was right about at one time.

    Attributes:
        at: When, ISO 8601 in UTC.
        run_id: Of the run that was judged; None: its own report.
        accuracy: On the test products of then.
        added: On those of them that its own labels did not have; None: it is not known which these are.
    """

    at: str
    run_id: str | None
    accuracy: Figure
    added: Figure | None


class Declined(NamedTuple):
    """A model that did not take the champion's place: when (ISO 8601, UTC), of which run, its report, and why."""

    at: str
    run_id: str
    report: str
    why: str


def _draw(asked: Sequence[AskedAgain]) -> Sparkline | None:
    points = [
        Point(one.accuracy["value"], one.accuracy["low"], one.accuracy["high"], preset="", day=one.at[:10])
        for one in asked
        if one.accuracy["value"] is not None
    ]
    drawn = draw_sparkline(points)
    if drawn is None:
        return None
    values = [point.value for point in points]
    alt = (
        f"The champion's product accuracy, asked {count(len(points), 'time')}: first {percent(values[0])}, lowest "
        f"{percent(min(values))}, highest {percent(max(values))}, last {share(asked[-1].accuracy)}."
    )
    return drawn._replace(alt=alt)


def render_champion_figures(asked: Sequence[AskedAgain], num_missing: int, declined: Sequence[Declined] = ()) -> Markup:
    """Make the part of the section `#champion`; empty where the champion was asked no second time.

    Args:
        asked: Its own report first, then the judgements in their order.
        num_missing: Of the judgements that are no longer on disk.
        declined: Those that were not promoted against it, in their order.
    """
    if num_missing == 0 and not declined and all(one.run_id is None for one in asked):
        return Markup()
    page = render_page(
        "report/champion_figures.html",
        asked=asked[-MOST_ROWS:],
        num_asked=len(asked),
        num_missing=num_missing,
        declined=declined[-MOST_ROWS:],
        num_declined=len(declined),
        spark=_draw(asked),
    )
    return Markup(page)
