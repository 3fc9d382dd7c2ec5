"""What simulations say of the 95 % interval of an accuracy: how often it really covers the truth."""

from collections.abc import Mapping
from typing import Any

ENOUGH_GROUPS = 300
GOAL = (0.93, 0.97)

MEASURED_COVERAGE = {
    (40, 0.75): (0.945, 0.967),
    (40, 0.90): (0.953, 0.967),
    (40, 0.97): (0.959, 0.970),
    (100, 0.75): (0.948, 0.954),
    (100, 0.90): (0.946, 0.965),
    (100, 0.97): (0.950, 0.969),
    (300, 0.75): (0.946, 0.962),
    (300, 0.90): (0.953, 0.965),
    (300, 0.97): (0.950, 0.965),
    (1_000, 0.75): (0.944, 0.961),
    (1_000, 0.90): (0.948, 0.964),
    (1_000, 0.97): (0.946, 0.964),
}
"""By number of groups and accuracy, the least and the most covered over four kinds of simulated test sets (correlations
0.5 and 0.9, a group of 10 % or none), 1,000 each: printed by `python -m benchmarks.belief.interval_coverage`."""


def few_groups(accuracy: Mapping[str, Any]) -> str:
    """Say how far the interval of an accuracy can be trusted, where its groups are few; else nothing.

    Args:
        accuracy: A figure of metrics.json.

    Returns:
        A sentence under 300 groups, or where simulations did not cover within 93 to 97 %; else an empty text.
    """
    value, num_groups = accuracy["value"], accuracy["num_groups"]
    if value is None:
        return ""
    measured_groups = sorted({groups for groups, _ in MEASURED_COVERAGE})
    near_groups = max([groups for groups in measured_groups if groups <= num_groups], default=measured_groups[0])
    near_accuracy = min((share for _, share in MEASURED_COVERAGE), key=lambda share: abs(share - value))
    least, most = MEASURED_COVERAGE[near_groups, near_accuracy]
    if num_groups >= ENOUGH_GROUPS and least >= GOAL[0] and most <= GOAL[1]:
        return ""
    fewer = "" if num_groups >= measured_groups[0] else " Fewer than that were not simulated."
    return (
        f"Few groups ({num_groups:,}): in simulated test sets of {near_groups:,} groups with an accuracy of "
        f"{near_accuracy:.2f}, the 95 % interval covered the truth in {100 * least:.1f} to {100 * most:.1f} % of them."
        f"{fewer}"
    )
