"""Bad input of the labels: each is refused, or told, in words that say where and what to do.

What `read_fixes` and `read_split_file` refuse line by line is tested beside them, in `labelling/`; here such files go
through the whole stage. The faults of plant_faults.py are tested one by one, also where the shared tools are absent.
"""

import io
import json
from pathlib import Path

import pytest
from bson import encode as encode_bson
from bson.int64 import Int64
from PIL import Image

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.sample import SplitConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.vocabulary import SPLITS
from tests.conftest import TINY_LABELS
from tests.material.label_tables import read
from tests.material.tiny_catalogue import BLUE, GREEN, RED, YELLOW, TinyCatalogue, draw_jpeg, encode, undecodable

FIXED_SPLIT = SplitConfig(file="splits.csv")


@pytest.fixture
def fix(index_dir, sample_dir, tmp_path):
    """Fix the tiny sample's labels with a fixes file or a split file of the given text."""

    def run(fixes=None, split=None, **rules):
        files = {}
        for name, text in (("fixes", fixes), ("split", split)):
            if text is not None:
                path = tmp_path / f"{name}.csv"
                path.write_text(text, encoding="utf-8")
                files[f"{name}_path"] = path
        rules = {"split": FIXED_SPLIT, **rules} if split is not None else rules
        return fix_labels(
            index_dir, sample_dir, LabelFiles(**files), tmp_path / "labels", TINY_LABELS.model_copy(update=rules)
        )

    return run


def nothing_left_behind(tmp_path):
    return [path.name for path in (tmp_path / "labels").glob("*labels-*") if not path.name.endswith(".lock")] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("product_id,reason\n302,x\n", "line 1 lacks the column category_id, expected product_id, category_id, reason"),
        (f"product_id,category_id,reason\n302,{RED},a\n303,{RED},b\n302,{BLUE},c\n", "line 4 names product 302 a sec"),
        ("product_id,category_id,reason\n302,77,x\n", "line 2 gives product 302 the category 77, which is not of the"),
        (f"product_id,category_id,reason\n302,{RED}\n", "line 2 has 2 fields, expected 3"),
        (f"product_id,category_id,reason\nwine,{RED},x\n", f"line 2 is 'wine', '{RED}'; expected two whole numbers"),
        ("", "cannot be read as a fixes file: its first line is empty"),
    ],
    ids=["a missing column", "a duplicate product", "a category outside", "a missing field", "a word", "nothing"],
)
def test_a_wrong_fixes_file_stops_the_labels_with_its_line_and_leaves_nothing(fix, tmp_path, text, words):
    with pytest.raises(DataError) as caught:
        fix(fixes=text)
    assert str(caught.value).startswith(f"{tmp_path / 'fixes.csv'}: ")
    assert words in str(caught.value)
    assert nothing_left_behind(tmp_path)


def test_a_fixes_file_that_is_wrong_is_told_before_any_picture_is_decoded(fix, monkeypatch):
    from cdiscount_tasks.tables.sample_images import SampleImages

    monkeypatch.setattr(SampleImages, "read", lambda *_: pytest.fail("a picture was read first"))
    for files in ({"fixes": "product_id\n1\n"}, {"split": "product_id\n1\n"}):
        with pytest.raises(DataError, match="line 1 lacks the column"):
            fix(**files)


def groups_of(labels_dir):
    """Return the product_ids of each group of the tiny sample."""
    return read(labels_dir, "products").groupby("group_id")["product_id"].apply(list).to_dict()


def split_text(groups, classes, cut=(), without=()):
    """Write a split that deals the groups of each class out by turns; cuts the first product off some groups."""
    rows, turns = [], dict.fromkeys(set(classes.values()), 0)
    for group, products in groups.items():
        split = SPLITS[turns[classes[group]] % 3]
        turns[classes[group]] += 1
        for place, product in enumerate(products):
            other = SPLITS[(SPLITS.index(split) + 1) % 3]
            rows.append((product, other if group in cut and place == 0 else split))
    return "product_id,split\n" + "".join(f"{p},{s}\n" for p, s in rows if p not in without)


