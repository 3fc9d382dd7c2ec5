"""Laws of the labels over random small catalogues that go the whole way: index, sample, labels, evaluation.

`make test` tries a few with a fixed seed; `make campaigns` tries 1,000 for each law (counts in docs/measurements.md).
Every law sees the same catalogues, so that each is labelled once.
"""

import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, assume, given, seed, settings
from hypothesis import strategies as st

from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.learning.measuring.confusion import confusion
from cdiscount_tasks.learning.pictures.images import decode_rgb
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.labels import read_y_values
from cdiscount_tasks.vocabulary import SPLITS, TEST, TRAIN
from tests.conftest import TEST_SCALE
from tests.material.label_tables import LABEL_SCHEMAS, data_files, read
from tests.material.random_catalogues import CASES, CLASSES, NO_PICTURES, label

NUM_CATALOGUES = int(25 * TEST_SCALE) if TEST_SCALE > 1 else 8
GIANT_SHARE = 0.05


@pytest.fixture(scope="module")
def labelled():
    """Return a function that labels a case once, whichever law asks, and skips what no labels can be made of."""
    with tempfile.TemporaryDirectory(prefix="label-laws-") as folder:

        @functools.cache
        def run(case):
            return label(case, Path(tempfile.mkdtemp(dir=folder)), case.products, case.odd)

        def run_or_pass(case):
            found = run(case)
            assume(found is not None)
            return found

        yield run_or_pass


# Not shrunk: a case takes a second, and its fields are few enough to be read as they are.
tried = settings(max_examples=NUM_CATALOGUES, phases=[Phase.explicit, Phase.generate])


def law(test):
    """Try the same catalogues as every other law."""
    return seed(4)(tried(given(case=CASES)(test)))


def keys_of(table):
    return set(zip(table["product_id"].astype(int), table["image_number"].astype(int), strict=True))


@functools.cache
def pixels(jpeg):
    return decode_rgb(jpeg).tobytes()


@law
def test_no_picture_and_no_group_stands_in_two_splits(labelled, case):
    images, products = labelled(case).read("images"), labelled(case).read("products")
    assert set(images["split"]) <= set(SPLITS)
    for table, column in ((images, "content_hash"), (images, "pixel_hash"), (products, "group_id")):
        assert table.groupby(column)["split"].nunique().max() == 1


@law
def test_products_of_the_sample_that_share_a_picture_are_one_group_and_others_are_not(labelled, case):
    group = labelled(case).read("products").set_index("product_id")["group_id"].to_dict()
    rejected = labelled(case).read("rejected")
    refused = keys_of(rejected[rejected["image_number"].notna()])
    sharing, members = {}, {}
    for product, (category, pictures) in case.products.items():
        for number, picture in enumerate(pictures):
            if category in CLASSES and picture not in NO_PICTURES and (product, number) not in refused:
                sharing.setdefault(pixels(picture), set()).add(product)
                members[product] = {product}
    for tied in sharing.values():
        joined = set().union(*(members[product] for product in tied))
        members.update(dict.fromkeys(joined, joined))
    # A class that was left out for its size still ties what it shared: its products may give a group its id.
    assert group == {product: min(members[product]) for product in group}


