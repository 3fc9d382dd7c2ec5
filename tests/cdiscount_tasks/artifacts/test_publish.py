import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told  # fmt: skip
from cdiscount_tasks.artifacts.files import replace_file  # fmt: skip
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest, verify_artifact, when_finished  # fmt: skip
from cdiscount_tasks.artifacts.publish import Made, build_artifact, rebuild_artifact  # fmt: skip
from cdiscount_tasks.artifacts.recipe import Recipe  # fmt: skip
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.settings.places import in_bucket, mirror_of

RECIPE = Recipe("thing", 1, {"colour": "red"}, {}, {}, {})

BUILDER = """
import logging, sys, time
from pathlib import Path
from cdiscount_tasks.artifacts.recipe import Recipe; from cdiscount_tasks.artifacts.publish import Made, build_artifact
logging.basicConfig(level="INFO", stream=sys.stderr)
parent, seconds = Path(sys.argv[1]), float(sys.argv[2])
def write(part_dir):
    (part_dir / "data.txt").write_text("whole")
    print("writing", flush=True)
    time.sleep(seconds)
    return Made({"num_rows": 5})
recipe = Recipe("thing", 1, {"colour": "red"}, {}, {}, {})
print(build_artifact(parent / "thing-1", recipe, write)["reused"], flush=True)
"""


ON_DISK = pytest.mark.parametrize("out_dir", ["disk"], indirect=True)
"""Of damage, which is mended by itself where a bucket has the artifact (test_bucket)."""


def write_data(part_dir):
    (part_dir / "data.txt").write_text("whole")
    return Made({"num_rows": 5})


def never(part_dir):
    raise AssertionError("it is there already")


@pytest.fixture(params=["disk", "bucket"])
def out_dir(request, tmp_path):
    """Return where an artifact will be: on a disk, and in the mirror of a bucket."""
    if request.param == "disk":
        return tmp_path / "thing-1"
    parent = mirror_of(tmp_path, f"{request.getfixturevalue('bucket')}/data")
    parent.mkdir(parents=True)
    return parent / "thing-1"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def start_builder(parent, seconds):
    """Start a process that builds thing-1, and wait until it writes."""
    command = [sys.executable, "-c", BUILDER, str(parent), str(seconds)]
    builder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert builder.stdout.readline() == "writing\n"
    return builder


def test_an_artifact_has_its_files_and_a_manifest(out_dir):
    result = build_artifact(out_dir, RECIPE, write_data)
    assert result == {"path": str(out_dir), "num_rows": 5, "reused": False}
    assert names_in(out_dir) == ["data.txt", MANIFEST]


def test_an_artifact_that_stands_is_found_and_not_made_again(out_dir):
    build_artifact(out_dir, RECIPE, write_data)
    assert build_artifact(out_dir, RECIPE, never) == {"path": str(out_dir), "num_rows": 5, "reused": True}


def test_the_manifest_says_when_it_was_finished_and_no_key_counts_it(out_dir):
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    build_artifact(out_dir, RECIPE, write_data)
    manifest = read_manifest(out_dir)
    assert before <= datetime.fromisoformat(manifest["finished_at"]) <= datetime.now(UTC)
    assert "finished_at" not in RECIPE.as_json()
    assert manifest["identity"] == RECIPE.key


def test_a_copied_artifact_was_finished_when_the_first_one_was(out_dir, tmp_path):
    build_artifact(out_dir, RECIPE, write_data)
    shutil.copytree(out_dir, tmp_path / "copy")
    os.utime(tmp_path / "copy" / MANIFEST, (1, 1))
    assert when_finished(tmp_path / "copy") == when_finished(out_dir)


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"finished_at": 7}', '{"finished_at": "soon"}'])
def test_an_artifact_whose_manifest_says_no_time_was_finished_when_its_file_was_written(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    os.utime(tmp_path / MANIFEST, (1_790_000_000,) * 2)
    assert when_finished(tmp_path) == datetime.fromtimestamp(1_790_000_000, UTC)


def test_the_manifest_says_what_decided_the_content(out_dir):
    build_artifact(out_dir, RECIPE, write_data)
    manifest = read_manifest(out_dir)
    assert (manifest["stage"], manifest["config"], manifest["key"], manifest["identity"]) == (
        "thing", {"colour": "red"}, RECIPE.key, RECIPE.key
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "other"},
        {"version": 2},
        {"config": {"colour": "blue"}},
        {"files": {"a": "0"}},
        {"libraries": {"a": "1"}},
    ],
)
def test_whatever_decides_the_content_changes_the_key(change):
    fields = {name: getattr(RECIPE, name) for name in RECIPE.__dataclass_fields__}
    assert Recipe(**{**fields, **change}).key != RECIPE.key


