import hashlib

import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.storage import weights
from cdiscount_tasks.storage.weights import PUBLISHED, find_weights

KERAS_NAME = PUBLISHED["mobilenet_v2"].file_name


@pytest.fixture(autouse=True)
def keras_home(tmp_path, monkeypatch):
    """Give Keras a cache of its own, and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    unreachable = PUBLISHED["mobilenet_v2"]._replace(url="http://127.0.0.1:9/none.h5")
    monkeypatch.setattr(weights, "PUBLISHED", {**PUBLISHED, "mobilenet_v2": unreachable})
    return tmp_path / "keras"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.mark.parametrize("name", [KERAS_NAME, "mobilenet_v2_1.0_224_notop.weights.h5", "mobilenet_v2_notop.h5"])
def test_the_folders_file_is_taken(folder, name):
    (folder / name).touch()
    (folder / "mobilenet_v3_small_notop.h5").touch()
    assert find_weights("mobilenet_v2", folder) == folder / name


def test_two_files_for_one_network_are_an_error_that_names_them(folder):
    for name in ("mobilenet_v2_notop.h5", KERAS_NAME):
        (folder / name).touch()
    with pytest.raises(ConfigError, match=rf"has several files for mobilenet_v2: mobilenet_v2_notop.h5, {KERAS_NAME}"):
        find_weights("mobilenet_v2", folder)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no such folder, though CDISCOUNT_WEIGHTS names it"):
        find_weights("mobilenet_v2", tmp_path / "none")


@pytest.mark.parametrize("named", [True, False])
def test_keras_own_cache_comes_next(folder, keras_home, named):
    cached = keras_home / "models" / KERAS_NAME
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert find_weights("mobilenet_v2", folder if named else None) == cached


def test_a_file_that_is_nowhere_is_an_error_that_says_which_where_and_how_to_get_it(folder, keras_home):
    with pytest.raises(ConfigError) as caught:
        find_weights("mobilenet_v2", folder)
    said = str(caught.value)
    assert said.startswith("the network mobilenet_v2 starts from ImageNet weights: its file is neither in")
    for words in (
        str(folder),
        str(keras_home / "models" / KERAS_NAME),
        "get http://127.0.0.1:9/none.h5",
        f"put {KERAS_NAME} in",
    ):
        assert words in said


@pytest.mark.parametrize("right", [True, False])
def test_a_file_is_fetched_once_and_its_hash_is_checked(tmp_path, keras_home, monkeypatch, right):
    (tmp_path / "published.h5").write_bytes(b"weights")
    md5 = hashlib.md5(b"weights" if right else b"others", usedforsecurity=False).hexdigest()
    published = PUBLISHED["mobilenet_v2"]._replace(url=f"file://{tmp_path / 'published.h5'}", file_hash=md5)
    monkeypatch.setattr(weights, "PUBLISHED", {"mobilenet_v2": published})
    if right:
        assert find_weights("mobilenet_v2", None).read_bytes() == b"weights"
        (tmp_path / "published.h5").unlink()
        assert find_weights("mobilenet_v2", None) == keras_home / "models" / KERAS_NAME
    else:
        with pytest.raises(ConfigError, match="could not be fetched"):
            find_weights("mobilenet_v2", None)
