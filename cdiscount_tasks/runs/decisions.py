"""What a registry records of champions: the looks at test products, the decisions, the roll backs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from cdiscount_tasks.artifacts.json_files import json_text
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.frozen import Frozen


class ChampionMovedError(DataError):
    """Another model became the champion since the judgement, which says nothing about that one."""


_Words = Annotated[str, Field(max_length=4000)]


class Recorded(Frozen):
    """A part of a record."""

    model_config = ConfigDict(allow_inf_nan=False)


class Candidate(Recorded):
    """What a run offers: its model, and what that was measured with.

    Attributes:
        sample_name: Whose registry it is of.
        run_id: Airflow's.
        preset: Of the run.
        model, evaluation, labels, sample: Artifacts, relative to the work folder.
        report: The report's folder, relative to the reports folder.
        origin: Whether its catalogue's pictures are drawn: such a model is never compared with one of real ones.
        accuracy: On the test products, as a share.
    """

    sample_name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=64)
    run_id: str
    preset: str
    model: str
    evaluation: str
    labels: str
    sample: str
    report: str
    origin: Literal["file", "drawn"]
    accuracy: float = Field(ge=0, le=1)

    @property
    def evaluation_name(self) -> str:
        """Return the name of the evaluation artifact, which ends in its key: what looks are counted by."""
        return Path(self.evaluation).name


class Difference(Recorded):
    """Of two accuracies, as a share, with its interval."""

    value: float
    low: float | None = None
    high: float | None = None


class Judged(Recorded):
    """What a judgement says, as far as a decision keeps it.

    Attributes:
        verdict: first, better, no_evidence, worse, not_comparable, ...
        judgement: The judgement artifact, relative to the work folder; judgement_hash: of its manifest.
        difference: Challenger less champion; None: nothing was compared.
        level, look: At which level test decided, and which look it was; None: test was not looked at.
        num_products, num_groups: How many were compared.
        smallest_gain: That could have been seen, as a share.
        gates: By name, what each gate says.
        reasons: Of the verdict, as sentences.
    """

    verdict: str
    judgement: str
    judgement_hash: str
    difference: Difference | None = None
    level: float | None = None
    look: int | None = None
    num_products: int | None = None
    num_groups: int | None = None
    smallest_gain: float | None = None
    gates: dict[str, Any] = Field(default={})
    reasons: tuple[str, ...] = ()


class RecordedModel(Recorded):
    """By what a promoted model is known again: the xxh3-128 of its file, its classes in order, and its replay."""

    file_hash: str
    category_ids: tuple[int, ...]
    num_repeated: int
    max_difference: float


class _Numbered(Recorded):
    """A line: its number, from 1, and when it was written (UTC), which nothing is ordered by."""

    number: int = Field(ge=1)
    at: str


class Look(_Numbered):
    """Test products are about to be looked at.

    Attributes:
        look: Its number k.
        challenger, champion_evaluation: Names of the evaluation artifacts of the two; None: there was no champion.
        champion: The decision that had made the champion of then.
        judgement: The judgement artifact, which holds the test products, relative to the work folder.
        inputs: Of the judgement.
    """

    kind: Literal["look"] = "look"
    look: int = Field(ge=1)
    challenger: str
    champion: int | None
    champion_evaluation: str | None
    judgement: str
    inputs: dict[str, Any]


class Decision(_Numbered):
    """A challenger was promoted or was not; `kept`: there was nothing to decide, the champion is the same model.

    Attributes:
        champion: The decision that had made the champion of then; None: there was none.
        who, answer, reason: Who decided (a person, or the rule), what they answered, and why.
        model: Of a promoted one.
    """

    kind: Literal["decision"] = "decision"
    outcome: Literal["promoted", "not_promoted", "kept"]
    candidate: Candidate
    champion: int | None
    judged: Judged
    who: _Words
    answer: _Words
    reason: _Words
    model: RecordedModel | None = None


class RollBack(_Numbered):
    """An earlier champion was made the champion again: that of decision `back_to`, whose verdict is repeated here."""

    kind: Literal["roll_back"] = "roll_back"
    back_to: int
    candidate: Candidate
    champion: int
    verdict: str
    who: _Words
    reason: _Words
    model: RecordedModel


_OF_EVIDENCE = ("first", "better")
_MOST_NAMED = 8

Entry = Look | Decision | RollBack
Promotion = Decision | RollBack
_ENTRIES: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


def promotions(entries: Sequence[Entry]) -> list[Promotion]:
    """Return the lines that made a champion, in their order."""
    return [
        entry
        for entry in entries
        if isinstance(entry, RollBack) or (isinstance(entry, Decision) and entry.outcome == "promoted")
    ]


def last_promotion(entries: Sequence[Entry]) -> Promotion | None:
    """Return the line that made the champion; None: there is none."""
    return next(reversed(promotions(entries)), None)


def numbers_of(sample_name: str, made: Sequence[Promotion]) -> str:
    """Name lines that made a champion by their numbers; of many, the first, the last, and how to see all."""
    numbers = [str(entry.number) for entry in made]
    if len(numbers) <= _MOST_NAMED:
        return ", ".join(numbers)
    some = ", ".join([*numbers[:2], "...", *numbers[-3:]])
    return f"{some} ({len(numbers):,} in all: `make champion SAMPLE={sample_name}` lists them)"


def anchor(entries: Sequence[Entry]) -> Decision | None:
    """Return the promotion as `first` or `better` that the champion goes back to; None: there is no champion.

    A challenger that may be a little worse is compared with that one: compared with the champion before it alone, what
    each may lose would add up. A model that was rolled back from is no anchor.
    """
    by_number = {entry.number: entry for entry in promotions(entries)}
    at = last_promotion(entries)
    while at is not None:
        if isinstance(at, RollBack):
            at = by_number[at.back_to]
        elif at.judged.verdict in _OF_EVIDENCE or at.champion is None:
            return at
        else:
            at = by_number[at.champion]
    return None


def check_expected(sample_name: str, entries: Sequence[Entry], expected: int | None) -> None:
    """Refuse what was judged against another champion than the present one.

    Raises:
        ChampionMovedError: Says which is the present one.
    """
    now = last_promotion(entries)
    if (now.number if now else None) == expected:
        return
    found = f"decision {now.number} (run {now.candidate.run_id}, {now.at})" if now else "no champion"
    judged = f"decision {expected}" if expected is not None else "no champion"
    raise ChampionMovedError(
        f"the champion of {sample_name} is that of {found}, expected {judged}, which the challenger was judged "
        "against: the champion stays; judge the challenger again (clear the run's task judge_model)"
    )


def entry_of(record: Mapping[str, Any]) -> Entry:
    """Return a line as it was recorded.

    Raises:
        ValidationError: If it is of another version.
    """
    return _ENTRIES.validate_json(json_text(dict(record), indent=None))
