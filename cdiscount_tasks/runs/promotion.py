"""How a model becomes the champion, or does not, and how an earlier one comes back: each a line of history.

Before the champion changes, a fresh process loads its file and repeats recorded answers (`runs/replay.py`). The change
is by compare-and-set: whoever was judged against a champion that is none any more changes nothing.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from cdiscount_tasks.artifacts.manifest import without_advice
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import history as files
from cdiscount_tasks.runs.decisions import (
    Candidate,
    Decision,
    Entry,
    Judged,
    Promotion,
    RecordedModel,
    RollBack,
    check_expected,
    last_promotion,
    numbers_of,
    promotions,
)
from cdiscount_tasks.runs.registry import champion, check_model, registry_dir, verdict_of
from cdiscount_tasks.settings.environment import Environment, read_environment
from cdiscount_tasks.settings.places import in_bucket

logger = logging.getLogger(__name__)


def _same_promotion(
    entries: Sequence[Entry], candidate: Candidate, judged: Judged, expected: int | None
) -> Decision | None:
    """Return the last change of champion if it is this one: a task that was cut off is tried again."""
    now = last_promotion(entries)
    if isinstance(now, Decision) and (now.candidate, now.champion) == (candidate, expected):
        return now if now.judged.judgement_hash == judged.judgement_hash else None
    return None


def _replayed(root: Path, candidate: Candidate, recorded: RecordedModel | None) -> RecordedModel:
    """Check a model that is to become the champion; returns by what it is known again.

    Raises:
        DataError: If it is missing, damaged, not the one that was promoted, or answers differently than recorded.
        RuntimeError: If it could not be loaded for now.
    """
    from cdiscount_tasks.runs.replay import replay

    model = check_model(root, candidate, recorded)
    replayed = replay(root / candidate.model, root / candidate.evaluation, root / candidate.sample)
    return RecordedModel(
        file_hash=model.file_hash,
        category_ids=tuple(each.category_id for each in model.classes),
        num_repeated=replayed.num_images,
        max_difference=replayed.max_difference,
    )


def _move(folder: Path, entry: Promotion) -> None:
    """Replace champion.json, and read it back.

    Raises:
        DataError: If what is read is something else.
    """
    files.write_champion_file(folder, entry)
    found = files.read_champion_file(folder)
    # In a bucket another machine may have promoted the next one by now.
    if found != entry and not (in_bucket(folder) is not None and found is not None and found.number > entry.number):
        raise DataError(
            f"{folder / files.CHAMPION}: reads back as decision {found.number if found else 'none'}, expected "
            f"{entry.number}; look at the disk: the next who opens the registry writes the file again"
        )
    logger.info("the champion of %s is that of run %s: decision %d", folder.name, entry.candidate.run_id, entry.number)


def promote(
    candidate: Candidate,
    judged: Judged,
    *,
    expected: int | None,
    who: str,
    answer: str = "",
    reason: str = "",
    environment: Environment | None = None,
) -> Decision:
    """Make a candidate the champion.

    The same promotion again, as by a task that was cut off, changes nothing and returns what was recorded.

    Args:
        candidate: Of `registry.candidate_of`.
        judged: What the judgement says.
        expected: The decision that made the champion that it was judged against; None: there was none.
        who: Decided: a person, or the rule.
        answer: Of a person who was asked.
        reason: In a sentence.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ChampionMovedError: If there is another champion now.
        ConfigError: If the disk is full or cannot be written.
        DataError: If the model is missing or damaged, or answers differently than its evaluation recorded.
        RuntimeError: If the model could not be loaded for now; a retry may succeed.
    """
    environment = environment or read_environment()
    folder = registry_dir(candidate.sample_name, environment)

    def settled(entries: Sequence[Entry]) -> Decision | None:
        if same := _same_promotion(entries, candidate, judged, expected):
            return same
        check_expected(candidate.sample_name, entries, expected)
        return None

    if same := settled(files.read_history(folder)):
        return same
    model = _replayed(environment.work_dir, candidate, None)
    facts = {"candidate": candidate, "judged": judged, "who": who, "answer": answer, "reason": reason}

    def change(entries: list[Entry]) -> Decision:
        if same := settled(entries):
            return same
        entry = files.append(folder, entries, Decision, outcome="promoted", champion=expected, model=model, **facts)
        _move(folder, entry)
        return entry

    return files.write(folder, change)


def decline(
    candidate: Candidate,
    judged: Judged,
    *,
    expected: int | None,
    who: str,
    answer: str = "",
    reason: str = "",
    kept: bool = False,
    environment: Environment | None = None,
) -> Decision:
    """Record that a candidate did not become the champion; the same again returns what was recorded.

    Args:
        candidate: Of `registry.candidate_of`.
        judged: What the judgement says.
        expected: The decision that made the champion that it was judged against; None: there was none.
        who: Decided: a person, or the rule.
        answer: Of a person who was asked.
        reason: In a sentence.
        kept: There was nothing to decide: the champion is the same model.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ConfigError: If the disk is full or cannot be written.
    """
    facts = {"candidate": candidate, "judged": judged, "who": who, "answer": answer, "reason": reason}
    facts |= {"outcome": "kept" if kept else "not_promoted", "champion": expected}
    folder = registry_dir(candidate.sample_name, environment)

    def change(entries: list[Entry]) -> Decision:
        for entry in entries:
            if isinstance(entry, Decision) and all(getattr(entry, name) == value for name, value in facts.items()):
                return entry
        return files.append(folder, entries, Decision, **facts)

    return files.write(folder, change)


def _promotion_of(sample_name: str, entries: Sequence[Entry], number: int, environment: Environment) -> Promotion:
    """Return the line that made an earlier champion.

    Raises:
        ConfigError: If that line made none, or its model is the champion's.
        DataError: If its model is the champion's and cannot be used; says what to do.
    """
    made = promotions(entries)
    wanted = next((entry for entry in made if entry.number == number), None)
    if wanted is None:
        known = numbers_of(sample_name, made[:-1]) or "none yet"
        raise ConfigError(
            f"decision {number} of {sample_name} made no champion; those that did, before the present one: {known}"
        )
    if wanted.candidate.model == made[-1].candidate.model:
        champion(sample_name, environment)  # damaged, it must not be called the champion as if all were well
        raise ConfigError(
            f"the model of decision {number} of {sample_name} is the champion already (decision {made[-1].number}, "
            f"since {made[-1].at}) and whole: nothing was changed"
        )
    return wanted


def roll_back(
    sample_name: str, decision: int, *, who: str, reason: str = "", environment: Environment | None = None
) -> RollBack:
    """Make an earlier champion the champion again, checked as at a promotion.

    Args:
        sample_name: Whose.
        decision: The number of the decision, or roll back, that made it the champion.
        who: Wants it.
        reason: In a sentence.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ConfigError: If that decision made no champion, or its model is the champion; or the disk cannot be written.
        DataError: If its model was removed, is damaged, or answers differently than its evaluation recorded; or it is
            the champion's, and damaged.
        RuntimeError: If the model could not be loaded for now; a retry may succeed.
    """
    environment = environment or read_environment()
    folder = registry_dir(sample_name, environment)
    wanted = _promotion_of(sample_name, files.read_history(folder), decision, environment)
    try:
        model = _replayed(environment.work_dir, wanted.candidate, wanted.model)
    except DataError as error:
        told = without_advice(error, environment.work_dir / wanted.candidate.model)
        raise DataError(
            f"decision {decision} of {sample_name} cannot be rolled back to: {told}; the champion stays"
        ) from error

    def change(entries: list[Entry]) -> RollBack:
        wanted = _promotion_of(sample_name, entries, decision, environment)
        entry = files.append(
            folder,
            entries,
            RollBack,
            back_to=wanted.back_to if isinstance(wanted, RollBack) else wanted.number,
            candidate=wanted.candidate,
            champion=promotions(entries)[-1].number,
            verdict=verdict_of(wanted),
            who=who,
            reason=reason,
            model=model,
        )
        _move(folder, entry)
        return entry

    return files.write(folder, change)
