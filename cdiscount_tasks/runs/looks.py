"""How often a sample's test products were looked at to compare a challenger with a champion: each look costs level."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cdiscount_tasks.runs import history as files
from cdiscount_tasks.runs.decisions import Entry, Look, check_expected, last_promotion
from cdiscount_tasks.runs.registry import registry_dir
from cdiscount_tasks.settings.environment import Environment


class NextLook(NamedTuple):
    """The number of a look, and whether it was recorded before: the same look again."""

    number: int
    is_repeat: bool


def _looks(entries: Sequence[Entry]) -> list[Look]:
    return [entry for entry in entries if isinstance(entry, Look)]


def _same_look(entries: Sequence[Entry], challenger: str, champion: str | None) -> Look | None:
    asked = challenger, champion
    return next((one for one in _looks(entries) if (one.challenger, one.champion_evaluation) == asked), None)


def _champion_evaluation(entries: Sequence[Entry]) -> str | None:
    promotion = last_promotion(entries)
    return promotion.candidate.evaluation_name if promotion else None


def next_look(entries: Sequence[Entry], challenger: str) -> NextLook:
    """Return which look at the test products it would be to judge a challenger against the present champion.

    The same challenger against the same champion is the same look, however often. Against another champion it is a new
    one: it asks another question, and so takes a level of its own.

    Args:
        entries: Of `registry.history`.
        challenger: The name of its evaluation artifact.
    """
    same = _same_look(entries, challenger, _champion_evaluation(entries))
    return NextLook(same.look, True) if same else NextLook(len(_looks(entries)) + 1, False)


def record_look(
    sample_name: str,
    challenger: str,
    expected: int | None,
    judgement: Callable[[int], str],
    inputs: Mapping[str, Any],
    environment: Environment | None = None,
) -> Look:
    """Record a look before the test products are looked at; the same look again is the one that was recorded.

    Args:
        sample_name: Whose registry.
        challenger: The name of its evaluation artifact.
        expected: The decision that made the champion that it is judged against; None: there is none.
        judgement: Gives, for the look's number, where the judgement artifact will be, relative to the work folder.
        inputs: Of the judgement, as JSON.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ChampionMovedError: If there is another champion now.
    """
    folder = registry_dir(sample_name, environment)

    def change(entries: list[Entry]) -> Look:
        check_expected(sample_name, entries, expected)
        champion_evaluation = _champion_evaluation(entries)
        if same := _same_look(entries, challenger, champion_evaluation):
            return same
        number = next_look(entries, challenger).number
        return files.append(
            folder,
            entries,
            Look,
            look=number,
            challenger=challenger,
            champion=expected,
            champion_evaluation=champion_evaluation,
            judgement=judgement(number),
            inputs=dict(inputs),
        )

    return files.write(folder, change)
