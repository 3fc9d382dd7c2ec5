"""Which gaps between wanted ranges of an object are read with them: bytes beside requests."""

import numpy as np
import numpy.typing as npt

READ_THROUGH_SHARE = 0.07
"""Of an object so many more bytes may be read than are wanted, where that saves requests."""


def widest_gap(gaps: npt.NDArray[np.int64], num_wanted: int) -> int:
    """Return up to which width gaps between wanted ranges of an object are read, rather than asked around.

    Args:
        gaps: int64, [num_gaps], bytes between ranges; those below 0 are no gaps.
        num_wanted: Bytes of the ranges.

    Returns:
        The width: all gaps of so many bytes and fewer have together at most READ_THROUGH_SHARE of `num_wanted`.
    """
    ordered = np.sort(gaps[gaps >= 0])
    num_affordable = int(np.searchsorted(np.cumsum(ordered), READ_THROUGH_SHARE * num_wanted, side="right"))
    if num_affordable == len(ordered):
        return int(ordered[-1]) if len(ordered) else 0
    return max(int(ordered[num_affordable]) - 1, 0)
