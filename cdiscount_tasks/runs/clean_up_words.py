"""What a clean-up says: sizes by kind, what stays and why, what was left."""

from collections.abc import Iterable, Sequence

from cdiscount_tasks.runs.clean_up import (
    CHECKPOINT,
    LEFT_OVER,
    NOTE,
    PARTS,
    REMAINS,
    RUN,
    SET_ASIDE,
    Cleaned,
    Item,
    Plan,
)
from cdiscount_tasks.settings.places import in_bucket

_MOST_TOLD = 20
_WORDS = {
    RUN: "run folders",
    CHECKPOINT: "checkpoints of trainings that nobody continued",
    PARTS: "scans that nobody continued",
    SET_ASIDE: "damaged artifacts that were set aside",
    LEFT_OVER: "what killed tasks left",
    NOTE: "notes of samples that are gone",
    REMAINS: "folders of a bucket with objects that dead tasks left",
    "sample": "samples",
    "labels": "labels",
    "features": "features",
    "drift": "drift",
    "seeds": "trainings with other seeds",
    "index": "indexes of catalogues",
    "random_choices": "random choices",
    "answers": "answers to byte ranges of catalogues",
    "predictions": "predictions",
}


def megabytes(num_bytes: int) -> str:
    """Return a size in MB, of a million bytes."""
    return f"{num_bytes / 1e6:,.1f} MB"


def _total(items: Iterable[Item]) -> int:
    return sum(item.num_bytes for item in items)


def _folders(items: Sequence[Item]) -> str:
    return f"{len(items):,} {'folder' if len(items) == 1 else 'folders'} of {megabytes(_total(items))}"


def _table(by_name: dict[str, list[Item]]) -> list[str]:
    """Return a line for each name, the largest first: how many folders, their size, the name."""
    rows = sorted(by_name.items(), key=lambda row: (-_total(row[1]), row[0]))
    return [f"    {len(items):6,}  {megabytes(_total(items)):>14}  {name}" for name, items in rows]


def _by_kind(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(_WORDS.get(item.kind, f"{item.kind}s"), []).append(item)
    return found


def _by_reason(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.kept_for, []).append(item)
    return found


def _some(sentences: tuple[str, ...]) -> list[str]:
    more = [f"    and {len(sentences) - _MOST_TOLD:,} more"] if len(sentences) > _MOST_TOLD else []
    return [f"    {sentence}" for sentence in sentences[:_MOST_TOLD]] + more


def summary_of_plan(plan: Plan) -> str:
    """Return a plan in a line."""
    stays = f"{_folders(plan.kept)} {'stays' if len(plan.kept) == 1 else 'stay'}"
    if not plan.removed:
        return f"there is nothing to remove; {stays}"
    return f"nothing needs {_folders(plan.removed)}; {stays}"


def _place(plan: Plan) -> str:
    place = in_bucket(plan.environment.work_dir)
    return str(plan.environment.work_dir) if place is None else f"{place.url}/{place.name}".rstrip("/")


def lines_of_plan(plan: Plan) -> list[str]:
    """Return what a clean-up would remove, with sizes, and what stays and why."""
    rule = "all runs that have a report" if plan.keep_runs is None else f"the newest {plan.keep_runs} of each sample"
    lines = [
        f"{_place(plan)}: {summary_of_plan(plan)}",
        f"Runs that are kept: {rule} (CDISCOUNT_KEEP_RUNS), champions' runs, and what is going. Reports always stay.",
    ]
    if plan.removed:
        lines += ["To be removed:", *_table(_by_kind(plan.removed))]
    if plan.kept:
        lines += ["Stays, since it is needed by:", *_table(_by_reason(plan.kept))]
    if plan.left_alone:
        lines += ["Left alone:", *_some(plan.left_alone)]
    return lines


def summary_of(cleaned: Cleaned) -> str:
    """Return what was removed in a line."""
    left = f"; {len(cleaned.left):,} had to be left" if cleaned.left else ""
    return f"removed {_folders(cleaned.removed) if cleaned.removed else 'nothing'}{left}"


def lines_of(cleaned: Cleaned) -> list[str]:
    """Return what was removed, with sizes, and what had to be left and why."""
    lines = [summary_of(cleaned), *_table(_by_kind(cleaned.removed))]
    return lines + (["Left:", *_some(cleaned.left)] if cleaned.left else [])
