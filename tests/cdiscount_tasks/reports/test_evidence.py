import numpy as np
import pyarrow as pa
import pytest

from cdiscount_tasks.learning.measuring.choices import choose_shown
from cdiscount_tasks.pages.labels.rows import Picture
from cdiscount_tasks.reports import evidence as module
from cdiscount_tasks.reports.evidence import NUM_TWINS, read_evidence, read_nearest
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.tables.features import iter_features, read_features
from tests.material.report_inputs import make_inputs

NUM_FEATURES = 6


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("wine"), num_products=200)


@pytest.fixture(scope="module")
def choices(inputs):
    test = inputs.products[inputs.products["split"] == "test"]
    return choose_shown(test.assign(probability=0.5))


def write_features(folder, images, rows_per_group=37):
    folder.mkdir()
    vectors = np.random.default_rng(3).normal(size=(len(images), NUM_FEATURES)).astype(np.float16).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).reshape(-1)), NUM_FEATURES)
    rows = {"product_id": images["product_id"].to_numpy(), "image_number": images["image_number"].to_numpy(np.int8)}
    schema = schemas.features_schema(NUM_FEATURES, mirrored=False)
    parquet.write_table(
        folder / "features.parquet", pa.table({**rows, "vector": lists}, schema=schema), schema, rows_per_group
    )
    return vectors


def evidence_of(inputs, choices, features_dir=None, **options):
    dirs = {**inputs.dirs, **({"features": features_dir} if features_dir else {})}
    return read_evidence(dirs, choices, "small_cnn", "no weights", **options)


def test_every_kept_picture_of_the_chosen_products_is_read_small(inputs, choices):
    evidence = evidence_of(inputs, choices)
    num_images = inputs.products.set_index("product_id")["num_images"]
    for product_id in choices.product_ids():
        pictures = evidence.pictures_of(product_id)
        assert pictures == [Picture(product_id, number) for number in range(num_images[product_id])]
        assert all(max(evidence.pictures[one].size) <= 180 for one in pictures)


def test_twins_are_the_nearest_learnt_products_by_all_pairs_of_pictures(inputs, choices, tmp_path):
    images, products = inputs.images, inputs.products.set_index("product_id")
    vectors = write_features(tmp_path / "features", images)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    learnt = np.flatnonzero(images["learnt"] & (images["split"] == "train"))
    twins = evidence_of(inputs, choices, tmp_path / "features").twins
    assert sorted(twins) == sorted(choices.mistakes["product_id"])
    for product_id, found in twins.items():
        near = (unit[images["product_id"] == product_id] @ unit[learnt].T).max(axis=0)
        expected, groups = [], set()
        for place in np.argsort(-near, kind="stable"):
            row = images.iloc[learnt[place]]
            group = products["group_id"][row["product_id"]]
            if group not in groups and len(expected) < NUM_TWINS:
                groups.add(group)
                expected.append((row["product_id"], row["image_number"], products["class_index"][row["product_id"]]))
        assert [(one.picture.product_id, one.picture.image_number, one.class_index) for one in found] == expected


def test_without_features_and_with_those_of_other_pictures_there_are_no_twins_but_a_sentence(inputs, choices, tmp_path):
    assert "which were not computed: no weights." in evidence_of(inputs, choices).no_twins
    write_features(tmp_path / "features", inputs.images.iloc[:-1])
    evidence = evidence_of(inputs, choices, tmp_path / "features")
    assert "run again from extract_features" in evidence.no_twins and not evidence.twins


def test_kept_out_pictures_are_not_read(inputs, choices):
    evidence = evidence_of(inputs, choices, embed_pictures=False)
    assert evidence.pictures == {} and "embed_pictures is false" in evidence.no_pictures


@pytest.mark.parametrize("rows_per_group", [1, 10, 1000])
def test_some_features_are_those_of_all_whatever_the_row_groups(inputs, tmp_path, rows_per_group):
    write_features(tmp_path / "features", inputs.images, rows_per_group)
    rows = np.array([0, 3, 4, 50, len(inputs.images) - 1])
    found = list(iter_features(tmp_path / "features", rows, len(inputs.images)))
    assert np.concatenate([some for some, _ in found]).tolist() == rows.tolist()
    whole = read_features(tmp_path / "features")[rows, 0]
    assert np.array_equal(np.concatenate([vectors for _, vectors in found]), whole)


@pytest.fixture(scope="module")
def mistaken(inputs):
    """Return the ids of all mistakes on test."""
    test = inputs.products[inputs.products["split"] == "test"]
    return test.loc[test["class_index"] != test["predicted"], "product_id"].tolist()


def test_every_mistake_has_its_nearest_train_product_and_it_is_the_one_that_the_page_shows(
    inputs, choices, mistaken, tmp_path
):
    write_features(tmp_path / "features", inputs.images)
    dirs = {**inputs.dirs, "features": tmp_path / "features"}
    nearest = read_nearest(dirs, mistaken, {})
    assert sorted(nearest) == sorted(mistaken) != []
    twins = evidence_of(inputs, choices, tmp_path / "features").twins
    for product_id, (first, *_) in twins.items():
        assert nearest[product_id].picture == first.picture
        assert nearest[product_id].similarity == pytest.approx(first.similarity, abs=1e-6)
    assert read_nearest(dirs, mistaken, twins).items() >= {one: found[0] for one, found in twins.items()}.items()


def test_beyond_the_bound_the_least_confident_mistakes_have_no_nearest_product(inputs, mistaken, tmp_path, monkeypatch):
    write_features(tmp_path / "features", inputs.images)
    num_images = inputs.products.set_index("product_id")["num_images"][mistaken].tolist()
    monkeypatch.setattr(module, "MOST_ASKED", sum(num_images[:2]))
    assert list(read_nearest({**inputs.dirs, "features": tmp_path / "features"}, mistaken, {})) == sorted(mistaken[:2])


def test_without_features_and_with_those_of_other_pictures_no_mistake_has_a_nearest_product(inputs, mistaken, tmp_path):
    assert read_nearest(inputs.dirs, mistaken, {}) == {}
    write_features(tmp_path / "features", inputs.images.iloc[:-1])
    assert read_nearest({**inputs.dirs, "features": tmp_path / "features"}, mistaken, {}) == {}
