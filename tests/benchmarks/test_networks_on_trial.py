import numpy as np
import pytest

from benchmarks.material.networks_on_trial import ON_TRIAL, Variant, build_variant, put_on_trial


@pytest.mark.training
@pytest.mark.parametrize("name", ["plain", *ON_TRIAL])
def test_a_network_on_trial_answers_and_is_loaded_without_its_module(name, monkeypatch, tmp_path):
    import keras

    from cdiscount_tasks.learning.networks import build
    from cdiscount_tasks.stages import one_training

    monkeypatch.setitem(build._BUILDERS, "small_cnn", build._small_cnn)  # put back afterwards
    monkeypatch.setattr(one_training, "prepare_device", lambda: "a device")
    usual = build.build_network("small_cnn", 32, 3).count_params()
    if name == "plain":
        monkeypatch.setitem(build._BUILDERS, "small_cnn", lambda x: build_variant(Variant(), x))
    else:
        put_on_trial(name)
        assert one_training.prepare_device() == "a device"
    network = build.build_network("small_cnn", 32, 3)
    assert (network.count_params() == usual) == (name == "plain")
    network.save(tmp_path / "model.keras")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(loaded(pictures), network(pictures), atol=1e-6)