@law
def test_every_product_and_image_of_the_file_is_kept_or_rejected_once(labelled, case):
    found = labelled(case)
    kept = {product: pictures for product, (_, pictures) in case.products.items()}
    assert found.index["num_documents"] == len(kept) + len(case.odd)
    assert (found.index["num_products"], found.index["num_rejected_documents"]) == (len(kept), len(case.odd))
    unlabelled = [product for product, (category, _) in case.products.items() if category is None]
    assert found.index["num_without_category"] == len(unlabelled)
    assert found.index["num_images"] + found.index["num_rejected_images"] == sum(map(len, kept.values()))

    of_sample = {product for product, (category, _) in case.products.items() if category in CLASSES}
    sample_images = parquet.read_table(found.sample_dir / "images-00000.parquet", schemas.SAMPLE_IMAGES).to_pandas()
    refused_by_index = read(found.sample_dir, "rejected")
    truth = {(product, number) for product in of_sample for number in range(len(kept[product]))}
    no_pictures = {key for key in truth if kept[key[0]][key[1]] in NO_PICTURES}
    assert (keys_of(sample_images), keys_of(refused_by_index)) == (truth - no_pictures, no_pictures)

    rejected = found.read("rejected")
    images, refused_products = rejected[rejected["image_number"].notna()], rejected[rejected["image_number"].isna()]
    products = found.read("products")["product_id"]
    assert sorted([*products, *refused_products["product_id"].astype(int)]) == sorted(of_sample)
    with_product = {key for key in truth if key[0] in set(refused_products["product_id"])} - keys_of(images)
    kept_keys = keys_of(found.read("images"))
    assert len(kept_keys) + len(images) + len(with_product - no_pictures) == len(sample_images)
    assert kept_keys | keys_of(images) | with_product | no_pictures == truth


@law
def test_y_values_join_back_row_for_row(labelled, case):
    found = labelled(case)
    values, images = read_y_values(found.labels_dir), found.read("images")
    assert values[["product_id", "image_number", "split"]].equals(images[["product_id", "image_number", "split"]])
    assert keys_of(values) <= {(p, n) for p, (_, pictures) in case.products.items() for n in range(len(pictures))}
    assert values["category_id"].tolist() == [case.products[product][0] for product in values["product_id"]]
    class_of = found.read("classes").set_index("category_id")["class_index"]
    assert values["class_index"].tolist() == class_of.loc[values["category_id"]].tolist()
    unlabelled = found.read("products").set_index("product_id").loc[values["product_id"], "label"].isna().to_numpy()
    assert values["label"].isna().tolist() == (unlabelled | ((images["split"] == "train") & ~images["learnt"])).tolist()


@law
def test_the_same_seed_gives_the_same_bytes(labelled, case):
    found = labelled(case)
    with tempfile.TemporaryDirectory() as folder:
        again = label(case, Path(folder), case.products, case.odd)
        for name in ("index_dir", "sample_dir", "labels_dir"):
            assert data_files(getattr(again, name)) == data_files(getattr(found, name))


def giants(products):
    """Return the groups of several products that hold more than 5 % of a class."""
    size = products.groupby("group_id").size()
    of_class = products.groupby(["class_index", "group_id"]).size()
    share = of_class / of_class.groupby("class_index").transform("sum")
    return {group for _, group in share.index[share > GIANT_SHARE] if size[group] > 1}


def num_moved(found):
    return pd.read_json(found.labels_dir / "certificate.json", typ="series")["num_moved_groups"]


def members_of(products):
    return {group: frozenset(rows) for group, rows in products.groupby("group_id")["product_id"]}


@law
def test_five_percent_more_products_move_no_group_whose_members_did_not_change(labelled, case):
    found = labelled(case)
    with tempfile.TemporaryDirectory() as folder:
        grown = label(case, Path(folder), {**case.products, **case.more}, case.odd)
        assume(grown is not None)
        before, after = found.read("products"), grown.read("products")
        moves_told = num_moved(found) + num_moved(grown)
    members, split, new_split = members_of(before), *(t.groupby("group_id")["split"].first() for t in (before, after))
    unchanged = [group for group, ids in members_of(after).items() if members.get(group) == ids]
    told = giants(before) | giants(after)
    moved = [group for group in unchanged if split[group] != new_split[group] and group not in told]
    assert len(moved) <= moves_told, moved


def write_fixes(folder, found, choices):
    """Fix products of any split: relabel them, or take them out."""
    products, classes = found.read("products")["product_id"], found.read("classes")["category_id"]
    fixes = {
        products.iloc[place % len(products)]: "" if choice is None else classes.iloc[choice % len(classes)]
        for place, choice in choices
    }
    path = Path(folder) / "fixes.csv"
    rows = "".join(f"{product},{category},seen\n" for product, category in fixes.items())
    path.write_text("product_id,category_id,reason\n" + rows)
    return path


