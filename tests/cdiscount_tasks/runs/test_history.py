"""The two files of a registry: deaths between and within their writes, races, damage, clocks."""

import json
import logging
import os
import subprocess
import sys

import pytest

from cdiscount_tasks.artifacts.journal import append_record, read_journal, with_hash
from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import history, registry
from cdiscount_tasks.runs.decisions import Look
from cdiscount_tasks.runs.history import CHAMPION, HISTORY, LAST
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.places import way_back
from tests.conftest import TEST_SCALE

MANY = TEST_SCALE >= 2
TIMES = 50 if MANY else 5


IN_BOTH = pytest.mark.parametrize("promoted", ["disk", pytest.param("bucket", marks=pytest.mark.slow)], indirect=True)


def accidents(what, folder, number):
    command = [sys.executable, "-m", "tests.material.registry_accidents", what, str(folder), str(number)]
    told = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    return json.loads(told.stdout)


@pytest.mark.slow
def test_a_promotion_that_dies_at_any_line_leaves_the_old_or_the_new_champion_and_can_be_tried_again(tmp_path):
    seen = accidents("lines", tmp_path, 1 if MANY else 7)
    assert seen["old"] > 5
    assert seen["new"] > 2


@pytest.mark.slow
def test_kills_at_random_moments_leave_one_whole_champion_and_a_whole_history(tmp_path):
    seen = accidents("moments", tmp_path, TIMES)
    assert seen["even"] + seen.get("odd", 0) == TIMES


@pytest.mark.slow
def test_of_two_promotions_at_once_one_is_made_and_the_other_says_that_the_champion_moved(tmp_path):
    assert sum(accidents("races", tmp_path, TIMES).values()) == TIMES


@pytest.mark.slow
def test_looks_at_once_have_a_number_each(tmp_path):
    assert sum(accidents("looks", tmp_path, TIMES).values()) == TIMES


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@IN_BOTH
def test_champion_json_holds_the_last_line_that_made_a_champion(promoted):
    promoted("first")
    promoted("second", decline_after=True)
    held = json.loads((promoted.folder / CHAMPION).read_text("utf-8"))
    lines = [json.loads(line) for line in (promoted.folder / HISTORY).read_text("utf-8").splitlines()]
    assert held == lines[1]
    assert len(lines) == 3
    assert names_in(promoted.folder) == [CHAMPION, HISTORY, LAST]


@pytest.mark.parametrize("left", [None, b"", b"{", b"\xff\x00"])
@IN_BOTH
def test_a_champion_json_that_is_missing_or_damaged_is_written_again_by_whoever_reads(promoted, left):
    promoted("first")
    path = promoted.folder / CHAMPION
    whole = path.read_bytes()
    path.unlink() if left is None else path.write_bytes(left)
    assert registry.champion("wine", promoted.environment).run_id == "first"
    assert path.read_bytes() == whole


@IN_BOTH
def test_a_champion_json_that_is_behind_is_written_again_by_whoever_reads(promoted):
    promoted("first")
    path = promoted.folder / CHAMPION
    behind = path.read_bytes()
    promoted("second")
    path.write_bytes(behind)
    assert registry.champion("wine", promoted.environment).run_id == "second"
    assert path.read_bytes() != behind


def test_a_reader_who_may_not_write_reads_the_truth_from_history(promoted, monkeypatch):
    promoted("first")
    path = promoted.folder / CHAMPION
    path.unlink()

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(history, "lock_if_free", refuse)
    assert registry.champion("wine", promoted.environment).run_id == "first"
    assert not path.exists()


@IN_BOTH
def test_a_reader_waits_for_nobody(promoted):
    promoted("first")
    (promoted.folder / CHAMPION).unlink()
    with lock(promoted.folder / ".lock", "it"):
        assert registry.champion("wine", promoted.environment).run_id == "first"


@IN_BOTH
def test_a_reader_makes_no_folder(promoted):
    assert registry.champion("wine", promoted.environment) is None
    assert registry.history("wine", promoted.environment) == []
    assert not promoted.folder.exists()


@IN_BOTH
def test_a_last_line_that_champion_json_confirms_and_that_was_cut_later_is_written_again(promoted, caplog):
    promoted("first")
    promoted("second")
    path = promoted.folder / HISTORY
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    caplog.set_level(logging.WARNING)
    assert registry.champion("wine", promoted.environment).run_id == "second"
    assert "lacks its last line" in caplog.text
    assert [line.record["number"] for line in read_journal(path)] == [1, 2]
    promoted("third")
    assert [entry.number for entry in registry.history("wine", promoted.environment)] == [1, 2, 3]


@IN_BOTH
def test_a_last_line_that_made_no_champion_and_that_was_cut_later_is_written_again_with_its_number(promoted, caplog):
    promoted("first", decline_after=True)
    path = promoted.folder / HISTORY
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    caplog.set_level(logging.WARNING)
    entries = registry.history("wine", promoted.environment)
    assert [(entry.number, entry.candidate.run_id) for entry in entries] == [(1, "first"), (2, "not first")]
    assert "lacks its last line, number 2, which was recorded" in caplog.text
    assert "never counted" not in caplog.text and b"never counted" not in path.read_bytes()
    assert path.read_bytes().endswith(whole.splitlines(keepends=True)[-1])
    assert promoted("second").number == 3


@IN_BOTH
def test_a_last_line_that_was_taken_out_whole_is_written_again(promoted):
    promoted("first", decline_after=True)
    path = promoted.folder / HISTORY
    whole = path.read_bytes()
    path.write_bytes(whole.splitlines(keepends=True)[0])
    assert promoted("second").number == 3
    assert path.read_bytes().startswith(whole)


