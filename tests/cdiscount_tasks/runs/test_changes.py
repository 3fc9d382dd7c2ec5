import json
import logging
import os
import re
import shutil
from importlib import metadata

import pytest
import yaml

from cdiscount_tasks.artifacts.notes import note_result
from cdiscount_tasks.artifacts.training_folder import want_stop
from cdiscount_tasks.runs import steps
from cdiscount_tasks.runs.changes import note_skip, reason_to_skip, seed_by_itself
from cdiscount_tasks.runs.durations import durations_of
from cdiscount_tasks.runs.folders import SKIPPED, run_folder
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.training_note import noted_training
from cdiscount_tasks.stages import labels
from tests.material.colours_sample import NAMES, SETTINGS
from tests.material.tiny_catalogue import BLUE, CATEGORIES, RED
from tests.material.weights_files import write_weights
from tests.material.whole_runs import begin_run, finish_run

SMOKE = {"network": "plain_cnn", "image_size": 32, "epochs": 1, "batch_size": 16}
SAMPLE = {
    **SETTINGS,
    "categories": list(CATEGORIES),
    "schedule": {"cron": "0 3 * * 1"},
    "presets": {
        "smoke": SMOKE,
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

    def use(self, patch):
        """Point the machine's settings at this sample."""
        folders = {"DATA": "data", "SAMPLES": "samples", "REPORTS": "reports", "LABEL_FIXES": "fixes"}
        files = {"CATALOGUE": "catalogue.bson", "CATEGORY_NAMES": "names.csv"}
        for name, place in {**folders, **files, "MAX_REJECTED_SHARE": None}.items():
            patch.setenv(f"CDISCOUNT_{name}", "0.5" if place is None else str(self.folder / place))
        patch.setenv("KERAS_HOME", str(self.folder / "keras"))  # no weights, whatever this machine has
        patch.delenv("CDISCOUNT_WEIGHTS", raising=False)

    def write(self, **changes):
        self.yaml_path.write_text(yaml.safe_dump({**SAMPLE, **changes}))


@pytest.fixture(scope="module")
def finished(tensorflow, tmp_path_factory, tiny_path):
    made = Finished(tmp_path_factory.mktemp("retraining"), tiny_path)
    with pytest.MonkeyPatch.context() as patch:
        made.use(patch)
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
    caplog.set_level(logging.INFO, "cdiscount_tasks.runs.changes")

    def ask(by_new_index=False, **settings):
        number = len(list(runs_dir().iterdir()))
        reason = reason_to_skip(begin_run("colours", f"scheduled__{number}", **settings), by_new_index=by_new_index)
        return reason if reason is not None else caplog.messages[-1]

    return ask


def runs_dir():
    return open_run("colours", "first").run_dir.parent


def test_a_run_that_would_make_nothing_new_is_skipped_with_what_to_alter(change, told):
    reason = told()

    assert reason.startswith("nothing changed since run first (report of ")
    assert reason.endswith("change preset smoke, set retrain: always in colours.yaml, or trigger a run by hand")


def test_nothing_is_built_by_looking(change, told):
    before = {path.name for path in runs_dir().parent.iterdir()}

    told()

    assert {path.name for path in runs_dir().parent.iterdir()} == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_products_per_category": 5}, "trains: against run first max products per category none -> 5"),
        ({"seed": 9}, "trains: against run first seed 0 -> 9"),
        ({"conflicts": "keep"}, "trains: against run first conflicts drop_image -> keep"),
        ({"title": "Hues"}, "writes a report: against run first sample title Colours -> Hues"),
        ({"embed_pictures": False}, "writes a report: against run first sample embed pictures yes -> no"),
        (
            {"presets": {"smoke": {**SMOKE, "epochs": 2, "image_size": 64}}},
            "trains: against run first epochs 1 -> 2, image size 32 -> 64",
        ),
    ],
)
def test_a_changed_yaml_trains_or_writes_anew_and_the_log_says_what_changed(change, told, settings, sentence):
    change.write(**settings)

    assert told() == sentence


def test_a_run_of_another_preset_is_nothing_to_be_compared_with(change, told):
    change.write(default_preset="long")

    assert told() == "trains: sample colours has no finished run of preset long yet"


def test_a_published_index_is_no_news_for_a_sample_that_used_the_catalogue_with_another_preset(change, told):
    change.write(default_preset="long")

    reason = told(by_new_index=True)

    assert reason.startswith("the published index is no news for sample colours: its run first (report of ")
    assert "trigger a run by hand" in reason


def test_a_published_index_is_no_news_though_the_yaml_was_changed_since(change, told):
    change.write(schedule={"on_new_index": True, "retrain": "always"}, seed=9)

    assert told(by_new_index=True).startswith("the published index is no news")


def test_a_published_index_of_another_catalogue_trains(change, told):
    whole = change.catalogue_path.read_bytes()
    change.catalogue_path.write_bytes(whole[int.from_bytes(whole[:4], "little") :])
    try:
        assert told(by_new_index=True) == "trains: against run first the catalogue's content changed"
    finally:
        change.catalogue_path.write_bytes(whole)


def test_of_one_preset_a_run_with_knobs_of_its_own_is_not_compared(change, told):
    trial = finish_run("colours", "trial", overrides={"epochs": 2})
    try:
        assert told().startswith("nothing changed since run first")
    finally:
        shutil.rmtree(trial.report_dir)


