import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdiscount_tasks.artifacts import documents
from cdiscount_tasks.artifacts.documents import (
    Overtaken,
    change_document,
    create_document,
    pull,
    push_document,
    read_known,
    remove_document,
    swap,
)
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.in_place import write_synced
from cdiscount_tasks.artifacts.notes import note_result, noted_results
from tests.material.machines import Machines


@pytest.fixture
def machines(tmp_path, bucket):
    return Machines(tmp_path, f"{bucket}/data", 3)


def write(path, text):
    replace_file(path, lambda aside: aside.write_text(text))


def read(path):
    pull(path)
    return path.read_text() if path.exists() else None


def test_what_one_machine_writes_the_other_reads(machines):
    one, other = machines[0] / "note.json", machines[1] / "note.json"
    assert read(other) is None
    write(one, "1")
    assert read(other) == "1"
    write(other, "2")
    assert (read(one), machines.names()) == ("2", ["note.json"])


def test_what_is_known_already_is_not_sent_again(machines, monkeypatch):
    write(machines[0] / "note.json", "1")
    monkeypatch.setattr(documents, "_keep", lambda *_: pytest.fail("it was written again"))
    assert read(machines[0] / "note.json") == "1"


def test_a_document_that_was_removed_elsewhere_is_gone_here(machines):
    write(machines[0] / "note.json", "1")
    assert read(machines[1] / "note.json") == "1"
    remove_document(machines[0] / "note.json")
    assert (read(machines[1] / "note.json"), machines.names()) == (None, [])


def test_a_file_that_was_never_pushed_stays(machines):
    (machines[0] / "note.json").write_text("own")
    assert read(machines[0] / "note.json") == "own"


def test_a_document_is_created_once(machines):
    one, other = machines[0] / "config.json", machines[1] / "config.json"
    assert (create_document(one, b"first"), create_document(other, b"second")) == (True, False)
    assert other.read_text() == "first"


def test_a_swap_of_what_has_changed_writes_nothing(machines):
    one, other = machines[0] / "a", machines[1] / "a"
    write(one, "1")
    pull(other)
    _, known = read_known(other)
    write(one, "2")
    with pytest.raises(Overtaken):
        swap(other, b"3", known)
    assert (read(other), read(one)) == ("2", "2")


def test_a_change_that_is_overtaken_is_done_again_on_what_the_winner_wrote(machines):
    one, other, calls = machines[0] / "a", machines[1] / "a", []
    write(one, "0")

    def change():
        before = other.read_text()
        if not calls:
            write(one, "1")
        calls.append(before)
        return f"{before}+".encode()

    change_document(other, change)
    assert (calls, read(one)) == (["0", "1"], "1+")


def test_copied_files_are_pushed(machines):
    path = machines[0] / "names.csv"
    path.write_text("names")
    push_document(path)
    assert read(machines[1] / "names.csv") == "names"


def test_a_note_of_an_etag_never_goes_with_other_bytes(machines, monkeypatch):
    path = machines[0] / "a"
    write(path, "1")
    write(machines[1] / "a", "2")
    with monkeypatch.context() as patch:
        patch.setattr(documents, "note_tag", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            pull(path)
    assert read_known(path) == (b"", None)
    assert read(path) == "2"


def test_on_a_disk_documents_are_files(tmp_path):
    path = tmp_path / "a"
    assert create_document(path, b"1")
    change_document(path, lambda: path.read_bytes() + b"2")
    push_document(path)
    assert read(path) == "12"
    remove_document(path)
    assert sorted(tmp_path.iterdir()) == []
    write_synced(path, b"3")
    with pytest.raises(ValueError, match="is in no mirror"):
        swap(path, b"4", None)


def test_notes_of_many_machines_at_once_are_all_kept(machines):
    """Tasks of one run that end at the same time on different machines lose no note."""

    def note(number):
        root = machines[number % 3]
        (root / "run").mkdir(exist_ok=True)
        note_result(root / "run", root, f"step{number}", {"number": number})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(note, range(18)))
    noted = noted_results(machines[0] / "run")
    assert noted == {f"step{number}": {"number": number} for number in range(18)}
    assert json.loads(machines.store.read("run/artifacts.json")[0]) == noted
