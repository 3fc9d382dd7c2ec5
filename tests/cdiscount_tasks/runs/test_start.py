import errno
import json

import pytest

from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import fresh, start
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import check_catalogue, start_run
from cdiscount_tasks.settings.environment import read_environment
from tests.material.colours_sample import NAMES
from tests.material.indexing import index_catalogue
from tests.material.tiny_catalogue import BLUE, GREEN, RED, YELLOW
from tests.material.weights_files import write_weights


def test_tensorboard_that_is_wanted_and_not_installed_is_an_error_at_once(place, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_TENSORBOARD", str(place.folder / "logs"))
    monkeypatch.setattr("cdiscount_tasks.settings.environment.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"CDISCOUNT_TENSORBOARD.* install the package `tensorboard`, or unset"):
        start_run("colours", "r1")


def test_a_file_in_place_of_tensorboards_folder_is_an_error_at_once(place, monkeypatch):
    (place.folder / "logs").write_text("")
    monkeypatch.setenv("CDISCOUNT_TENSORBOARD", str(place.folder / "logs"))
    with pytest.raises(ConfigError, match="but that is no folder; name one, or unset the variable"):
        start_run("colours", "r1")


def test_more_gpus_than_the_pool_has_slots_would_wait_for_ever_and_are_an_error(place, monkeypatch):
    place.write(presets={"smoke": {"image_size": 32}, "wide": {"gpus": 2}})
    with pytest.raises(ConfigError, match=r"a preset wants 2 gpus.* CDISCOUNT_GPU_SLOTS is 1: it would wait for ever"):
        start_run("colours", "r1")
    monkeypatch.setenv("CDISCOUNT_GPU_SLOTS", "2")
    assert start_run("colours", "r1").config.training.gpus == 1


def test_slots_of_a_fleet_are_no_gpus_of_a_machine(place, monkeypatch):
    place.write(presets={"smoke": {"image_size": 32}, "wide": {"gpus": 2}})
    monkeypatch.setenv("CDISCOUNT_GPU_SLOTS", "2")
    monkeypatch.setenv("CDISCOUNT_GPUS", "1")
    with pytest.raises(ConfigError, match="gpus is 2, but CDISCOUNT_GPUS says that a machine has 1"):
        start_run("colours", "r1", preset="wide")
    assert start_run("colours", "r2").config.training.gpus == 1


def test_start_run_freezes_what_the_run_makes(place):
    run = start_run("colours", "r1", overrides={"epochs": 1})
    written = json.loads((run.run_dir / "config.json").read_text())
    assert (written["run_id"], written["preset"], written["training"]["epochs"]) == ("r1", "smoke", 1)
    assert run.config.labels.categories == run.config.draw.categories == (RED, GREEN)


def test_a_retry_keeps_what_its_run_began_with(place):
    first = start_run("colours", "r1")
    place.write(seed=9)
    assert start_run("colours", "r1", preset="long").config == first.config


def test_a_start_that_failed_reads_every_file_again_when_it_is_tried_again(place):
    """So a person mends the file and clears the task; only what is frozen takes a new run."""
    path = place.fixes_dir / "colours.csv"
    path.write_text("product_id,reason\n302,x\n")
    place.write(presets={"smoke": {"image_size": 64}})
    with pytest.raises(DataError, match="lacks the column category_id"):
        start_run("colours", "r1")
    path.write_text(f"product_id,category_id,reason\n302,{RED},x\n")
    place.write(presets={"smoke": {"image_size": 96}})

    started = start_run("colours", "r1")

    assert started.label_files.fixes_path.read_bytes() == path.read_bytes()
    assert started.config.training.image_size == 96


def test_files_that_people_may_change_are_copied_when_the_run_starts(place):
    (place.fixes_dir / "colours.csv").write_text("product_id,category_id,reason\n")
    (place.samples_dir / "fixed.csv").write_text("product_id,split\n")
    place.write(split={"file": "fixed.csv"})
    run = start_run("colours", "r1")
    (place.fixes_dir / "colours.csv").write_text("changed")
    assert [path.name for path in run.label_files] == ["category_names.csv", "label_fixes.csv", "split.csv"]
    assert run.label_files.fixes_path.read_text() == "product_id,category_id,reason\n"


KEY = "0123456789abcdef"


def name_a_list(place, key=KEY):
    """Write a fix that names a list, and the audit that it comes from."""
    (place.fixes_dir / "colours.csv").write_text(f"product_id,category_id,reason\n1,{RED},score 2 of 5; list {key}\n")
    audit_dir = place.data_dir / "samples" / "colours" / f"audit-{KEY}"
    audit_dir.mkdir(parents=True, exist_ok=True)
    (audit_dir / "suspects.parquet").write_text("as listed")
    return audit_dir / "suspects.parquet"


def test_the_lists_that_fixes_name_are_frozen_when_the_run_starts(place):
    listed = name_a_list(place)
    start_run("colours", "r1")
    listed.write_text("changed")
    (copy,) = open_run("colours", "r1").reviews.list_paths
    assert (copy.name, copy.read_text()) == (f"reviewed-{KEY}.parquet", "as listed")


def test_a_list_that_appears_after_the_run_began_is_not_its_own(place):
    start_run("colours", "r1")
    name_a_list(place)
    assert start_run("colours", "r1").reviews.list_paths == ()


def test_a_named_list_whose_audit_is_gone_does_not_stop_a_run(place):
    name_a_list(place, key="f" * 16)
    assert start_run("colours", "r1").reviews.list_paths == ()


def test_weights_that_are_damaged_stop_the_run_that_starts_from_them_and_no_other(place, monkeypatch):
    path = write_weights(place.folder / "weights" / "mobilenet_v2_notop.h5")
    path.write_bytes(path.read_bytes()[:-1000])
    monkeypatch.setenv("CDISCOUNT_WEIGHTS", str(path.parent))
    assert start_run("colours", "r1").backbone is None
    with pytest.raises(ConfigError, match=r"mobilenet_v2_notop\.h5: does not open as the HDF5 file"):
        start_run("colours", "r2", overrides={"network": "mobilenet_v2", "weights": "imagenet"})


def test_a_run_without_outside_files_has_none(place, monkeypatch):
    monkeypatch.delenv("CDISCOUNT_CATEGORY_NAMES")
    assert start_run("colours", "r1").label_files == (None, None, None)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("all", None),
        (["level2: WARM"], (RED, YELLOW)),
        (["level3: RED", "level3: BLUE"], (RED, BLUE)),
        (["level2: COLD", RED, GREEN], (RED, GREEN, BLUE)),
    ],
)
def test_names_of_a_level_become_ids_ascending(place, chosen, expected):
    place.write(categories=chosen)
    assert start_run("colours", "r1").config.draw.categories == expected


