import threading

import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.tables.fixes_file import change_file


def test_many_writers_lose_nothing_of_each_other(tmp_path):
    path = tmp_path / "wine.csv"

    def add(name):
        for number in range(5):
            line = f"{name}-{number}\n".encode()
            change_file(path, lambda data, line=line: (data or b"") + line)

    writers = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(path.read_text().split()) == [f"{name}-{number}" for name in "abcd" for number in range(5)]
    assert [one.name for one in tmp_path.iterdir() if one.suffix == ".part"] == []


def test_what_another_program_saves_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "wine.csv"
    path.write_bytes(b"before\n")
    seen = []

    def change(data):
        seen.append(data)
        if len(seen) == 1:
            path.write_bytes(b"by a spreadsheet\n")
        return data + b"judged\n"

    change_file(path, change)
    assert seen == [b"before\n", b"by a spreadsheet\n"]
    assert path.read_bytes() == b"by a spreadsheet\njudged\n"


def test_a_program_that_never_stops_writing_is_told(tmp_path):
    path = tmp_path / "wine.csv"
    counter = iter(range(100))

    def change(data):
        path.write_bytes(b"%d" % next(counter))
        return b"mine"

    with pytest.raises(DataError, match="keeps writing it; nothing was saved"):
        change_file(path, change)
    assert path.read_bytes() != b"mine"


def test_a_link_to_a_file_stays_a_link_and_rights_stay(tmp_path):
    target = tmp_path / "elsewhere.csv"
    target.write_bytes(b"a")
    target.chmod(0o640)
    link = tmp_path / "wine.csv"
    link.symlink_to(target)
    change_file(link, lambda data: data + b"b")
    assert link.is_symlink() and target.read_bytes() == b"ab"
    assert target.stat().st_mode & 0o777 == 0o640


def test_nothing_to_change_writes_nothing(tmp_path):
    change_file(tmp_path / "wine.csv", lambda _: None)
    assert not (tmp_path / "wine.csv").exists()
