"""How often the same test products may be looked at, and what a look at them can see: numbers in, numbers out.

Each look at the same test products is another chance for a challenger that is no better. The k-th look has the level
6 a / (pi k)^2, so that all looks together have at most a, whatever the challengers have in common. A promotion only on
significance, one bit a look, is a stricter form of the Ladder (Blum and Hardt 2015, arXiv 1502.04585).
"""

import math

from scipy import special

from cdiscount_tasks.learning.measuring.paired import GroupTest

ALPHA = 0.05
"""The most that all looks together may promote wrongly, before the first right promotion."""

POWER = 0.8
GAINS = (0.01, 0.02, 0.05)
"""Of which the report says how many groups they need."""


def level_of_look(look: int, alpha: float = ALPHA) -> float:
    """Return the one-sided level of the k-th look at the same test products, 6 alpha / (pi k)^2.

    Over all k these levels add up to alpha.

    Args:
        look: k, from 1.
        alpha: What all looks together may have.
    """
    if look < 1:
        raise ValueError(f"look {look} at the test products: the first look is 1")
    return 6 * alpha / (math.pi * look) ** 2


def interval_percent(level: float) -> str:
    """Return how often an interval contains the true value whose two ends each have a one-sided level: `93.9 %`.

    Args:
        level: Of a look, in (0, 0.5).
    """
    return f"{100 - float(f'{200 * level:.2g}'):.10g} %"


def honest_bound(num_right_promotions: int, num_judged_alone: int = 0, alpha: float = ALPHA) -> float:
    """Return the most that a wrong promotion can be likely by now.

    A first champion is chosen without these test products, each later one with them: after M right promotions there
    were M + 1 champions that challengers were compared with, each with at most alpha. Products that joined the test
    split and are judged alone were never looked at: each such judgement adds half the level of a first look.

    Args:
        num_right_promotions: M, from 0.
        num_judged_alone: How often new products were judged alone.
        alpha: What all looks together may have.

    Returns:
        At most 1.
    """
    return min(1.0, (num_right_promotions + 1) * alpha + num_judged_alone * level_of_look(1, alpha) / 2)


def _deviations(level: float, power: float) -> float:
    """Return how many standard errors a gain must have to be seen."""
    return -float(special.ndtri(level)) + float(special.ndtri(power))


def smallest_gain_seen(test: GroupTest, level: float, power: float = POWER) -> float | None:
    """Return the smallest true gain that such a test would see with a power; None where none would be seen.

    (z_level + z_power) * standard_error. It has a floor, which counts where nearly no product is discordant: a gain
    needs discordant groups, and even without a single lost one there must be (z_level + z_power)^2 of the G groups.

    Args:
        test: What was found; its variance and groups count, not its outcome.
        level: One-sided.
        power: How often it would be seen.

    Returns:
        A share, 0.01 for one point.
    """
    if test.num_groups < 2:
        return None
    deviations = _deviations(level, power)
    gain = max(deviations * test.standard_error, deviations**2 / test.num_groups)
    return gain if gain <= 1 else None


def groups_needed(test: GroupTest, gain: float, level: float, power: float = POWER) -> int:
    """Return how many groups of test products would see a true gain with a power.

    (z_level + z_power)^2 * variance of a group / gain^2, the variance as found; at least (z_level + z_power)^2 / gain,
    the floor of `smallest_gain_seen`.

    Args:
        test: What was found.
        gain: A share, above 0.
        level: One-sided.
        power: How often it would be seen.
    """
    if not gain > 0:
        raise ValueError(f"the groups for a gain of {gain}: expected above 0")
    variance = test.num_groups * test.standard_error**2 if test.num_groups > 1 else 0.0
    return math.ceil(_deviations(level, power) ** 2 * max(variance / gain**2, 1 / gain))
