import pytest

from cdiscount_tasks.backbones import backbone_of, reference_backbone
from cdiscount_tasks.config import TrainingConfig
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.storage import weights


@pytest.fixture(autouse=True)
def keras_home(tmp_path, monkeypatch):
    """Give Keras a cache of its own, and fail where anything is fetched."""

    def fetch(network, *_):
        raise AssertionError(f"{network} was to be fetched")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(weights, "_fetch", fetch)
    return tmp_path / "keras"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def test_without_a_file_there_is_no_reference_and_nothing_is_fetched(folder):
    assert reference_backbone(folder) is None
    assert reference_backbone(None) is None


def test_the_first_known_network_whose_file_stands_is_the_reference(folder):
    for network in ("convnext_tiny", "mobilenet_v3_small"):
        (folder / f"{network}_notop.h5").touch()
    backbone = reference_backbone(folder)
    assert backbone.config.network == "mobilenet_v3_small"
    assert backbone.weights_path == folder / "mobilenet_v3_small_notop.h5"


def test_keras_own_cache_gives_a_reference_too(keras_home):
    cached = keras_home / "models" / weights.PUBLISHED["mobilenet_v2"].file_name
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert reference_backbone(None).weights_path == cached


def test_every_run_from_scratch_has_the_same_reference(folder):
    (folder / "mobilenet_v2_notop.h5").touch()
    small, large = (TrainingConfig(image_size=size, seed=size) for size in (64, 128))
    assert backbone_of(small, folder) == backbone_of(large, folder) == reference_backbone(folder)


def test_a_transfer_looks_with_its_own_backbone(folder):
    for network in ("mobilenet_v2", "mobilenet_v3_small"):
        (folder / f"{network}_notop.h5").touch()
    training = TrainingConfig(network="mobilenet_v3_small", weights="imagenet", image_size=64)
    assert backbone_of(training, folder) == (training, folder / "mobilenet_v3_small_notop.h5")


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no such folder, though CDISCOUNT_WEIGHTS names it"):
        reference_backbone(tmp_path / "none")
