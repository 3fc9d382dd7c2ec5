import csv
import json
import re
import shutil

import bson
import pytest

from cdiscount_tasks.artifacts.hashes import hash_json
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.catalogue.names import COLUMNS
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.stages import catalogue_page
from cdiscount_tasks.stages.catalogue_page import page_stands, write_catalogue_page
from cdiscount_tasks.stages.inputs import SampleChoice
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tests.material.bucket_catalogues import put_catalogue
from tests.material.html_page import HOSTILE, Page
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import BLUE, CATEGORIES, GREEN, RED, draw_jpeg, encode

COLOURS = SampleChoice("colours", "Colours", (RED, GREEN))
EVERYTHING = SampleChoice("everything", "Everything", None)
ELSEWHERE = SampleChoice("elsewhere", "Elsewhere", (1, 2, 3))
SAMPLES = [COLOURS, EVERYTHING, ELSEWHERE]
NAMES = ["RED", "GREEN", "BLUE", "YELLOW"]


def write_names(path, names=NAMES, ids=CATEGORIES):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            [category_id, "PAINT", f"{name} PAINT", name] for category_id, name in zip(ids, names, strict=True)
        )
    return path


@pytest.fixture(scope="module")
def names_path(tmp_path_factory):
    return write_names(tmp_path_factory.mktemp("names") / "category_names.csv")


@pytest.fixture(scope="module")
def made(index_dir, tiny_path, names_path, tmp_path_factory):
    """Return the folder and the result of the tiny catalogue's page."""
    out_dir = tmp_path_factory.mktemp("reports") / "catalogue" / "tiny"
    written = write_catalogue_page(index_dir, tiny_path, names_path, SAMPLES, out_dir)
    write_reports_index(out_dir.parents[1])
    return out_dir, written


@pytest.fixture(scope="module")
def page(made):
    return Page((made[0] / "catalogue.html").read_text("utf-8"))


def test_the_page_of_an_object_is_that_of_the_file(
    made, index_dir, tiny_path, names_path, object_server, bucket, tmp_path
):
    place = put_catalogue(object_server, bucket, tiny_path)
    write_catalogue_page(index_dir, place, names_path, SAMPLES, tmp_path / "page")
    for path in made[0].rglob("*.*"):
        if path.is_file() and path.name != "manifest.json":
            assert (tmp_path / "page" / path.relative_to(made[0])).read_bytes() == path.read_bytes(), path


def make_catalogue(tmp_path, documents):
    """Write and index a catalogue of the given documents."""
    path = tmp_path / "catalogue.bson"
    path.write_bytes(b"".join(documents))
    return path, tmp_path / "index" / "fingerprint"


def test_a_page_holds_its_files_and_a_manifest_that_verifies(made):
    out_dir, _ = made
    assert sorted(path.name for path in out_dir.iterdir()) == [
        "catalogue.html", "categories.csv", "manifest.json", "profile.json",
    ]  # fmt: skip
    assert verify_artifact(out_dir) == 3


def test_the_result_repeats_the_counts_of_the_index(made, tiny_index):
    _, result = made
    for fact in ("catalogue_id", "num_products", "num_images", "num_categories"):
        assert result[fact] == tiny_index[fact]
    assert result["num_copies"] == tiny_index["num_images"] - tiny_index["num_distinct_images"]
    assert json.loads(json.dumps(result)) == result


def test_categories_csv_has_every_category_with_its_names(made):
    with (made[0] / "categories.csv").open(encoding="utf-8", newline="") as file:
        rows = {int(row["category_id"]): row for row in csv.DictReader(file)}
    assert set(rows) == set(CATEGORIES)
    assert (rows[RED]["level1"], rows[RED]["level2"], rows[RED]["level3"]) == ("PAINT", "RED PAINT", "RED")
    # Two products have no category, and an image each.
    assert sum(int(row["num_products"]) for row in rows.values()) == made[1]["num_products"] - 2
    assert sum(int(row["num_images"]) for row in rows.values()) == made[1]["num_images"] - 2


