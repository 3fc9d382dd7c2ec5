"""The pictures of a report: galleries, a report without any, and pictures that cannot be read."""

import dataclasses
import re
import shutil

import pyarrow.parquet as pq
import pytest

from tests.material.html_page import Page
from tests.material.written_reports import read_metrics, write


def pictures_by_product(text):
    """Return how many pictures each product of a piece of the page has."""
    shown = {}
    for attrs in Page(text).all("img"):
        product_id = int(re.search(r"of product (\d+)", attrs["alt"])[1])
        shown[product_id] = shown.get(product_id, 0) + 1
    return shown


def section_of(out_dir, name):
    text = (out_dir / "report.html").read_text("utf-8")
    return re.search(rf'<section id="{name}".*?</section>', text, flags=re.DOTALL)[0]


@pytest.mark.parametrize("name", ["mistakes", "uncertain", "random"])
def test_a_gallery_shows_24_products_with_all_their_pictures(inputs, report, name):
    shown = pictures_by_product(section_of(report[0], name))
    test = inputs.products[inputs.products["split"] == "test"].set_index("product_id")
    num_mistakes = (test["class_index"] != test["predicted"]).sum()
    assert 0 < len(shown) <= min(24, num_mistakes) if name == "mistakes" else len(shown) == 24
    assert shown == test.loc[list(shown), "num_images"].to_dict()


def test_a_mistake_gallery_holds_mistakes_alone(inputs, report):
    products = inputs.products.set_index("product_id")
    shown = products.loc[list(pictures_by_product(section_of(report[0], "mistakes")))]
    assert (shown["class_index"] != shown["predicted"]).all()


@pytest.fixture(scope="module")
def shared(inputs, tmp_path_factory):
    """Write the report without pictures; returns its folder."""
    sample = inputs.config.sample.model_copy(update={"embed_pictures": False})
    config = inputs.config.model_copy(update={"sample": sample})
    return write(dataclasses.replace(inputs, config=config), tmp_path_factory.mktemp("shared"))[0]


def test_without_embedded_pictures_no_page_holds_one_and_each_says_so(shared):
    for name in ("report.html", "labels.html"):
        text = (shared / name).read_text("utf-8")
        assert "data:image/jpeg" not in text and "<img" not in text
        assert "This file contains no picture of the catalogue" in Page(text).text
        assert "embed_pictures is false" in Page(text).text
    assert "<svg" in (shared / "report.html").read_text("utf-8")


def test_embedding_pictures_or_not_changes_no_number(report, shared):
    assert read_metrics(shared)["test"] == read_metrics(report[0])["test"]


def damage_picture_file(inputs, folder):
    """Copy the sample with a byte changed amid its pictures, which sizes do not show and page checksums do."""
    copy = shutil.copytree(inputs.dirs["sample"], folder / inputs.dirs["sample"].name)
    path = copy / "images-00000.parquet"
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(3)
    assert column.path_in_schema == "jpeg"
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(content)
    return dataclasses.replace(inputs, dirs={**inputs.dirs, "sample": copy})


def test_pictures_that_cannot_be_read_are_told_and_the_figures_stand(inputs, report, tmp_path):
    out_dir, result = write(damage_picture_file(inputs, tmp_path), tmp_path / "reports")
    assert result["product_accuracy"] == report[1]["product_accuracy"]
    for name in ("report.html", "labels.html"):
        page = Page((out_dir / name).read_text("utf-8"))
        assert "The pictures cannot be read" in page.text and not page.all("img")
