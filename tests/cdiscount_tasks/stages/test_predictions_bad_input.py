import os
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.json_files import read_json, write_json
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages import predictions
from tests.material.indexing import index_catalogue
from tests.material.predicted_catalogues import plain_catalogue, predict_catalogue
from tests.material.sealing import seal
from tests.material.tiny_catalogue import RED, TinyCatalogue, draw_jpeg, undecodable

pytestmark = pytest.mark.usefixtures("colour_network")


def test_a_precision_that_validation_was_not_asked_for_is_an_error(index_dir, tiny_path, answering_model, tmp_path):
    predict_catalogue(index_dir, tiny_path, answering_model, tmp_path)
    with pytest.raises(ValueError, match=r"target_precision is 0.9, expected one of 0.99, 0.95, or None"):
        predictions.join_answers(index_dir, tiny_path, answering_model, tmp_path, 0.9)


def test_a_range_that_has_not_been_predicted_is_told(index_dir, tiny_path, answering_model, tmp_path):
    size = tiny_path.stat().st_size
    with pytest.raises(DataError, match=rf"bytes 0 to {size} have not been predicted .* clear the task answer_range"):
        predictions.join_answers(index_dir, tiny_path, answering_model, tmp_path, None)


def test_answers_that_were_damaged_are_told(index_made, answering_model, tmp_path):
    index_dir, path = index_made(plain_catalogue())
    (byte_range,) = predictions.plan_answers(index_dir, path)
    part_dir = Path(predictions.answer_range(index_dir, path, byte_range, answering_model, tmp_path)["path"])
    data = bytearray((part_dir / "answers.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (part_dir / "answers.parquet").write_bytes(data)
    with pytest.raises(DataError, match=r"answers\.parquet: its hash is"):
        predictions.join_answers(index_dir, path, answering_model, tmp_path, None)


def test_a_file_without_any_image_that_decodes_is_refused(index_made, answering_model, tmp_path):
    catalogue = TinyCatalogue()
    for number in range(5):
        catalogue.add(number, RED, [undecodable(draw_jpeg(RED, number))])
    with pytest.raises(DataError, match="none of 5 documents has an image that decodes"):
        predict_catalogue(*index_made(catalogue), answering_model, tmp_path)


def test_a_document_that_is_in_no_table_is_found_out(index_made, answering_model, tmp_path):
    index_dir, path = index_made(plain_catalogue())
    manifest = read_json(index_dir / "manifest.json")
    manifest["result"]["num_documents"] += 1
    write_json(index_dir / "manifest.json", manifest)
    seal(index_dir)
    with pytest.raises(DataError, match="12 products were predicted and 0 documents rejected, expected 13 together"):
        predict_catalogue(index_dir, path, answering_model, tmp_path)


@pytest.mark.parametrize("change", ["grown", "rotten"])
def test_a_catalogue_that_changed_since_it_was_indexed_is_refused(index_made, answering_model, tmp_path, change):
    index_dir, path = index_made(plain_catalogue())
    (byte_range,) = predictions.plan_answers(index_dir, path)
    data = bytearray(path.read_bytes())
    if change == "grown":
        data += data[:100]
    else:
        data[len(data) // 2] ^= 1
    path.write_bytes(data)
    words = {"grown": r"bytes, expected \d+ as when it was indexed", "rotten": "changed since it was indexed"}[change]
    with pytest.raises(DataError, match=words):
        predictions.answer_range(index_dir, path, byte_range, answering_model, tmp_path)


def test_a_file_in_the_place_of_the_indexed_one_is_refused(tmp_path):
    path = plain_catalogue().write(tmp_path / "made.bson")
    index_dir = Path(index_catalogue(path, tmp_path / fingerprint(path))["path"])
    assert len(predictions.plan_answers(index_dir, path)) == 1
    os.utime(path, (1, 1))
    with pytest.raises(DataError, match="is not the catalogue that this run began with"):
        predictions.plan_answers(index_dir, path)