def test_products_without_a_category_are_told(page, made):
    assert "2 products have no category: nothing is learnt from them; a model can predict them." in page.text
    assert json.loads((made[0] / "profile.json").read_text())["num_without_category"] == 2


def test_the_same_inputs_give_the_same_bytes(made, index_dir, tiny_path, names_path, tmp_path):
    out_dir = tmp_path / "catalogue" / "tiny"
    write_catalogue_page(index_dir, tiny_path, names_path, SAMPLES, out_dir)
    for name in ("catalogue.html", "categories.csv", "profile.json"):
        assert (out_dir / name).read_bytes() == (made[0] / name).read_bytes()


def test_the_page_is_one_small_file_without_script_or_network(made, page):
    text = (made[0] / "catalogue.html").read_text("utf-8")
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    sources = [attrs["src"] for attrs in page.all("img")]
    assert sources and all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "@import" not in text and "url(http" not in text
    assert len(text) < 5_000_000


def test_every_link_of_the_page_has_its_target_and_no_id_stands_twice(made, page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    files = {"../../index.html", *(path.name for path in made[0].iterdir())}
    assert {attrs["href"] for attrs in page.all("a")} <= files | {f"#{name}" for name in ids}


def test_tables_have_captions_and_scopes_and_pictures_alternative_texts(page):
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attrs.get("scope") in {"row", "col"} for attrs in page.all("th"))
    assert all("icture" in attrs["alt"] for attrs in page.all("img"))


def test_the_sections_stand_in_order(page):
    sections = [attrs["id"] for attrs in page.all("section")]
    expected = "counts categories pictures copies rejected document products samples choosing"
    assert sections == expected.split()


def test_pictures_that_do_not_decode_are_marked(index_dir, tiny_path, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue_page, "NUM_PRODUCTS_PER_CATEGORY", 100)
    write_catalogue_page(index_dir, tiny_path, None, [EVERYTHING], tmp_path / "catalogue" / "tiny")
    text = Page((tmp_path / "catalogue" / "tiny" / "catalogue.html").read_text("utf-8")).text
    # 320, 321: cut pictures; 322: two that are none.
    assert text.count("✗ 1 damaged") >= 2 and "✗ 2 damaged" in text


def test_a_document_is_taken_apart(page):
    assert "10 5f 69 64 00" in page.text
    assert "type 05 (binary), named picture" in page.text
    assert "frame header, baseline: 48 x 48 pixels, 3 components of 8 bits" in page.text


def test_samples_tell_what_is_absent(page):
    assert "2 categories with" in page.text
    assert "None of its 3 categories has a product in this catalogue." in page.text


def test_hostile_category_names_stay_text(index_dir, tiny_path, tmp_path, page):
    names_path = write_names(tmp_path / "names.csv", [name.replace("\x00", "") for name in HOSTILE[:4]])
    out_dir = tmp_path / "catalogue" / "tiny"
    write_catalogue_page(index_dir, tiny_path, names_path, SAMPLES, out_dir)
    hostile = Page((out_dir / "catalogue.html").read_text("utf-8"))
    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in page.elements}
    assert not any(name.startswith("on") for _, attrs in hostile.elements for name in attrs)
    assert HOSTILE[0] in hostile.text and "{{ 7*7 }}" in hostile.text


def test_a_page_stands_until_names_samples_or_files_change(made, index_dir, names_path, tmp_path):
    out_dir = tmp_path / "catalogue" / "tiny"
    shutil.copytree(made[0], out_dir)
    assert page_stands(index_dir, names_path, SAMPLES, out_dir)
    assert not page_stands(index_dir, names_path, SAMPLES[:1], out_dir)
    assert not page_stands(index_dir, write_names(tmp_path / "names.csv", ["A", "B", "C", "D"]), SAMPLES, out_dir)
    (out_dir / "categories.csv").unlink()
    assert not page_stands(index_dir, names_path, SAMPLES, out_dir)