def test_a_run_that_was_stopped_by_hand_is_not_compared_where_a_complete_one_is(change, told):
    trial = finish_run("colours", "stopped-trial")
    found = {**trial.recorded()["model"], "path": str(trial.folders()["model"]), "stopped_after_epoch": 1}
    note_result(trial.run_dir, trial.environment.work_dir, "model", found)
    try:
        assert told().startswith("nothing changed since run first")
    finally:
        shutil.rmtree(trial.report_dir)


def test_a_stopped_run_goes_to_its_report_which_says_so_and_the_next_run_trains_to_the_end(change, told, monkeypatch):
    from cdiscount_tasks.learning.networks import training

    def judge_and_stop(network, validation, state, judge=training._judge_epoch):
        (folder,) = change.folder.glob("data/samples/colours/model-*.training")
        assert noted_training(runs_dir() / run_folder("stopped")) == folder
        assert want_stop(folder)
        return judge(network, validation, state)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_judge_epoch", judge_and_stop)
        run = finish_run("colours", "stopped", preset="long")
    says = "stopped by hand after epoch 1 of 50"
    metrics = json.loads((run.report_dir / "metrics.json").read_text())
    assert metrics["model"]["stopped"] == {"after_epoch": 1, "of": 50}
    assert all(says in (run.report_dir / name).read_text() for name in ("report.html", "MODEL_CARD.md"))
    assert "long, stopped by hand after epoch 1" in (change.folder / "reports" / "index.html").read_text()
    assert run.folders()["model"].name == metrics["lineage"]["artifacts"]["model"]["name"]
    assert steps.make("model", "colours", "stopped").endswith("(reused)")
    assert "long" not in durations_of(run.environment, "colours")
    told_words = "that training was stopped by hand after epoch 1, and this one ends by itself"
    assert told(preset="long") == f"trains: against run stopped {told_words}"


@pytest.mark.parametrize("settings", [{"tags": ["a"]}, {"schedule": {"cron": "0 4 * * 1"}}])
def test_what_decides_no_result_retrains_nothing(change, told, settings):
    change.write(**settings)

    assert told().startswith("nothing changed")


def test_a_preset_that_the_run_does_not_have_retrains_nothing(change, told):
    change.write(presets={**SAMPLE["presets"], "long": {"epochs": 60}})

    assert told().startswith("nothing changed")


def test_a_new_label_fix_goes_on(change, told):
    change.fixes_path.write_text(f"product_id,category_id,reason\n1,{RED},seen\n")

    assert told() == "trains: against run first label_fixes.csv changed"


def test_another_name_of_a_class_goes_on(change, told):
    (change.folder / "names.csv").write_text(NAMES.replace("YELLOW", "AMBER"))

    assert told() == "trains: against run first category_names.csv changed"


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
        assert told() == "trains: against run first the catalogue's content changed"
    finally:
        change.catalogue_path.write_bytes(whole)


def test_another_version_of_a_stage_goes_on(change, told, monkeypatch):
    monkeypatch.setattr(labels, "VERSION", labels.VERSION + 1)

    assert f"the code of this step changed (version {labels.VERSION - 1} -> {labels.VERSION})" in told()


def test_another_version_of_a_library_goes_on(change, told, monkeypatch):
    known = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.0" if name == "keras" else known(name))

    assert re.search(r"trains: against run first .*keras \S+ -> 0\.0", told())


def test_weights_that_are_there_now_go_on(change, told, monkeypatch):
    write_weights(change.folder / "weights" / "mobilenet_v2_notop.h5")
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(change.folder / "weights"))

    assert told().startswith(
        "extracts features: against run first network descriptor -> mobilenet_v2, image size 64 -> 128"
    )


def test_a_model_that_is_gone_goes_on(change, told):
    model_dir = open_run("colours", "first").folders()["model"]
    model_dir.rename(model_dir.with_name("aside"))
    try:
        assert "what that run used cannot be used again" in told()
    finally:
        (model_dir.parent / "aside").rename(model_dir)


def test_a_missing_report_goes_on(change, told):
    report_dir = open_run("colours", "first").report_dir
    report_dir.rename(report_dir.with_name(".aside"))
    try:
        assert told() == "trains: sample colours has no finished run of preset smoke yet"
    finally:
        report_dir.with_name(".aside").rename(report_dir)


def test_a_run_that_failed_before_its_report_is_nothing_to_be_compared_with(change, told):
    change.write(conflicts="keep")
    begin_run("colours", "failed")

    assert told().startswith("trains: against run first conflicts")


def test_retrain_always_goes_on_though_nothing_changed(change, told):
    change.write(schedule={"cron": "0 3 * * 1", "retrain": "always"})

    assert told(overrides={"seed": 77}) == "trains: schedule.retrain is always; the training seed of this run is 77"


def test_each_run_of_retrain_always_has_a_seed_of_its_own_and_keeps_it_in_a_retry():
    seeds = [seed_by_itself("always", f"scheduled__{number}")["seed"] for number in range(50)]

    assert len(set(seeds)) == 50
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_by_itself("always", "scheduled__0")["seed"] == seeds[0]


def test_otherwise_the_presets_seed_holds():
    assert seed_by_itself("when_changed", "scheduled__0") == {}


def test_a_skip_is_told_in_the_index_of_reports(change):
    run = begin_run("colours", "scheduled__skipped")

    note_skip(run, "nothing changed <since>")

    note = json.loads((change.folder / "reports" / "colours" / "skipped.json").read_text())
    assert (note["run_id"], note["reason"]) == ("scheduled__skipped", "nothing changed <since>")
    page = (change.folder / "reports" / "index.html").read_text()
    assert "was skipped: <bdi>nothing changed &lt;since&gt;</bdi>." in page
    assert (run.run_dir / SKIPPED).is_file()  # no run that the clean-up has to wait for
