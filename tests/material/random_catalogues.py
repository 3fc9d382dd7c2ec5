"""Random small catalogues, drawn by Hypothesis, with rules for their labels; and the way from one to its labels."""

from dataclasses import dataclass
from pathlib import Path

from bson import encode as encode_bson
from hypothesis import strategies as st

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from tests.material.indexing import index_catalogue
from tests.material.label_tables import read
from tests.material.tiny_catalogue import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    TinyCatalogue,
    draw_jpeg,
    encode,
    same_pixels_other_bytes,
    undecodable,
)

CLASSES = (RED, GREEN, BLUE)
MOST_OF_A_CLASS = 60
PLAIN = [draw_jpeg(RED, number, size=16) for number in range(MOST_OF_A_CLASS * len(CLASSES))]
"""Pictures of products that share none, unless a product below takes theirs."""
POOL = [draw_jpeg(GREEN, number, size=16) for number in range(10)]
POOL += [same_pixels_other_bytes(picture) for picture in [*POOL, *PLAIN[:4]]] + PLAIN[:8]
NO_PICTURES = [b"", b"no picture"]
POOL += [undecodable(draw_jpeg(BLUE, 1, size=16)), undecodable(draw_jpeg(BLUE, 2, size=16)), *NO_PICTURES]

ODD_DOCUMENTS = [
    encode_bson({"_id": 9_001, "category_id": RED}),
    encode(9_002, [], GREEN),
    encode(9_003, [POOL[0]], "GREEN"),
    encode("9004", [POOL[0]], RED),
    encode(10, [POOL[1]], BLUE),  # an id that stands already
]

PRODUCTS_BY_IMAGE = st.tuples(
    st.sampled_from([*CLASSES, YELLOW, None]),
    st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=4).map(tuple),
)
"""A category (YELLOW is outside the sample; None: the document has none) and places in POOL."""


@dataclass(frozen=True)
class Case:
    """A random catalogue and its rules."""

    num_plain: tuple[int, int, int]
    tied: tuple[tuple[int, tuple[int, ...]], ...]
    odd: tuple[int, ...]
    added: tuple[tuple[int, tuple[int, ...]], ...]
    added_first: int
    seed: int
    most_products: int

    @property
    def products(self):
        """Return product_id -> (category_id, pictures), the added ones left out."""
        made = {}
        for place, count in enumerate(self.num_plain):
            for number in range(count):
                picture = PLAIN[number * len(CLASSES) + place]
                made[10 * (len(made) + 1)] = (CLASSES[place], (picture,))
        for category_id, pictures in self.tied:
            made[10 * (len(made) + 1)] = (category_id, tuple(POOL[place] for place in pictures))
        return made

    @property
    def more(self):
        """Return 5 % more products, at least one, with ids among those that are there."""
        count = max(round(0.05 * len(self.products)), 1)
        rows = [self.added[number % len(self.added)] for number in range(count)]
        return {
            10 * (self.added_first + number) + 5: (category_id, tuple(POOL[place] for place in pictures))
            for number, (category_id, pictures) in enumerate(rows)
        }

    def rules(self, **changes):
        """Return the label rules."""
        rules = {
            "categories": CLASSES, "seed": self.seed, "max_products_per_image": self.most_products,
            "small_classes": "reject",
        }  # fmt: skip
        return LabelConfig(**{**rules, **changes})


CASES = st.builds(
    Case,
    num_plain=st.tuples(*[st.sampled_from([2, 4, 8, 12, 20, 30, 40, 50, MOST_OF_A_CLASS])] * 3),
    tied=st.lists(PRODUCTS_BY_IMAGE, min_size=3, max_size=30).map(tuple),
    odd=st.lists(st.integers(0, len(ODD_DOCUMENTS) - 1), max_size=3, unique=True).map(tuple),
    added=st.lists(PRODUCTS_BY_IMAGE, min_size=1, max_size=3).map(tuple),
    added_first=st.integers(0, 40),
    seed=st.integers(0, 3),
    most_products=st.sampled_from([2, 3, 8, 50]),
)


@dataclass(frozen=True)
class Labelled:
    """Where the artifacts of a case stand."""

    index_dir: Path
    sample_dir: Path
    labels_dir: Path
    index: dict

    def read(self, name):
        """Return a table of the labels."""
        return read(self.labels_dir, name)


def label(case, folder, products, odd=()):
    """Index, draw and label; returns None where the labels are refused with a sentence."""
    made = TinyCatalogue()
    for product_id, (category_id, pictures) in products.items():
        made.add(product_id, category_id, pictures)
    made.documents += [ODD_DOCUMENTS[place] for place in odd]
    path = made.write(folder / "catalogue.bson")
    index = index_catalogue(path, folder / "index", 1.0)
    index_dir = Path(index["path"])
    sample_dir = Path(draw_sample(index_dir, path, folder, DrawConfig(categories=CLASSES))["path"])
    try:
        labels = fix_labels(index_dir, sample_dir, LabelFiles(), folder, case.rules())
    except DataError as error:
        assert any(words in str(error) for words in ("is left to learn", "has no group for", "has no product left"))
        return None
    return Labelled(index_dir, sample_dir, Path(labels["path"]), index)
