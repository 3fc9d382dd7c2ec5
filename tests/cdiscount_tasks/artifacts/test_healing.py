import pytest

from cdiscount_tasks.artifacts import object_store
from cdiscount_tasks.artifacts.bucket import remove_from_bucket
from cdiscount_tasks.artifacts.bucket_check import verify_in_bucket
from cdiscount_tasks.artifacts.healing import push_lost
from cdiscount_tasks.artifacts.manifest import read_manifest, verify_artifact
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.errors import ConfigError, DataError
from tests.material.machines import RECIPE, Machines, never, writer


@pytest.fixture
def machines(tmp_path, bucket):
    made = Machines(tmp_path, f"{bucket}/data", 2)
    build_artifact(made.thing(0), RECIPE, writer("whole", b="x"))
    return made


def lose(machines, content=None):
    (name,) = (name for name in machines.names() if "/data.txt." in name)
    if content is None:
        machines.store.remove([name])
    else:
        machines.store.put(name, content)


@pytest.mark.parametrize("content", [None, b"cut"])
def test_what_the_bucket_lost_is_pushed_by_a_machine_that_has_it(machines, content, caplog):
    lose(machines, content)
    refresh(machines[0])
    assert "was missing or cut; pushed again from this machine's copy" in caplog.text
    assert verify_artifact(machines.thing(1)) == verify_in_bucket(machines.thing(1)) == 2
    assert build_artifact(machines.thing(1), RECIPE, never)["reused"] is True


def test_what_the_bucket_lost_of_a_page_is_pushed_too(machines):
    pages = [root / "page" for root in machines.roots]
    rebuild_artifact(pages[0], RECIPE, writer("page"))
    machines.store.remove(name for name in machines.names() if name.startswith("page/data.txt."))
    refresh(machines[0])
    assert read_manifest(pages[1]) == read_manifest(pages[0])


def test_a_file_that_was_changed_here_is_not_pushed(machines):
    (machines.thing(0) / "data.txt").write_text("while")
    lose(machines)
    refresh(machines[0])
    with pytest.raises(DataError, match="is missing or cut"):
        read_manifest(machines.thing(1))


def test_a_machine_that_has_the_manifest_alone_pushes_nothing(machines):
    refresh(machines[1])
    lose(machines)
    refresh(machines[1])
    assert len(machines.names()) == 2


def test_what_was_removed_since_it_was_listed_stays_removed(machines):
    remove_from_bucket(machines.thing(1))
    assert push_lost(machines.thing(0)) == []
    assert machines.names() == []


def test_a_bucket_that_takes_nothing_is_listed_all_the_same(machines, monkeypatch, caplog):
    def refused(*_):
        raise ConfigError("no right to write")

    lose(machines)
    monkeypatch.setattr(object_store.ObjectStore, "put", refused)
    refresh(machines[0])
    assert "cannot push again what the bucket has lost of it (no right to write)" in caplog.text
