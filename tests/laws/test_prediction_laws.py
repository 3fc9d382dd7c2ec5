"""Random small catalogues, predicted by a network of a few lines: what comes out is what plain Python reckons."""

import csv
import tempfile
from pathlib import Path

import bson
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.learning.measuring.joining import joint_probabilities
from cdiscount_tasks.learning.pictures.images import ImageRefused, decode_rgb, to_square
from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.stages import predictions
from cdiscount_tasks.tables.predicted import read_rejected
from tests.material.answering_models import IMAGE_SIZE, ColourNetwork, write_answering_model
from tests.material.indexing import index_catalogue
from tests.material.predicted_catalogues import bytes_of, predict_catalogue, rows_of
from tests.material.random_catalogues import CASES, ODD_DOCUMENTS
from tests.material.tiny_catalogue import CATEGORIES, TinyCatalogue

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(labels_dir, sample_dir, tmp_path_factory):
    return write_answering_model(tmp_path_factory.mktemp("model"), labels_dir, sample_dir)


@pytest.fixture(scope="module", autouse=True)
def network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictions, "_open_network", lambda *_: (ColourNetwork(), Device("CPU, a few lines", False)))
        yield


def make_catalogue(case):
    made = TinyCatalogue()
    for product_id, (category_id, pictures) in case.products.items():
        made.add(product_id, category_id, pictures)
    place = len(made.documents) // 2
    made.documents[place:place] = [ODD_DOCUMENTS[number] for number in case.odd]
    return made


def pixels_of(picture):
    """Return what the network sees of a picture; None: it cannot be used."""
    try:
        return to_square(decode_rgb(picture), IMAGE_SIZE)
    except ImageRefused:
        return None


def best_category(pictures):
    """Return the answer to a product; None: it has no usable image."""
    seen = [pixels for pixels in map(pixels_of, pictures) if pixels is not None]
    if not seen:
        return None
    joint = joint_probabilities(ColourNetwork().answer(np.stack(seen)), np.zeros(len(seen), np.int64))
    return CATEGORIES[int(joint.argmax())]


def groups_of(products):
    """Tie products together that share a picture with a frame header, as plain as it can be."""
    group = {product_id: product_id for product_id in products}
    changed = True
    while changed:
        changed = False
        least = {}
        for product_id, (_, pictures) in products.items():
            for picture in pictures:
                least[picture] = min(least.get(picture, group[product_id]), group[product_id])
        for product_id, (_, pictures) in products.items():
            found = min([group[product_id], *(least[one] for one in pictures if one[:2] == b"\xff\xd8")])
            changed |= found != group[product_id]
            group[product_id] = found
    return group


@given(CASES, st.integers(1, 9))
def test_a_random_catalogue_is_predicted_as_plain_python_reckons(model, case, num_ranges):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        catalogue = make_catalogue(case)
        path = catalogue.write(Path(folder) / "catalogue.bson")
        index = index_catalogue(path, Path(folder) / "index", 1.0)
        made = predict_catalogue(Path(index["path"]), path, model, Path(folder) / "one")
        patch.setattr(ranges, "BLOCK_BYTES", -(-path.stat().st_size // num_ranges))
        patch.setattr(ranges, "MIN_RANGE_BLOCKS", 1)
        again = predict_catalogue(Path(index["path"]), path, model, Path(folder) / "many")
        assert bytes_of(made) == bytes_of(again)
        check(case, catalogue, made)


def check(case, catalogue, made):
    documents = [bson.decode(document) for document in catalogue.documents]
    answers = {product_id: best_category(pictures) for product_id, (_, pictures) in case.products.items()}
    predicted = rows_of(made)
    rejected = read_rejected(Path(made["path"])).to_pandas()
    assert len(predicted) + len(rejected) == len(documents) == made["num_documents"]
    expected = {product_id: answer for product_id, answer in answers.items() if answer is not None}
    given = predicted["given_category_id"].astype("Int64").dropna().to_dict()
    categories = {product_id: category for product_id, (category, _) in case.products.items()}
    assert given == {product_id: categories[product_id] for product_id in expected if categories[product_id]}
    assert predicted["category_id"].to_dict() == expected
    unusable = rejected.loc[rejected["reason"] == "no_usable_image", "product_id"]
    assert unusable.tolist() == [product_id for product_id, answer in answers.items() if answer is None]
    counts = predicted["num_images"] + predicted["num_damaged_images"]
    assert counts.to_dict() == {product_id: len(case.products[product_id][1]) for product_id in expected}
    groups = groups_of(case.products)
    assert predicted["group_id"].to_dict() == {product_id: groups[product_id] for product_id in expected}
    with (Path(made["path"]) / "submission.csv").open(newline="") as file:
        submitted = [int(row["_id"]) for row in csv.DictReader(file)]
    ids = [one["_id"] for one in documents if isinstance(one["_id"], int)]
    assert submitted == list(dict.fromkeys(ids))
