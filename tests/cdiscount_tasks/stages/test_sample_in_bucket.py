"""Samples drawn from a catalogue in a bucket: the same bytes as from the file, and few more bytes than their JPEGs."""

from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.artifacts.catalogue_note import note_path, read_note
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.catalogue import reader
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.stages import sample
from cdiscount_tasks.stages.sample import check_sample, draw_sample
from cdiscount_tasks.tables.sample_images import SampleImages, read_image_keys
from tests.material.bucket_catalogues import make_catalogue, put_catalogue


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Return a catalogue of 4 MB, its index and its categories."""
    return make_catalogue(tmp_path_factory.mktemp("catalogue"), 4_000_000)


@pytest.fixture
def in_bucket(catalogue, object_server, proxied_bucket):
    return put_catalogue(object_server, proxied_bucket, catalogue[0])


def config_of(categories, share, **rest):
    """Return the config of a sample of some of the categories."""
    chosen = np.random.default_rng(7).choice(categories, max(int(share * len(categories)), 1), replace=False)
    return DrawConfig(categories=tuple(sorted(chosen.tolist())), **rest)


def content_of(sample_dir):
    """Return the bytes of a sample's files, and by what later keys know it."""
    files = {path.name: path.read_bytes() for path in Path(sample_dir).glob("*.parquet")}
    return files, read_manifest(Path(sample_dir))["identity"]


@pytest.mark.parametrize("pictures", ["copied", "in_catalogue"])
@pytest.mark.parametrize("most", [None, 1])
def test_the_sample_has_the_same_key_and_bytes_as_that_of_the_file(catalogue, in_bucket, tmp_path, pictures, most):
    path, index_dir, categories = catalogue
    config = config_of(categories, 0.3, max_products_per_category=most, pictures=pictures)
    of_file = draw_sample(index_dir, path, tmp_path / "file", config)
    of_object = draw_sample(index_dir, in_bucket, tmp_path / "object", config)
    assert Path(of_object["path"]).name == Path(of_file["path"]).name
    assert content_of(of_object["path"]) == content_of(of_file["path"])


@pytest.mark.slow
def test_processes_draw_the_same_as_one(catalogue, in_bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "_PRODUCTS_PER_FILE", 50)
    _, index_dir, categories = catalogue
    config = config_of(categories, 0.3)
    alone = draw_sample(index_dir, in_bucket, tmp_path / "alone", config)
    monkeypatch.setattr(sample, "_PRODUCTS_WORTH_PROCESSES", 0)
    together = draw_sample(index_dir, in_bucket, tmp_path / "together", config)
    assert len(content_of(alone["path"])[0]) > 4
    assert content_of(together["path"]) == content_of(alone["path"])


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.7, 0.95, 1.0])
@pytest.mark.parametrize("batch_bytes", [60_000, reader._BATCH_BYTES])
def test_few_more_bytes_are_read_than_the_jpegs_have(
    catalogue, in_bucket, object_proxy, tmp_path, monkeypatch, share, batch_bytes
):
    monkeypatch.setattr(reader, "_BATCH_BYTES", batch_bytes)
    _, index_dir, categories = catalogue
    object_proxy.begin()
    made = draw_sample(index_dir, in_bucket, tmp_path, config_of(categories, share))
    assert object_proxy.num_bytes("GET") <= 1.1 * made["num_bytes"]
    assert len(object_proxy.chosen("GET")) <= made["num_images"]


def test_near_documents_are_read_at_once(catalogue, in_bucket, object_proxy, tmp_path):
    _, index_dir, categories = catalogue
    object_proxy.begin()
    made = draw_sample(index_dir, in_bucket, tmp_path, config_of(categories, 0.97))
    assert len(object_proxy.chosen("GET")) < made["num_products"] / 3


@pytest.fixture
def left(catalogue, in_bucket, object_proxy, tmp_path):
    """Return a sample that left its pictures in the bucket, and one of the same pictures that were copied."""
    path, index_dir, categories = catalogue
    left = draw_sample(index_dir, in_bucket, tmp_path, config_of(categories, 0.3, pictures="in_catalogue"))
    copied = draw_sample(index_dir, path, tmp_path, config_of(categories, 0.3))
    object_proxy.begin()
    return Path(left["path"]), Path(copied["path"])


def test_a_note_says_which_object_has_the_pictures(left, in_bucket):
    assert read_note(left[0]).catalogue == in_bucket
    check_sample(left[0])


def test_pictures_left_in_a_bucket_are_those_that_are_copied(left):
    num_images = len(SampleImages(left[1]))
    rows = np.random.default_rng(1).integers(0, num_images, 100).tolist()
    expected = SampleImages(left[1]).read(rows)
    assert SampleImages(left[0]).read(rows) == expected
    assert SampleImages(left[0]).in_any_order()().read(rows) == expected


@pytest.mark.parametrize("num_rows", [10, 100, None])
def test_pictures_left_in_a_bucket_are_read_with_few_more_bytes(left, object_proxy, num_rows):
    images = SampleImages(left[0])
    num_rows = num_rows or len(images)
    rows = np.random.default_rng(2).permutation(len(images))[:num_rows].tolist()
    object_proxy.begin()
    num_bytes = sum(map(len, images.read(rows)))
    assert object_proxy.num_bytes("GET") <= 1.1 * num_bytes
    assert len(object_proxy.chosen("GET")) <= num_rows


def test_an_object_is_opened_once_for_all_readings(left, object_proxy):
    images = SampleImages(left[0])
    object_proxy.begin()
    for row in range(5):
        images.read([row])
    assert len(object_proxy.chosen("HEAD")) == 0
    assert len(read_image_keys(left[0])["product_id"]) == len(images)


def test_pictures_of_an_object_that_changed_are_a_sentence(left, in_bucket, object_server, catalogue):
    images = SampleImages(left[0])
    object_server.put(in_bucket.url, catalogue[0].read_bytes()[::-1])
    with pytest.raises(DataError, match="the object changed while it was read"):
        images.read([0])
    with pytest.raises(DataError, match=r"expected .* the catalogue changed since .* write the object anew"):
        SampleImages(left[0]).read([0])


def test_pictures_of_an_object_that_is_gone_are_a_sentence(left, object_server, catalogue):
    text = note_path(left[0]).read_text("utf-8")
    note_path(left[0]).write_text(text.replace("train.bson", "gone.bson"), "utf-8")
    with pytest.raises(DataError, match=r"gone\.bson: the catalogue cannot be read \(no such object\), in wh"):
        SampleImages(left[0])


def test_a_catalogue_that_is_not_the_indexed_one_leaves_no_sample(catalogue, in_bucket, object_server, tmp_path):
    path, index_dir, categories = catalogue
    object_server.put(in_bucket.url, path.read_bytes()[::-1])
    with pytest.raises(DataError, match=r"is no longer at byte .* write the object anew and trigger a new run"):
        draw_sample(index_dir, in_bucket, tmp_path, config_of(categories, 0.3))
    assert not list(tmp_path.glob("sample-*"))
    verify_artifact(index_dir)
