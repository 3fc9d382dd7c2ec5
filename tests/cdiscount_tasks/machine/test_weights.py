import hashlib
import os

import h5py
import numpy as np
import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine import weights
from cdiscount_tasks.machine.weights import PUBLISHED, check_weights, find_weights
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.networks import BACKBONES
from tests.material.weights_files import write_weights

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
    write_weights(folder / name)
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
    write_weights(cached)
    assert find_weights("mobilenet_v2", folder if named else None) == cached


@pytest.mark.training
def test_a_file_that_is_nowhere_is_an_error_that_says_which_where_and_how_to_get_it(folder, keras_home):
    with pytest.raises(ConfigError) as caught:
        find_weights("mobilenet_v2", folder)
    said = str(caught.value)
    assert said.startswith("the network mobilenet_v2 starts from ImageNet weights: its file is neither in")
    for words in (
        str(folder),
        str(keras_home / "models" / KERAS_NAME),
        "download http://127.0.0.1:9/none.h5",
        f"put {KERAS_NAME} into",
    ):
        assert words in said


@pytest.mark.training
@pytest.mark.parametrize("right", [True, False])
def test_a_file_is_fetched_once_and_its_hash_is_checked(tmp_path, keras_home, monkeypatch, right):
    weights_bytes = write_weights(tmp_path / "published.h5", "mobilenet_v2").read_bytes()
    md5 = hashlib.md5(weights_bytes if right else b"others", usedforsecurity=False).hexdigest()
    published = PUBLISHED["mobilenet_v2"]._replace(url=f"file://{tmp_path / 'published.h5'}", file_hash=md5)
    monkeypatch.setattr(weights, "PUBLISHED", {"mobilenet_v2": published})
    if right:
        assert find_weights("mobilenet_v2", None).read_bytes() == weights_bytes
        (tmp_path / "published.h5").unlink()
        assert find_weights("mobilenet_v2", None) == keras_home / "models" / KERAS_NAME
    else:
        with pytest.raises(ConfigError, match="could not be fetched"):
            find_weights("mobilenet_v2", None)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def hole(path):
    with h5py.File(path, "r+") as file:
        file["layers/3/kernel"][:] = 0


def not_finite(path):
    with h5py.File(path, "r+") as file:
        kernel = file["layers/3/kernel"]
        del file["layers/3/kernel"]
        file["layers/3/kernel"] = np.full(kernel.shape, np.nan, np.float32)


def one_layer_less(path):
    with h5py.File(path, "r+") as file:
        del file["layers/3"]


DAMAGES = {
    "cut": (cut, "does not open as the HDF5 file that it should be"),
    "empty": (lambda path: path.write_bytes(b""), "does not open as the HDF5 file"),
    "a web page": (lambda path: path.write_bytes(b"<html>Sign in</html>"), "does not open as the HDF5 file"),
    "a pointer": (
        lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "is a pointer of Git LFS, not the weights: run `git lfs pull`",
    ),
    "a hole": (hole, "lacks bytes in its middle: all weights of layers/3/kernel are 0"),
    "no numbers": (not_finite, r"holds weights that are no finite numbers \(layers/3/kernel\)"),
    "a layer less": (one_layer_less, "holds other layers: 51 kernels with"),
    "another network": (lambda path: write_weights(path, "mobilenet_v3_small"), "holds other layers: 52 kernels"),
    "a link to nowhere": (lambda path: (path.unlink(), path.symlink_to("gone")), "is a link to a file that does not"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("cached", [False, True])
def test_a_file_that_is_not_the_networks_weights_is_refused_with_its_name_and_a_way_out(
    folder, keras_home, damage, cached
):
    path = write_weights(keras_home / "models" / KERAS_NAME if cached else folder / "mobilenet_v2_notop.h5")
    change, sentence = DAMAGES[damage]
    change(path)
    way_out = "remove it" if cached or damage.startswith("a link") else "get it again from http"
    with pytest.raises(ConfigError, match=f"{path.name}: {sentence}.*; .*{way_out}"):
        check_weights("mobilenet_v2", path)


def test_a_file_that_cannot_be_read_for_now_is_no_damage(folder, monkeypatch):
    path = write_weights(folder / "mobilenet_v2_notop.h5")
    path.unlink()
    path.mkdir()  # reading it fails as a file system does that is away for a moment: with an OSError
    with pytest.raises(OSError, match="directory"):
        check_weights("mobilenet_v2", path)


@pytest.mark.training
@pytest.mark.parametrize("network", PUBLISHED)
def test_what_keras_builds_has_as_many_weights_as_are_expected(network, tmp_path):
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0)
    import keras

    path = tmp_path / "network.weights.h5"
    build = getattr(keras.applications, BACKBONES[network].application)
    build(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    check_weights(network, path)


@pytest.mark.parametrize("network", PUBLISHED)
def test_the_readme_names_each_file_of_weights(network):
    file = "/".join(PUBLISHED[network].url.split("/")[-2:])
    assert f"| {network} | `{file}`" in (PROJECT_DIR / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_weights_that_are_no_file_are_refused_unread(tmp_path, kind):
    path = tmp_path / "mobilenet_v2_notop.h5"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="it is a device, expected a file"):
        check_weights("mobilenet_v2", path)
