import logging

import pytest

from cdiscount_tasks.labelling.reviewed_lists import (
    copies_among,
    copy_name,
    find_reviewed_lists,
    key_of_copy,
    lists_named,
)
from cdiscount_tasks.vocabulary import LISTED_REASON

KEY, OTHER = "0123456789abcdef", "fedcba9876543210"


def test_the_reason_of_a_listed_row_names_its_list():
    facts = dict.fromkeys(("given", "given_id", "suggested", "suggested_id", "score"), 1)
    assert lists_named(LISTED_REASON.format(**facts, key=KEY)) == [KEY]


@pytest.mark.parametrize("text", ["", "list 0123", f"list {KEY}0", f"checklist {KEY}", f"list {KEY.upper()}"])
def test_what_is_no_key_behind_the_word_names_no_list(text):
    assert lists_named(text) == []


def test_a_copy_is_known_by_its_name():
    assert key_of_copy(copy_name(KEY)) == KEY
    assert copies_among(["fixes.csv", copy_name(OTHER), copy_name(KEY), "reviewed-x.parquet"]) == [
        copy_name(KEY), copy_name(OTHER),
    ]  # fmt: skip


def test_another_name_has_no_key():
    with pytest.raises(ValueError, match=r"suspects\.parquet: is no copy of a list"):
        key_of_copy("suspects.parquet")


def test_the_lists_that_fixes_name_are_found_where_their_audits_exist(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    audit_dir = tmp_path / f"audit-{KEY}"
    audit_dir.mkdir()
    (audit_dir / "suspects.parquet").write_bytes(b"rows")
    fixes_path = tmp_path / "fixes.csv"
    fixes_path.write_text(f"1,2,list {KEY}\n2,2,list {OTHER}\n3,2,list {KEY}\n")
    assert find_reviewed_lists(fixes_path, tmp_path) == {copy_name(KEY): audit_dir / "suspects.parquet"}
    assert f"fixes.csv names the list {OTHER}" in caplog.text
