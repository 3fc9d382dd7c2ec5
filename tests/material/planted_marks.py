"""Images of which half carry a mark of known place: what a network trained on them looks at is known too."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cdiscount_tasks.settings.networks import NetworkName
from cdiscount_tasks.settings.training import TrainingConfig

_SIDE_SHARE = 5
"""The mark's side is a fifth of the image's."""

_PATTERNS = ("checks", "ring", "stripes")


class Marked(NamedTuple):
    """Images in random order, half of them with a mark.

    Attributes:
        images: uint8, [num_images, size, size, 3].
        is_marked: int64, [num_images]: the class, 1 where there is a mark.
        place: int64, [num_images, 2]: the mark's first row and column; meaningless without a mark.
        side: Of the mark, in pixels.
    """

    images: np.ndarray
    is_marked: np.ndarray
    place: np.ndarray
    side: int


class Judged(NamedTuple):
    """What the maps of a trained network show of the mark.

    Attributes:
        accuracy: Of the network, on test.
        num_maps: Test images that are rightly called marked; each has a map.
        peaks: The share of the maps that peak in the mark.
        share: Of what speaks for "marked", how much lies within the mark; by chance it is 4 %.
    """

    accuracy: float
    num_maps: int
    peaks: float
    share: float


def draw_mark(random: np.random.Generator, side: int, pattern: str) -> np.ndarray:
    """Return uint8, [side, side, 3]: two colours far from each other."""
    # Far from grey, which would be its own opposite.
    colour = np.where(random.random(3) < 0.5, random.integers(0, 64, 3), random.integers(192, 256, 3))
    rows, columns = np.indices((side, side))
    if pattern == "checks":
        inside = (rows // 3 + columns // 3) % 2 == 1
    elif pattern == "ring":
        distance = np.hypot(rows - (side - 1) / 2, columns - (side - 1) / 2)
        inside = (distance > side / 4) & (distance < side / 2)
    else:
        inside = rows // 3 % 2 == 1
    return np.where(inside[:, :, None], colour, 255 - colour).astype(np.uint8)


def plant_marks(images: np.ndarray, seed: int) -> Marked:
    """Paste one mark at random places into a random half of the images; patterns alternate with the seed."""
    random = np.random.default_rng(seed)
    images = images[random.permutation(len(images))]
    size = images.shape[1]
    side = size // _SIDE_SHARE
    mark = draw_mark(random, side, _PATTERNS[seed % len(_PATTERNS)])
    is_marked = random.integers(0, 2, len(images))
    place = random.integers(0, size - side + 1, (len(images), 2))
    marked = images.copy()
    for number in np.flatnonzero(is_marked):
        row, column = place[number]
        marked[number, row : row + side, column : column + side] = mark
    return Marked(marked, is_marked, place, side)


def peaks_in_mark(maps: np.ndarray, place: np.ndarray, side: int, size: int) -> np.ndarray:
    """Tell for each map whether its peak lies in the mark, or less than half a place of the map beside it.

    Args:
        maps: float32, [num_maps, height, width].
        place: int64, [num_maps, 2]: the mark's first row and column in the image.
        side: Of the mark, in pixels.
        size: Of the image, in pixels.

    Returns:
        bool, [num_maps].
    """
    slack = size / maps.shape[1] / 2
    found = []
    for values, corner in zip(maps, place, strict=True):
        large = np.asarray(Image.fromarray(values).resize((size, size), Image.Resampling.BILINEAR))
        peak = np.array(np.unravel_index(large.argmax(), large.shape))
        found.append(bool(((corner - slack <= peak) & (peak < corner + side + slack)).all()))
    return np.array(found, np.bool_)


def share_of_mark(maps: np.ndarray, place: np.ndarray, side: int, size: int) -> float:
    """Return the mean share of what speaks for the class that lies within the mark; arguments as of `peaks_in_mark`."""
    shares = []
    for values, (row, column) in zip(maps, place, strict=True):
        large = np.asarray(Image.fromarray(values).resize((size, size), Image.Resampling.BILINEAR))
        large = np.maximum(large, 0)
        shares.append(large[row : row + side, column : column + side].sum() / max(float(large.sum()), 1e-9))
    return float(np.mean(shares))


class _NothingKept:
    """Checkpoints of a training that nobody continues."""

    def save(self, *_: Any) -> bool:
        return True

    def newest(self) -> None:
        return None


def judge_maps(marked: Marked, network: NetworkName, epochs: int, seed: int) -> Judged:
    """Train a network to tell which images are marked, on 80 % of them, and judge its maps on the others."""
    from cdiscount_tasks.machine.device import prepare_device

    device = prepare_device(seed)
    from cdiscount_tasks.learning.networks.activation_maps import map_activations
    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.networks.build import build_network
    from cdiscount_tasks.learning.networks.training import train
    from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory

    size, num_images = marked.images.shape[1], len(marked.images)
    parts = np.split(np.arange(num_images), [int(0.7 * num_images), int(0.8 * num_images)])

    def hold(rows: np.ndarray) -> ImagesInMemory:
        return ImagesInMemory(iter([marked.images[rows]]), len(rows), size)

    config = TrainingConfig(network=network, image_size=size, epochs=epochs, batch_size=32)
    learnt, chosen = (Examples(hold(rows), marked.is_marked[rows], np.arange(len(rows))) for rows in parts[:2])
    nowhere: Any = _NothingKept()
    trained = train(build_network(network, size, 2), learnt, chosen, config, device, nowhere).network
    answers = np.asarray(trained(marked.images[parts[2]], training=False)).argmax(axis=1)
    truth = marked.is_marked[parts[2]]
    rows = parts[2][(answers == 1) & (truth == 1)]
    maps = map_activations(trained, hold(rows), np.arange(len(rows)), np.ones(len(rows), np.int64))
    where = marked.place[rows], marked.side, size
    peaks = float(peaks_in_mark(maps, *where).mean())
    return Judged(float((answers == truth).mean()), len(rows), peaks, share_of_mark(maps, *where))
