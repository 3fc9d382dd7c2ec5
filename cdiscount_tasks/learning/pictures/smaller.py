"""Pictures of a smaller side, which the first epochs of a training may see.

Each pixel is the mean of the area that it covers. The weights are whole numbers, and it is rounded once: every backend
finds the same pixels.
"""

import math
from typing import Any


def _cover(values: Any, axis: int, size: int, of: Any) -> Any:
    """Sum up what each pixel of a shorter side covers of the longer one, whose pixels count as `size` / gcd each."""
    shape = values.shape
    num_groups = math.gcd(shape[axis], size)
    longer, shorter = shape[axis] // num_groups, size // num_groups  # pixels of a group
    grouped = values.reshape(*shape[:axis], num_groups, longer, *shape[axis + 1 :])
    parts = [part.squeeze(axis + 1) for part in of.split(grouped, longer, axis + 1)]

    def covered(number: int) -> Any:
        first, end = number * longer, (number + 1) * longer  # where a pixel of the longer side is `shorter` long
        within = range(first // shorter, -(-end // shorter))
        weights = [min(end, (one + 1) * shorter) - max(first, one * shorter) for one in within]
        return sum(weight * parts[one] for one, weight in zip(within, weights, strict=True))

    found = of.stack([covered(number) for number in range(shorter)], axis + 1)
    return found.reshape(*shape[:axis], size, *shape[axis + 1 :])


def scale_down(pictures: Any, size: int, of: Any) -> Any:
    """Scale pictures down, to the same bit wherever they lie.

    Args:
        pictures: uint8, [num_pictures, longer, longer, 3]; at most 16 times the greatest common divisor with `size`.
        size: Wanted side in pixels.
        of: NumPy, or JAX's.

    Returns:
        uint8, [num_pictures, size, size, 3].
    """
    longer = pictures.shape[1]
    area = (longer // math.gcd(longer, size)) ** 2  # times 255 it is the most that 16 bits must hold
    sums = _cover(_cover(pictures.astype(of.uint16), 1, size, of), 2, size, of)
    return ((sums + of.uint16(area // 2)) // of.uint16(area)).astype(of.uint8)
