"""Settings, runs and the clean-up where the catalogue is an object in a bucket."""

import logging
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts import object_store
from cdiscount_tasks.artifacts.byte_ranges import place_of
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs import index_steps, steps
from cdiscount_tasks.runs.catalogue import open_catalogue, reason_to_wait
from cdiscount_tasks.runs.folders import catalogue_fault, catalogue_of_run
from cdiscount_tasks.runs.predictions import check_predicted_file, given_catalogue
from cdiscount_tasks.runs.references import find_references
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.settings.environment import read_environment
from tests.material.bucket_catalogues import put_catalogue
from tests.material.colours_sample import SETTINGS


@pytest.fixture
def in_bucket(place, tiny_path, object_server, proxied_bucket, monkeypatch):
    """Return the tiny catalogue's place in a bucket, which CDISCOUNT_CATALOGUE names."""
    in_bucket = put_catalogue(object_server, proxied_bucket, tiny_path)
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(in_bucket))
    monkeypatch.setenv("CDISCOUNT_MAX_REJECTED_SHARE", "0.5")
    return in_bucket


@pytest.fixture
def away(object_proxy, in_bucket, monkeypatch):
    """Let the network be away."""
    monkeypatch.setattr(object_store, "WAIT_S", 0.2)
    object_proxy.begin(away_from=1, away_s=600)


def test_a_run_freezes_the_url_and_draws_its_sample_from_there(in_bucket, place, tiny_sample):
    name = SETTINGS["name"]
    start_run(name, "first")
    run = open_run(name, "first")
    assert (run.config.catalogue_path, run.catalogue_path) == (str(in_bucket), in_bucket)
    assert run.config.catalogue_fingerprint == fingerprint(in_bucket)
    for byte_range in index_steps.plan(name, "first"):
        index_steps.scan(name, "first", byte_range)
    index_steps.merge(name, "first")
    steps.make("sample", name, "first")
    jpegs = [path.name for path in run.folders()["sample"].glob("images-*.parquet")]
    assert jpegs
    assert index_steps.plan(name, "first") == []


def test_the_catalogue_that_is_set_is_opened_and_not_waited_for(in_bucket):
    found = open_catalogue()
    assert (found.catalogue_path, found.fingerprint) == (in_bucket, fingerprint(in_bucket))
    assert reason_to_wait(read_environment()) is None


def test_an_object_that_is_missing_is_a_sentence(in_bucket, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", f"{in_bucket}x")
    with pytest.raises(ConfigError, match=r"tiny\.bsonx: no catalogue stands there; .*the path, or the URL, of train"):
        open_catalogue()
    assert "no catalogue stands there" in reason_to_wait(read_environment())


def test_a_bucket_that_is_missing_is_a_sentence(in_bucket, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", "s3://no-such-bucket/x/train.bson")
    with pytest.raises(ConfigError, match="there is no such bucket; create it, or correct CDISCOUNT_CATALOGUE"):
        open_catalogue()


def test_a_network_that_is_away_is_a_reason_to_wait(away):
    assert "clear this task later" in reason_to_wait(read_environment())


def test_a_clean_up_that_cannot_ask_for_the_catalogue_keeps_its_index(away, in_bucket):
    found = find_references(read_environment(), None)
    (doubt,) = [text for text in found.unknown.values() if str(in_bucket) in text]
    assert "the catalogue that is set" in doubt


def test_all_machines_read_the_object_that_a_run_began_with(in_bucket, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", "/mnt/elsewhere/tiny.bson")
    assert catalogue_of_run(str(in_bucket), read_environment()) == in_bucket


def test_a_machine_without_the_file_reads_the_object_of_the_same_name(in_bucket):
    assert catalogue_of_run("/mnt/gone/tiny.bson", read_environment()) == in_bucket
    assert catalogue_of_run("/mnt/gone/other.bson", read_environment()) == Path("/mnt/gone/other.bson")


@pytest.mark.parametrize("text", ["s3://shop/a/train.bson", "gs://shop/train.bson"])
def test_a_predicted_file_may_be_an_object(text, tmp_path):
    assert given_catalogue(text, tmp_path) == place_of(text)
    assert given_catalogue("some.bson", tmp_path) == tmp_path / "some.bson"


def test_a_predicted_object_is_checked(in_bucket, object_server):
    check_predicted_file(in_bucket)
    assert catalogue_fault(in_bucket) is None
    gone = place_of(f"{in_bucket}x")
    with pytest.raises(ConfigError, match="no such object; name the BSON file whose products are to be predicted"):
        check_predicted_file(gone)
    object_server.put(gone.url, b"")
    with pytest.raises(ConfigError, match=r"is empty \(0 bytes\)"):
        check_predicted_file(gone)


def test_no_key_is_logged(in_bucket, caplog):
    caplog.set_level(logging.DEBUG)
    open_catalogue()
    assert "anything" not in caplog.text
