import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.machine import weights
from cdiscount_tasks.machine.backbones import backbone_of, reference_backbone, tell_reference
from cdiscount_tasks.settings.training import TrainingConfig
from tests.material.weights_files import write_weights


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
    for network in ("efficientnet_v2_b0", "mobilenet_v3_small"):
        write_weights(folder / f"{network}_notop.h5")
    backbone = reference_backbone(folder)
    assert backbone.config.network == "mobilenet_v3_small"
    assert backbone.weights_path == folder / "mobilenet_v3_small_notop.h5"


def test_keras_own_cache_gives_a_reference_too(keras_home):
    cached = keras_home / "models" / weights.PUBLISHED["mobilenet_v2"].file_name
    write_weights(cached, "mobilenet_v2")
    assert reference_backbone(None).weights_path == cached


def test_every_run_from_scratch_has_the_same_reference(folder):
    write_weights(folder / "mobilenet_v2_notop.h5")
    small, large = (TrainingConfig(image_size=size, seed=size) for size in (64, 128))
    assert backbone_of(small, folder) == backbone_of(large, folder) == reference_backbone(folder)


def test_a_transfer_looks_with_its_own_backbone(folder):
    for network in ("mobilenet_v2", "mobilenet_v3_small"):
        write_weights(folder / f"{network}_notop.h5")
    training = TrainingConfig(network="mobilenet_v3_small", weights="imagenet", image_size=64)
    assert backbone_of(training, folder) == (training, folder / "mobilenet_v3_small_notop.h5")


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no such folder, though CDISCOUNT_WEIGHTS names it"):
        reference_backbone(tmp_path / "none")


def test_a_damaged_file_stops_no_run_that_trains_from_scratch_and_is_named_in_the_log(folder, caplog):
    damaged = write_weights(folder / "mobilenet_v2_notop.h5")
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    assert backbone_of(TrainingConfig(), folder) is None
    tell_reference(folder)
    assert f"not used: {damaged}: does not open as the HDF5 file" in caplog.text


def test_two_files_for_one_network_stop_no_run_that_trains_from_scratch(folder, caplog):
    for name in ("mobilenet_v2_notop.h5", "mobilenet_v2_1_notop.h5"):
        (folder / name).touch()
    assert reference_backbone(folder) is None
    tell_reference(folder)
    assert "has several files for mobilenet_v2" in caplog.text


def test_a_damaged_file_leaves_the_next_known_network(folder):
    (folder / "mobilenet_v2_notop.h5").touch()
    whole = write_weights(folder / "mobilenet_v3_small_notop.h5")
    assert reference_backbone(folder).weights_path == whole


def test_a_transfer_refuses_a_damaged_file_at_once(folder):
    (folder / "mobilenet_v2_notop.h5").touch()
    training = TrainingConfig(network="mobilenet_v2", weights="imagenet")
    with pytest.raises(ConfigError, match=r"mobilenet_v2_notop\.h5: does not open as the HDF5 file .* get it again"):
        backbone_of(training, folder)


def test_without_any_file_the_log_says_what_looks_at_the_pictures_what_to_download_and_what_to_set(folder, caplog):
    with caplog.at_level("INFO", "cdiscount_tasks"):
        assert reference_backbone(folder) is None  # silent: each step looks for itself
        tell_reference(folder)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("features are computed by the descriptor that comes with the project")
    assert "_no_top.h5 (9 MB) into a folder, start Airflow again with CDISCOUNT_WEIGHTS set" in told
