"""What a judgement is made from and what it says: tuples of arrays, and of numbers."""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.learning.measuring.class_changes import ClassChange
from cdiscount_tasks.learning.measuring.intervals import Figure
from cdiscount_tasks.learning.measuring.paired import GroupTest

Verdict = Literal["first", "better", "no_evidence", "worse", "not_comparable"]
PromoteWhen = Literal["better", "not_worse"]


class Judged(NamedTuple):
    """What the models said of the products of one split that all of them may be judged on: a row per product.

    Attributes:
        right_challenger: bool, [n].
        right_champion: bool, [n].
        group_id: int64, [n].
        class_id: int64, [n], the true category.
        is_new: bool, [n], whether the product joined the test split after the last look. All False in validation.
        right_anchor: bool, [n], of the last champion that was promoted as `first` or `better`; None where it is the
            champion itself.
    """

    right_challenger: npt.NDArray[np.bool_]
    right_champion: npt.NDArray[np.bool_]
    group_id: npt.NDArray[np.int64]
    class_id: npt.NDArray[np.int64]
    is_new: npt.NDArray[np.bool_]
    right_anchor: npt.NDArray[np.bool_] | None = None


class Screened(NamedTuple):
    """What validation says before the test split is read.

    Attributes:
        p: One-sided: of `better`, or of `not_worse` where that promotes.
        passes: `p` is below 0.1: the test split is looked at, and the look counts.
        test: Challenger against champion on validation.
        reason: The same as a sentence.
    """

    p: float
    passes: bool
    test: GroupTest
    reason: str


class Comparison(NamedTuple):
    """Challenger against champion on all test products, or on those that joined alone.

    Attributes:
        of: Which products.
        look: The number of the look at them.
        test: The group test.
        level: One-sided, of `better` and of `worse` each.
        low: End of the interval at that level: above 0 where the challenger is better.
        high: The other end: below 0 where it is worse.
        mcnemar_p: Two-sided, shown alone.
        smallest_gain: That would have been seen in 80 % of such looks; None where none would.
        groups_needed: Of each gain in `GAINS`, how many groups would see it in 80 % of such looks.
    """

    of: Literal["all", "new"]
    look: int
    test: GroupTest
    level: float
    low: float
    high: float
    mcnemar_p: float
    smallest_gain: float | None
    groups_needed: dict[float, int]


class NotWorse(NamedTuple):
    """Whether the challenger is worse by less than the margin, on all test products at the level of their look.

    Attributes:
        holds: Against the anchor and against the champion.
        margin: As a share.
        level: One-sided, of each of the two: both must hold, so that it need not be shared.
        p_anchor: Of being worse than the anchor by the margin.
        low_anchor: The low end of the difference from the anchor.
        p_champion: The same of the champion.
        low_champion: Accordingly.
    """

    holds: bool
    margin: float
    level: float
    p_anchor: float
    low_anchor: float
    p_champion: float
    low_champion: float


class Judgement(NamedTuple):
    """A verdict and all that it rests on.

    Attributes:
        verdict: Of the closed list.
        promotes: Whether the evidence promotes; gates and people may still keep the champion.
        looked: Whether test products were looked at, so that the look counts.
        look: Its number in the history; None where none was counted, as for a first model. A comparison has the number
            of the look at its own products, which is 1 where all of them are new.
        reasons: Sentences.
        screened: What validation said; None for a first model, and where nothing could be compared.
        comparisons: All test products, then the new ones alone where they are judged; empty where not looked.
        not_worse: Where `promote_when` asks for it, and test was looked at.
        class_changes: Of all test products; empty where not looked.
        baseline: Of a first model: by how much it is better than the majority's category.
    """

    verdict: Verdict
    promotes: bool
    looked: bool
    look: int | None
    reasons: tuple[str, ...]
    screened: Screened | None = None
    comparisons: tuple[Comparison, ...] = ()
    not_worse: NotWorse | None = None
    class_changes: tuple[ClassChange, ...] = ()
    baseline: Figure | None = None


def plain(value: Any) -> Any:
    """Return named tuples as JSON has them; what is no number is null."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {f"{name:g}" if isinstance(name, float) else str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
