import json

import pytest

from cdiscount_tasks.reports.decided import with_decisions
from cdiscount_tasks.reports.folders import DECISIONS_NOTE, read_report, report_folders
from tests.material.finished_reports import write_finished


def rows_of(reports_dir):
    return [read_report(reports_dir, *one) for one in report_folders(reports_dir)]


def test_a_decision_that_comes_after_the_report_was_read_is_shown(tmp_path):
    folder = write_finished(tmp_path, "b")
    write_finished(tmp_path, "c")
    read = rows_of(tmp_path)
    assert [row.decided for row in with_decisions(tmp_path, read)] == ["", ""]
    note = {"b": {"decision": 3, "outcome": "not promoted: refused by ann"}}
    (folder.parent / DECISIONS_NOTE).write_text(json.dumps(note))
    shown = {row.folder: row.decided for row in with_decisions(tmp_path, read)}
    assert shown == {"b": "not promoted: refused by ann (decision 3)", "c": ""}


@pytest.mark.parametrize("text", ["", "[]", "5", '{"b": 5}', '{"b": {"outcome": "promoted"}}'])
def test_a_note_of_decisions_that_cannot_be_read_leaves_the_report_listed(tmp_path, caplog, text):
    folder = write_finished(tmp_path, "b")
    (folder.parent / DECISIONS_NOTE).write_text(text)
    assert [row.decided for row in with_decisions(tmp_path, rows_of(tmp_path))] == [""]
    assert "the index of reports cannot read" in caplog.text