def test_a_levels_name_that_nothing_carries_is_refused(place):
    place.write(categories=["level2: COPPER"])
    with pytest.raises(ConfigError, match=r"no category is called 'level2: COPPER'; compare with the names CSV"):
        start_run("colours", "r1")


def test_a_slip_in_a_levels_name_is_met_with_the_right_one(place):
    place.write(categories=["level3: YELOW"])
    with pytest.raises(ConfigError, match=r"no category is called 'level3: YELOW'; did you mean 'level3: YELLOW'\?"):
        start_run("colours", "r1")


def test_a_levels_name_without_a_names_csv_says_what_to_set(place, monkeypatch):
    place.write(categories=["level2: WARM"])
    monkeypatch.delenv("CDISCOUNT_CATEGORY_NAMES")
    with pytest.raises(ConfigError, match="there are no names: set CDISCOUNT_CATEGORY_NAMES"):
        start_run("colours", "r1")


def test_a_category_that_an_indexed_catalogue_lacks_is_refused_at_once(place):
    start_run("colours", "r1")  # nothing is indexed yet: nobody knows
    place.write(categories=[RED, RED + 1000])
    run = start_run("colours", "r2")
    index_catalogue(run.catalogue_path, run.index_parent_dir)
    with pytest.raises(ConfigError, match=rf"sample colours: the catalogue has no product of category {RED + 1000}"):
        start_run("colours", "r3")


