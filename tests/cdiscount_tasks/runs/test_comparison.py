import json
import os

import pytest

from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs.comparable import NotComparableError, reasons_against
from cdiscount_tasks.runs.comparison import comparison_folder, open_comparison, start_comparison
from cdiscount_tasks.runs.finished import finished_runs
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.settings.comparison import ComparisonNotes
from cdiscount_tasks.settings.environment import read_environment
from tests.cdiscount_tasks.runs.test_run import SETTINGS, Place
from tests.material.tiny_catalogue import BLUE, YELLOW

FIRST_S = 1_790_000_000
LONG = ["wines_of_france_and_italy_without_sparkling_ones", "beds_and_headboards_of_the_living_room_catalogue"]


class Runs:
    """Two samples of one catalogue, and runs of them that are finished as far as a comparison looks."""

    def __init__(self, place):
        self.place = place
        import yaml

        other = {**SETTINGS, "name": "lights", "title": "Lights", "categories": [BLUE, YELLOW]}
        (place.samples_dir / "lights.yaml").write_text(yaml.safe_dump(other))
        self.number = 0

    def finish(self, sample, run_id, preset="smoke", catalogue_id="c0ffee", **overrides):
        self.number += 1
        run = start_run(sample, run_id, preset, overrides)
        for stage in ("index", "sample", "labels", "evaluation"):
            recipe = Recipe(stage, 1, {"run": run_id}, {}, {}, {})
            made = build_artifact(recipe.dir_in(run.artifacts_dir), recipe, lambda _: {"catalogue_id": catalogue_id})
            run.record(stage, made)
        run.report_dir.parent.mkdir(parents=True, exist_ok=True)
        run.record("report", rebuild_artifact(run.report_dir, Recipe("report", 1, {}, {}, {}, {}), lambda _: {}))
        at = FIRST_S + self.number
        os.utime(run.report_dir / "manifest.json", (at, at))
        return run


@pytest.fixture
def runs(tmp_path, tiny_path, monkeypatch):
    place = Place(tmp_path, tiny_path)
    for name, path in (
        ("CATALOGUE", tiny_path), ("CATEGORY_NAMES", tmp_path / "names.csv"), ("DATA", place.data_dir),
        ("SAMPLES", place.samples_dir), ("REPORTS", tmp_path / "reports"), ("LABEL_FIXES", place.fixes_dir),
    ):  # fmt: skip
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(path))
    return Runs(place)


def compare(run_id="c1", **settings):
    return start_comparison(run_id, ["colours", "lights"], **settings)


def chosen(comparison):
    return [run.run_id for run in comparison.config.runs]


def test_the_last_finished_run_of_each_sample_is_compared(runs):
    for sample, run_id in (("colours", "old"), ("colours", "new"), ("lights", "only")):
        runs.finish(sample, run_id)
    assert chosen(compare()) == ["new", "only"]


def test_a_retry_compares_the_same_runs_though_newer_ones_finished(runs):
    runs.finish("colours", "old")
    runs.finish("lights", "only")
    first = compare()
    runs.finish("colours", "new")
    assert chosen(compare()) == chosen(first) == chosen(open_comparison("c1"))


def test_a_comparison_that_was_refused_chooses_its_runs_again_when_it_is_tried_again(runs):
    runs.finish("colours", "old")
    with pytest.raises(NotComparableError):
        compare()
    runs.finish("colours", "new")
    runs.finish("lights", "only")
    assert chosen(compare()) == ["new", "only"]


def test_a_run_can_be_asked_for_by_its_id_or_its_folder(runs):
    old = runs.finish("colours", "old")
    runs.finish("colours", "new")
    runs.finish("lights", "only")
    assert chosen(compare("c1", runs={"colours": "old"})) == ["old", "only"]
    assert chosen(compare("c2", runs={"colours": old.run_dir.name})) == ["old", "only"]


def test_a_run_whose_artifacts_are_gone_does_not_count(runs):
    import shutil

    runs.finish("colours", "old")
    gone = runs.finish("colours", "new")
    shutil.rmtree(gone.folders()["evaluation"])
    assert [run.config.run_id for run in finished_runs(read_environment(), "colours")] == ["old"]


def test_a_run_without_a_report_is_not_finished(runs):
    start_run("colours", "going on")
    assert finished_runs(read_environment(), "colours") == []


