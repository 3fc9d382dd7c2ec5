import pytest

from cdiscount_tasks.artifacts.data_root import mark_root, root_id
from cdiscount_tasks.artifacts.documents import pull, push_document, remove_document
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.artifacts.same_root import MARKER
from cdiscount_tasks.errors import ConfigError
from tests.material.machines import RECIPE, Machines, writer


@pytest.fixture
def machines(tmp_path, bucket):
    """Return two machines that know a root with an artifact and a note."""
    machines = Machines(tmp_path, f"{bucket}/data", 2)
    mark_root(machines[0])
    build_artifact(machines.thing(0), RECIPE, writer("the last copy"))
    replace_file(machines[0] / "history.jsonl", lambda aside: aside.write_text("one line"))
    refresh(machines[1])
    return machines


def looks(machine):
    return {
        "listing": lambda: refresh(machine),
        "note": lambda: pull(machine / "history.jsonl"),
        "id": lambda: root_id(machine),
        "mark": lambda: mark_root(machine),
    }


@pytest.mark.parametrize("look", ["listing", "note", "id", "mark"])
def test_a_bucket_that_was_emptied_empties_no_cache(machines, look):
    machines.store.remove(machines.names())
    with pytest.raises(ConfigError, match=r"has no \.cdiscount-root, but .* mirrors the root .* move .* elsewhere"):
        looks(machines[0])[look]()
    assert machines.names() == []
    assert (machines.thing(0) / "data.txt").read_text() == "the last copy"
    assert (machines[0] / "history.jsonl").read_text() == "one line"
    assert (machines[0] / MARKER).exists()


@pytest.mark.parametrize("look", ["listing", "id", "mark"])
def test_another_root_at_the_same_place_is_refused(machines, look):
    machines.store.put(MARKER, b"0" * 32 + b"\n")
    with pytest.raises(ConfigError, match=f"has the root '{'0' * 32}', but"):
        looks(machines[0])[look]()
    assert (machines[0] / MARKER).read_text().strip() != "0" * 32


def test_the_same_id_written_again_is_the_same_root(machines):
    push_document(machines[0] / MARKER)
    refresh(machines[1])
    assert root_id(machines[1]) == root_id(machines[0])


def test_a_note_that_was_removed_from_a_root_that_stands_is_gone(machines):
    remove_document(machines[0] / "history.jsonl")
    pull(machines[1] / "history.jsonl")
    assert not (machines[1] / "history.jsonl").exists()
