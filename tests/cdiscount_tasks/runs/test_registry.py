import shutil

import pytest

from cdiscount_tasks.artifacts.mirror import bucket_of
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import registry
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.places import address_of
from tests.material.registry_models import CATEGORIES, CONTRACT, make_candidate, write_model


@pytest.fixture
def first(promoted):
    """Return the champion after the first promotion."""
    promoted("first")
    return registry.champion("wine", promoted.environment)


def test_the_champion_says_where_its_model_is_and_what_it_was_measured_with(first, promoted):
    candidate, root = make_candidate(promoted.environment, "first"), promoted.environment.work_dir
    assert (first.path / "model.keras").read_text() == "the weights of first"
    assert first.path == root / candidate.model
    assert first.evaluation_dir == root / candidate.evaluation
    assert first.labels_dir == root / candidate.labels
    assert first.sample_dir == root / candidate.sample
    assert first.report_dir == promoted.environment.reports_dir / "wine" / "first"


def test_the_champion_says_who_it_is_and_what_it_takes(first):
    assert (first.sample_name, first.run_id, first.preset, first.accuracy) == ("wine", "first", "smoke", 0.75)
    assert (first.decision, first.verdict) == (1, "better")
    assert tuple(each.category_id for each in first.classes) == CATEGORIES
    assert first.classes[0].level3 == f"{CATEGORIES[0]} at 3"
    assert first.input_contract == CONTRACT


def test_a_work_folder_that_was_moved_is_read_where_it_is(first, promoted, tmp_path):
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    promoted.environment = promoted.environment.__class__(
        **{**vars(promoted.environment), "data_dir": tmp_path / "elsewhere"}
    )
    assert registry.champion("wine", promoted.environment).path.parts[-4] == "elsewhere"


def test_without_an_environment_the_variables_are_read(first, monkeypatch, tmp_path):
    for name, path in (("DATA", "data"), ("REPORTS", "reports"), ("CATALOGUE", "catalogue.bson")):
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(tmp_path / path))
    assert registry.champion("wine") == first
    assert registry.registered_samples() == ["wine"]


def test_the_demo_has_a_registry_of_its_own(promoted):
    demo = promoted.environment.__class__(**{**vars(promoted.environment), "uses_demo_catalogue": True})
    assert registry.registry_dir("wine", demo).parts[-3:] == ("demo", "registry", "wine")


def damage(first):
    (first.path / "model.keras").write_text("the weights of fir5t")


def remove_file(first):
    (first.path / "model.keras").unlink()


def remove_folder(first):
    shutil.rmtree(first.path)


def put_other_weights(first):
    _replace(first, "other")


def put_other_classes(first):
    _replace(first, "other", categories=CATEGORIES[::-1])


def _replace(first, name, **facts):
    other = write_model(first.path.parents[1] / "other", name, **facts)
    shutil.rmtree(first.path)
    shutil.move(other, first.path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damage, "model.keras: its hash is .*, expected .* the file is damaged"),
        (remove_file, "model.keras: is missing"),
        (remove_folder, "no finished artifact stands there"),
        (put_other_weights, "model.keras: its hash is .*, expected .* as when it was promoted: .* another model"),
        (put_other_classes, r"has the classes \[1000000022, 1000000011\], expected \[1000000011, 1000000022\]"),
    ],
)
def test_a_champion_that_cannot_be_used_is_a_sentence_with_the_way_out(first, promoted, change, words):
    change(first)
    with pytest.raises(
        DataError, match=rf"champion of wine \(decision 1, run first\) cannot be used: .*{words}"
    ) as told:
        registry.champion("wine", promoted.environment)
    # No advice that contradicts the other: a model that was promoted is not made again, and there is no earlier one.
    assert "run again" not in str(told.value)
    assert "BACK_TO" not in str(told.value)
    assert f"there is no earlier one to roll back to. Without a backup, move {promoted.folder} out" in str(told.value)


def champion_told(promoted):
    with pytest.raises(DataError) as told:
        registry.champion("wine", promoted.environment)
    return str(told.value)


