import pytest

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.champion import load_champion, predicting_model
from cdiscount_tasks.stages import loaded_model


def test_the_artifacts_are_those_of_the_champion(promoted):
    promoted("first")
    found = registry.champion("wine", promoted.environment)
    model = predicting_model("wine", promoted.environment)
    assert model == (found.path, found.evaluation_dir, found.labels_dir, found.sample_dir)


def test_the_champion_is_loaded_from_its_artifacts(promoted, monkeypatch):
    promoted("first")
    monkeypatch.setattr(loaded_model, "LoadedModel", lambda model: ("loaded", model))
    assert load_champion("wine", promoted.environment) == ("loaded", predicting_model("wine", promoted.environment))


def test_without_a_champion_the_samples_that_have_a_history_are_named(promoted):
    promoted("first")
    with pytest.raises(
        DataError, match=r"mixed_bag has no champion: .* run the sample, or name another .*history: wine\)"
    ):
        load_champion("mixed_bag", promoted.environment)


def test_where_nothing_was_promoted_that_is_said(promoted):
    with pytest.raises(DataError, match=r"wine has no champion: .*history: none\)"):
        load_champion("wine", promoted.environment)


def test_a_sample_that_does_not_exist_is_refused(promoted):
    with pytest.raises(ConfigError, match="the sample is 'beer', expected one that has a champion or a history"):
        load_champion("beer", promoted.environment)


def test_a_damaged_champion_is_refused(promoted):
    promoted("first")
    (registry.champion("wine", promoted.environment).path / "model.keras").write_text("another")
    with pytest.raises(
        DataError, match=r"the champion of wine \(decision 1, run first\) cannot be used: .*model\.keras"
    ):
        load_champion("wine", promoted.environment)


def test_a_name_that_no_sample_has_is_refused(promoted):
    with pytest.raises(ConfigError, match="expected a name such as wine"):
        load_champion("../wine", promoted.environment)
