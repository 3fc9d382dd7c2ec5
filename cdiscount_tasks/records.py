"""Plain words of the data that every layer shares. No Arrow, no TensorFlow: a DAG file may import this."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")

MAX_IMAGES_PER_PRODUCT = 4
"""The catalogue's own limit: a document has 1 to 4 pictures."""

REAL_CATALOGUE_PRODUCTS = 7_069_896
REAL_CATALOGUE_IMAGES = 12_371_293
"""What Kaggle's complete train.bson holds (Cdiscount Image Classification Challenge, 2017)."""

DRAWN_COMMENT = b"drawn by cdiscount_tasks.demo"
"""The JPEG comment in every picture of a drawn catalogue: wherever the file goes, what is made from it says so."""

DRAWN_WARNING = "Drawn pictures: these figures show that the pipeline works, not how hard wine is."


class LabelFiles(NamedTuple):
    """The outside files that label fixing reads, as they were when the run started; None: the run has none such."""

    names_path: Path | None = None
    fixes_path: Path | None = None
    split_path: Path | None = None


class ImageSource(Protocol):
    """Pictures by row number, as encoded bytes, wherever they lie."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        ...

    def read(self, rows: Sequence[int]) -> list[bytes]:
        """Return the JPEG bytes of the given rows, each in [0, len), in the order asked for."""
        ...
