"""The clothing catalogue with planted faults, where CDISCOUNT_TEST_DATA and plant_faults.py are there."""

import pytest

from cdiscount_tasks.vocabulary import SPLITS
from tests.material import dirty_clothing as dirty

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def planted_file(real_data, tmp_path_factory):
    """Return the dirty catalogue and what was planted."""
    if not dirty.PLANTER.exists():
        pytest.skip(f"{dirty.PLANTER} is absent: it makes the clothing catalogue dirty")
    return dirty.plant(real_data("clothing/catalogue.bson"), tmp_path_factory.mktemp("dirty"))


@pytest.fixture(scope="module")
def truth(planted_file):
    return dirty.Truth(planted_file[0])


@pytest.fixture(scope="module")
def found(planted_file, tmp_path_factory):
    return dirty.run_pipeline(planted_file[0], tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="module")
def rows(planted_file, found, truth):
    return {row.kind: row for row in dirty.examine(found, truth, planted_file[1])}


SHARED = ["shared_image_same_category", "shared_image_other_category"]
KINDS = [*dirty.REASONS, *dirty.KEPT, dirty.UNLABELLED, "wrong_category", *SHARED]


def test_every_kind_that_was_planted_is_examined(planted_file, rows):
    assert set(planted_file[1]["fault"]) == set(KINDS) == set(list(rows)[:-2])


@pytest.mark.parametrize("kind", [*KINDS, "all exact copies (pictures)", "all conflicts (pictures)"])
def test_each_kind_of_fault_is_found_whole_and_nothing_falsely(rows, kind):
    row = rows[kind]
    assert row.planted >= row.standing == row.found > 0
    assert row.false in (0, None)


def test_every_document_product_and_image_is_accounted_for(found, truth):
    rejected = found.index_rejected
    documents, images = rejected[rejected["image_number"].isna()], rejected[rejected["image_number"].notna()]
    unlabelled = found.index_products[found.index_products["category_id"].isna()]
    assert found.index["num_without_category"] == len(unlabelled) == truth.num_unlabelled
    assert truth.num_documents == len(found.sample_products) + len(unlabelled) + len(documents)
    assert set(found.sample_products["product_id"]) == set(truth.categories)
    of_labels = found.labels_rejected
    refused = set(of_labels.loc[of_labels["image_number"].isna(), "product_id"])
    assert set(found.products["product_id"]) == set(truth.categories) - refused
    assert not refused & set(found.products["product_id"])
    assert dirty.image_keys(found.images) == {key for key in truth.looks if key[0] not in refused}
    damaged = of_labels[of_labels["image_number"].notna()]
    num_labelled = found.index["num_images"] - int(unlabelled["num_images"].sum())
    assert num_labelled + len(images) == truth.num_images
    assert num_labelled == len(found.images) + len(damaged) + sum(key[0] in refused for key in truth.looks)


def test_no_picture_of_the_dirty_catalogue_stands_in_two_splits(found, truth):
    split = found.products.set_index("product_id")["split"]
    assert set(split) == set(SPLITS)
    for keys in truth.sharing.values():
        assert len({split[product] for product, _ in keys if product in split.index}) <= 1


def test_conflicts_are_not_learnt_from_and_measured_as_given(found, truth):
    learnt = dirty.image_keys(found.images[found.images["learnt"]])
    for keys in truth.sharing.values():
        if len({truth.category_of(key) for key in keys}) > 1:
            assert not keys & learnt
    given = found.products.set_index("product_id")["category_id"]
    assert given.to_dict() == {product: truth.categories[product] for product in given.index}