@pytest.fixture
def dealt(labels_dir):
    """Return a function that writes a split file for the tiny sample."""
    products = read(labels_dir, "products")
    classes = products.groupby("group_id")["class_index"].first().to_dict()
    return lambda **changes: split_text(groups_of(labels_dir), classes, **changes)


def test_a_split_file_that_names_unknown_products_is_a_warning_that_counts_and_names_them(fix, dealt):
    path = fix(split=dealt() + "777001,train\n777002,test\n")["path"]
    warnings = json.loads((Path(path) / "counts.json").read_text())["warnings"]
    assert warnings == ["split file: 2 products are not among the products that this sample keeps: 777001, 777002"]


def test_a_split_file_that_leaves_a_class_out_of_test_is_a_warning_that_names_the_class(fix, labels_dir):
    products = read(labels_dir, "products")
    rows = [
        (product, "train" if category == RED and split == "test" else split)
        for product, category, split in products[["product_id", "category_id", "split"]].to_numpy().tolist()
    ]
    text = "product_id,split\n" + "".join(f"{product},{split}\n" for product, split in rows)
    path = fix(split=text, straddling="move_to_train")["path"]
    warnings = json.loads((Path(path) / "counts.json").read_text())["warnings"]
    assert f"split file: the test split has no product of 1 category: {RED}" in warnings


def test_products_that_a_split_file_misses_are_rejected_each_with_the_reason(fix, dealt, labels_dir):
    missed = {302, 303, 304, 350}
    path = fix(split=dealt(without=missed))["path"]
    rejected = read(path, "rejected")
    assert set(rejected.loc[rejected["reason"] == "not_in_split_file", "product_id"]) == missed
    kept = set(read(labels_dir, "products")["product_id"])
    assert set(read(path, "products")["product_id"]) == kept - missed
    assert not missed & set(read(path, "images")["product_id"])


def test_a_split_file_that_names_no_product_of_the_sample_is_an_error(fix):
    with pytest.raises(DataError, match=r"split\.csv: leaves the train split without a product of the sample"):
        fix(split="product_id,split\n777001,train\n777002,test\n")


def test_a_split_file_that_cuts_a_group_is_an_error_that_says_what_to_do(fix, dealt, tmp_path):
    with pytest.raises(DataError) as caught:
        fix(split=dealt(cut={302}))
    for words in ("cuts 1 group of products that share an image: 302 (302: ", "set straddling: move_to_train"):
        assert words in str(caught.value)
    assert nothing_left_behind(tmp_path)


def test_groups_that_a_split_file_cuts_go_to_train_whole_and_are_counted(fix, dealt):
    path = fix(split=dealt(cut={302}), straddling="move_to_train")["path"]
    products = read(path, "products")
    assert set(products.loc[products["group_id"] == 302, "split"]) == {"train"}
    certificate = json.loads((Path(path) / "certificate.json").read_text())
    assert (certificate["num_moved_groups"], certificate["shared_pixel_hashes"]) == (1, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,split\n302,train\n", "line 1 lacks the column product_id"),
        ("product_id,split\n302,train\n302,test\n", "line 3 names product 302 a second time"),
        ("product_id,split\n302,dev\n", "line 2 is '302', 'dev'; expected a product_id and one of train, validation,"),
    ],
    ids=["a missing column", "a duplicate product", "an unknown split"],
)
def test_a_wrong_split_file_stops_the_labels_with_its_line(fix, tmp_path, text, words):
    with pytest.raises(DataError) as caught:
        fix(split=text)
    assert str(caught.value).startswith(f"{tmp_path / 'split.csv'}: ")
    assert words in str(caught.value)


def plain(made, category_id, num_products, first, pictures=draw_jpeg):
    """Add products with one picture each."""
    for number in range(first, first + num_products):
        made.add(number, category_id, [pictures(RED, number, size=16)])


def three_classes():
    made = TinyCatalogue()
    plain(made, RED, 12, 100)
    plain(made, GREEN, 12, 200)
    return made


