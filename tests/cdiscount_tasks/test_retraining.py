import json
import logging
import os
import shutil

import pytest
import yaml

from cdiscount_tasks.config import ScheduleConfig
from cdiscount_tasks.retraining import differences, note_skip, reason_to_skip, seed_by_itself
from cdiscount_tasks.run import open_run
from cdiscount_tasks.stages import evaluation, labels, report
from tests.cdiscount_tasks.test_run import NAMES, SETTINGS
from tests.cdiscount_tasks.whole_runs import begin_run, finish_run
from tests.tiny_catalogue import BLUE, CATEGORIES, RED
from tests.weights_files import write_weights

SAMPLE = {
    **SETTINGS,
    "categories": list(CATEGORIES),
    "schedule": {"cron": "0 3 * * 1"},
    "presets": {
        "smoke": {"network": "plain_cnn", "image_size": 32, "epochs": 1, "batch_size": 16},
        "long": {"epochs": 50},
    },
}


class Finished:
    """A sample with one finished run, and what may change until the next."""

    def __init__(self, folder, tiny_path):
        self.folder = folder
        self.catalogue_path = folder / "catalogue.bson"
        shutil.copyfile(tiny_path, self.catalogue_path)
        self.yaml_path, self.fixes_path = folder / "samples" / "colours.yaml", folder / "fixes" / "colours.csv"
        for path in (self.yaml_path, self.fixes_path):
            path.parent.mkdir()
        self.put_back()

    def put_back(self):
        self.fixes_path.unlink(missing_ok=True)
        (self.folder / "names.csv").write_text(NAMES)
        self.write()

    def write(self, **changes):
        self.yaml_path.write_text(yaml.safe_dump({**SAMPLE, **changes}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_path):
    made = Finished(tmp_path_factory.mktemp("retraining"), tiny_path)
    folders = {"DATA": "data", "SAMPLES": "samples", "REPORTS": "reports", "LABEL_FIXES": "fixes"}
    files = {"CATALOGUE": "catalogue.bson", "CATEGORY_NAMES": "names.csv"}
    with pytest.MonkeyPatch.context() as patch:
        for name, place in {**folders, **files, "MAX_REJECTED_SHARE": None}.items():
            patch.setenv(f"CDISCOUNT_{name}", "0.5" if place is None else str(made.folder / place))
        patch.setenv("KERAS_HOME", str(made.folder / "keras"))  # no weights, whatever this machine has
        patch.delenv("CDISCOUNT_WEIGHTS", raising=False)
        finish_run("colours", "first")
        yield made


@pytest.fixture
def change(finished):
    """Return what may be changed; afterwards all is as it was."""
    yield finished
    finished.put_back()


@pytest.fixture
def told(caplog):
    """Begin another run and return why it goes on, or is skipped."""
    caplog.set_level(logging.INFO, "cdiscount_tasks.retraining")

    def ask(**settings):
        number = len(list((settings.pop("runs_dir", None) or runs_dir()).iterdir()))
        reason = reason_to_skip(begin_run("colours", f"scheduled__{number}", **settings))
        return reason if reason is not None else caplog.messages[-1]

    return ask


def runs_dir():
    return open_run("colours", "first").run_dir.parent


def test_a_run_that_would_make_nothing_new_is_skipped_with_what_to_alter(change, told):
    reason = told()

    assert reason.startswith("nothing changed since run first (report of ")
    assert reason.endswith("alter preset smoke, set retrain: always in colours.yaml, or trigger a run by hand")


def test_nothing_is_built_by_looking(change, told):
    before = {path.name for path in runs_dir().parent.iterdir()}

    told()

    assert {path.name for path in runs_dir().parent.iterdir()} == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_products_per_category": 5}, "of the sample config.max_products_per_category was null, is 5"),
        ({"seed": 9}, "of the sample config.seed was 0, is 9"),
        ({"conflicts": "keep"}, 'of the labels config.conflicts was "drop_image", is "keep"'),
        ({"title": "Hues"}, 'of the report config.sample.title was "Colours", is "Hues"'),
        ({"embed_pictures": False}, "of the report config.sample.embed_pictures was true, is false"),
        ({"default_preset": "long"}, "of the model config.batch_size was 16, is 64; config.epochs was 1, is 50"),
    ],
)
def test_a_changed_yaml_goes_on_and_the_log_says_what_changed(change, told, settings, sentence):
    change.write(**settings)

    assert f"goes on, since run first was another: {sentence}" in told()


def test_another_preset_of_the_same_knobs_has_its_own_report(change, told):
    change.write(presets={**SAMPLE["presets"], "quick": SAMPLE["presets"]["smoke"]}, default_preset="quick")

    assert 'of the report config.preset was "smoke", is "quick"' in told()


@pytest.mark.parametrize("settings", [{"tags": ["a"]}, {"schedule": {"cron": "0 4 * * 1"}}])
def test_what_decides_no_result_retrains_nothing(change, told, settings):
    change.write(**settings)

    assert told().startswith("nothing changed")


