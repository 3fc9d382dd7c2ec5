import csv
import shutil
from collections import Counter
from pathlib import Path

import bson
import numpy as np
import pytest

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.stages import predictions
from cdiscount_tasks.tables.parquet import read_table
from cdiscount_tasks.tables.predicted import read_rejected
from cdiscount_tasks.tables.schemas import REJECTED
from tests.material.answering_models import NOTE, THRESHOLD, ColourNetwork, write_answering_model
from tests.material.predicted_catalogues import bytes_of, plain_catalogue, predict_catalogue, rows_of
from tests.material.sealing import seal
from tests.material.tiny_catalogue import (
    BLUE,
    CATEGORIES,
    GREEN,
    RED,
    TinyCatalogue,
    draw_jpeg,
    encode,
    undecodable,
)

pytestmark = pytest.mark.usefixtures("colour_network")

UNKNOWN = 1000000099


@pytest.fixture(scope="module")
def made(colour_network, index_dir, tiny_path, answering_model, tmp_path_factory):
    """Return the result of predicting the tiny catalogue."""
    return predict_catalogue(index_dir, tiny_path, answering_model, tmp_path_factory.mktemp("predictions"))


@pytest.fixture(scope="module")
def predicted(made):
    return rows_of(made)


@pytest.fixture(scope="module")
def rejected(made):
    return read_rejected(Path(made["path"])).to_pandas()


