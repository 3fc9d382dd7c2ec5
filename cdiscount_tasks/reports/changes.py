"""What a run's accuracy is compared with, and what came of it; computed once, read by every list of reports.

Loads nothing heavy: Airflow's API server reads it too. `overview` computes what is missing.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from cdiscount_tasks.pages.overview.rows import STOPPED_AFTER, Change, FinishedReport, UnreadableReport
from cdiscount_tasks.reports.folders import Report

logger = logging.getLogger(__name__)

CHANGE_FILE = "change.json"
"""Beside a run's metrics.json: its accuracy against that of an earlier run."""

SCHEMA_VERSION = 1
_MOST_SINCE = 4

NOT_PAIRED = "no interval: the two are compared when the next report is written"
UNREADABLE = "not paired: predictions.parquet of one of the two cannot be read"
_LIBRARIES = ("keras", "tensorflow", "jax", "pillow")
_NOT_NAMED = frozenset({"gpus", STOPPED_AFTER})
"""Settings of a training that are not named one by one; `_stopped` has the words for a stop."""

_LEARNING_ALONE = frozenset({"conflicts"})
"""Settings of the labels that change what is learnt from, and leave the test products as they are."""


def _test_settings(report: FinishedReport) -> list[Any]:
    data = report.settings.get("data") or {}
    return [report.settings.get("catalogue_id"), {name: data[name] for name in data if name not in _LEARNING_ALONE}]


def compared_with(earlier: Sequence[FinishedReport], report: FinishedReport) -> FinishedReport | None:
    """Choose the run that a run is compared with.

    Args:
        earlier: Runs of the same sample, the oldest first.
        report: The run.

    Returns:
        The newest of the same preset and knobs on the same test products, as far as settings tell; else the newest of
        the same preset and knobs; else the newest of all; None: there is none with an accuracy.
    """
    judged = [one for one in reversed(earlier) if one.accuracy["value"] is not None]
    same = [one for one in judged if one.kind == report.kind]
    same_test = (one for one in same if _test_settings(one) == _test_settings(report))
    return next(iter([*same_test, *same, *judged]), None)


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else "none" if value is None else str(value)