def test_a_name_that_selects_one_class_only_is_refused(place):
    place.write(categories=["level3: RED"])
    with pytest.raises(ConfigError, match=r"sample colours: .* 1 category, expected at least 2"):
        start_run("colours", "r1")


def test_an_impossible_override_is_refused_before_anything_is_written(place):
    with pytest.raises(ConfigError, match="run of sample colours: image_size is 7, expected 32 to 512"):
        start_run("colours", "r1", overrides={"image_size": 7})
    assert not place.data_dir.exists()


def test_a_missing_sample_is_told_with_its_path(place):
    with pytest.raises(ConfigError, match=r"samples/shapes\.yaml: cannot be read"):
        start_run("shapes", "r1")


def test_a_missing_catalogue_is_told_with_its_path_and_the_way_out(place, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(place.folder / "none.bson"))
    with pytest.raises(
        ConfigError, match=r"none\.bson: no catalogue stands there; CDISCOUNT_CATALOGUE names it; set it"
    ):
        start_run("colours", "r1")


def test_a_missing_demo_catalogue_says_what_draws_it(place, monkeypatch):
    monkeypatch.delenv("CDISCOUNT_CATALOGUE")
    with pytest.raises(ConfigError, match=r"catalogue\.bson: no catalogue stands there; run `make demo`"):
        start_run("colours", "r1")


def test_with_data_in_a_bucket_a_missing_catalogue_is_not_looked_for_in_a_cache(tmp_path):
    environment = read_environment({"CDISCOUNT_DATA": "s3://bucket/data", "CDISCOUNT_CACHE": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"one machine alone .*; set CDISCOUNT_CATALOGUE to a file that every"):
        check_catalogue(environment)


def test_an_empty_catalogue_is_refused(place, monkeypatch):
    (place.folder / "empty.bson").write_bytes(b"")
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(place.folder / "empty.bson"))
    with pytest.raises(ConfigError, match=r"empty\.bson: the catalogue is empty \(0 bytes\); fetch or unpack it again"):
        start_run("colours", "r1")


def test_a_folder_in_place_of_a_catalogue_is_refused(place, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(place.folder))
    with pytest.raises(ConfigError, match="no catalogue stands there"):
        start_run("colours", "r1")