def test_the_order_of_settings_does_not_change_the_key():
    keys = {Recipe("thing", 1, config, {}, {}, {}).key for config in ({"a": 1, "b": 2}, {"b": 2, "a": 1})}
    assert len(keys) == 1
    assert len(keys.pop()) == 16


def test_an_input_counts_by_its_identity_and_not_by_its_place(tmp_path):
    for place in ("here", "there"):
        build_artifact(tmp_path / place, RECIPE, lambda part_dir: write_data(part_dir)._replace(identity="rows-5"))
    keys = {Recipe("next", 1, {}, {"thing": tmp_path / place}, {}, {}).key for place in ("here", "there")}
    assert len(keys) == 1
    assert read_manifest(tmp_path / "here")["identity"] == "rows-5"


def test_a_failed_writer_leaves_nothing(out_dir):
    def fail(part_dir):
        write_data(part_dir)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        build_artifact(out_dir, RECIPE, fail)
    assert names_in(out_dir.parent) == []


@pytest.mark.parametrize("damage", [b"whol", b"whole and more", None])
@ON_DISK
def test_a_file_of_another_size_is_named(out_dir, damage):
    build_artifact(out_dir, RECIPE, write_data)
    (out_dir / "data.txt").unlink() if damage is None else (out_dir / "data.txt").write_bytes(damage)
    with pytest.raises(
        DataError, match=r"data\.txt: (has \d+ bytes|is missing), expected 5 bytes; remove .* and run again"
    ):
        read_manifest(out_dir)


@pytest.mark.parametrize("manifest", [None, "", "{", "[]", "{}", '{"files": {}}', '{"files": [], "identity": ""}'])
@ON_DISK
def test_a_missing_or_damaged_manifest_is_named(out_dir, manifest):
    build_artifact(out_dir, RECIPE, write_data)
    (out_dir / MANIFEST).unlink() if manifest is None else (out_dir / MANIFEST).write_text(manifest)
    with pytest.raises(DataError, match=r"manifest\.json"):
        read_manifest(out_dir)


@ON_DISK
def test_a_damaged_artifact_is_moved_aside_and_made_again(out_dir):
    build_artifact(out_dir, RECIPE, write_data)
    (out_dir / "data.txt").write_text("who")
    assert build_artifact(out_dir, RECIPE, write_data)["reused"] is False
    assert (out_dir / "data.txt").read_text() == "whole"
    aside = [name for name in names_in(out_dir.parent) if name.startswith("thing-1.damaged-")]
    assert len(aside) == 1


def test_verify_counts_the_files_it_checked(out_dir):
    build_artifact(out_dir, RECIPE, write_data)
    assert verify_artifact(out_dir) == 1


def test_verify_names_a_file_that_changed_in_place(out_dir):
    build_artifact(out_dir, RECIPE, write_data)
    (out_dir / "data.txt").write_text("whale")
    with pytest.raises(DataError, match=r"data\.txt: its hash is .* the file is damaged"):
        verify_artifact(out_dir)


@ON_DISK
def test_verify_notices_a_manifest_that_was_changed(out_dir):
    build_artifact(out_dir, RECIPE, write_data)
    manifest = json.loads((out_dir / MANIFEST).read_text())
    manifest["result"]["num_rows"] = 6
    (out_dir / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"manifest\.json: was changed"):
        verify_artifact(out_dir)