def model_dir(promoted, run_id):
    return promoted.environment.work_dir / make_candidate(promoted.environment, run_id).model


def test_a_damaged_champion_is_told_with_the_newest_earlier_one_that_is_whole(promoted):
    for run_id in ("first", "second", "third", "fourth"):
        promoted(run_id)
    (model_dir(promoted, "fourth") / "model.keras").unlink()
    shutil.rmtree(model_dir(promoted, "third"))
    told = champion_told(promoted)
    assert told.endswith("that is whole: `make champion SAMPLE=wine BACK_TO=2`")
    assert "run again" not in told


def test_a_damaged_champion_whose_earlier_ones_are_damaged_too_names_none_to_roll_back_to(promoted):
    for run_id in ("first", "second"):
        promoted(run_id)
        (model_dir(promoted, run_id) / "model.keras").unlink()
    assert "none of the earlier ones is whole either. Without a backup, move" in champion_told(promoted)


@pytest.mark.parametrize(
    ("gone", "words"), [("", "no finished artifact stands there"), ("/model.keras.", "is missing")]
)
def test_in_a_bucket_a_damaged_champion_is_told_by_its_address_with_one_advice(promoted_in_bucket, gone, words):
    promoted_in_bucket("first")
    folder = model_dir(promoted_in_bucket, "first")  # which makes it where it is missing
    store, name = bucket_of(folder)
    store.remove([found.name for found in store.list(name) if gone in found.name])
    shutil.rmtree(folder)
    told = champion_told(promoted_in_bucket)
    assert "buckets@" not in told
    assert f"{store.url}/{name}" in told
    assert words in told
    assert "bring back the older versions of its objects in the bucket: there is no earlier one" in told
    assert f"Without these, move {address_of(promoted_in_bucket.folder)} out of the registry" in told
    assert "backup" not in told
    assert "run again" not in told


def test_the_way_out_without_a_backup_leads_to_a_new_first_champion(promoted, tmp_path):
    promoted("first")
    (model_dir(promoted, "first") / "model.keras").unlink()
    shutil.move(promoted.folder, tmp_path / "kept aside")
    assert registry.champion("wine", promoted.environment) is None
    assert promoted("second").number == 1


@pytest.mark.parametrize("name", ["", "../wine", "Wine", "a" * 65, None, 3])
def test_what_cannot_be_a_sample_is_refused(name, promoted):
    with pytest.raises(ConfigError, match=r"the sample is .*, expected a name such as wine"):
        registry.champion(name, promoted.environment)


def test_the_name_of_no_sample_is_refused_with_those_there_are(promoted):
    promoted("first")
    assert registry.champion("mixed_bag", promoted.environment) is None  # it has a YAML
    with pytest.raises(ConfigError, match=r"the sample is 'wnie', expected .*\(wine\) or a YAML in .*mixed_bag, wine"):
        registry.champion("wnie", promoted.environment)


def test_reading_loads_no_tables_where_there_is_no_champion():
    import subprocess
    import sys

    code = """
import sys
from cdiscount_tasks.runs import registry
assert registry.champion("wine") is None
assert not {"tensorflow", "keras", "pandas"} & sys.modules.keys()
"""
    environ = {"CDISCOUNT_DATA": "/nonexistent/data", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, env=environ, check=True)


def test_a_run_offers_what_it_has_noted(runs):
    run = runs.finish("colours", "old")
    run.record("model", {"path": str(run.artifacts_dir / "model-0f")})
    run.record("evaluation", {**run.recorded()["evaluation"], "path": str(run.artifacts_dir / "evaluation-0f"),
                              "test_product_accuracy": 0.5})  # fmt: skip
    offered = registry.candidate_of(run)
    assert (offered.sample_name, offered.run_id, offered.preset, offered.accuracy) == ("colours", "old", "smoke", 0.5)
    assert (offered.model, offered.evaluation) == ("samples/colours/model-0f", "samples/colours/evaluation-0f")
    assert run.environment.work_dir / offered.sample == run.folders()["sample"]
    assert run.environment.reports_dir / offered.report == run.report_dir
