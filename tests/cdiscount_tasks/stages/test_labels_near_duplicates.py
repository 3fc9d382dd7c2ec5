"""Near-duplicates: pictures that look alike and differ in bytes and pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.pictures import check
from tests.material.label_tables import read, read_json
from tests.material.tiny_catalogue import GREEN, RED, TinyCatalogue, plain


def blotchy_jpeg(seed, quality=90):
    """Draw a picture that keeps its look at another quality."""
    random = np.random.default_rng(seed)
    picture = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def catalogue_of_looks(num_near):
    """Make 120 products of two categories; the first `num_near` show one picture, saved at so many qualities."""
    made = TinyCatalogue()
    for number in range(120):
        jpeg = blotchy_jpeg(0, 95 - number) if number < num_near else blotchy_jpeg(number)
        made.add(100 + number, (RED, GREEN)[number % 2], [jpeg])
    return made


@pytest.mark.parametrize(("mode", "num_groups"), [("off", 120), ("report", 120), ("group", 115)])
def test_near_duplicates_tie_groups_where_they_are_to(label_catalogue, mode, num_groups):
    assert label_catalogue(catalogue_of_looks(6), near_duplicates=mode)["num_groups"] == num_groups


def test_reported_near_duplicates_change_no_row(label_catalogue):
    off, report = (label_catalogue(catalogue_of_looks(6), near_duplicates=mode)["path"] for mode in ("off", "report"))
    for name in ("products", "images", "classes", "conflicts", "rejected"):
        assert read(off, name).equals(read(report, name))


def test_near_duplicates_that_are_off_are_not_looked_for(label_catalogue, monkeypatch):
    monkeypatch.setattr(check, "_hash_square", None)
    found = label_catalogue(catalogue_of_looks(6), near_duplicates="off")
    assert read_json(found["path"], "certificate")["near_duplicates"] is None


def test_near_duplicates_are_counted_across_splits(label_catalogue):
    path = label_catalogue(catalogue_of_looks(30))["path"]
    split_of = read(path, "products").set_index("product_id")["split"]
    near = split_of.loc[100:129].value_counts()
    found = read_json(path, "certificate")["near_duplicates"]
    assert (found["mode"], found["num_test_products"]) == ("report", near["test"])
    assert found["num_pairs"] <= 30 * 29 // 2
    first = found["examples"][0]
    assert first["first"]["split"] != first["second"]["split"]


def test_grouped_near_duplicates_are_never_parted(label_catalogue):
    path = label_catalogue(catalogue_of_looks(6), near_duplicates="group")["path"]
    found = read_json(path, "certificate")["near_duplicates"]
    assert (found["num_pairs"] > 0, found["num_pairs_across_splits"], found["num_test_products"]) == (True, 0, 0)


def test_near_duplicates_that_tie_too_much_together_are_an_error(label_catalogue):
    with pytest.raises(
        DataError,
        match=r"group ties 7 of 120 products into one group, that of product 100; expected at most 5% of .* report",
    ):
        label_catalogue(catalogue_of_looks(7), near_duplicates="group")


def test_identical_pictures_alone_are_never_too_much(label_catalogue):
    rows = [(100 + number, RED, [1]) for number in range(20)] + plain(RED, 12, 200) + plain(GREEN, 12, 300)
    made = TinyCatalogue()
    for product_id, category_id, seeds in rows:
        made.add(product_id, category_id, [blotchy_jpeg(seed) for seed in seeds])
    assert label_catalogue(made, near_duplicates="group")["num_groups"] == 25
