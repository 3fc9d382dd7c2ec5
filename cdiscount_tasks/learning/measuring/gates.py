"""Gates: what keeps a model from becoming the champion, whatever else speaks for it."""

from collections.abc import Sequence
from typing import NamedTuple

from cdiscount_tasks.settings.promotion import Gates

_MOST_NAMED = 10
"""So many classes that have fallen are named; of thousands of classes there may be hundreds."""


class GateFacts(NamedTuple):
    """What the gates look at.

    Attributes:
        macro_f1: On test; None: undefined.
        calibration_error: On test; None: undefined.
        evidence: Whether the evidence promotes; where it does not, no speed is measured.
        has_champion: False: there is none to compare with.
        speed: Images per second as a multiple of the champion's; None: not known.
        size: Bytes of the model's file as a multiple of the champion's; None: not known.
        fallen: Names of the classes that are shown to have fallen; None: not looked at.
    """

    macro_f1: float | None
    calibration_error: float | None
    evidence: bool
    has_champion: bool
    speed: float | None
    size: float | None
    fallen: Sequence[str] | None


class Gate(NamedTuple):
    """What one gate says.

    Attributes:
        name: The setting.
        limit: What is asked for; None: nothing, it is shown alone.
        value: What was found; None: not known.
        passes: False blocks the promotion.
        sentence: What is asked for, and what was found.
    """

    name: str
    limit: float | bool | None
    value: float | None
    passes: bool
    sentence: str


def _found(value: float | None, alike: str) -> str:
    """Say a number, or a multiple of the champion's as people do: `as large as the champion's`."""
    if value is None:
        return "not known"
    told = f"{value:.3g}"
    if not alike:
        return told
    return f"as {alike} as the champion's" if told == "1" else f"{told} times as {alike} as the champion's"


def _gate(name: str, limit: float | None, value: float | None, what: str, *, at_least: bool, alike: str = "") -> Gate:
    """Judge a number against its limit; one that is not known blocks where something is asked for.

    `alike`, such as `large`: the number is a multiple of the champion's.
    """
    found = _found(value, alike)
    if limit is None:
        return Gate(name, None, value, True, f"{what}: {found}; nothing is asked for.")
    passes = value is not None and (value >= limit if at_least else value <= limit)
    return Gate(name, limit, value, passes, f"{what}: {found}, {'at least' if at_least else 'at most'} {limit:.3g}.")


def asks_speed(rules: Gates, *, evidence: bool, has_champion: bool) -> bool:
    """Return whether the gates want the speed to be measured, which takes half a minute."""
    return rules.least_speed is not None and evidence and has_champion


def _speed(rules: Gates, facts: GateFacts) -> Gate:
    what = "Speed"
    if asks_speed(rules, evidence=facts.evidence, has_champion=facts.has_champion):
        return _gate("least_speed", rules.least_speed, facts.speed, what, at_least=True, alike="high")
    why = "nothing is asked for" if rules.least_speed is None else "the evidence does not promote this model"
    return Gate("least_speed", None, None, True, f"{what}: not measured; {why}.")


def judge_gates(rules: Gates, facts: GateFacts) -> tuple[Gate, ...]:
    """Judge every gate; those that ask for nothing are shown.

    Args:
        rules: Of the sample's YAML.
        facts: What was found. Gates that compare with the champion pass where there is none.
    """
    found = [
        _gate("least_macro_f1", rules.least_macro_f1, facts.macro_f1, "Macro F1 on test", at_least=True),
        _gate(
            "most_calibration_error", rules.most_calibration_error, facts.calibration_error,
            "Calibration error on test", at_least=False,
        ),
    ]  # fmt: skip
    if facts.has_champion:
        what = "The model's file"
        size = _gate("most_size", rules.most_size, facts.size, what, at_least=False, alike="large")
        found += [_speed(rules, facts), size]
    if facts.fallen is not None:
        fallen = ", ".join(facts.fallen[:_MOST_NAMED]) or "none"
        if len(facts.fallen) > _MOST_NAMED:
            fallen += f" and {len(facts.fallen) - _MOST_NAMED:,} more"
        passes = not (rules.no_class_falls and facts.fallen)
        sentence = f"Classes that are shown to be recognised less often than by the champion: {fallen}."
        found.append(Gate("no_class_falls", rules.no_class_falls, float(len(facts.fallen)), passes, sentence))
    return tuple(found)