def test_of_two_processes_one_builds_and_the_other_waits_and_uses_it(tmp_path):
    first = start_builder(tmp_path, 1.5)
    second = subprocess.run(
        [sys.executable, "-c", BUILDER, str(tmp_path), "0"], capture_output=True, text=True, check=True, timeout=60
    )
    assert (first.communicate(timeout=60)[0], second.stdout) == ("False\n", "True\n")
    assert f"is being made by process {first.pid} on " in second.stderr


def test_what_a_killed_builder_left_is_removed_and_made_anew(out_dir):
    builder = start_builder(out_dir.parent, 60)
    builder.send_signal(signal.SIGKILL)
    builder.communicate(timeout=60)
    assert [name for name in names_in(out_dir.parent) if name.endswith(".part")] != []
    assert build_artifact(out_dir, RECIPE, write_data)["reused"] is False
    assert names_in(out_dir.parent) == ["thing-1"]


def test_a_part_of_another_artifact_is_left_alone(out_dir):
    (out_dir.parent / ".thing-10.abc.part").mkdir()
    build_artifact(out_dir, RECIPE, write_data)
    assert names_in(out_dir.parent) == [".thing-10.abc.part", "thing-1"]


def test_rebuilding_puts_the_new_in_the_place_of_the_old(out_dir):
    def write_other(part_dir):
        (part_dir / "other.txt").write_text("new")
        return Made({})

    build_artifact(out_dir, RECIPE, write_data)
    rebuild_artifact(out_dir, RECIPE, write_other)
    assert (names_in(out_dir), names_in(out_dir.parent)) == ([MANIFEST, "other.txt"], ["thing-1"])


def test_replacing_a_file_that_cannot_be_written_keeps_the_old(tmp_path):
    def fail(aside):
        aside.write_text("half")
        raise ValueError("no")

    (tmp_path / "a").write_text("old")
    with pytest.raises(ValueError, match="no"):
        replace_file(tmp_path / "a", fail)
    assert (names_in(tmp_path), (tmp_path / "a").read_text()) == (["a"], "old")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full: free space there or point CDISCOUNT_DATA at another disk"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EACCES, "it cannot be written: give this user the right to, or point CDISCOUNT_DATA elsewhere"),
        (errno.EROFS, "the file system is read-only: point CDISCOUNT_DATA elsewhere"),
    ],
)
def test_a_full_or_unwritable_disk_is_one_sentence_and_leaves_no_part(out_dir, code, words):
    def fail(part_dir):
        write_data(part_dir)
        raise OSError(code, os.strerror(code), str(part_dir / "data.txt"))

    with pytest.raises(ConfigError) as caught:
        build_artifact(out_dir, RECIPE, fail)
    if in_bucket(out_dir) is not None:  # the disk is that of the mirror
        words = words.replace("CDISCOUNT_DATA", "CDISCOUNT_CACHE")
    assert str(caught.value).startswith(f"{out_dir}: {words}")
    assert names_in(out_dir.parent) == []


def test_a_full_disk_told_by_arrow_in_words_alone_is_known():
    with pytest.raises(ConfigError, match="the disk is full"), disk_faults_told(Path("data")):
        raise OSError("Error writing bytes to file. Detail: [errno 28] No space left on device")


def test_of_a_mirror_the_cache_is_full(tmp_path):
    mirror = mirror_of(tmp_path, "s3://bucket/data")
    with pytest.raises(ConfigError, match="point CDISCOUNT_CACHE at another disk"), disk_faults_told(mirror):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_below_a_regular_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="a part of the path is no folder: point CDISCOUNT_DATA elsewhere"):
        build_artifact(tmp_path / "file" / "samples" / "thing-1", RECIPE, write_data)


def test_another_fault_of_the_system_passes():
    with pytest.raises(InterruptedError), disk_faults_told(Path("data")):
        raise OSError(errno.EINTR, "interrupted")


def test_an_input_that_cannot_be_read_is_not_called_a_folder_that_cannot_be_written(out_dir):
    def fail(part_dir):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/train.bson")

    with pytest.raises(ConfigError, match=r"train\.bson: cannot be read: give this user the right to"):
        build_artifact(out_dir, RECIPE, fail)
