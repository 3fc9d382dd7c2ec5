"""What became of a training with another seed, and where it is kept until all are over: taken up there after a kill."""

import json
import logging
import zipfile
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from cdiscount_tasks.artifacts.documents import pull
from cdiscount_tasks.artifacts.files import replace_file

logger = logging.getLogger(__name__)

State = Literal["complete", "stopped", "diverged"]
"""`stopped`: by hand, where the model's training was not; it is no training of the same length."""

Rights = npt.NDArray[np.bool_]


class SeedOutcome(NamedTuple):
    """A training with another seed that is over.

    Attributes:
        seed: Its own.
        state: How it ended.
        num_epochs: Of all its phases; None: it diverged.
        best_epoch: From 1, counted over all phases: the one that was kept. None: it diverged.
        validation_accuracy: Of that epoch, over products. None: it diverged.
        validation_loss: The same.
        seconds: It took to train, without what a killed process had done of it.
        right_products: bool, [num_products]: which test products it judged right; empty where it diverged.
        right_images: bool, [num_images]: which of their images, each by itself.
    """

    seed: int
    state: State
    num_epochs: int | None
    best_epoch: int | None
    validation_accuracy: float | None
    validation_loss: float | None
    seconds: float
    right_products: Rights
    right_images: Rights


def diverged(seed: int, seconds: float) -> SeedOutcome:
    """Return what is known of a training that diverged."""
    nothing = np.zeros(0, np.bool_)
    return SeedOutcome(seed, "diverged", None, None, None, None, seconds, nothing, nothing)


def keep_outcome(path: Path, outcome: SeedOutcome) -> None:
    """Keep a training that is over, in one step.

    Args:
        path: A file of its own, whose name ends in `.npz`.
        outcome: It.
    """
    *figures, right_products, right_images = outcome

    def write(aside: Path) -> None:
        with aside.open("wb") as file:  # np.savez adds a suffix to a name without one
            np.savez(file, figures=np.array(json.dumps(figures)), products=right_products, images=right_images)

    replace_file(path, write)


def kept_outcome(path: Path) -> SeedOutcome | None:
    """Read a training that is over; None: it is not, or what was kept is damaged, and it is trained again."""
    pull(path)
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as found:
            figures = json.loads(found["figures"].item())
            return SeedOutcome._make([*figures, found["products"], found["images"]])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s): this seed is trained again", path, error)
        return None
