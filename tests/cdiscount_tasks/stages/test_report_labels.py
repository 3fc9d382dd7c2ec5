import json
import re

import pytest

from cdiscount_tasks.pages.labels import choices as label_choices
from cdiscount_tasks.pages.parts.words import count
from cdiscount_tasks.tables.labels import read_label_tables
from tests.material.html_page import HOSTILE, Page
from tests.material.label_faults import OUTSIDE_CATEGORY, OUTSIDE_PRODUCT, faulty_product
from tests.material.report_inputs import make_inputs
from tests.material.written_reports import write

pytestmark = pytest.mark.slow


def read_labels_page(inputs, reports_dir):
    out_dir, _ = write(inputs, reports_dir)
    return Page((out_dir / "labels.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("wine"))


@pytest.fixture(scope="module")
def out_dir(inputs, tmp_path_factory):
    return write(inputs, tmp_path_factory.mktemp("reports"))[0]


@pytest.fixture(scope="module")
def page(out_dir):
    return Page((out_dir / "labels.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def clean_page(tmp_path_factory):
    parent = tmp_path_factory.mktemp("clean")
    return read_labels_page(make_inputs(parent / "in", num_products=200, clean=True), parent / "reports")


def test_the_label_page_is_one_file_without_script_or_network(out_dir, page):
    text = (out_dir / "labels.html").read_text("utf-8")
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    assert page.all("img") and all(attrs["src"].startswith("data:image/jpeg;base64,") for attrs in page.all("img"))
    assert "@import" not in text and "url(http" not in text
    assert len(text) < 2_000_000


def test_the_report_and_the_label_page_lead_to_each_other(out_dir, page):
    report = Page((out_dir / "report.html").read_text("utf-8"))
    assert "labels.html" in [attrs["href"] for attrs in report.all("a")]
    assert "report.html" in [attrs["href"] for attrs in page.all("a")]


def test_every_link_of_the_label_page_has_its_target_and_no_id_stands_twice(page, out_dir):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"] for attrs in page.all("a")} - {"report.html"}
    report_ids = {attrs.get("id") for _, attrs in Page((out_dir / "report.html").read_text("utf-8")).elements}
    assert "figures" in report_ids
    assert links <= {"report.html#figures", *(f"#{one}" for one in ids)}


def test_pictures_of_the_label_page_have_alternative_texts_and_tables_captions_and_scopes(page):
    assert all(re.search(r"picture \d of product \d+", attrs["alt"]) for attrs in page.all("img"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attrs.get("scope") in {"row", "col"} for attrs in page.all("th"))


def test_the_sections_of_the_label_page_go_from_the_split_to_the_fixes(page):
    expected = "verdict certificate groups near-duplicates conflicts copies rejected fixes"
    sections = [attrs["id"] for attrs in page.all("section")]
    assert sections == expected.split()


def test_the_split_is_told_in_words_beside_what_random_ones_would_have_leaked(inputs, page):
    certificate = json.loads((inputs.dirs["labels"] / "certificate.json").read_text("utf-8"))
    assert "The split can be believed" in page.text
    assert certificate["leak"] == {"by_product": 0.312, "by_image": 0.447}
    assert "31.2 % of the test products would have shared a picture with train" in page.text
    assert "44.7 % of the test pictures would have been in train as well" in page.text


def test_a_list_says_how_much_of_it_is_shown(inputs, page):
    conflicts = read_label_tables(*(inputs.dirs[stage] for stage in ("index", "sample", "labels"))).conflicts
    assert len(conflicts) == 30
    assert "The first 12 of 30 pictures" in page.text
    assert "The first 12 of 57 pairs" in page.text


def test_a_category_outside_the_sample_stands_as_its_id(page):
    assert f"{OUTSIDE_CATEGORY} outside the sample product {OUTSIDE_PRODUCT}" in page.text


def test_a_line_of_the_fixes_file_can_be_written_from_a_conflicts_card(inputs, page):
    claims = read_label_tables(*(inputs.dirs[stage] for stage in ("index", "sample", "labels"))).claims
    most = claims.groupby("content_hash")["product_id"].nunique().max()
    (picture,) = claims.groupby("content_hash").filter(lambda rows: len(rows) == most)["content_hash"].unique()[:1]
    of_picture = claims[claims["content_hash"] == picture]
    category_id = of_picture["category_id"].mode().iloc[0]
    first = of_picture.loc[of_picture["category_id"] == category_id, "product_id"].min()
    assert f"VIN ROUGE {category_id} products {first}, " in page.text


def test_near_duplicates_are_told_with_the_doubt_that_belongs_to_them(page):
    assert "4.1 % of the test products look nearly like a train product" in page.text
    assert "if they are different things that look alike, nothing is wrong" in page.text
    assert "more than 5 % of the sample" in page.text


def test_a_picture_that_does_not_decode_is_told_in_words(inputs, page):
    product_id = faulty_product(inputs.images)
    assert f"{product_id} 1 image file is <b>truncated</b>" in page.text
    assert f"{product_id} 4 0 bytes" in page.text
    assert "picture 1: damaged; picture 4: empty" in page.text


def test_fixes_are_shown_with_the_reminder_that_measured_splits_stay(page):
    assert "People gave 2 products a different category, confirmed the category of 1 product and took 1" in page.text
    said = "They were unsure about 1 of those. They found the catalogue right for 3 products in lists of suspects"
    assert said in page.text
    assert "1 of the corrected or confirmed products is still not learnt from" in page.text
    assert "never what it is measured on" in page.text
    assert "line 4: product 99 is not in the sample" in page.text


def test_a_card_of_a_confirmed_product_does_not_claim_a_change(page):
    told = [page.text.count(words) for words in ("changes learning", "confirms the catalogue", "measured as given")]
    assert told == [1, 1, 1]


def test_a_sample_without_faults_reads_well(clean_page):
    assert "No picture is in two categories." in clean_page.text
    assert "Nothing: every picture of these products could be decoded" in clean_page.text
    assert "were not looked for in this run" in clean_page.text
    assert "People have corrected nothing yet" in clean_page.text
    assert "so there are no placeholders" in clean_page.text


def test_a_broken_split_is_told_on_the_label_page(tmp_path):
    inputs = make_inputs(tmp_path / "in", num_products=200, shared=3)
    assert "Do not believe the accuracy of this run." in read_labels_page(inputs, tmp_path / "reports").text


def test_hostile_names_stay_text_on_the_label_page(tmp_path, page):
    hostile = read_labels_page(make_inputs(tmp_path / "in", names=HOSTILE), tmp_path / "reports")
    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in page.elements}
    assert not any(name.startswith("on") for _, attrs in hostile.elements for name in attrs)
    assert HOSTILE[0] in hostile.text and "{{ 7*7 }}" in hostile.text


def test_300_classes_give_a_small_label_page(tmp_path):
    names = [f"CATEGORIE {number}" for number in range(300)]
    inputs = make_inputs(tmp_path / "in", num_products=2_500, names=names)
    out_dir, _ = write(inputs, tmp_path / "reports")
    text = (out_dir / "labels.html").read_text("utf-8")
    assert "The largest 40 of 300 classes" in text
    assert len(text) < 2_000_000


def test_shares_of_the_label_page_have_one_decimal_as_those_of_the_report(page):
    assert not re.findall(r"\d+\.\d\d+ %", page.text)
    assert "By group this run 0.0 %" in page.text


def test_a_mean_over_draws_is_not_told_as_a_count(inputs, page):
    certificate = json.loads((inputs.dirs["labels"] / "certificate.json").read_text("utf-8"))
    num_test = certificate["num_products"]["test"]
    assert "On average over the five draws, 31.2 % of the test products would have shared" in page.text
    assert f"Of the {num_test} test products of this run that would be about {round(0.312 * num_test)}." in page.text


def test_what_the_index_rejected_is_told_from_what_label_fixing_rejected(inputs, page):
    tables = read_label_tables(*(inputs.dirs[stage] for stage in ("index", "sample", "labels")))
    is_image = tables.rejected["image_number"].notna()
    told = []
    for stage in ("index", "labels"):
        of_stage = tables.rejected["stage"] == stage
        num_images, num_products = int((of_stage & is_image).sum()), int((of_stage & ~is_image).sum())
        told.append(f"{count(num_images, 'picture')} and {count(num_products, 'product')}")
    assert (
        f"Of these the index rejected {told[0]} when the catalogue was read, and label fixing {told[1]};" in page.text
    )
    assert "the report counts those of label fixing alone" in page.text


def test_links_of_the_contents_are_the_headings_they_lead_to(page):
    for name in ("The split", "Conflicting pictures", "Identical copies", "What was rejected"):
        assert page.text.count(name) >= 2


def test_nothing_is_said_to_be_drawn_where_every_group_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(label_choices, "NUM_OTHER_GROUPS", 99)
    page = read_labels_page(make_inputs(tmp_path / "in", num_products=200, clean=True), tmp_path / "reports")
    assert re.search(r"The others All \d+ others\.", page.text)
    assert "drawn at random; the same sample" not in page.text
