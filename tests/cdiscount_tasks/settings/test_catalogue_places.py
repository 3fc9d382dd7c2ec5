import pickle
from pathlib import Path

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.catalogue_places import ObjectPlace, place_of
from cdiscount_tasks.settings.environment import read_environment


@pytest.mark.parametrize("text", ["/data/train.bson", "train.bson", "a b/s3:/x"])
def test_a_path_is_a_path(text):
    assert place_of(text) == Path(text)


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_an_object_is_named_by_its_url_and_its_name_is_the_last_part(scheme):
    place = place_of(f"{scheme}://shop/some/train.bson")
    assert isinstance(place, ObjectPlace)
    assert (str(place), place.name) == (f"{scheme}://shop/some/train.bson", "train.bson")
    assert (place.store_url, place.absolute()) == (f"{scheme}://shop/some", place)
    assert pickle.loads(pickle.dumps(place)) == place


def test_an_object_may_lie_in_the_bucket_itself():
    assert place_of("s3://shop/train.bson").store_url == "s3://shop"


@pytest.mark.parametrize("text", ["s3://shop", "s3://shop/"])
def test_a_whole_bucket_is_no_catalogue(text):
    with pytest.raises(
        ConfigError, match=r"CDISCOUNT_CATALOGUE is 's3://shop', .* expected an object in it: s3://shop/"
    ):
        read_environment({"CDISCOUNT_CATALOGUE": text})


@pytest.mark.parametrize("text", ["http://shop/train.bson", "s3://shop/../x", "ftp://a/b"])
def test_another_kind_of_url_is_refused(text):
    with pytest.raises(
        ConfigError, match=r"environment variable CDISCOUNT_CATALOGUE is .*, expected a path, or a bucket"
    ):
        read_environment({"CDISCOUNT_CATALOGUE": text})


def test_a_password_in_a_url_is_not_shown():
    with pytest.raises(ConfigError) as refused:
        read_environment({"CDISCOUNT_CATALOGUE": "s3://user:secret@shop/train.bson"})
    assert "secret" not in str(refused.value)


def test_the_environment_names_an_object_and_is_not_the_demo():
    environment = read_environment({"CDISCOUNT_CATALOGUE": "s3://shop/some/train.bson"})
    assert environment.catalogue_path == ObjectPlace("s3://shop/some/train.bson")
    assert not environment.uses_demo_catalogue
