"""The plain words of the data, free to every room: splits, reasons, names of files. Loads nothing heavy."""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")


CERTIFIED, BY_PRODUCT, BY_IMAGE = SPLIT_KINDS = ("certified", "by_product", "by_image")
"""What a split keeps whole: groups of products that share pictures; products; nothing but single pictures."""


FROM_SCRATCH, HEAD, FINE_TUNE = ("train", "head", "fine_tune")
"""What learns in an epoch, the closed list of `phase` in history.parquet: a whole network, the classifying layer on a
frozen one, the pretrained network."""


MAX_IMAGES_PER_PRODUCT = 4
"""The catalogue's own limit: a document has 1 to 4 pictures."""


REAL_CATALOGUE_PRODUCTS = 7_069_896


REAL_CATALOGUE_IMAGES = 12_371_293
"""What Kaggle's complete train.bson holds (Cdiscount Image Classification Challenge, 2017)."""


DRAWN_COMMENT = b"drawn by cdiscount_tasks.demo"
"""The JPEG comment in every picture of a drawn catalogue: wherever the file goes, what is made from it says so."""


DRAWN_WARNING = (
    "Demo data: a program drew the pictures. The figures show that the pipeline works; they say nothing about real "
    "products."
)

CLASS_NAMES = "class_names.json"
"""Of a model artifact: what each class is called, by class index, for whoever uses the model elsewhere."""


METRICS_VERSION = 1
"""The schema of metrics.json, which docs/metrics-schema.md describes."""


class Reason(StrEnum):
    """Why something of the catalogue was rejected: the closed list of `rejected.parquet` (meanings in docs/data.md)."""

    # documents, by the index
    DOCUMENT_UNREADABLE = "document_unreadable"
    DOCUMENT_CUT = "document_cut"
    ID_MISSING = "id_missing"
    ID_NOT_AN_INTEGER = "id_not_an_integer"
    ID_REPEATED = "id_repeated"
    FIELD_REPEATED = "field_repeated"
    IMGS_MISSING = "imgs_missing"
    IMGS_EMPTY = "imgs_empty"
    IMGS_TOO_MANY = "imgs_too_many"
    IMGS_NOT_PICTURES = "imgs_not_pictures"
    CATEGORY_NOT_AN_INTEGER = "category_not_an_integer"
    # images, by the index
    PICTURE_EMPTY = "picture_empty"
    PICTURE_NOT_JPEG = "picture_not_jpeg"
    # images and products, by the labels
    PICTURE_DAMAGED = "picture_damaged"
    PICTURE_TOO_LARGE = "picture_too_large"
    PICTURE_OF_MANY_PRODUCTS = "picture_of_many_products"
    NO_IMAGE_LEFT = "no_image_left"
    SMALL_CLASS = "small_class"
    NOT_IN_SPLIT_FILE = "not_in_split_file"
    # products, by the predictions
    NO_USABLE_IMAGE = "no_usable_image"


NOT_LOOKED_AT, CATALOGUE_RIGHT, SUGGESTION_RIGHT, OTHER_CATEGORY, UNSURE = (
    "",
    "catalogue",
    "suggested",
    "other",
    "unsure",
)


VERDICTS = (CATALOGUE_RIGHT, SUGGESTION_RIGHT, OTHER_CATEGORY, UNSURE)
"""What a person may write into the column `verdict` of a list of suspects; an empty one means: not looked at."""


LISTED_REASON = (
    "the catalogue says {given} ({given_id}); suggested: {suggested} ({suggested_id}); score {score} of 5; "
    "list {key}, judged by verdict"
)
"""The reason of each row of a list of suspects."""


LISTED = re.compile(
    r"the catalogue says .* \((?P<given>-?\d+)\); suggested: .* \((?P<suggested>-?\d+)\); score \d of \d; "
    r"list [0-9a-f]{16}, judged by verdict",
    re.DOTALL,
)


JUDGED_BY_VERDICT = re.compile(r"\blist [0-9a-f]{16}, judged by verdict\b")
"""How a row of a list is known that fixes nothing before it has a verdict; older lists had no such column."""


class ImageSource(Protocol):
    """Pictures by row number, as encoded bytes, wherever they lie."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        ...

    def read(self, rows: Sequence[int]) -> list[bytes]:
        """Return the JPEG bytes of the given rows, each in [0, len), in the order asked for."""
        ...


class ShufflableSource(ImageSource, Protocol):
    """Pictures that can be opened for reading in any order as well, as quickly."""

    def in_any_order(self) -> Callable[[], ImageSource]:
        """Return what opens the same pictures for reading in any order, also in processes that this one starts."""
        ...
