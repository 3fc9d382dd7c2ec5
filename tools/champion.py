"""`make champion SAMPLE=wine`: the model in use, since when and why; `BACK_TO=<decision>` rolls back to an earlier."""

import os
import pwd
import sys
import textwrap
import time
from collections.abc import Sequence

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.pages.parts.words import percent
from cdiscount_tasks.runs import deciding, outcomes, registry
from cdiscount_tasks.runs.decisions import Decision, Entry, Judged, Look, numbers_of, promotions
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.places import with_address
from cdiscount_tasks.settings.sample_folder import sample_names
from tools.airflow.home import ToolError
from tools.command import exit_status, say

_HEAD = ("no", "when (UTC)", "what", "run", "verdict", "look", "by", "why")
_WIDEST, _WIDEST_WHY = 44, 72


def _difference(judged: Judged) -> str:
    """Say a verdict with its difference in points."""
    if judged.difference is None:
        return judged.verdict
    value, low, high = (judged.difference.value, judged.difference.low, judged.difference.high)
    interval = "" if low is None or high is None else f" ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{judged.verdict} {100 * value:+.1f}{interval}"


def _row(entry: Entry) -> tuple[str, ...]:
    when = entry.at[:16].replace("T", " ")
    if isinstance(entry, Look):
        return (str(entry.number), when, "look", entry.challenger, "", str(entry.look), "", "")
    what = entry.outcome.replace("_", " ") if isinstance(entry, Decision) else f"back to {entry.back_to}"
    verdict = _difference(entry.judged) if isinstance(entry, Decision) else entry.verdict
    look = str(entry.judged.look or "") if isinstance(entry, Decision) else ""
    why = outcomes.why(entry) if isinstance(entry, Decision) else entry.reason
    return (str(entry.number), when, what, entry.candidate.run_id, verdict, look, entry.who, why)


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _WIDEST else f"{plain[: _WIDEST - 3]}..."


def _lines_of(entry: Entry) -> list[tuple[str, ...]]:
    """Return a line of history as rows: why it was so is never cut, and goes on below itself."""
    *facts, why = _row(entry)
    first, *more = textwrap.wrap(" ".join(why.split()), _WIDEST_WHY) or [""]
    return [(*map(_cut, facts), first), *((*("" for _ in facts), one) for one in more)]


def table_of(entries: Sequence[Entry]) -> list[str]:
    """Return a history as lines, with a head; columns are as wide as what they hold, long names are cut."""
    rows = [_HEAD, *(row for entry in entries for row in _lines_of(entry))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _sample_name() -> str:
    """Return the sample that SAMPLE names; before its first run it has a YAML, and no registry yet.

    Raises:
        ToolError: If it names none; says which have a registry.
    """
    name, known = os.environ.get("SAMPLE", ""), registry.registered_samples()
    if name in known or name in sample_names(read_environment().samples_dir):
        return name
    has = f"those that have a champion or a history are: {', '.join(known)}" if known else "no sample has a history yet"
    raise ToolError(f"SAMPLE is {name!r}, expected a sample, as in `make champion SAMPLE=wine`; {has}")


def system_user() -> str:
    """Return the system's user, by number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _roll_back(sample_name: str, back_to: str) -> None:
    if not registry.history(sample_name):
        raise ToolError(f"{sample_name} has no champion and no history yet: there is nothing to roll back to")
    if not back_to.isascii() or not back_to.isdecimal():
        known = numbers_of(sample_name, promotions(registry.history(sample_name)))
        raise ToolError(f"BACK_TO is {back_to!r}, expected the number of a decision that made a champion: {known}")
    started = time.monotonic()
    try:
        entry = deciding.roll_back(sample_name, int(back_to), who=system_user(), reason=os.environ.get("REASON", ""))
    except RuntimeError as error:
        raise ToolError(str(error)) from error
    took_s, num = time.monotonic() - started, entry.model.num_repeated
    say(f"rolled back to decision {entry.back_to} in {took_s:.1f} s, {num} recorded answers repeated")


def _say_champion(sample_name: str) -> int:
    """Say who it is; returns the exit status: 1 where it cannot be used."""
    try:
        found = registry.champion(sample_name)
    except DataError as error:
        say(str(error))
        return 1
    if found is None:
        say(f"{sample_name} has no champion: no model was promoted yet")
        return 0
    made = promotions(registry.history(sample_name))[-1]
    say(f"The champion of {sample_name} is the model of run {found.run_id} (preset {found.preset}).")
    say(f"    since      {found.since} by decision {found.decision}")
    why = f": {' '.join(made.reason.split())}" if made.reason else ""
    how = "promoted" if isinstance(made, Decision) else f"rolled back to decision {made.back_to}"
    say(f"    why        {how} by {made.who}{why}")
    say(f"    verdict    {found.verdict} when it was promoted")
    say(f"    accuracy   {percent(found.accuracy)} of its test products, {len(found.classes)} classes")
    say(f"    model      {with_address(found.path / 'model.keras')}")
    say(f"    report     {with_address(found.report_dir / 'report.html')}")
    return 0


def main() -> int:
    """Roll back where BACK_TO is given, then print the champion and the history; returns the exit status."""
    sample_name, back_to = _sample_name(), os.environ.get("BACK_TO", "")
    if back_to:
        _roll_back(sample_name, back_to)
    elif os.environ.get("REASON"):
        raise ToolError("REASON is given without BACK_TO, which names the decision to roll back to")
    entries = registry.history(sample_name)
    if not entries:
        say(f"{sample_name} has no champion and no history yet: its first run is judged against its commonest category")
        return 0
    status = _say_champion(sample_name)
    say("")
    for line in table_of(entries):
        say(line)
    return status


if __name__ == "__main__":
    sys.exit(exit_status(main))