def damaged_jpeg(*drawn, **how):
    return undecodable(draw_jpeg(*drawn, **how))


def test_a_class_that_vanishes_because_no_picture_of_it_decodes_is_an_error_that_names_it(label_catalogue):
    made = three_classes()
    plain(made, BLUE, 6, 300, damaged_jpeg)
    with pytest.raises(DataError, match=rf"fewer than 3 groups .*: {BLUE} \({BLUE}: 0\); take them out of the sample"):
        label_catalogue(made)


def test_a_class_that_vanished_may_be_left_out_and_all_its_products_are_rows(label_catalogue):
    made = three_classes()
    plain(made, BLUE, 6, 300, damaged_jpeg)
    path = label_catalogue(made, small_classes="reject")["path"]
    rejected = read(path, "rejected")
    of_products = rejected[rejected["image_number"].isna()]
    assert of_products[["product_id", "reason"]].to_numpy().tolist() == [[n, "no_image_left"] for n in range(300, 306)]
    assert set(read(path, "products")["category_id"]) == {RED, GREEN}


def test_a_class_that_vanishes_as_placeholders_is_an_error_that_names_it(label_catalogue):
    made = three_classes()
    for number in range(300, 306):
        made.add(number, BLUE, [draw_jpeg(BLUE, 1, size=16)])
    with pytest.raises(DataError, match=rf"fewer than 3 groups .*: {BLUE} \({BLUE}: 0\)"):
        label_catalogue(made, max_products_per_image=5)


def test_a_class_that_the_split_file_leaves_out_is_an_error_that_names_it(label_catalogue, tmp_path):
    made = three_classes()
    plain(made, BLUE, 6, 300)
    path = tmp_path / "splits.csv"
    named = [*range(100, 112), *range(200, 212)]
    path.write_text("product_id,split\n" + "".join(f"{p},{SPLITS[p % 3]}\n" for p in named))
    with pytest.raises(DataError, match=f"splits.csv: leaves category {BLUE} without a product in train"):
        label_catalogue(made, LabelFiles(split_path=path), split=FIXED_SPLIT)


@pytest.mark.parametrize("num_groups", [1, 2])
def test_fewer_groups_than_splits_are_an_error_that_names_the_class_and_says_what_to_do(label_catalogue, num_groups):
    made = three_classes()
    for number in range(8):
        made.add(300 + number, BLUE, [draw_jpeg(BLUE, number % num_groups, size=16)])
    with pytest.raises(DataError, match=rf"fewer than 3 groups .*: {BLUE} \({BLUE}: {num_groups}\); .*, or set small"):
        label_catalogue(made)


def test_classes_that_are_one_group_together_are_an_error(label_catalogue):
    made = TinyCatalogue()
    for number in range(24):
        made.add(100 + number, (RED, GREEN)[number % 2], [draw_jpeg(RED, 1, size=16), draw_jpeg(RED, number, size=16)])
    with pytest.raises(DataError, match="fewer than 3 groups"):
        label_catalogue(made)


GOOD = draw_jpeg(YELLOW, 1)


def as_png(jpeg):
    file = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).save(file, "PNG")
    return file.getvalue()