NOT_MEASURED = {"products": ["label", "train_class_index", "rule"], "images": ["learnt"], "conflicts": ["decision"]}


@seed(4)
@tried
@given(
    case=CASES,
    policy=st.sampled_from(["drop_image", "keep", "majority"]),
    choices=st.lists(st.tuples(st.integers(0, 200), st.none() | st.integers(0, 2)), max_size=12),
)
def test_policies_and_fixes_never_change_what_is_measured(labelled, case, policy, choices):
    found = labelled(case)
    with tempfile.TemporaryDirectory() as folder:
        files = LabelFiles(fixes_path=write_fixes(folder, found, choices))
        try:
            rules = case.rules(conflicts=policy)
            other = Path(fix_labels(found.index_dir, found.sample_dir, files, Path(folder), rules)["path"])
        except DataError as error:
            assert "no product left to learn from" in str(error)
            assume(False)
        for name in LABEL_SCHEMAS:
            hidden = NOT_MEASURED.get(name, [])
            assert read(other, name).drop(columns=hidden).equals(found.read(name).drop(columns=hidden)), name
        assert (other / "certificate.json").read_bytes() == (found.labels_dir / "certificate.json").read_bytes()
        images = read(other, "images")
        assert set(images.loc[images["learnt"], "split"]) <= {TRAIN}


class Guess:
    """Stands for a trained network: guesses by the mean colours of a picture, and has no layer to draw maps from."""

    layers = ()

    def __init__(self, num_classes):
        self.weights = np.random.default_rng(num_classes).normal(size=(3, num_classes))

    def predict(self, batches, **_):
        images = np.concatenate([batches[number][0] for number in range(len(batches))])
        scores = np.exp(images.mean(axis=(1, 2)) / 25 @ self.weights)
        return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def evaluate():
    """Return the real evaluation of a case by a guess in the place of a network."""
    from cdiscount_tasks.stages import evaluation

    def write_model(labels_dir, part_dir):
        shutil.copyfile(labels_dir / "classes.parquet", part_dir / "classes.parquet")
        return {}

    def run(found, folder):
        inputs = {"labels": found.labels_dir}
        model_dir = Path(folder) / "model-guess"
        write = functools.partial(write_model, found.labels_dir)
        build_artifact(model_dir, Recipe("model", 1, {}, inputs, {}, {}), lambda part_dir: Made(write(part_dir)))
        num_classes = len(found.read("classes"))
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(evaluation, "_load_model", lambda _: (Guess(num_classes), {"image_size": 32}))
            made = evaluation.evaluate_model(found.sample_dir, found.labels_dir, model_dir, Path(folder))
        of_files = [schemas.prediction_schema(num_classes, by_image) for by_image in (False, True)]
        names = ("predictions", "image_predictions")
        return [
            parquet.read_table(Path(made["path"]) / f"{name}.parquet", schema).to_pandas()
            for name, schema in zip(names, of_files, strict=True)
        ]

    return run


@pytest.mark.training
@law
def test_y_values_line_up_with_the_predictions_and_give_the_same_confusion(labelled, evaluate, case):
    found = labelled(case)
    with tempfile.TemporaryDirectory() as folder:
        products, images = evaluate(found, folder)
    values = read_y_values(found.labels_dir)
    columns = ["product_id", "image_number", "class_index", "split"]
    measured = values[values["split"] != TRAIN].reset_index(drop=True)
    assert measured[columns].equals(images[columns])
    num_classes = len(found.read("classes"))
    test = products[products["split"] == TEST]
    rebuilt = measured[measured["split"] == TEST].drop_duplicates("product_id").set_index("product_id")["class_index"]
    assert sorted(rebuilt.index) == sorted(test["product_id"])
    true = rebuilt.loc[test["product_id"]].to_numpy()
    assert confusion(true, test["predicted"].to_numpy(), num_classes) == (
        confusion(test["class_index"].to_numpy(), test["predicted"].to_numpy(), num_classes)
    )
