import shutil
from pathlib import Path

import pytest

from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import run
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import start_run
from tests.material.weights_files import write_weights


@pytest.mark.parametrize(
    "run_id", ["manual__2026-11-23T17:00:00+00:00", "..", "a/../../b", "", "\u00e9t\u00e9", "x" * 250, "a b\n"]
)
def test_a_run_folder_is_a_safe_name_of_its_own(run_id):
    folder = run_folder(run_id)
    assert Path(folder).name == folder
    assert set(folder) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert len(folder) <= 255


def test_run_ids_that_differ_in_refused_characters_alone_have_folders_of_their_own():
    assert len({run_folder(run_id) for run_id in ("a:b", "a/b", "a-b", "a b")}) == 4


def test_an_opened_run_is_the_one_that_was_started(place):
    started = start_run("colours", "r1")
    assert open_run("colours", "r1") == started


def test_the_stages_of_a_run_share_the_samples_folder(place):
    run = start_run("colours", "r1")
    assert run.artifacts_dir == place.data_dir / "samples" / "colours"
    assert run.index_parent_dir.parent == place.data_dir / "catalogues"
    assert run.report_dir == place.folder / "reports" / "colours" / run.run_dir.name


def test_a_run_from_scratch_trains_from_scratch_though_it_has_features(place, monkeypatch):
    write_weights(place.folder / "weights" / "mobilenet_v2_notop.h5")
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(place.folder / "weights"))
    run = start_run("colours", "r1")
    run.record("features", {"path": str(run.artifacts_dir / "features-0")})
    assert run.backbone.config.network == "mobilenet_v2"
    assert run.folders()["features"] == run.artifacts_dir / "features-0"
    assert run.pretrained(None) is None


def test_a_data_root_that_was_moved_is_read_where_it_is(place, monkeypatch):
    run = start_run("colours", "r1")
    run.record("sample", {"path": str(run.artifacts_dir / "sample-0"), "num_products": 3})
    moved = place.folder / "moved"
    place.data_dir.rename(moved)
    monkeypatch.setenv("CDISCOUNT_DATA", str(moved))

    again = open_run("colours", "r1")

    assert again.folders() == {"sample": moved / "samples" / "colours" / "sample-0"}
    assert str(place.data_dir) not in (again.run_dir / "artifacts.json").read_text()


def test_a_worker_that_never_reads_the_catalogue_finds_the_run_without_its_variable(place, monkeypatch):
    run = start_run("colours", "r1")
    monkeypatch.delenv("CDISCOUNT_CATALOGUE")

    found = open_run("colours", "r1")

    assert (found.run_dir, found.environment.work_dir) == (run.run_dir, place.data_dir)
    assert found.catalogue_path == place.catalogue_path
    assert start_run("colours", "r1").config == run.config  # nothing is frozen a second time


def test_a_run_of_the_demo_is_found_where_the_variable_names_real_data(place, monkeypatch):
    drawn = place.data_dir / "demo" / "catalogue.bson"
    drawn.parent.mkdir(parents=True)
    shutil.copy(place.catalogue_path, drawn)
    monkeypatch.delenv("CDISCOUNT_CATALOGUE")
    run = start_run("colours", "r1")
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(place.catalogue_path))

    found = open_run("colours", "r1")

    assert (found.run_dir, found.catalogue_path) == (run.run_dir, drawn)
    begun = start_run("colours", "r1")  # where the variable names real data, that is what begins
    assert begun.run_dir == open_run("colours", "r1").run_dir != run.run_dir


def test_a_worker_has_the_catalogue_where_its_own_variable_says(place, monkeypatch):
    first = place.folder / "first" / "train.bson"
    first.parent.mkdir()
    shutil.copy(place.catalogue_path, first)
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(first))
    start_run("colours", "r1")
    here = place.folder / "here"
    first.parent.rename(here)
    assert open_run("colours", "r1").catalogue_path == first  # as the sentence about a missing file names it
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(here / "train.bson"))
    assert open_run("colours", "r1").catalogue_path == here / "train.bson"


def test_a_run_that_never_started_says_what_to_do(place):
    with pytest.raises(DataError, match="the run has no frozen config; clear its task resolve_run first"):
        open_run("colours", "r9")


@pytest.mark.parametrize("text", ["", "{", "{}", '{"schema_version": 2}'])
def test_a_damaged_config_says_what_to_do(place, text):
    run = start_run("colours", "r1")
    (run.run_dir / "config.json").write_text(text)
    with pytest.raises(DataError, match=r"config\.json: is damaged or of another version"):
        open_run("colours", "r1")


def test_a_run_notes_which_artifacts_it_used(place):
    run = start_run("colours", "r1")
    drawn = {"path": str(run.artifacts_dir / "sample-0"), "num_rows": 1}
    assert run.record("sample", drawn) == drawn
    run.record("labels", {"path": str(run.artifacts_dir / "labels-0")})
    assert run.recorded() == {
        "sample": {"path": "samples/colours/sample-0", "num_rows": 1},
        "labels": {"path": "samples/colours/labels-0"},
    }
    assert run.folders()["labels"] == run.artifacts_dir / "labels-0"


def test_an_error_in_a_copied_file_names_the_file_that_people_can_mend(tmp_path):
    with (
        pytest.raises(DataError, match=r"^/home/me/wine[.]csv: line 3"),
        run.sources_named(tmp_path, {"label_fixes.csv": Path("/home/me/wine.csv")}),
    ):
        raise DataError(f"{tmp_path / 'label_fixes.csv'}: line 3 is odd")


def test_a_run_id_that_is_no_text_is_told(place):
    with pytest.raises(ConfigError, match=r"the run id 'r\\ud800' has half a character"):
        start_run("colours", "r\ud800")


def test_a_later_fault_of_a_copied_file_says_that_only_a_new_run_reads_it_again(place):
    path = place.fixes_dir / "colours.csv"
    path.write_text("product_id,category_id,reason\n")
    started = start_run("colours", "r1")
    way_out = "; this run keeps the copy that it began with: mend the file and trigger a new run"
    with pytest.raises(DataError) as told, started.sources_named():
        raise DataError(f"{started.label_files.fixes_path}: line 3 is odd")
    assert str(told.value) == f"{path}: line 3 is odd{way_out}"
    with pytest.raises(DataError, match=r"^it is another file[.]$"), started.sources_named():
        raise DataError("it is another file.")
