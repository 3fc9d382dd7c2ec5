"""How often a year of weekly retrainings promotes a model that is no better, and how soon one that is.

`python -m benchmarks.belief.promotion_years` (1,000 years, 16 CPU-minutes; `--years 50` for a look) prints the tables
of docs/measurements.md. Groups of products are drawn as in `benchmarks.belief.interval_coverage`; with the probability
`correlation` all products of a group are answered as one, else each by itself. Each product has a difficulty that all
models share, and each model adds its own luck: two models of the same skill, 0.75, disagree on 13 % of the products.
Validation is as large as test. Every week has a new challenger.

1. Equal skill, 52 weeks: a year counts as wrong where any challenger is promoted.
2. A better recipe from week 2 or 26 on: is it promoted in that week, or within four?
3. `not_worse`: challengers lose 0.1 point of true skill a week. What is the champion worth after a year?

`ours` is `promotion.judge` itself; the other rules decide on the same products in the same years.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cdiscount_tasks.learning.measuring.looks import ALPHA, level_of_look
from cdiscount_tasks.learning.measuring.paired import group_test
from cdiscount_tasks.learning.measuring.promotion import MARGIN, SCREEN_P, judge
from tests.material.drawn_models import SKILL, Bools, Split, draw_right, draw_split, judged

NUMS_PRODUCTS, MANY_PRODUCTS = (1_190, 5_000), 20_000
CORRELATIONS = (0.9, 0.5, 0.3)
NUM_WEEKS, NUM_TRIES = 52, 4
BETTER_WEEKS, GAINS = (2, 26), (0.02, 0.05)
CASES = [(gain, week) for gain in GAINS for week in BETTER_WEEKS]
LOSS_A_WEEK = 0.001
BUDGET = 20

Floats = npt.NDArray[np.float64]


class Weeks(NamedTuple):
    """What each week's challenger gave: arrays of [num_weeks].

    Attributes:
        gain: Test accuracy less the champion's.
        p_mcnemar: One-sided, of test products.
        p_test: One-sided, by groups.
        p_validation: Accordingly.
        ours: Whether `judge` promotes.
    """

    gain: Floats
    p_mcnemar: Floats
    p_test: Floats
    p_validation: Floats
    ours: Bools

    def before(self, week: int) -> "Weeks":
        """Return the weeks before one, which is counted from 1."""
        end = week - 1
        return Weeks(self.gain[:end], self.p_mcnemar[:end], self.p_test[:end], self.p_validation[:end], self.ours[:end])


def group_p(split: Split, right: Bools, champion: Bools) -> Floats:
    """Return the one-sided p of the z test by groups, for all weeks at once: what `group_test` gives of many groups."""
    difference = right.astype(np.int8) - champion.astype(np.int8)
    sums = np.add.reduceat(difference, split.firsts, axis=1, dtype=np.float64)
    n, sizes = len(split.group_id), np.diff(split.firsts, append=len(split.group_id))
    value = sums.sum(axis=1) / n
    squares = ((sums - value[:, None] * sizes) ** 2).sum(axis=1)
    return np.asarray(special.ndtr(-value * n / np.sqrt(len(sizes) / (len(sizes) - 1) * squares)))


class Year:
    """The products of one year, its first champion, and the looks at test so far."""

    def __init__(self, random: np.random.Generator, num_products: int, correlation: float) -> None:
        self.random = random
        self.validation, self.test = (draw_split(random, num_products, correlation) for _ in range(2))
        self.champion = [draw_right(random, split, [SKILL])[0] for split in (self.validation, self.test)]

    def play(self, skills: npt.ArrayLike, num_looks: int = 0) -> tuple[Weeks, list[int]]:
        """Let a challenger come each week; the champion stays, since the first promotion decides what is counted.

        Returns:
            The weeks, and how many looks there were after each.
        """
        validation, test = (draw_right(self.random, split, skills) for split in (self.validation, self.test))
        ours, looks = [], []
        for of_validation, of_test in zip(validation, test, strict=True):
            found = judge(
                judged(self.validation, of_validation, self.champion[0]),
                judged(self.test, of_test, self.champion[1]),
                num_looks + 1,
            )
            num_looks += found.looked
            ours.append(found.promotes)
            looks.append(num_looks)
        gained, lost = (test & ~self.champion[1]).sum(axis=1), (~test & self.champion[1]).sum(axis=1)
        weeks = Weeks(
            (gained - lost) / len(self.champion[1]),
            np.asarray(special.bdtr(lost, gained + lost, 0.5)),
            group_p(self.test, test, self.champion[1]),
            group_p(self.validation, validation, self.champion[0]),
            np.array(ours),
        )
        return weeks, looks


Rule = Callable[[Weeks, Weeks | None], Bools]
"""Which of the weeks promote, where other weeks were before."""


def _numbers(passed: Bools, before: Bools | None) -> npt.NDArray[np.int64]:
    return np.maximum(1, np.cumsum(passed) + (0 if before is None else before.sum()))


def _every_week(level: Callable[[int], float]) -> Rule:
    def promotes(weeks: Weeks, before: Weeks | None) -> Bools:
        numbers = _numbers(np.ones(len(weeks.gain), bool), None if before is None else np.ones(len(before.gain), bool))
        return np.asarray(weeks.p_test <= [level(int(number)) for number in numbers])

    return promotes


def _screened(at: float, level: Callable[[int], float]) -> Rule:
    def promotes(weeks: Weeks, before: Weeks | None) -> Bools:
        passed = weeks.p_validation < at
        numbers = _numbers(passed, None if before is None else before.p_validation < at)
        return np.asarray(passed & (weeks.p_test <= [level(int(number)) for number in numbers]))

    return promotes


def _of_budget(look: int) -> float:
    return ALPHA / BUDGET if look <= BUDGET else 0.0


RULES: dict[str, Rule] = {
    "higher accuracy wins": lambda weeks, _: weeks.gain > 0,
    "McNemar by products, 0.05 each week": lambda weeks, _: weeks.p_mcnemar <= 0.05,
    "z by groups, 0.05 each week": lambda weeks, _: weeks.p_test <= 0.05,
    "z by groups, 6a/(pi k)^2, k = weeks": _every_week(level_of_look),
    "z by groups, a/52 each week": _every_week(lambda _: ALPHA / NUM_WEEKS),
    f"**ours: screen at {SCREEN_P:g}, then 6a/(pi k)^2, k = looks**": lambda weeks, _: weeks.ours,
    **{f"screen at {at:g}, then 6a/(pi k)^2": _screened(at, level_of_look) for at in (0.2, 0.05, 0.02)},
    **{f"screen at {at:g}, then a/20 for 20 looks": _screened(at, _of_budget) for at in (0.2, 0.1)},
}
PROMOTES_ON_LUCK = list(RULES)[:3]
"""Their power means nothing: they change champions for no reason."""


class Outcome(NamedTuple):
    """Of one rule, shares of the years.

    Attributes:
        wrong: Any promotion in 52 weeks of equal skill.
        power: Of each gain and the week it begins in: promoted in that week, and within four weeks.
    """

    wrong: float
    power: dict[tuple[float, int], tuple[float, float]]


def measure(num_products: int, correlation: float, num_years: int) -> tuple[dict[str, Outcome], float, float]:
    """Return what each rule did, the looks of ours in a year, and the design effect of a difference."""
    wrong: dict[str, list[bool]] = {rule: [] for rule in RULES}
    tried: dict[str, list[list[Bools]]] = {rule: [] for rule in RULES}
    num_looks, effects = [], []
    for number in range(num_years):
        year = Year(np.random.default_rng([num_products, round(10 * correlation), number]), num_products, correlation)
        weeks, looks = year.play(np.full(NUM_WEEKS, SKILL))
        better = [year.play(np.full(NUM_TRIES, SKILL + gain), looks[week - 2])[0] for gain, week in CASES]
        befores = [weeks.before(week) for _, week in CASES]
        for rule, promotes in RULES.items():
            wrong[rule].append(bool(promotes(weeks, None).any()))
            tried[rule].append([promotes(*pair) for pair in zip(better, befores, strict=True)])
        num_looks.append(looks[-1])
        difference = draw_right(year.random, year.test, [SKILL])[0].astype(float) - year.champion[1]
        effects.append(group_test(difference, year.test.group_id).standard_error ** 2 * num_products / difference.var())
    outcomes = {}
    for rule in RULES:
        found = np.array(tried[rule])
        now, soon = found[:, :, 0].mean(axis=0).tolist(), found.any(axis=2).mean(axis=0).tolist()
        outcomes[rule] = Outcome(
            float(np.mean(wrong[rule])), dict(zip(CASES, zip(now, soon, strict=True), strict=True))
        )
    return outcomes, float(np.mean(num_looks)), float(np.mean(effects))


def skill_after_losses(year: Year, is_ours: bool, is_anchored: bool) -> tuple[float, int]:
    """Return the true skill of the champion after a year of challengers that get worse, and the promotions.

    Args:
        year: Its products and first champion.
        is_ours: `judge` decides, not a level of 0.05 each week without a screen.
        is_anchored: Compared with the last champion that was better, too, and not with the champion alone.
    """
    skills = SKILL - LOSS_A_WEEK * np.arange(1, NUM_WEEKS + 1)
    splits = year.validation, year.test
    champion, anchor, skill, num_looks, num_promoted = year.champion, year.champion, SKILL, 0, 0
    for *right, true_skill in zip(*(draw_right(year.random, split, skills) for split in splits), skills, strict=True):
        is_better = False
        if is_ours:
            of_anchor = anchor if is_anchored else [None, None]
            validation, test = (judged(*one) for one in zip(splits, right, champion, of_anchor, strict=True))
            found = judge(validation, test, num_looks + 1, "not_worse")
            num_looks += found.looked
            promotes, is_better = found.promotes, found.verdict == "better"
        else:
            against = [champion[1], anchor[1]] if is_anchored else [champion[1]]
            differences = [right[1].astype(float) - one for one in against]
            promotes = all(group_test(one, year.test.group_id).p_not_worse(MARGIN) <= ALPHA for one in differences)
        if promotes:
            champion, skill, num_promoted = right, float(true_skill), num_promoted + 1
            anchor = right if is_better else anchor
    return skill, num_promoted


def _print_rules(outcomes: dict[tuple[float, int], dict[str, Outcome]]) -> None:
    titles = " | ".join(f"{n:,} products, correlation {correlation}" for correlation, n in outcomes)
    line = "|---|" + "---|" * len(outcomes)
    print(f"\n| wrong promotion in a year of equal skill, % | {titles} |\n{line}")
    for rule in RULES:
        print(f"| {rule} | {' | '.join(f'{100 * one[rule].wrong:.1f}' for one in outcomes.values())} |")
    for gain, week in CASES:
        title = f"+{100 * gain:.0f} points from week {week}: promoted that week / within {NUM_TRIES}, %"
        print(f"\n| {title} | {titles} |\n{line}")
        for rule in RULES:
            if rule not in PROMOTES_ON_LUCK:
                powers = [one[rule].power[gain, week] for one in outcomes.values()]
                print(f"| {rule} | {' | '.join(f'{100 * now:.0f} / {100 * soon:.0f}' for now, soon in powers)} |")


def _print_losses(nums_products: list[int], correlation: float, num_years: int) -> None:
    print("\n| `not_worse` | products | years | true skill after a year: mean | worst 5 % | promotions |")
    print("|---|---|---|---|---|---|")
    for num_products in nums_products:
        years = num_years if num_products <= max(NUMS_PRODUCTS) else -(-num_years // 10)
        for is_ours in (False, True):
            for is_anchored in (False, True):
                found = []
                for number in range(years):
                    year = Year(np.random.default_rng([num_products, 99, number]), num_products, correlation)
                    found.append(skill_after_losses(year, is_ours, is_anchored))
                skills, promotions = np.array(found).T
                name = f"{'ours' if is_ours else '0.05 each week'}, {'anchored' if is_anchored else 'chained'}"
                figures = f"{skills.mean():.3f} | {np.percentile(skills, 5):.3f} | {promotions.mean():.1f}"
                print(f"| {name} | {num_products:,} | {years:,} | {figures} |", flush=True)


def main() -> None:
    """Read the options, simulate, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=1_000)
    parser.add_argument("--products", type=int, nargs="+", default=NUMS_PRODUCTS)
    parser.add_argument("--correlations", type=float, nargs="+", default=CORRELATIONS)
    parser.add_argument("--many", type=int, default=MANY_PRODUCTS, help="products of a tenth of the years, last table")
    options = parser.parse_args()
    outcomes = {}
    print("| correlation | products | design effect of a difference | looks of ours a year |\n|---|---|---|---|")
    for correlation in options.correlations:
        for num_products in options.products:
            found, num_looks, effect = measure(num_products, correlation, options.years)
            outcomes[correlation, num_products] = found
            print(f"| {correlation} | {num_products:,} | {effect:.2f} | {num_looks:.1f} |", flush=True)
    _print_rules(outcomes)
    _print_losses([*options.products, options.many], options.correlations[-1], options.years)


if __name__ == "__main__":
    main()
