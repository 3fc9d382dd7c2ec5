"""The drawn catalogue: laws that hold for every one, checked by reading the file as a stranger would."""

import csv
import hashlib
import io
import itertools
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import bson
import pytest
from bson.int64 import Int64
from PIL import Image

from cdiscount_tasks.machine import cores
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.vocabulary import DRAWN_COMMENT
from demo import DemoResult, catalogue, draw_catalogue
from demo.categories import BAG, CATEGORIES, REST, WINE
from demo.plan import MIN_PRODUCTS

NUM_PRODUCTS = 600


class Drawn(NamedTuple):
    out_dir: Path
    result: DemoResult
    documents: list[dict[str, Any]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    out_dir = tmp_path_factory.mktemp("demo")
    result = draw_catalogue(out_dir, num_products=NUM_PRODUCTS, seed=3)
    with Path(result["catalogue_path"]).open("rb") as file:
        return Drawn(out_dir, result, list(bson.decode_file_iter(file)))


def pictures_of(document: dict[str, Any]) -> list[bytes]:
    return [img["picture"] for img in document["imgs"]]


def opens(picture: bytes) -> bool:
    try:
        Image.open(io.BytesIO(picture)).load()
    except OSError:
        return False
    return True


def test_all_but_a_few_documents_have_the_real_layout(drawn: Drawn) -> None:
    def is_plain(document: dict[str, Any]) -> bool:
        return (
            list(document) == ["_id", "imgs", "category_id"]
            and type(document["_id"]) is type(document["category_id"]) is int
            and 1 <= len(document["imgs"]) <= 4
            and all(list(img) == ["picture"] and type(img["picture"]) is bytes for img in document["imgs"])
        )

    assert len(drawn.documents) == drawn.result["num_documents"] == NUM_PRODUCTS + 3
    repeated = len(drawn.documents) - len({document["_id"] for document in drawn.documents})
    assert sum(not is_plain(one) for one in drawn.documents) + repeated == drawn.result["num_odd_documents"] == 6


def test_every_kind_of_odd_document_occurs_once(drawn: Drawn) -> None:
    documents = drawn.documents
    assert sum(list(one)[1] == "category_id" for one in documents) == 1
    assert sum(len(one) == 4 for one in documents) == 1
    assert sum(isinstance(one.get("category_id"), Int64) for one in documents) == 1
    assert sum(not one["imgs"] for one in documents) == 1
    assert sum("category_id" not in one for one in documents) == 1
    assert max(Counter(one["_id"] for one in documents).values()) == 2


def test_pictures_are_what_the_shop_makes_and_say_that_they_are_drawn(drawn: Drawn) -> None:
    whole = [picture for one in drawn.documents for picture in pictures_of(one) if opens(picture)]
    assert all(2_000 <= len(picture) <= 10_000 for picture in whole)
    for picture in whole[::10]:
        image = Image.open(io.BytesIO(picture))
        assert (image.size, image.mode, image.format) == ((180, 180), "RGB", "JPEG")
        assert image.info["comment"] == DRAWN_COMMENT
        assert "jfif" in image.info


def test_damaged_pictures_are_counted_and_meet_both_samples(drawn: Drawn) -> None:
    set_of = {category.category_id: category.set_name for category in CATEGORIES}
    damaged = [
        (set_of[one["category_id"]], picture)
        for one in drawn.documents
        if "category_id" in one
        for picture in pictures_of(one)
        if not opens(picture)
    ]
    assert len(damaged) == drawn.result["num_damaged_pictures"] == 4
    assert {set_name for set_name, _ in damaged} == {WINE, BAG, REST}
    assert sum(picture.startswith(b"\xff\xd8") and DRAWN_COMMENT in picture for _, picture in damaged) == 2


def test_counts_of_copies_and_conflicts_are_those_of_the_file(drawn: Drawn) -> None:
    shown = [
        (hashlib.md5(pic).digest(), place) for place, one in enumerate(drawn.documents) for pic in pictures_of(one)
    ]
    distinct = len({digest for digest, _ in shown})
    categories = defaultdict(set)
    for digest, place in shown:
        categories[digest].add(drawn.documents[place].get("category_id"))
    assert drawn.result["num_images"] == len(shown)
    assert drawn.result["num_distinct_images"] == distinct
    assert drawn.result["num_identical_copies"] == len(shown) - distinct
    assert drawn.result["num_copies_across_products"] == len(set(shown)) - distinct
    assert drawn.result["num_conflicting_images"] == sum(len(ids) > 1 for ids in categories.values())


def test_products_are_shuffled_over_the_categories_with_ascending_ids(drawn: Drawn) -> None:
    ids = [one["_id"] for one in drawn.documents]
    assert sum(later < earlier for earlier, later in itertools.pairwise(ids)) == 1  # the repeated id alone
    first_half = {one.get("category_id") for one in drawn.documents[: NUM_PRODUCTS // 2]}
    assert len(first_half) > 25


def test_names_are_in_the_real_layout(drawn: Drawn) -> None:
    text = Path(drawn.result["names_path"]).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["category_id", "category_level1", "category_level2", "category_level3"]
    assert {int(row["category_id"]) for row in rows} == {category.category_id for category in CATEGORIES}
    assert any(row["category_level3"].endswith(" ") for row in rows)
    assert '"VELO ENFANT (10"" - 12"" - 14"" - 16"")"' in text
    assert text.count("VIN - ALCOOL - LIQUIDES,VIN,") == 3


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 2)

    def draw(seed: int, worth_processes: int) -> bytes:
        monkeypatch.setattr(catalogue, "WORTH_PROCESSES", worth_processes)
        out_dir = tmp_path / f"{seed}-{worth_processes}"
        return Path(draw_catalogue(out_dir, num_products=MIN_PRODUCTS, seed=seed)["catalogue_path"]).read_bytes()

    alone, together, other = draw(5, 10_000), draw(5, 1), draw(6, 10_000)
    assert alone == together
    assert alone != other


@pytest.mark.slow
def test_an_existing_catalogue_is_reused_until_it_is_touched_or_other_parameters_come(tmp_path: Path) -> None:
    first = draw_catalogue(tmp_path, num_products=MIN_PRODUCTS)
    assert not first["reused"]
    assert draw_catalogue(tmp_path, num_products=MIN_PRODUCTS) == {**first, "reused": True}
    catalogue_path = Path(first["catalogue_path"])
    whole = catalogue_path.read_bytes()
    catalogue_path.write_bytes(whole[:5000] + b"?" + whole[5001:])
    assert draw_catalogue(tmp_path, num_products=MIN_PRODUCTS) == first
    assert catalogue_path.read_bytes() == whole
    assert not draw_catalogue(tmp_path, num_products=MIN_PRODUCTS, seed=1)["reused"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "catalogue.bson",
        "catalogue.drawn.json",
        "category_names.csv",
    ]


def test_an_impossible_size_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_products=10"):
        draw_catalogue(tmp_path / "demo", num_products=10)
    assert not (tmp_path / "demo").exists()


def test_drawing_imports_nothing_heavy() -> None:
    heavy = "{'tensorflow', 'keras', 'pandas', 'sklearn', 'airflow', 'pyarrow'}"
    code = f"import sys, demo; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, check=False).returncode == 0