def test_every_sample_without_a_finished_run_is_named_at_once(runs):
    with pytest.raises(NotComparableError, match=r"colours has no finished run .*; sample lights has no finished run"):
        compare()


def test_a_sample_without_a_finished_run_is_refused_with_what_to_do(runs):
    runs.finish("colours", "old")
    with pytest.raises(NotComparableError, match=r"sample lights has no finished run .* trigger cdiscount_lights"):
        compare()


def test_other_presets_are_refused_with_what_to_do_and_what_stands(runs):
    runs.finish("colours", "short")
    runs.finish("lights", "short too")
    runs.finish("colours", "longer", preset="long")
    with pytest.raises(NotComparableError) as refusal:
        compare()
    sentence = str(refusal.value)
    assert (
        "has preset long, lights (run short too) has preset smoke: trigger cdiscount_lights with preset long"
        in sentence
    )
    assert json.dumps({"colours": "short", "lights": "short too"}) in sentence


def test_the_runs_that_the_refusal_offers_are_accepted(runs):
    runs.finish("colours", "short")
    runs.finish("lights", "short too")
    runs.finish("colours", "longer", preset="long")
    with pytest.raises(NotComparableError) as refusal:
        compare()
    offered = json.loads(str(refusal.value).rsplit("the param runs: ", 1)[1])
    assert chosen(compare(runs=offered)) == ["short", "short too"]


def test_another_network_of_the_same_preset_is_refused(runs):
    first, second = runs.finish("colours", "a", network="plain_cnn"), runs.finish("lights", "b")
    assert "trained with network plain_cnn and small_cnn" in reasons_against([first, second])[0]


def test_another_catalogue_is_refused(runs):
    first, second = runs.finish("colours", "a"), runs.finish("lights", "b", catalogue_id="beef")
    assert "is of catalogue c0ffee, lights (run b) of beef" in reasons_against([first, second])[0]


def test_the_seed_of_training_may_differ(runs):
    assert reasons_against([runs.finish("colours", "a", seed=1), runs.finish("lights", "b", seed=2)]) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"samples": ["colours", "tea"]}, "samples has 'tea', expected some of colours, lights"),
        ({"samples": ["colours"]}, "expected two different samples or more"),
        ({"samples": ["colours", "colours"]}, "expected two different samples or more"),
        ({"samples": ["colours", "lights"], "runs": {"tea": "x"}}, "runs names tea, which samples does not"),
        (
            {"samples": ["colours", "lights"], "random_choices": {"products_per_category": 5}},
            "products_per_category is 5, expected 10 to 500",
        ),
    ],
)
def test_a_wrong_setting_is_refused(runs, settings, words):
    with pytest.raises(ConfigError, match=words):
        start_comparison("c1", **settings)


def test_a_comparison_that_never_began_cannot_be_opened(runs):
    with pytest.raises(DataError, match="clear the task resolve_comparison"):
        open_comparison("nothing")


def test_the_page_of_two_samples_stands_in_a_folder_that_begins_with_their_names(runs):
    runs.finish("colours", "a")
    runs.finish("lights", "b")
    out_dir = compare().out_dir
    assert out_dir.parent == read_environment().reports_dir / "comparison"
    assert out_dir.name.startswith("colours-lights-")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([*LONG, "boots_of_leather"], [*LONG, "boots_of_rubber_and_of_all_other_kinds"]),
        (["a", "b"], ["b", "a"]),
        (["a-b", "c"], ["a", "b-c"]),
        (["a", "b", "c"], ["a-b", "c"]),
    ],
)
def test_two_lists_of_samples_never_share_a_folder(one, other):
    folders = comparison_folder(one), comparison_folder(other)
    assert len(set(folders)) == 2
    assert all(len(folder.encode()) <= 255 for folder in folders)
    assert comparison_folder(list(one)) == folders[0]


def test_notes_are_kept_for_the_page(runs):
    runs.finish("colours", "a")
    runs.finish("lights", "b")
    compare().note(ComparisonNotes(no_random_choices="too few categories"))
    compare().note(ComparisonNotes(pool=("one", "two")))
    notes = open_comparison("c1").notes
    assert (notes.no_random_choices, notes.pool, notes.no_features) == ("too few categories", ("one", "two"), "")