def test_a_preset_that_the_run_does_not_have_retrains_nothing(change, told):
    change.write(presets={**SAMPLE["presets"], "long": {"epochs": 60}})

    assert told().startswith("nothing changed")


def test_a_new_label_fix_goes_on(change, told):
    change.fixes_path.write_text(f"product_id,category_id,reason\n1,{RED},seen\n")

    assert "of the labels label_fixes.csv changed" in told()


def test_another_name_of_a_class_goes_on(change, told):
    (change.folder / "names.csv").write_text(NAMES.replace("YELLOW", "AMBER"))

    assert "of the labels category_names.csv changed" in told()


def test_a_name_elsewhere_in_the_names_csv_retrains_nothing(change, told):
    (change.folder / "names.csv").write_text(f"{NAMES}{BLUE + 1},ALL,COLD,OTHER\n")

    assert told().startswith("nothing changed")


def test_a_touched_catalogue_retrains_nothing(change, told):
    os.utime(change.catalogue_path, (1_700_000_000,) * 2)

    assert told().startswith("nothing changed")


def test_a_catalogue_with_one_product_less_goes_on(change, told, tiny):
    whole = change.catalogue_path.read_bytes()
    length = int.from_bytes(whole[:4], "little")
    change.catalogue_path.write_bytes(whole[length:])
    try:
        assert "of the sample inputs.index was " in told()
    finally:
        change.catalogue_path.write_bytes(whole)


def test_another_version_of_a_stage_goes_on(change, told, monkeypatch):
    monkeypatch.setattr(labels, "VERSION", labels.VERSION + 1)

    assert f"of the labels version was {labels.VERSION - 1}, is {labels.VERSION}" in told()


def test_another_version_of_a_library_goes_on(change, told, monkeypatch):
    monkeypatch.setattr(report.metadata, "version", lambda _: "0.0")

    assert 'libraries.keras was "' in told()


def test_weights_that_are_there_now_go_on(change, told, monkeypatch):
    write_weights(change.folder / "weights" / "mobilenet_v2_notop.h5")
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(change.folder / "weights"))

    assert "there were no features, and now there would be" in told()


def test_a_model_that_is_gone_goes_on(change, told):
    model_dir = next(runs_dir().parent.glob("model-*"))
    model_dir.rename(model_dir.with_name("aside"))
    try:
        assert "what it used cannot be used again" in told()
    finally:
        (model_dir.parent / "aside").rename(model_dir)


def test_a_missing_report_goes_on(change, told):
    report_dir = open_run("colours", "first").report_dir
    report_dir.rename(report_dir.with_name(".aside"))
    try:
        assert told() == "goes on: sample colours has no finished run yet"
    finally:
        report_dir.with_name(".aside").rename(report_dir)


def test_a_run_that_failed_before_its_report_is_nothing_to_be_compared_with(change, told):
    change.write(conflicts="keep")
    begin_run("colours", "failed")

    assert "goes on, since run first was another" in told()


def test_retrain_always_goes_on_though_nothing_changed(change, told):
    change.write(schedule={"cron": "0 3 * * 1", "retrain": "always"})

    assert told(overrides={"seed": 77}) == ("goes on: schedule.retrain is always; the training seed of this run is 77")


def test_each_run_of_retrain_always_has_a_seed_of_its_own_and_keeps_it_in_a_retry():
    always = ScheduleConfig(cron="0 3 * * 1", retrain="always")
    seeds = [seed_by_itself(always, f"scheduled__{number}")["seed"] for number in range(50)]

    assert len(set(seeds)) == 50
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_by_itself(always, "scheduled__0")["seed"] == seeds[0]


def test_otherwise_the_presets_seed_holds():
    assert seed_by_itself(ScheduleConfig(cron="0 3 * * 1"), "scheduled__0") == {}


def test_a_skip_is_told_in_the_index_of_reports(change):
    run = begin_run("colours", "scheduled__skipped")

    note_skip(run, "nothing changed <since>")

    note = json.loads((change.folder / "reports" / "colours" / "skipped.json").read_text())
    assert (note["run_id"], note["reason"]) == ("scheduled__skipped", "nothing changed <since>")
    page = (change.folder / "reports" / "index.html").read_text()
    assert "was skipped: <bdi>nothing changed &lt;since&gt;</bdi>." in page


def test_recipes_that_differ_in_a_report_are_told_by_name():
    before = {"stage": "model", "version": 1, "config": {"a": 1, "b": [1]}, "inputs": {}, "files": {}, "libraries": {}}
    now = {**before, "version": 2, "config": {"b": [1, 2], "c": None}}

    assert differences(before, now) == [
        "config.a was 1, is absent", "config.b was [1], is [1, 2]", "config.c was absent, is null",
        "version was 1, is 2",
    ]  # fmt: skip
    assert evaluation.VERSION and differences(before, before) == []
