"""Whether a challenger takes over from the champion: arrays in, a judgement with its reasons out.

Validation screens, test decides. Only a challenger that validation calls better at p < 0.1 is judged on test products,
at a level that falls with each look at these products (looks.py). In simulated years of weekly challengers that are no
better, few have a wrong promotion: `python -m benchmarks.belief.promotion_years` (docs/measurements.md).

How the level of a look is shared: `better` is a one-sided test at the whole level, for only this verdict promotes.
`worse` is a one-sided test at the same level: it never promotes, so that it takes nothing from the first. Both together
may be wrong in twice the level. Where products joined the test split since the last look, all products have half of the
level of their look, and the new ones alone half the level of a first look.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.class_changes import class_changes
from cdiscount_tasks.learning.measuring.judgements import (
    Comparison,
    Judged,
    Judgement,
    NotWorse,
    PromoteWhen,
    Screened,
    Verdict,
)
from cdiscount_tasks.learning.measuring.looks import (
    ALPHA,
    GAINS,
    POWER,
    groups_needed,
    interval_percent,
    level_of_look,
    smallest_gain_seen,
)
from cdiscount_tasks.learning.measuring.paired import GroupTest, group_test, mcnemar_p, paired_difference

SCREEN_P = 0.1
"""Validation must be below it. Both models stopped by validation: good enough to save looks, not for a verdict.