def _different(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    stopped = STOPPED_AFTER in {*before, *after}
    for name in names:
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        words = "epochs allowed" if name == "epochs" and stopped else name.replace("_", " ")
        simple = not isinstance(was, list | dict) and not isinstance(now, list | dict)
        yield f"{words} {_word(was)} -> {_word(now)}" if simple else f"other {words}"


def _fixes_since(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    more = (after.get("num_fixes") or 0) - (before.get("num_fixes") or 0)
    if more:
        return [f"{abs(more):,} {'label fix' if abs(more) == 1 else 'label fixes'} {'since' if more > 0 else 'fewer'}"]
    return [] if before.get("fixes") == after.get("fixes") else ["other label fixes"]


def _stopped(before: FinishedReport, after: FinishedReport) -> list[str]:
    """Say which of the two somebody stopped: the epochs that a setting allows are then not those that were trained."""
    if before.stopped_after == after.stopped_after:
        return []
    was = f"the earlier run was {before.stopped_words}" if before.stopped_words else ""
    return [words for words in (after.stopped_words, was) if words]


def what_differs(before: FinishedReport, after: FinishedReport) -> tuple[str, ...]:
    """Say what is different between two runs beside their accuracy: catalogue, fixes, weights, settings, versions."""
    was, now = before.settings, after.settings
    told = [] if was.get("catalogue_id") == now.get("catalogue_id") else ["a different catalogue"]
    told += _stopped(before, after)
    told += _fixes_since(was, now)
    # Where one has none, it trained from scratch without features: nothing that its accuracy depends on.
    if None not in (was.get("weights"), now.get("weights")) and was["weights"] != now["weights"]:
        told.append("other pretrained weights")
    for part, names in (("data", None), ("training", None), ("versions", _LIBRARIES)):
        one, other = was.get(part) or {}, now.get(part) or {}
        told += _different(one, other, names or sorted((one.keys() & other.keys()) - _NOT_NAMED))
    more = len(told) - _MOST_SINCE
    return (*told[:_MOST_SINCE], *([f"{more} more"] if more > 0 else []))


def _against(before: FinishedReport, after: FinishedReport) -> str:
    when = f"{before.finished:%Y-%m-%d %H:%M}"
    return when if before.kind == after.kind else f"a run with different settings: {before.preset_words}, {when}"


def as_change(stored: Mapping[str, Any], before: FinishedReport, after: FinishedReport) -> Change:
    """Put what was computed into words."""
    num, common = stored["num_products"], stored["num_common"]
    notes = {
        "same_predictions": "the same predictions",
        "paired": f"the same {num:,} test products"
        + ("" if stored["low"] is not None else ", each right or wrong in both runs, so there is no interval"),
        "other_products": f"other test products: {common:,} of {num:,} are the same, so there is no interval",
        "unreadable": UNREADABLE,
        "other_categories": "the same test products in other categories, so there is no interval",
    }
    note = notes.get(stored["how"], NOT_PAIRED)
    words = _against(before, after), what_differs(before, after)
    return Change(stored["points"], stored["low"], stored["high"], note, *words)


def plain_change(before: FinishedReport, after: FinishedReport) -> Change | None:
    """Return a difference without an interval; None: one of the two has no accuracy."""
    was, now = before.accuracy["value"], after.accuracy["value"]
    if was is None or now is None:
        return None
    return Change(100 * (now - was), None, None, NOT_PAIRED, _against(before, after), what_differs(before, after))


def identity_of(before: FinishedReport, after: FinishedReport) -> dict[str, Any]:
    """Return what a stored change belongs to: where it is another, the change is computed again."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": after.run_id,
        "predictions": after.predictions_hash,
        "against_run_id": before.run_id,
        "against_predictions": before.predictions_hash,
    }


def stored_change(reports_dir: Path, before: FinishedReport, after: FinishedReport) -> Change | None:
    """Read what was computed of two runs; None: nothing, or of another pair."""
    path = (reports_dir / after.link).parent / CHANGE_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        numbers = [stored[name] for name in ("points", "low", "high")]
        if any(isinstance(one, bool) or not isinstance(one, int | float | None) for one in numbers):
            raise TypeError(f"points, low and high are {numbers}, expected numbers")
        if {name: stored[name] for name in identity_of(before, after)} != identity_of(before, after):
            return None
        return as_change(stored, before, after)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s: cannot be read (%s); it is computed again with the next report", path, error)
        return None


def _trained(earlier: Sequence[FinishedReport], report: FinishedReport) -> str:
    """Say whether a run trained: its model is that of an earlier report, or of none.

    A training that somebody stops gets its key at its end: where two were stopped after the same epoch, the
    second one trained too, and ended at the model of the first.
    """
    model = report.artifacts.get("model")
    first = next((one for one in earlier if model is not None and one.artifacts.get("model") == model), None)
    if first is None:
        return "trained a model" if model is not None else ""
    when = f"{first.finished:%Y-%m-%d %H:%M}"
    return (
        f"trained nothing: the model of {when}" if report.stopped_after is None else f"the same model as that of {when}"
    )


def _of_sample(reports_dir: Path, runs: Sequence[FinishedReport]) -> Iterator[FinishedReport]:
    for place, run in enumerate(runs):
        before = compared_with(runs[:place], run)
        change = None
        if before is not None:
            change = stored_change(reports_dir, before, run) or plain_change(before, run)
        yield replace(run, change=change, trained=_trained(runs[:place], run))


def with_changes(reports_dir: Path, reports: Sequence[Report]) -> list[Report]:
    """Add to each run what changed against an earlier one, and whether it trained.

    Args:
        reports_dir: The folder of all reports.
        reports: Of all samples, the oldest of each first.
    """
    rows: list[Report] = [row for row in reports if isinstance(row, UnreadableReport)]
    read = [row for row in reports if isinstance(row, FinishedReport)]
    for _, runs in groupby(read, key=lambda row: row.sample):
        rows += _of_sample(reports_dir, list(runs))
    return rows