def submitted(made):
    with (Path(made["path"]) / "submission.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["_id", "category_id"]
    return [(int(product_id), int(category_id)) for product_id, category_id in rows]


@pytest.fixture
def predict(index_made, answering_model, tmp_path):
    """Index and predict a catalogue made in a test."""

    def run(made, target_precision=None):
        return predict_catalogue(*index_made(made), answering_model, tmp_path / "predictions", target_precision)

    return run


def test_every_document_is_predicted_or_rejected(made, predicted, rejected, tiny_index, tiny):
    assert made["num_predicted"] + made["num_rejected"] == made["num_documents"] == tiny_index["num_documents"]
    assert (len(predicted), len(rejected)) == (made["num_predicted"], made["num_rejected"])
    assert len(tiny.documents) == made["num_documents"]
    assert Counter(rejected["reason"]) == tiny.rejected | Counter(no_usable_image=made["num_no_usable_image"])
    assert made["num_no_usable_image"] == 1  # 321, whose one image does not decode


def test_predictions_are_in_the_order_of_the_file(made, predicted, rejected, tiny):
    unusable = set(rejected.loc[rejected["reason"] == "no_usable_image", "product_id"])
    assert predicted["product_id"].tolist() == [one for one in tiny.category_of if one not in unusable]
    assert rejected["byte_offset"].is_monotonic_increasing


def test_a_submission_has_every_id_of_the_file_once_in_its_order(made, predicted, rejected, tiny):
    rows = submitted(made)
    ids = [product_id for product_id, _ in rows]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(predicted["product_id"]) | set(rejected["product_id"].dropna().astype(int))
    assert [one for one in ids if one in tiny.category_of] == list(tiny.category_of)
    assert ids.index(400) == ids.index(341) + 1  # as the documents follow one another
    answers = dict(rows)
    assert all(answers[one] == top[0] for one, top in zip(predicted.index, predicted["top_category_ids"], strict=True))


def test_what_was_not_predicted_gets_the_commonest_category_of_train(made, predicted, labels_dir):
    from cdiscount_tasks.tables.schemas import CLASSES

    classes = read_table(labels_dir / "classes.parquet", CLASSES).to_pandas()
    commonest = classes.loc[classes["num_products_train"].idxmax(), "category_id"]
    filled = [category for product_id, category in submitted(made) if product_id not in predicted.index]
    assert filled == [commonest] * made["num_filled"]
    assert made["filled_category_id"] == commonest


def test_a_product_that_is_twice_in_the_file_is_predicted_once(made, predicted, rejected):
    assert (predicted["product_id"] == 300).sum() == 1
    assert rejected.loc[rejected["product_id"] == 300, "reason"].tolist() == ["id_repeated"]
    assert [category for product_id, category in submitted(made) if product_id == 300] == [
        predicted.loc[300, "top_category_ids"][0]
    ]


def test_the_summary_holds_the_counts_alone(made):
    summary = read_json(Path(made["path"]) / "summary.json")
    assert summary == {name: value for name, value in made.items() if name not in ("path", "reused")}


def test_the_answer_is_the_best_category_with_its_confidence(predicted, tiny):
    assert (predicted["category_id"] == [top[0] for top in predicted["top_category_ids"]]).all()
    assert (predicted["probability"] == [top[0] for top in predicted["top_probabilities"]]).all()
    for ids, shares in zip(predicted["top_category_ids"], predicted["top_probabilities"], strict=True):
        assert sorted(ids) == list(CATEGORIES)
        assert (np.diff(shares) <= 0).all()
        assert shares.sum() == pytest.approx(1, abs=1e-5)
    given = predicted["given_category_id"].dropna()
    assert (given == predicted.loc[given.index, "category_id"]).mean() > 0.9
    assert given.to_dict() == {one: tiny.category_of[one] for one in predicted.index if tiny.category_of[one]}


def test_images_that_cannot_be_used_are_left_out_and_counted(predict):
    good = [draw_jpeg(GREEN, seed) for seed in range(3)]
    catalogue = TinyCatalogue()
    catalogue.add(1, GREEN, [good[0], undecodable(draw_jpeg(RED, 9)), good[1], good[2]])
    catalogue.add(2, RED, [undecodable(draw_jpeg(RED, seed)) for seed in range(3)] + [b"no picture"])
    catalogue.add(3, GREEN, good)
    catalogue.add(4, BLUE, [b"", draw_jpeg(BLUE, 4)])
    made = predict(catalogue)
    rows = rows_of(made)
    columns = ["num_images", "num_damaged_images"]
    assert rows[columns].to_numpy().tolist() == [[3, 1], [3, 0], [1, 1]]
    assert rows.loc[1, "top_probabilities"].tolist() == rows.loc[3, "top_probabilities"].tolist()
    (lost,) = read_rejected(Path(made["path"])).to_pylist()
    assert (lost["product_id"], lost["reason"]) == (2, "no_usable_image")
    assert lost["byte_offset"] == len(catalogue.documents[0])
    texts = lost["detail"].split("; image ")
    assert [text.split(" (")[0] for text in texts] == [
        "image 0: picture_damaged", "1: picture_damaged", "2: picture_damaged", "3: picture_not_jpeg",
    ]  # fmt: skip
    assert made["num_damaged_images"] == 6
    assert made["num_images"] == 7
    assert [product_id for product_id, _ in submitted(made)] == [1, 2, 3, 4]


def test_a_product_whose_images_are_all_rejected_by_the_index_is_rejected(predict):
    catalogue = plain_catalogue(3)
    catalogue.add(1, RED, [b"no picture", b""])
    made = predict(catalogue)
    assert read_rejected(Path(made["path"]))["product_id"].to_pylist() == [1]
    assert (made["num_predicted"], made["num_damaged_images"]) == (3, 2)


def test_a_file_without_categories_is_answered_as_one_with_them(predict, tmp_path):
    plain = plain_catalogue()
    bare = TinyCatalogue([encode(one, [plain.pictures[one, 0]]) for one in plain.category_of])
    found = rows_of(predict(bare))
    assert found["given_category_id"].isna().all()
    shutil.rmtree(tmp_path / "index")
    expected = rows_of(predict(plain))
    same = ["product_id", "category_id", "probability", "copy_of_train"]
    assert found[same].equals(expected[same])


def test_products_of_categories_that_the_model_does_not_know_get_one_that_it_knows(predict):
    found = rows_of(predict(plain_catalogue(8, lambda _: UNKNOWN)))
    assert (found["given_category_id"] == UNKNOWN).all()
    assert set(found["category_id"]) <= set(CATEGORIES)


def test_in_a_mixed_file_products_without_a_category_are_predicted_and_every_document_has_its_place(predict):
    plain = plain_catalogue(5)
    pictures = {seed: [draw_jpeg(GREEN, seed)] for seed in range(50, 56)}
    odd = [
        encode(20, pictures[50]),
        bson.encode({"_id": 21, "imgs": [{"picture": pictures[51][0]}], "category_id": None}),
        encode(22, pictures[52], "GREEN"),
        encode(23, pictures[53], 5.5),
        encode(900, pictures[54]),  # the id of a product with a category
        encode(24, [b"no picture"]),
        encode(20, pictures[55]),
    ]
    made = predict(TinyCatalogue([*odd, *plain.documents]), 0.95)
    found, lost = rows_of(made), read_rejected(Path(made["path"])).to_pandas()
    assert found.index.tolist() == [20, 21, 900, 899, 898, 897, 896]
    given = [None if np.isnan(one) else int(one) for one in found["given_category_id"]]
    assert given == [None, None, *(plain.category_of[one] for one in found.index[2:])]
    assert [top[0] for top in found["top_category_ids"]] == [GREEN, GREEN, *given[2:]]
    assert list(zip(lost["product_id"], lost["reason"], strict=True)) == [
        (22, "category_not_an_integer"),
        (23, "category_not_an_integer"),
        (900, "id_repeated"),
        (24, "no_usable_image"),
        (20, "id_repeated"),
    ]
    assert (made["num_predicted"], made["num_rejected"], made["num_documents"]) == (7, 5, 12)
    assert [product_id for product_id, _ in submitted(made)] == [20, 21, 22, 23, 24, 900, 899, 898, 897, 896]


@pytest.mark.parametrize("target_precision", [0.95, 0.99, None])
def test_no_answer_is_given_below_the_confidence_that_keeps_the_promise(
    index_dir, tiny_path, answering_model, made, predicted, target_precision
):
    artifacts_dir = Path(made["path"]).parent
    found = predictions.join_answers(index_dir, tiny_path, answering_model, artifacts_dir, target_precision)
    rows = rows_of(found)
    least = {0.95: THRESHOLD, 0.99: 2.0, None: 0.0}[target_precision]
    assert rows["abstained"].tolist() == (rows["probability"] < least).tolist() == rows["category_id"].isna().tolist()
    assert (found["num_answered"], found["num_abstained"]) == ((~rows["abstained"]).sum(), rows["abstained"].sum())
    assert {0.95: 0 < found["num_answered"] < len(rows), 0.99: not found["num_answered"], None: True}[target_precision]
    assert found["threshold"] == {0.95: THRESHOLD, 0.99: None, None: None}[target_precision]
    assert found["note"] == {0.95: None, 0.99: NOTE, None: None}[target_precision]
    for name in ("top_category_ids", "top_probabilities"):
        assert np.array_equal(np.stack(rows[name]), np.stack(predicted[name]))
    assert bytes_of(found)["submission.csv"] == bytes_of(made)["submission.csv"]


def cut_into(monkeypatch, num_bytes, num_ranges):
    monkeypatch.setattr(ranges, "BLOCK_BYTES", -(-num_bytes // num_ranges))
    monkeypatch.setattr(ranges, "MIN_RANGE_BLOCKS", 1)


@pytest.mark.parametrize("num_ranges", [2, 7, 40])
def test_any_number_of_ranges_gives_the_same_bytes(
    index_dir, tiny_path, answering_model, made, tmp_path, monkeypatch, num_ranges
):
    cut_into(monkeypatch, tiny_path.stat().st_size, num_ranges)
    assert bytes_of(predict_catalogue(index_dir, tiny_path, answering_model, tmp_path)) == bytes_of(made)
    assert len(list(tmp_path.glob("answers-*/manifest.json"))) == num_ranges


def test_a_range_in_which_no_document_begins_is_empty(index_made, answering_model, tmp_path, monkeypatch):
    catalogue = TinyCatalogue()
    catalogue.add(1, RED, [draw_jpeg(RED, 0) + bytes(60_000)])
    catalogue.add(2, BLUE, [draw_jpeg(BLUE, 0)])
    index_dir, path = index_made(catalogue)
    cut_into(monkeypatch, path.stat().st_size, 5)
    planned = predictions.plan_answers(index_dir, path)
    answered = [predictions.answer_range(index_dir, path, one, answering_model, tmp_path) for one in planned]
    assert [one["num_products"] for one in answered] == [1, 0, 0, 0, 1]
    made = predictions.join_answers(index_dir, path, answering_model, tmp_path, None)
    assert rows_of(made)["category_id"].tolist() == [RED, BLUE]


class _KilledError(Exception):
    """A process that ends."""


@pytest.mark.parametrize("num_chunks", [1, 2, 5])
def test_answers_do_not_depend_on_how_often_they_were_interrupted(
    index_dir, tiny_path, answering_model, made, tmp_path, monkeypatch, num_chunks
):
    monkeypatch.setattr(predictions, "images_at_once", lambda _: 16)
    plain = ColourNetwork.answer

    def die(self, pixels):
        if self.num_images >= 16 * num_chunks:
            raise _KilledError
        return plain(self, pixels)

    (byte_range,) = predictions.plan_answers(index_dir, tiny_path)
    monkeypatch.setattr(ColourNetwork, "answer", die)
    for _ in range(2):
        with pytest.raises(_KilledError):
            predictions.answer_range(index_dir, tiny_path, byte_range, answering_model, tmp_path)
        assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    monkeypatch.setattr(ColourNetwork, "answer", plain)
    assert bytes_of(predict_catalogue(index_dir, tiny_path, answering_model, tmp_path)) == bytes_of(made)


def test_answers_that_exist_are_found_again(index_dir, tiny_path, answering_model, made, monkeypatch):
    monkeypatch.setattr(ColourNetwork, "answer", lambda *_: pytest.fail("the network was asked again"))
    again = predict_catalogue(index_dir, tiny_path, answering_model, Path(made["path"]).parent)
    assert again == {**made, "reused": True}


@pytest.mark.slow
def test_images_that_are_decoded_in_processes_give_the_same_bytes(
    index_dir, tiny_path, answering_model, made, tmp_path, monkeypatch
):
    monkeypatch.setattr(predictions, "_IMAGES_WORTH_PROCESSES", 0)
    monkeypatch.setattr(predictions, "images_at_once", lambda _: 16)
    assert bytes_of(predict_catalogue(index_dir, tiny_path, answering_model, tmp_path)) == bytes_of(made)


def test_a_chunk_is_some_whole_products_and_little_more_than_asked_for(
    index_dir, tiny_path, answering_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(predictions, "images_at_once", lambda _: 10)
    seen = []
    plain = ColourNetwork.answer
    monkeypatch.setattr(ColourNetwork, "answer", lambda self, pixels: seen.append(len(pixels)) or plain(self, pixels))
    (byte_range,) = predictions.plan_answers(index_dir, tiny_path)
    result = predictions.answer_range(index_dir, tiny_path, byte_range, answering_model, tmp_path)
    assert sum(seen) == result["num_images"]
    assert max(seen) <= 13
    assert len(seen) >= result["num_images"] // 10


def test_keys_count_what_decides_the_answers(index_dir, answering_model, tmp_path):
    other = write_answering_model(tmp_path, answering_model.labels_dir, answering_model.sample_dir)
    evaluation = read_json(other.evaluation_dir / "manifest.json")
    write_json(other.evaluation_dir / "manifest.json", {**evaluation, "identity": "another temperature"})
    seal(other.evaluation_dir)
    here = ranges.ByteRange(start=0, stop=9)
    keys = {
        predictions.answers_recipe(index_dir, here, answering_model).key,
        predictions.answers_recipe(index_dir, ranges.ByteRange(start=9, stop=20), answering_model).key,
        predictions.answers_recipe(index_dir, here, other).key,
        predictions.predictions_recipe(index_dir, answering_model, None).key,
        predictions.predictions_recipe(index_dir, answering_model, 0.95).key,
    }
    assert len(keys) == 5


def test_documents_that_the_index_rejected_keep_their_words(index_dir, rejected):
    of_index = read_table(index_dir / "rejected.parquet", REJECTED).to_pandas()
    of_index = of_index[of_index["image_number"].isna()]
    found = rejected[rejected["reason"] != "no_usable_image"]
    assert found["detail"].tolist() == of_index["detail"].tolist()
    assert found["byte_offset"].tolist() == of_index["byte_offset"].tolist()