@IN_BOTH
def test_two_last_lines_that_were_taken_out_are_refused_also_where_they_made_no_champion(promoted):
    promoted("first", decline_after=True)
    promoted("second", decline_after=True)
    path = promoted.folder / HISTORY
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    for act in (lambda: registry.champion("wine", promoted.environment), lambda: promoted("third", expected=1)):
        with pytest.raises(DataError, match=rf"{HISTORY}: ends with number 2, but {LAST} beside it has number 4"):
            act()


@pytest.mark.parametrize("left", [None, b"{"])
@IN_BOTH
def test_a_history_of_an_older_version_gets_its_last_json_from_whoever_reads(promoted, left):
    promoted("first")
    path = promoted.folder / LAST
    path.unlink() if left is None else path.write_bytes(left)
    assert registry.champion("wine", promoted.environment).run_id == "first"
    assert json.loads(path.read_text("utf-8"))["number"] == 1


def test_a_history_that_lacks_more_than_that_is_refused(promoted):
    promoted("first")
    promoted("second")
    path = promoted.folder / HISTORY
    path.write_bytes(b"")
    with pytest.raises(DataError, match=rf"{HISTORY}: ends with number 0, but {LAST} beside it has number 2"):
        registry.history("wine", promoted.environment)
    (promoted.folder / LAST).unlink()
    with pytest.raises(DataError, match=rf"{HISTORY}: ends with number 0, but {CHAMPION} beside it has number 2"):
        registry.history("wine", promoted.environment)


@pytest.mark.parametrize(("number", "found"), [(1, 1), (2, 2), (4, 4), (9, 9)])
@IN_BOTH
def test_a_number_that_is_missing_or_there_twice_is_refused_with_file_and_line(promoted, number, found):
    promoted("first")
    promoted("second")
    look = Look(number=number, at="", look=1, challenger="e", champion=2, champion_evaluation="f", judgement="j",
                inputs={})  # fmt: skip
    append_record(promoted.folder / HISTORY, look.model_dump())
    what_to_do = way_back(promoted.folder / HISTORY)
    with pytest.raises(DataError, match=rf"{HISTORY}: line 3 has number {found}, expected 3: .*; {what_to_do}"):
        registry.history("wine", promoted.environment)


@IN_BOTH
def test_a_line_of_a_newer_version_is_refused_with_what_to_do(promoted):
    promoted("first")
    record = {**read_journal(promoted.folder / HISTORY)[0].record, "number": 2, "colour": "red"}
    append_record(promoted.folder / HISTORY, record)
    with pytest.raises(DataError, match=r"line 2 is of another version .*use the newer one"):
        registry.history("wine", promoted.environment)


@IN_BOTH
def test_a_damaged_line_is_refused_and_nothing_is_written(promoted):
    promoted("first")
    promoted("second")
    path = promoted.folder / HISTORY
    damaged = path.read_bytes().replace(b'"first"', b'"fir5t"', 1)
    path.write_bytes(damaged)
    for act in (lambda: registry.champion("wine", promoted.environment), lambda: promoted("third", expected=2)):
        with pytest.raises(DataError, match=rf"{HISTORY}: line 1 cannot be read"):
            act()
    assert path.read_bytes() == damaged


@IN_BOTH
def test_a_clock_that_goes_back_changes_nothing(promoted, monkeypatch):
    promoted("first")
    monkeypatch.setattr(history, "_now", lambda: "1970-01-01T00:00:00+00:00")
    promoted("second")
    entries = registry.history("wine", promoted.environment)
    assert [entry.number for entry in entries] == [1, 2]
    found = registry.champion("wine", promoted.environment)
    assert (found.run_id, found.decision, found.since) == ("second", 2, "1970-01-01T00:00:00+00:00")


@IN_BOTH
def test_champion_json_of_another_history_is_replaced(promoted):
    promoted("first")
    path = promoted.folder / CHAMPION
    record = read_journal(promoted.folder / HISTORY)[0].record
    write_json(path, with_hash({**record, "who": "somebody"}))
    assert registry.history("wine", promoted.environment)[0].who == "rule"
    assert json.loads(path.read_text("utf-8"))["who"] == "rule"


def test_a_full_disk_is_a_sentence_and_the_champion_stays(promoted, monkeypatch):
    promoted("first")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cdiscount_tasks.artifacts.journal.os.write", full)
        with pytest.raises(ConfigError, match="the disk is full: free space there or point CDISCOUNT_DATA"):
            promoted("second")
    assert registry.champion("wine", promoted.environment).run_id == "first"
    promoted("second")
    assert registry.champion("wine", promoted.environment).run_id == "second"


@IN_BOTH
def test_a_disk_that_is_full_after_the_line_of_history_costs_a_sentence_not_the_promotion(promoted, monkeypatch):
    promoted("first")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(history, "change_document", full)
        with pytest.raises(ConfigError, match="the disk is full"):
            promoted("second")
    assert registry.champion("wine", promoted.environment).run_id == "second"
    assert json.loads((promoted.folder / CHAMPION).read_text("utf-8"))["number"] == 2
    assert promoted("second", expected=1).number == 2


@IN_BOTH
def test_words_that_cannot_be_written_are_refused_before_anything_is(promoted):
    promoted("first")
    with pytest.raises(ConfigError, match="reason is "):
        promoted("second", reason=os.fsdecode(b"\xff"))
    assert len(registry.history("wine", promoted.environment)) == 1
