from pathlib import Path

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import check_data_folder, read_environment
from cdiscount_tasks.settings.places import check_apart, checked_url, in_bucket, is_url, mirror_of, setting_of


@pytest.mark.parametrize(("text", "expected"), [
    ("s3://bucket/folder", True), ("gs://bucket", True), ("az://container/a/b", True), ("http://x", True),
    ("/data", False), ("data", False), ("C:/data", False), ("", False),
])  # fmt: skip
def test_a_url_is_told_from_a_path(text, expected):
    assert is_url(text) is expected


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/folder/in it", "ftp://bucket/a", "s3:///a", "s3://b/../a",
                                 "s3://b//a", "s3://b/a/./c", "s3://bucket/fol@der"])  # fmt: skip
def test_what_is_no_place_in_a_bucket_is_refused(url):
    if url == "s3://bucket":
        assert checked_url(url, "it") == url
        return
    with pytest.raises(ConfigError, match="environment variable X is "):
        checked_url(url, "environment variable X")


def test_a_password_is_not_repeated():
    with pytest.raises(ConfigError) as caught:
        checked_url("s3://user:secret@bucket/a", "environment variable CDISCOUNT_DATA")
    assert "secret" not in str(caught.value)


def test_a_path_in_a_mirror_says_what_it_stands_for(tmp_path):
    root = mirror_of(tmp_path, "s3://bucket/a/b")
    place = in_bucket(root / "samples" / "wine" / "config.json")
    assert (place.url, place.name) == ("s3://bucket/a/b", "samples/wine/config.json")
    assert place.state_dir == root.with_name("state@")
    assert in_bucket(root).name == ""
    assert in_bucket(tmp_path / "samples") is None


def test_places_in_one_another_have_mirrors_apart(tmp_path):
    outer, inner = (mirror_of(tmp_path, url) for url in ("s3://bucket", "s3://bucket/files"))
    assert not inner.is_relative_to(outer)
    assert not outer.is_relative_to(inner)


def test_data_and_reports_may_be_in_buckets(tmp_path):
    cache = str(tmp_path)
    found = read_environment(
        {"CDISCOUNT_DATA": "s3://bucket/data/", "CDISCOUNT_REPORTS": "gs://other", "CDISCOUNT_CACHE": cache}
    )
    assert (found.data_url, found.reports_url) == ("s3://bucket/data", "gs://other")
    assert found.data_dir == mirror_of(tmp_path, "s3://bucket/data")
    assert found.work_dir.is_relative_to(found.data_dir)
    assert found.reports_dir == mirror_of(tmp_path, "gs://other")


def test_on_a_disk_there_is_no_url():
    found = read_environment({"CDISCOUNT_DATA": "/data"})
    assert (found.data_dir, found.data_url, found.reports_url, found.cache_gb) == (Path("/data"), None, None, None)


def test_the_cache_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert read_environment({}).cache_dir == tmp_path / "cdiscount"


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan"])
def test_a_bound_of_the_cache_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=r"CDISCOUNT_CACHE_GB is '.*', expected a number from 0\.001 to 1,000,000"):
        read_environment({"CDISCOUNT_CACHE_GB": text})


@pytest.mark.parametrize("name", ["CDISCOUNT_DATA", "CDISCOUNT_REPORTS", "CDISCOUNT_CATALOGUE"])
@pytest.mark.parametrize("text", ["s3:/bucket/data", "S3:bucket", "gs:x"])
def test_a_slip_in_a_url_makes_no_folder_of_that_name(name, text):
    with pytest.raises(ConfigError, match=f"variable {name} is '{text}', expected a path, or a bucket and a folder"):
        read_environment({name: text})


@pytest.mark.parametrize("name", ["CDISCOUNT_CACHE", "CDISCOUNT_SAMPLES", "CDISCOUNT_WEIGHTS"])
@pytest.mark.parametrize("text", ["s3://bucket/secret", "s3:/bucket/secret"])
def test_what_must_be_on_this_machine_is_no_bucket(name, text):
    with pytest.raises(ConfigError, match=f"{name} names a place in a bucket, .* expected a path of this") as caught:
        read_environment({name: text})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("data", "reports"), [("s3://b/a", "s3://b/a/"), ("s3://b", "s3://b/reports"),
                                               ("s3://b/a/data", "s3://b/a")])  # fmt: skip
def test_data_and_reports_in_one_place_are_refused(data, reports):
    with pytest.raises(ConfigError, match="one is inside the other; give each a folder of its own"):
        read_environment({"CDISCOUNT_DATA": data, "CDISCOUNT_REPORTS": reports})


def test_places_whose_names_begin_alike_are_apart():
    check_apart("s3://bucket/data", "s3://bucket/data-reports")
    check_apart("s3://bucket/data", None)


def test_a_mirror_is_moved_by_the_cache(tmp_path):
    file = tmp_path / "cache"
    file.write_text("")
    found = read_environment({"CDISCOUNT_DATA": "s3://bucket/data", "CDISCOUNT_CACHE": str(file)})
    with pytest.raises(ConfigError, match="it is a file, expected a folder, though CDISCOUNT_CACHE names it"):
        check_data_folder(found)
    assert setting_of(found.data_dir, "CDISCOUNT_DATA") == "CDISCOUNT_CACHE"
    assert setting_of(tmp_path, "CDISCOUNT_DATA") == "CDISCOUNT_DATA"
