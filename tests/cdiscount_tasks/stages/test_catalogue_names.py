"""300 hostile names in the tree of a catalogue: its page holds no other element than with usual names."""

import csv

import html5lib
import pytest

from cdiscount_tasks.catalogue.names import COLUMNS
from cdiscount_tasks.pages.parts.outside_text import plain, without_marks
from cdiscount_tasks.stages.catalogue_page import write_catalogue_page
from cdiscount_tasks.stages.inputs import SampleChoice
from tests.material.hostile_names import hostile_names, plain_names, skeleton
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import draw_jpeg, encode

FIRST_ID = 10**9
NUM_FAMILIES = 30
NUM_PRODUCTS = 3
HOSTILE_FAMILIES = [name for name in hostile_names() if plain(name.strip())][:NUM_FAMILIES]
PLAIN_FAMILIES = [f"FAMILLE {number}" for number in range(NUM_FAMILIES)]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Write and index a catalogue of 300 categories, twenty a family, whose pictures stand in several of them."""
    folder = tmp_path_factory.mktemp("many")
    pictures = [draw_jpeg(number % 4, number) for number in range(50)]
    documents = [
        encode(number, [pictures[number * 7 % 50]], FIRST_ID + number // NUM_PRODUCTS)
        for number in range(NUM_PRODUCTS * len(hostile_names()))
    ]
    path = folder / "catalogue.bson"
    path.write_bytes(b"".join(documents))
    return path, index_catalogue(path, folder / "fingerprint")["path"]


def write_page(folder, catalogue, names, families, title):
    names_path = folder / "names.csv"
    with names_path.open("w", newline="", encoding="utf-8") as file:
        rows = [[FIRST_ID + n, families[n % 15], families[15 + n // 20], name] for n, name in enumerate(names)]
        csv.writer(file).writerows([COLUMNS, *rows])
    some = tuple(range(FIRST_ID, FIRST_ID + len(names), 26))
    samples = [SampleChoice("all", title, None), SampleChoice("some", title, some), SampleChoice("none", title, (1,))]
    out_dir = folder / "reports" / "catalogue" / "many"
    write_catalogue_page(type(folder)(catalogue[1]), catalogue[0], names_path, samples, out_dir)
    return out_dir


@pytest.fixture(scope="module")
def hostile_dir(catalogue, tmp_path_factory):
    title = "".join(hostile_names()[:12]) + "\u202e"
    return write_page(tmp_path_factory.mktemp("hostile"), catalogue, hostile_names(), HOSTILE_FAMILIES, title)


@pytest.fixture(scope="module")
def plain_dir(catalogue, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("plain"), catalogue, plain_names(), PLAIN_FAMILIES, "Everything")


def read_page(out_dir):
    return (out_dir / "catalogue.html").read_text("utf-8")


def test_hostile_names_add_no_element_and_no_attribute(hostile_dir, plain_dir):
    assert skeleton(read_page(hostile_dir)) == skeleton(read_page(plain_dir))


def test_the_page_of_hostile_names_is_valid_html(hostile_dir):
    html5lib.HTMLParser(strict=True).parse(read_page(hostile_dir))


def test_nothing_that_moves_its_neighbours_reaches_the_page(hostile_dir):
    text = read_page(hostile_dir)
    assert without_marks(text) == text


def test_the_csv_of_categories_holds_no_formula(hostile_dir):
    with (hostile_dir / "categories.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(hostile_names())
    assert not any(row[f"level{n}"].startswith(("=", "+", "-", "@")) for row in rows for n in (1, 2, 3))