Measured beside 0.2, 0.05 and 0.02: each saves looks, so that later ones have more power, and costs some at the first.
"""

MARGIN = 0.01
"""How much worse `not_worse` may be: one point."""


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _margin(share: float) -> str:
    return "1 point" if share == MARGIN else f"{100 * share:g} points"


def _counts(test: GroupTest) -> str:
    return f"{test.num_products:,} products in {test.num_groups:,} groups"


def _minus(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.asarray(first, np.float64) - np.asarray(second, np.float64)


def _refuse_uneven(judged: Judged) -> None:
    lengths = {name: len(column) for name, column in zip(judged._fields, judged, strict=True) if column is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"judged products have columns of different lengths, {lengths}: expected a row a product in each"
        )


def _against(judged: Judged) -> tuple[GroupTest, GroupTest]:
    """Return the tests of the challenger against the champion and against the anchor."""
    _refuse_uneven(judged)
    champion = group_test(_minus(judged.right_challenger, judged.right_champion), judged.group_id)
    if judged.right_anchor is None:
        return champion, champion
    return champion, group_test(_minus(judged.right_challenger, judged.right_anchor), judged.group_id)


def screen(validation: Judged, promote_when: PromoteWhen = "better", margin: float = MARGIN) -> Screened:
    """Say whether validation lets the challenger be judged on test products; call it before reading any.

    Args:
        validation: Products of both models' validation.
        promote_when: With `not_worse` the screen is that of the margin, against champion and anchor.
        margin: Of `not_worse`.
    """
    test, against_anchor = _against(validation)
    p, asked = test.p_better, "better"
    if promote_when == "not_worse":
        p = max(test.p_not_worse(margin), against_anchor.p_not_worse(margin))
        asked = f"less than {_margin(margin)} worse"
    passes = bool(p < SCREEN_P)
    if test.num_products == 0:
        return Screened(p, passes, test, "The two models have no validation product in common.")
    seen = f"Validation ({_counts(test)}): {_points(test.value)}, one-sided p = {p:.2g} for {asked}"
    then = (
        f"below {SCREEN_P}, so that test products are looked at."
        if passes
        else f"not below {SCREEN_P}: test products are not looked at, and no look is counted."
    )
    return Screened(p, passes, test, f"{seen}; {then}")


def not_comparable(reasons: Sequence[str]) -> Judgement:
    """Return the judgement of two models that cannot be compared, with every reason; nothing was looked at.

    Args:
        reasons: Sentences, at least one.
    """
    if not reasons:
        raise ValueError("two models that cannot be compared: give the reasons")
    return Judgement("not_comparable", promotes=False, looked=False, look=None, reasons=tuple(reasons))


def judge_first(
    right: npt.NDArray[np.bool_], group_id: npt.NDArray[np.int64], majority_right: npt.NDArray[np.bool_]
) -> Judgement:
    """Judge a model that has no champion before it: it must beat the majority baseline with its whole 95 % interval.

    Args:
        right: bool, [n], of the test products.
        group_id: int64, [n].
        majority_right: bool, [n], whether the commonest category of train is the product's.
    """
    figure = paired_difference(right, majority_right, group_id)
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None:
        return not_comparable(["There is no test product to judge a first model on."])
    counts = f"{figure['n']:,} test products in {figure['num_groups']:,} groups"
    against = f"Against the commonest category, {counts}: {_points(value)}"
    if low is None or high is None:
        reason, beats = f"{against}, without an interval: too few groups, or all differ alike.", False
    else:
        beats = low > 0
        said = "the whole interval is above 0." if beats else "the interval is not above 0 as a whole."
        reason = f"{against}, 95 % interval {_points(low)} to {_points(high)}: {said}"
    verdict: Verdict = "first" if beats else "no_evidence"
    return Judgement(verdict, promotes=beats, looked=True, look=None, reasons=(reason,), baseline=figure)


def _fresh(test: Judged, alpha: float) -> npt.NDArray[np.bool_]:
    """Return which products tell what no look has seen: new ones, in groups without a product that was there before.

    None where they are of too few groups to pass at their level even if all were won: they would cost the others half
    of their level for nothing. Decided by the number of groups, never by an outcome.
    """
    seen = test.group_id[~test.is_new]
    fresh = test.is_new & ~np.isin(test.group_id, seen)
    num_groups = len(np.unique(test.group_id[fresh]))
    if 2.0**-num_groups > level_of_look(1, alpha) / 2:
        return np.zeros_like(fresh)
    return fresh


def _compare(of: Literal["all", "new"], look: int, level: float, test: Judged) -> Comparison:
    difference = _minus(test.right_challenger, test.right_champion)
    found = group_test(difference, test.group_id)
    low, high = found.interval(level)
    return Comparison(
        of,
        look,
        found,
        level,
        low,
        high,
        mcnemar_p(difference),
        smallest_gain_seen(found, level, POWER),
        {gain: groups_needed(found, gain, level, POWER) for gain in GAINS},
    )


def _compare_all(test: Judged, look: int, alpha: float) -> tuple[Comparison, ...]:
    """Compare on all products, and on the new ones alone; at a first look none is newer than the others."""
    fresh = _fresh(test, alpha)
    if fresh.all():
        look = 1
    if look == 1 or not fresh.any():
        return (_compare("all", look, level_of_look(look, alpha), test),)
    alone = Judged(*(None if column is None else column[fresh] for column in test))  # type: ignore[arg-type]
    return (
        _compare("all", look, level_of_look(look, alpha) / 2, test),
        _compare("new", 1, level_of_look(1, alpha) / 2, alone),
    )


def _verdict(comparisons: tuple[Comparison, ...]) -> tuple[Verdict, list[str]]:
    better = any(one.test.p_better <= one.level for one in comparisons)
    worse = any(one.test.p_worse <= one.level for one in comparisons)
    if better and worse:
        return "no_evidence", ["All products and the new ones alone contradict each other: the champion stays."]
    return ("better" if better else "worse" if worse else "no_evidence"), []


def _sentence(one: Comparison) -> str:
    which = "test products" if one.of == "all" else "test products that joined since the last look"
    counts = f"{one.test.num_products:,} {which} in {one.test.num_groups:,} groups"
    interval = f"{interval_percent(one.level)} interval {_points(one.low)} to {_points(one.high)}"
    found = f"{_points(one.test.value)}, {interval}"
    said = (
        "better"
        if one.test.p_better <= one.level
        else "worse"
        if one.test.p_worse <= one.level
        else "no evidence of a difference"
    )
    seen = (
        "no gain could have been seen"
        if one.smallest_gain is None
        else f"a gain of {100 * one.smallest_gain:.1f} points would have been seen in 4 of 5 such looks"
    )
    return f"Look {one.look} at these {counts}, level {one.level:.2g}: {found}: {said}; {seen}."


def _judge_not_worse(test: Judged, level: float, margin: float) -> NotWorse:
    champion, anchor = _against(test)
    p_champion, p_anchor = champion.p_not_worse(margin), anchor.p_not_worse(margin)
    low_champion, low_anchor = champion.interval(level)[0], anchor.interval(level)[0]
    holds = max(p_champion, p_anchor) <= level
    return NotWorse(holds, margin, level, p_anchor, low_anchor, p_champion, low_champion)


def _not_worse_sentence(found: NotWorse) -> str:
    said = "less than" if found.holds else "not shown to be less than"
    return (
        f"The challenger is {said} {_margin(found.margin)} worse: at least {_points(found.low_anchor)} from the "
        f"anchor and {_points(found.low_champion)} from the champion."
    )


def judge(
    validation: Judged,
    test: Judged | None,
    look: int | None,
    promote_when: PromoteWhen = "better",
    alpha: float = ALPHA,
    margin: float = MARGIN,
) -> Judgement:
    """Judge a challenger against the champion.

    The registry records the look before the test split is read: `screen` first, by itself; where it passes, the look;
    then the test products and this. Where it does not pass, `test` and `look` are not used and may be None.

    With `not_worse` a challenger is promoted too that loses less than the margin against the champion *and* the anchor,
    at the level of the look. Without the anchor each promotion may lose the margin again (Everson-Stewart and Emerson
    2010, Statistics in Medicine 29). A challenger that is worse is never promoted, however little it loses.

    Args:
        validation: Products of both models' validation.
        test: Test products in no group that one of the models learnt from.
        look: Which look at these products it is, from 1.
        promote_when: `better` or `not_worse`.
        alpha: What all looks at these products may promote wrongly.
        margin: Of `not_worse`.
    """
    screened = screen(validation, promote_when, margin)
    if screened.test.num_products == 0:
        return not_comparable([screened.reason])._replace(screened=screened)
    if not screened.passes:
        return Judgement("no_evidence", False, False, None, (screened.reason,), screened)
    if test is None or look is None:
        raise ValueError("validation lets this challenger be judged: give the test products and the number of the look")
    if len(test.group_id) == 0:
        return not_comparable(["The two models have no test product in common."])._replace(screened=screened)
    _refuse_uneven(test)
    comparisons = _compare_all(test, look, alpha)
    verdict, contradiction = _verdict(comparisons)
    not_worse = _judge_not_worse(test, comparisons[0].level, margin) if promote_when == "not_worse" else None
    is_close = not_worse is not None and not_worse.holds and verdict == "no_evidence" and not contradiction
    sentences = [screened.reason, *map(_sentence, comparisons), *contradiction]
    if not_worse is not None:
        sentences.append(_not_worse_sentence(not_worse))
    changes = class_changes(test.class_id, test.right_challenger, test.right_champion, test.group_id)
    return Judgement(
        verdict,
        promotes=verdict == "better" or is_close,
        looked=True,
        look=look,
        reasons=tuple(sentences),
        screened=screened,
        comparisons=comparisons,
        not_worse=not_worse,
        class_changes=changes,
    )
