import json
import os

import pytest

from cdiscount_tasks.artifacts import journal
from cdiscount_tasks.artifacts.journal import append_record, read_journal
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.settings.places import mirror_of
from tests.conftest import TEST_SCALE

RECORDS = [{"number": 1, "words": "« é » ' \n"}, {"number": 2, "of": [1, 2.5, None]}, {"number": 3}]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a" / "b" / "history.jsonl"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def written(path):
    for record in RECORDS:
        append_record(path, record)
    return path


def records_of(path):
    return [line.record for line in read_journal(path)]


def test_what_was_appended_is_read_in_its_order(written):
    assert records_of(written) == RECORDS
    assert [line.number for line in read_journal(written)] == [1, 2, 3]


def test_where_there_is_no_file_there_are_no_records(path):
    assert read_journal(path) == []


def test_each_line_is_json_of_its_own(written):
    assert [json.loads(line)["number"] for line in written.read_text("utf-8").splitlines()] == [1, 2, 3]


def test_appending_changes_nothing_of_what_is_there(written):
    before = written.read_bytes()
    append_record(written, {"number": 4})
    assert written.read_bytes().startswith(before)


def test_a_last_line_that_is_cut_anywhere_does_not_count_and_later_ones_are_read(written, caplog):
    whole = written.read_bytes()
    begins = whole.rindex(b"\n", 0, -1) + 1
    for end in range(begins + 1, len(whole), 1 if TEST_SCALE > 1 else 5):
        written.write_bytes(whole[:end])
        caplog.clear()
        assert records_of(written) == RECORDS[:2]
        assert "its last line is cut short" in caplog.text
        append_record(written, {"number": 30})
        caplog.clear()
        assert records_of(written) == [*RECORDS[:2], {"number": 30}]
        assert caplog.text == ""
        assert written.read_bytes().startswith(whole[:end])


def test_a_line_that_is_whole_but_for_its_end_never_counted(written):
    written.write_bytes(written.read_bytes()[:-1])
    assert records_of(written) == RECORDS[:2]


def test_the_mark_of_a_cut_line_may_be_cut_itself(written):
    whole = written.read_bytes()[:-5]
    mark = journal.CUT_MARK + b"\n"
    for end in range(len(mark) + 1):
        written.write_bytes(whole + mark[:end])
        append_record(written, {"number": 30})
        assert records_of(written) == [*RECORDS[:2], {"number": 30}]


def test_a_disk_that_takes_a_line_in_pieces_gets_all_of_it(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(journal.os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    append_record(path, RECORDS[0])
    assert records_of(path) == RECORDS[:1]


def test_a_byte_that_changed_later_is_found_with_file_and_line(written):
    whole = written.read_bytes()
    for place in range(0, len(whole), 1 if TEST_SCALE > 1 else 7):
        if whole[place : place + 1] == b"\n":
            continue
        changed = bytearray(whole)
        changed[place] ^= 1
        written.write_bytes(bytes(changed))
        line = whole.count(b"\n", 0, place) + 1
        with pytest.raises(DataError, match=rf"history.jsonl: line {line} cannot be read .*restore the file"):
            read_journal(written)


def test_a_whole_line_in_the_middle_that_lost_its_end_is_damage(written):
    first, second, third = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(first + second[:-9] + b"\n" + third)
    with pytest.raises(DataError, match="line 2 cannot be read"):
        read_journal(written)


def test_a_damaged_line_in_a_bucket_is_told_by_its_address(bucket, tmp_path):
    path = mirror_of(tmp_path, f"{bucket}/data") / "history.jsonl"
    path.parent.mkdir(parents=True)
    append_record(path, {"number": 1})
    open_store(f"{bucket}/data").put("history.jsonl", b"{}\n")
    with pytest.raises(DataError) as told:
        read_journal(path)
    assert str(told.value).startswith(f"{bucket}/data/history.jsonl: line 1 cannot be read")
    assert str(told.value).endswith("damaged later: bring back its older version in the bucket")