def test_a_catalogue_that_may_not_be_read_is_named(place, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(start, "fingerprint", refuse)
    with pytest.raises(ConfigError, match=r"tiny\.bson: cannot be read"):
        start_run("colours", "r1")


@pytest.mark.parametrize("setting", ["CDISCOUNT_CATEGORY_NAMES", "split.file of sample colours"])
def test_a_named_file_that_is_missing_is_told_with_what_names_it(place, monkeypatch, setting):
    if setting.startswith("split"):
        place.write(split={"file": "none.csv"})
    else:
        monkeypatch.setenv(setting, str(place.folder / "none.csv"))
    with pytest.raises(ConfigError, match=rf"none\.csv: no such file, though {setting} names it"):
        start_run("colours", "r1")


def test_a_fixes_folder_that_is_not_there_is_told(place, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_LABEL_FIXES", str(place.folder / "fixs"))
    with pytest.raises(ConfigError, match="fixs: no such folder, though CDISCOUNT_LABEL_FIXES names it"):
        start_run("colours", "r1")
    assert not place.data_dir.exists()


def test_a_folder_in_place_of_the_fixes_file_is_told_with_its_own_setting(place):
    (place.fixes_dir / "colours.csv").mkdir()
    with pytest.raises(
        ConfigError, match=r"colours\.csv: it is a folder, expected a file, though CDISCOUNT_LABEL_FIXES"
    ):
        start_run("colours", "r1")


def test_a_fixes_file_that_is_a_link_to_nothing_is_told(place):
    (place.fixes_dir / "colours.csv").symlink_to(place.folder / "nothing")
    with pytest.raises(ConfigError, match=r"colours\.csv: it is a link to nothing"):
        start_run("colours", "r1")


@pytest.mark.parametrize("name", ["Colours.csv", "colours.CSV", "colours.csv.txt", "colours.xlsx"])
def test_fixes_under_a_name_that_is_not_read_are_told(place, name):
    (place.fixes_dir / name).write_text("")
    with pytest.raises(ConfigError, match=r"a sample's fixes are read from colours\.csv"):
        start_run("colours", "r1")


def test_fixes_of_other_samples_and_copies_kept_aside_stop_nothing(place):
    for name in ("shapes.csv", "colours.csv.bak", ".colours.csv.swp", "colours.old.csv"):
        (place.fixes_dir / name).write_text("")
    assert start_run("colours", "r1").label_files.fixes_path is None


def test_a_data_folder_below_a_regular_file_is_told(place, monkeypatch):
    (place.folder / "file").write_text("")
    monkeypatch.setenv("CDISCOUNT_DATA", str(place.folder / "file" / "data"))
    with pytest.raises(ConfigError, match="file: it is a file, expected a folder, though CDISCOUNT_DATA names it"):
        start_run("colours", "r1")


def test_a_data_folder_that_is_a_regular_file_is_told(place, monkeypatch):
    (place.folder / "file").write_text("")
    monkeypatch.setenv("CDISCOUNT_DATA", str(place.folder / "file"))
    with pytest.raises(ConfigError, match="file: it is a file, expected a folder, though CDISCOUNT_DATA names it"):
        start_run("colours", "r1")


def test_a_full_disk_is_told_and_leaves_no_config(place, monkeypatch):
    def fill(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(start, "create_document", fill)
    with pytest.raises(ConfigError, match="the disk is full: free space there or point CDISCOUNT_DATA at another disk"):
        start_run("colours", "r1")
    with pytest.raises(DataError, match="the run has no frozen config"):
        open_run("colours", "r1")


@pytest.mark.parametrize("kind", ["link", "loop", "long"])
def test_a_data_folder_that_cannot_be_one_is_told_before_anything_else(place, monkeypatch, kind):
    wrong = place.folder / ("n" * 300 if kind == "long" else "wrong")
    if kind != "long":
        wrong.symlink_to(wrong if kind == "loop" else place.folder / "nothing")
    monkeypatch.setenv("CDISCOUNT_DATA", str(wrong))
    with pytest.raises(ConfigError, match="though CDISCOUNT_DATA names it"):
        start_run("colours", "r1")


def test_names_that_are_set_and_empty_are_not_asked_for_again(place):
    place.write(categories=["level2: WARM", "level2: COLD"])
    (place.folder / "names.csv").write_text(NAMES.splitlines()[0])
    with pytest.raises(ConfigError, match="has a first line but no names below it: fill it, or write ids"):
        start_run("colours", "r1")


def test_a_purpose_is_no_knob_of_a_run(place):
    with pytest.raises(ConfigError, match="purpose changes nothing in a run; take it out"):
        start_run("colours", "r1", overrides={"purpose": "to see"})


def test_an_input_file_that_is_too_large_is_not_even_copied(place):
    with (place.fixes_dir / "colours.csv").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(ConfigError, match=r"colours\.csv: has 2,147,483,648 bytes, expected at most"):
        start_run("colours", "r1")


@pytest.mark.parametrize("name", ["colours (1).csv", "colours_fixes.csv", "Copy of colours.csv", "Colours-new.xlsx"])
@pytest.mark.parametrize("is_there", [True, False])
def test_fixes_that_are_not_read_are_told_in_the_log(place, caplog, name, is_there):
    (place.fixes_dir / name).write_text("")
    if is_there:
        (place.fixes_dir / "colours.csv").write_text("product_id,category_id,reason\n")
    start_run("colours", "r1")
    assert f"{name}: not read, though its name says that it is of this sample" in caplog.text


def test_the_fixes_of_another_sample_are_no_matter(place, caplog):
    (place.samples_dir / "old_colours.yaml").write_text("")
    for name in ("old_colours.csv", "old_colours (1).csv", "watercolours.csv", "colours.csv~", ".colours.csv"):
        (place.fixes_dir / name).write_text("")
    start_run("colours", "r1")
    assert "not read" not in caplog.text


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("one,{RED},seen", r"fixes[/]colours[.]csv: line 2 is 'one'"),
        ("1,{RED},seen\n1,{GREEN},seen", "line 3 names product 1 a second time"),
        ("1,{BLUE},seen", f"gives product 1 the category {BLUE}, which is not of the sample"),
    ],
)
def test_a_slip_in_the_fixes_is_told_when_the_run_starts_which_then_keeps_no_copy(place, row, told):
    rows = row.format(RED=RED, GREEN=GREEN, BLUE=BLUE)
    (place.fixes_dir / "colours.csv").write_text(f"product_id,category_id,reason\n{rows}\n")
    with pytest.raises(DataError, match=told) as refused:
        start_run("colours", "r1")
    assert "keeps the copy" not in str(refused.value)

    (place.fixes_dir / "colours.csv").write_text(f"product_id,category_id,reason\n1,{RED},seen\n")
    assert start_run("colours", "r1").label_files.fixes_path.read_text().endswith(f"1,{RED},seen\n")


def test_fixes_of_a_sample_of_all_categories_are_read_as_far_as_it_goes_without_an_index(place):
    place.write(categories="all")
    (place.fixes_dir / "colours.csv").write_text(f"product_id,category_id,reason\n1,{BLUE},seen\n2,BLUE,seen\n")
    assert start_run("colours", "r1").label_files.fixes_path
    (place.fixes_dir / "colours.csv").write_text("product_id,category_id,reason\nx,BLUE,seen\n")
    with pytest.raises(DataError, match="line 2 is 'x'"):
        start_run("colours", "r2")


def test_a_slip_in_the_split_file_is_told_when_the_run_starts(place):
    (place.samples_dir / "fixed.csv").write_text("product_id,split\n1,trian\n")
    place.write(split={"file": "fixed.csv"})
    with pytest.raises(DataError, match=r"fixed[.]csv: line 2 is '1', 'trian'.* did you mean train"):
        start_run("colours", "r1")


@pytest.fixture
def on(place, bucket, monkeypatch):
    """Return what lets the next task run on another machine, all of which share a bucket."""
    monkeypatch.setenv("CDISCOUNT_DATA", f"{bucket}/data")
    monkeypatch.setenv("CDISCOUNT_REPORTS", f"{bucket}/reports")

    def on(machine):
        monkeypatch.setenv("CDISCOUNT_CACHE", str(place.folder / machine))
        fresh._seen.clear()

    return on


def hashes_of_copies(run):
    return {name: hash_file(run.run_dir / name) for name in run.config.inputs}


def test_of_two_that_begin_one_run_in_a_bucket_the_copies_are_those_of_its_config(place, on, monkeypatch):
    decide, names = start._decide, place.folder / "names.csv"

    def overtaken(*given):
        config = decide(*given)
        monkeypatch.setattr(start, "_decide", decide)
        names.write_text(f"{names.read_text()}\n")
        on("other")
        assert hashes_of_copies(first := start_run("colours", "r1")) == first.config.inputs != config.inputs
        on("one")
        return config

    monkeypatch.setattr(start, "_decide", overtaken)
    on("one")
    loser = start_run("colours", "r1")
    on("third")
    for run in (loser, open_run("colours", "r1")):
        assert hashes_of_copies(run) == run.config.inputs


def test_copies_that_a_dead_task_did_not_write_are_written_by_who_opens_the_run(place, on, monkeypatch):
    on("one")
    with monkeypatch.context() as patch:
        patch.setattr(start, "_publish_copies", lambda run: run)  # it dies here
        frozen = start_run("colours", "r1").config.inputs
    on("other")
    names = place.folder / "names.csv"
    text = names.read_text()
    names.write_text(f"{text}\n")
    with pytest.raises(DataError, match=r"r1 began with other bytes of it, .* clear this task"):
        start_run("colours", "r1")
    names.write_text(text)
    assert hashes_of_copies(start_run("colours", "r1")) == frozen
    on("third")
    assert hashes_of_copies(open_run("colours", "r1")) == frozen