PICTURES = {
    "picture_truncated": (GOOD[: len(GOOD) * 6 // 10], "picture_damaged"),
    "picture_empty": (b"", "picture_empty"),
    "picture_not_an_image": (b"\x00\x10_id\x00not a picture" * 40, "picture_not_jpeg"),
    "picture_is_png": (as_png(GOOD), "picture_not_jpeg"),
    "picture_is_grayscale": (draw_jpeg(YELLOW, 2, mode="L"), None),
    "picture_is_cmyk": (draw_jpeg(YELLOW, 3, mode="CMYK"), None),
    "picture_is_large": (draw_jpeg(YELLOW, 4, size=1200), None),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_each_odd_picture_is_rejected_with_its_reason_or_kept(label_catalogue, tmp_path, kind):
    picture, reason = PICTURES[kind]
    made = three_classes()
    made.add(900, RED, [picture, draw_jpeg(RED, 9000)])
    labels_dir = label_catalogue(made)["path"]
    index_dir = next((tmp_path / "index").glob("index-*"))
    rejected = [*read(index_dir, "rejected").itertuples(), *read(labels_dir, "rejected").itertuples()]
    assert [(row.product_id, row.image_number, row.reason) for row in rejected] == (
        [(900, 0, reason)] if reason else []
    )
    kept = read(labels_dir, "images")
    assert kept.loc[kept["product_id"] == 900, "image_number"].tolist() == ([1] if reason else [0, 1])


DOCUMENTS = {
    "imgs_empty": (encode(900, [], RED), "imgs_empty"),
    "imgs_missing": (encode_bson({"_id": 900, "category_id": RED}), "imgs_missing"),
    "category_is_string": (encode(900, [GOOD], str(RED)), "category_not_an_integer"),
    "id_repeated": (encode(100, [GOOD], GREEN), "id_repeated"),
    "category_is_int64": (encode(900, [GOOD], Int64(RED)), None),
    "unknown_field": (encode(900, [GOOD], RED, seller={"name": "x", "ratings": [1.5, None, True]}), None),
    "keys_in_other_order": (encode_bson({"category_id": RED, "imgs": [{"picture": GOOD}], "_id": 900}), None),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_each_odd_document_is_rejected_with_its_reason_or_kept(label_catalogue, tmp_path, kind):
    document, reason = DOCUMENTS[kind]
    made = three_classes()
    made.documents.append(document)
    products = read(label_catalogue(made)["path"], "products").set_index("product_id")
    rejected = read(next((tmp_path / "index").glob("index-*")), "rejected")
    assert rejected["reason"].tolist() == ([reason] if reason else [])
    assert len(products) == 24 + (reason is None)
    assert products.loc[100, "category_id"] == RED


@pytest.mark.parametrize("null", [False, True])
def test_a_product_without_a_category_is_in_no_class_and_claims_no_picture(label_catalogue, null):
    made = three_classes()
    document = {"_id": 900, "imgs": [{"picture": made.pictures[100, 0]}], **({"category_id": None} if null else {})}
    made.documents.append(encode_bson(document))
    path = label_catalogue(made)["path"]
    products = read(path, "products")
    assert (len(products), 900 in products["product_id"].tolist()) == (24, False)
    assert not products["conflicted"].any()
    assert len(read(path, "conflicts")) == 0


def test_an_unknown_category_of_one_product_is_an_error_or_left_out(label_catalogue):
    made = three_classes()
    made.add(900, 1999999999, [GOOD])
    with pytest.raises(DataError, match=r"fewer than 3 groups .*: 1999999999 \(1999999999: 1\)"):
        label_catalogue(made)
    rejected = read(label_catalogue(made, small_classes="reject")["path"], "rejected")
    assert rejected[["product_id", "reason"]].to_numpy().tolist() == [[900, "small_class"]]


@pytest.mark.parametrize(("other", "conflicted"), [(RED, False), (GREEN, True)])
def test_a_shared_image_is_one_group_and_a_conflict_where_the_categories_differ(label_catalogue, other, conflicted):
    made = three_classes()
    made.add(900, other, [draw_jpeg(RED, 100, size=16), GOOD])
    path = label_catalogue(made)["path"]
    products = read(path, "products").set_index("product_id")
    assert products.loc[900, "group_id"] == products.loc[100, "group_id"] == 100
    assert products.loc[[100, 900], "conflicted"].tolist() == [conflicted] * 2
    assert len(read(path, "conflicts")) == conflicted


def test_a_wrong_category_without_a_copy_is_kept_as_given(label_catalogue):
    made = three_classes()
    made.add(900, GREEN, [GOOD])
    row = read(label_catalogue(made)["path"], "products").set_index("product_id").loc[900]
    assert (row["category_id"], row["rule"], row["conflicted"]) == (GREEN, "as_given", False)
