"""The judgements of a champion, read for the report: how right it was each time it was asked."""

import logging
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.intervals import share_figure
from cdiscount_tasks.pages.report.champion_figures import AskedAgain, Declined, render_champion_figures
from cdiscount_tasks.tables.predictions import read_judged

logger = logging.getLogger(__name__)


class PastJudgement(NamedTuple):
    """A judgement against a champion: when (ISO 8601, UTC), of which run, and its artifact, which may be removed."""

    at: str
    run_id: str
    folder: Path


class PastRefusal(NamedTuple):
    """A model that was not promoted: when (ISO 8601, UTC), of which run, its report in the reports folder, and why."""

    at: str
    run_id: str
    report: str
    why: str


class ChampionPast(NamedTuple):
    """The judgements against a champion.

    Attributes:
        since: When its model first became the champion, ISO 8601 in UTC.
        evaluation_dir: Its answers of then.
        judgements: In their order.
        declined: Those that were not promoted, in their order.
    """

    since: str
    evaluation_dir: Path
    judgements: tuple[PastJudgement, ...]
    declined: tuple[PastRefusal, ...] = ()


def _at_first(past: ChampionPast) -> list[AskedAgain]:
    try:
        rows = read_judged(past.evaluation_dir)
    except DataError as error:
        logger.warning("the champion's figure of its own report is not shown: %s", error)
        return []
    return [AskedAgain(past.since, None, share_figure(rows["right"], rows["group_id"]), None)]


def _asked(one: PastJudgement) -> list[AskedAgain]:
    """Return what the champion was right about at a judgement; empty where it was not asked.

    An older version noted only the figure of a look at test products, and not which of them were added.

    Raises:
        DataError: If the judgement is no longer on disk, or damaged.
    """
    facts = read_json(one.folder / "judgement.json")
    if figures := facts.get("champion_figures"):
        return [AskedAgain(one.at, one.run_id, figures["all"], figures["added"])]
    return [AskedAgain(one.at, one.run_id, facts["accuracy"]["champion"], None)] if facts["accuracy"] else []


def _is_the_same(one: AskedAgain, before: AskedAgain) -> bool:
    """Tell whether a judgement asked about the same test products as what was asked before it."""
    num_added = [asked.added["n"] if asked.added else 0 for asked in (one, before)]
    return one.accuracy == before.accuracy and num_added[0] == num_added[1]


def show_champion_figures(past: ChampionPast | None) -> Markup:
    """Make the part of the report that shows how the champion's own accuracy moved; empty without a second figure.

    Of judgements on the same test products, as where only a preset changed, the first is shown.
    """
    if past is None:
        return Markup()
    asked, num_missing = _at_first(past), 0
    for one in past.judgements:
        try:
            found = [again for again in _asked(one) if again.accuracy["n"]]
        except DataError as error:
            logger.warning("a judgement of the champion is not shown: %s", error)
            num_missing += 1
            continue
        asked += [again for again in found if not asked or not _is_the_same(again, asked[-1])]
    return render_champion_figures(asked, num_missing, [Declined(*one) for one in past.declined])
