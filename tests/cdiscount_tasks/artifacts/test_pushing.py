import pytest

from cdiscount_tasks.artifacts import object_store, pushing
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.errors import DataError
from tests.material.machines import RECIPE, Machines, never, writer


@pytest.fixture
def machines(tmp_path, bucket):
    return Machines(tmp_path, f"{bucket}/data", 3)


def build(machines, number, write):
    return build_artifact(machines.thing(number), RECIPE, write)


def die(*_):
    raise KeyboardInterrupt


def damage_manifest(machines, folder_name):
    name = f"{folder_name}/{MANIFEST}"
    machines.store.put(name, machines.store.read(name)[0].replace(b'"size": ', b'"size": 1'))


def test_a_manifest_that_is_damaged_in_the_bucket_is_made_anew(machines):
    build(machines, 0, writer("whole"))
    damage_manifest(machines, machines.thing(0).name)
    with pytest.raises(DataError, match="was changed"):
        read_manifest(machines.thing(1))
    assert build(machines, 1, writer("whole"))["reused"] is False
    assert build(machines, 2, never)["reused"] is True


def test_a_copy_that_is_whole_outlives_a_manifest_that_was_damaged_in_the_bucket(machines):
    build(machines, 0, writer("whole"))
    damage_manifest(machines, machines.thing(0).name)
    refresh(machines[0])
    read_manifest(machines.thing(0))
    assert read_manifest(machines.thing(1)) == read_manifest(machines.thing(0))


def test_a_page_takes_the_place_of_one_whose_manifest_is_damaged(machines):
    pages = [root / "page" for root in machines.roots]
    rebuild_artifact(pages[0], RECIPE, writer("old"))
    damage_manifest(machines, "page")
    rebuild_artifact(pages[1], RECIPE, writer("new"))
    assert read_manifest(pages[2]) and (pages[2] / "data.txt").read_text() == "new"


def test_a_page_that_was_placed_and_not_pushed_outlives_listings(machines, monkeypatch):
    pages = [root / "page" for root in machines.roots]
    rebuild_artifact(pages[0], RECIPE, writer("old"))

    def listed_meanwhile(part_dir):
        refresh(machines[0])
        return writer("new")(part_dir)

    with monkeypatch.context() as patch:
        patch.setattr(object_store.ObjectStore, "swap", die)
        with pytest.raises(KeyboardInterrupt):
            rebuild_artifact(pages[0], RECIPE, listed_meanwhile)
    refresh(machines[0])
    read_manifest(pages[0])
    assert (read_manifest(pages[1]) and (pages[1] / "data.txt").read_text()) == "new"


@pytest.mark.parametrize("is_page", [True, False])
def test_what_was_made_stays_until_it_is_pushed_whatever_is_listed_meanwhile(machines, monkeypatch, is_page):
    pages = [root / "page" for root in machines.roots]
    if is_page:
        rebuild_artifact(pages[0], RECIPE, writer("old"))
    method = "push_page" if is_page else "push"
    real = getattr(pushing, method)

    def late(folder):
        monkeypatch.setattr(pushing, method, real)
        if not is_page:
            build(machines, 1, writer("old"))
        refresh(machines[0])
        return real(folder)

    monkeypatch.setattr(pushing, method, late)
    if is_page:
        rebuild_artifact(pages[0], RECIPE, writer("new"))
        assert (read_manifest(pages[1]) and (pages[1] / "data.txt").read_text()) == "new"
    else:
        assert build(machines, 0, writer("new"))["reused"] is True
        assert (machines.thing(0) / "data.txt").read_text() == "old"