def test_the_index_of_reports_links_the_page(made):
    reports_dir = made[0].parents[1]
    index = Page((reports_dir / "index.html").read_text("utf-8"))
    assert [attrs["href"] for attrs in index.all("a")] == ["catalogue/tiny/catalogue.html"]
    assert "No run has finished yet" in index.text


def test_a_drawn_catalogue_says_so_and_another_does_not(index_dir, tiny_path, tmp_path, page):
    drawn_dir = tmp_path / "drawn"
    shutil.copytree(index_dir, drawn_dir)
    manifest = json.loads((drawn_dir / "manifest.json").read_text())
    manifest["result"]["origin"] = "drawn"
    manifest["self_hash"] = hash_json({**manifest, "self_hash": None})
    write_json(drawn_dir / "manifest.json", manifest)
    write_catalogue_page(drawn_dir, tiny_path, None, [], tmp_path / "catalogue" / "tiny")
    assert DRAWN_WARNING in (tmp_path / "catalogue" / "tiny" / "catalogue.html").read_text("utf-8")
    assert DRAWN_WARNING not in page.text and "belong to the catalogue" in page.text


def test_5270_categories_make_a_small_page(tmp_path):
    picture = draw_jpeg(RED, 1)
    documents = [encode(i, [picture], 1_000_000_000 + i % 5270) for i in range(5400)]
    path, parent = make_catalogue(tmp_path, documents)
    index = index_catalogue(path, parent)
    ids = [1_000_000_000 + i for i in range(5270)]
    names_path = write_names(tmp_path / "names.csv", [f"NAME {i} OF A CATEGORY" for i in ids], ids)
    result = write_catalogue_page(
        tmp_path.joinpath(index["path"]), path, names_path, [EVERYTHING], tmp_path / "catalogue" / "x"
    )
    text = (tmp_path / "catalogue" / "x" / "catalogue.html").read_text("utf-8")
    assert result["num_categories"] == 5270
    assert "4,970 further categories" in text
    assert len(text) < 1_000_000


@pytest.mark.parametrize(
    "documents",
    [
        [bson.encode({"category_id": RED, "_id": 1, "imgs": [{"picture": draw_jpeg(RED, 1)}]})],
        [encode(1, [b"no picture"], RED), encode(2, [b""], BLUE)],
        [encode(1, [draw_jpeg(RED, 1)]), encode(2, [draw_jpeg(RED, 1)])],
    ],
    ids=["another order of fields", "no picture at all", "no categories"],
)
def test_an_odd_catalogue_has_a_page_all_the_same(tmp_path, documents):
    path, parent = make_catalogue(tmp_path, documents)
    index = index_catalogue(path, parent)
    result = write_catalogue_page(tmp_path.joinpath(index["path"]), path, None, SAMPLES, tmp_path / "catalogue" / "x")
    assert result["num_products"] == len(documents)
    Page((tmp_path / "catalogue" / "x" / "catalogue.html").read_text("utf-8"))


def test_a_catalogue_that_changed_since_is_told(index_dir, tmp_path):
    path = tmp_path / "tiny.bson"
    path.write_bytes(encode(1, [draw_jpeg(RED, 1)], RED))
    with pytest.raises(DataError, match="the catalogue changed since it was indexed"):
        write_catalogue_page(index_dir, path, None, [], tmp_path / "catalogue" / "tiny")


def test_links_of_the_contents_are_the_headings_they_lead_to(made):
    text = (made[0] / "catalogue.html").read_text("utf-8")
    links = re.findall(r'<a href="#([a-z]+)">(.*?)</a>', text)
    assert len(links) == 8
    for target, name in links:
        assert f'<h2 id="{target}-title">{name}</h2>' in text


def test_shares_have_one_decimal(page):
    assert not re.findall(r"\d+\.\d\d+ %", page.text)
