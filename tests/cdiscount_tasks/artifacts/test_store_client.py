import sys

import pytest

from cdiscount_tasks.artifacts.store_client import condition_of, e_tag_in, open_client, tag_of
from cdiscount_tasks.errors import ConfigError


def test_a_version_is_known_by_its_etag():
    tag = tag_of("s3://bucket", {"e_tag": '"1f"', "version": "of a bucket that keeps versions"})
    assert (tag, e_tag_in(tag), condition_of(tag)) == ('"1f"', '"1f"', {"e_tag": '"1f"'})


def test_on_google_it_is_known_by_its_generation_as_well():
    tag = tag_of("gs://bucket", {"e_tag": '"1f"', "version": "17"})
    assert (e_tag_in(tag), condition_of(tag)) == ('"1f"', {"e_tag": '"1f"', "version": "17"})


@pytest.mark.parametrize("version", [None, ""])
def test_a_version_that_is_missing_is_left_out(version):
    assert condition_of(tag_of("gs://bucket", {"e_tag": "a", "version": version})) == {"e_tag": "a"}


def test_without_obstore_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigError, match="s3://bucket: the package obstore is not installed"):
        open_client("s3://bucket", 1)


@pytest.mark.parametrize("url", ["s3://bucket/folder", "gs://bucket", "az://container/folder"])
def test_each_kind_of_bucket_opens_and_asks_nothing(url, monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    pytest.importorskip("obstore")
    assert open_client(url, 1) is not None


def test_azure_without_an_account_is_told(monkeypatch):
    pytest.importorskip("obstore")
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigError, match="az://container"):
        open_client("az://container", 1)


@pytest.mark.parametrize("address", ["127.0.0.1:9000", "http://root:pw1/23@host", "http://host:99999", "ftp://host",
                                     "http://user:pw@host"])  # fmt: skip
def test_an_endpoint_that_is_no_address_is_refused_without_its_password(address, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL is no address of a server") as caught:
        open_client("s3://bucket", 0)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("address", ["", "http://[::1]:9000", "https://s3.example.org/", "http://minio:9000/a"])
def test_an_endpoint_that_is_an_address_is_used(address, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    open_client("s3://bucket", 0)
