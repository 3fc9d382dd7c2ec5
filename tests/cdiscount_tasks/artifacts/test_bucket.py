import logging
import shutil

import pytest

from cdiscount_tasks.artifacts import bucket as opening
from cdiscount_tasks.artifacts import fetching, object_store, pushing
from cdiscount_tasks.artifacts.bucket import open_file, paths_of_artifacts, remove_from_bucket
from cdiscount_tasks.artifacts.manifest import MANIFEST, find_result, read_listed, read_manifest, verify_artifact
from cdiscount_tasks.artifacts.mirror import known_tag, place_in
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError
from tests.material.machines import RECIPE, Machines, never, writer


@pytest.fixture
def machines(tmp_path, bucket):
    return Machines(tmp_path, f"{bucket}/data", 3)


def build(machines, number, write):
    return build_artifact(machines.thing(number), RECIPE, write)


def test_an_artifact_is_objects_named_by_their_hashes_and_a_manifest(machines):
    build(machines, 0, writer("whole", b="x"))
    name = machines.thing(0).name
    data, manifest, sub = machines.names()
    assert data.startswith(f"{name}/data.txt.") and sub.startswith(f"{name}/sub/b.")
    assert manifest == f"{name}/manifest.json"
    assert machines.store.read(manifest)[0] == (machines.thing(0) / MANIFEST).read_bytes()


def test_another_machine_finds_it_by_its_key_and_has_the_same_bytes(machines):
    made = build(machines, 0, writer("whole", b="x"))
    found = build(machines, 1, never)
    assert (made["reused"], found["reused"], found["num_rows"]) == (False, True, 5)
    for file in ("data.txt", "sub/b", MANIFEST):
        assert (machines.thing(1) / file).read_bytes() == (machines.thing(0) / file).read_bytes()


def test_whoever_reads_an_artifact_has_it_fetched(machines):
    build(machines, 0, writer("whole"))
    assert read_manifest(machines.thing(1))["result"] == {"num_rows": 5}
    assert verify_artifact(machines.thing(1)) == 1


def test_what_is_here_is_read_without_asking(machines, proxied_bucket, object_proxy, tmp_path):
    behind = Machines(tmp_path / "proxied", f"{proxied_bucket}/data", 1)
    build(behind, 0, writer("whole"))
    object_proxy.begin()
    read_manifest(behind.thing(0))
    assert object_proxy.num_requests == 0


def test_to_find_an_artifact_fetches_nothing(machines):
    build(machines, 0, writer("whole"))
    assert find_result(machines.thing(1)) == {"path": str(machines.thing(1)), "num_rows": 5}
    assert read_listed(machines.thing(1))["key"] == RECIPE.key
    assert not machines.thing(1).exists()


def test_an_artifact_that_nobody_made_is_none(machines):
    assert find_result(machines.thing(0)) is None
    for read in (read_manifest, read_listed):
        with pytest.raises(DataError, match="no finished artifact stands there"):
            read(machines.thing(0))


def test_of_two_that_make_one_the_first_manifest_wins_and_the_loser_leaves_nothing(machines, caplog):
    caplog.set_level(logging.INFO)

    def late(part_dir):
        build(machines, 1, writer("first"))
        return writer("later", b="x")(part_dir)

    result = build(machines, 0, late)
    assert (result["reused"], (machines.thing(0) / "data.txt").read_text()) == (True, "first")
    assert machines.names() == machines.names(machines.thing(0).name)
    assert len(machines.names()) == 2
    assert "another machine was quicker, its artifact is used" in caplog.text


def test_two_that_make_the_same_bytes_share_them(machines):
    def late(part_dir):
        build(machines, 1, writer("same"))
        return writer("same")(part_dir)

    assert build(machines, 0, late)["reused"] is True
    assert len(machines.names()) == 2


def fail_at(monkeypatch, method, at):
    """Let the n-th call of a method of the store fail, as if the process had died there."""
    real, calls = getattr(object_store.ObjectStore, method), []

    def call(self, *given, **named):
        calls.append(given)
        if len(calls) == at:
            raise KeyboardInterrupt
        return real(self, *given, **named)

    monkeypatch.setattr(object_store.ObjectStore, method, call)


@pytest.mark.parametrize(("method", "at"), [("put", 1), ("put", 2), ("list", 1), ("swap", 1)])
def test_what_was_placed_and_not_pushed_is_pushed_by_whoever_opens_it(machines, monkeypatch, method, at):
    with monkeypatch.context() as patch:
        fail_at(patch, method, at)
        with pytest.raises(KeyboardInterrupt):
            build(machines, 0, writer("whole", b="x"))
    assert find_result(machines.thing(1)) is None
    read_manifest(machines.thing(0))
    assert find_result(machines.thing(1)) is not None
    assert build(machines, 1, never)["reused"] is True


def test_what_was_placed_and_not_pushed_blocks_nobody_else(machines, monkeypatch):
    with monkeypatch.context() as patch:
        fail_at(patch, "swap", 1)
        with pytest.raises(KeyboardInterrupt):
            build(machines, 0, writer("died"))
    assert build(machines, 1, writer("other"))["reused"] is False
    assert build(machines, 0, never)["reused"] is True
    assert (machines.thing(0) / "data.txt").read_text() == "other"


def test_one_that_was_pushed_and_not_noted_is_known_again(machines, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(pushing, "note_same", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build(machines, 0, writer("whole"))
    read_manifest(machines.thing(0))
    assert known_tag(place_in(machines.thing(0), MANIFEST)) is not None
    assert len(machines.names()) == 2


@pytest.mark.parametrize("damage", ["missing", "cut", "manifest", "gone"])
def test_what_is_damaged_here_is_fetched_again(machines, damage):
    build(machines, 0, writer("whole"))
    path = machines.thing(0) / (MANIFEST if damage == "manifest" else "data.txt")
    if damage == "gone":
        shutil.rmtree(machines.thing(0))
    elif damage == "missing":
        path.unlink()
    else:
        path.write_text("x")
    assert read_manifest(machines.thing(0))["result"] == {"num_rows": 5}
    assert (machines.thing(0) / "data.txt").read_text() == "whole"


def test_a_byte_that_changed_here_is_noticed_by_who_compares_every_byte(machines):
    build(machines, 0, writer("whole"))
    (machines.thing(0) / "data.txt").write_text("while")
    assert build_artifact(machines.thing(0), RECIPE, never, every_byte=True)["reused"] is True
    assert (machines.thing(0) / "data.txt").read_text() == "whole"


@pytest.mark.parametrize("damage", ["missing", "changed", "cut"])
def test_an_object_that_is_damaged_is_named_and_made_again(machines, damage):
    build(machines, 0, writer("whole"))
    (data,) = (name for name in machines.names() if "data.txt" in name)
    if damage == "missing":
        machines.store.remove([data])
    else:
        machines.store.put(data, b"while" if damage == "changed" else b"w")
    with pytest.raises(DataError, match=r"data\.txt\.[0-9a-f]{32}: (its hash is|is missing or cut)"):
        read_manifest(machines.thing(1))
    assert build(machines, 1, writer("whole"))["reused"] is False
    assert build(machines, 2, never)["reused"] is True


def test_what_was_removed_from_the_bucket_is_pushed_again_by_who_has_it(machines):
    build(machines, 0, writer("whole"))
    remove_from_bucket(machines.thing(0))
    assert machines.names() == []
    assert build(machines, 0, never)["reused"] is True
    assert len(machines.names()) == 2


def test_a_page_takes_the_place_of_the_one_before(machines):
    pages = [root / "wine" / "r1" for root in machines.roots]
    rebuild_artifact(pages[0], RECIPE, writer("old", b="shared"))
    assert (read_manifest(pages[1]) and (pages[1] / "data.txt").read_text()) == "old"
    rebuild_artifact(pages[1], RECIPE, writer("new", b="shared"))
    assert len(machines.names()) == 3
    refresh(machines[0])
    assert (read_manifest(pages[0]) and (pages[0] / "data.txt").read_text()) == "new"


def test_a_page_that_is_replaced_while_it_is_fetched_is_read_anew(machines, monkeypatch):
    pages = [root / "page" for root in machines.roots]
    rebuild_artifact(pages[0], RECIPE, writer("old"))
    real, done = fetching.fetch_file, []

    def late(*given):
        if not done:
            done.append(1)
            rebuild_artifact(pages[0], RECIPE, writer("new"))
        return real(*given)

    monkeypatch.setattr(fetching, "fetch_file", late)
    read_manifest(pages[1])
    assert (pages[1] / "data.txt").read_text() == "new"


def test_a_page_that_was_placed_and_not_pushed_is_pushed_unless_the_bucket_has_a_newer_one(machines, monkeypatch):
    pages = [root / "page" for root in machines.roots]
    rebuild_artifact(pages[0], RECIPE, writer("old"))
    with monkeypatch.context() as patch:
        fail_at(patch, "swap", 1)
        with pytest.raises(KeyboardInterrupt):
            rebuild_artifact(pages[0], RECIPE, writer("died"))
    read_manifest(pages[0])
    assert (read_manifest(pages[1]) and (pages[1] / "data.txt").read_text()) == "died"
    with monkeypatch.context() as patch:
        fail_at(patch, "swap", 1)
        with pytest.raises(KeyboardInterrupt):
            rebuild_artifact(pages[0], RECIPE, writer("late"))
    rebuild_artifact(pages[1], RECIPE, writer("newest"))
    assert (read_manifest(pages[0]) and (pages[0] / "data.txt").read_text()) == "newest"


def test_one_file_of_a_listed_artifact_is_fetched_alone(machines):
    build(machines, 0, writer("whole", b="x"))
    refresh(machines[1])
    assert open_file(machines.thing(1), "sub/b").read_text() == "x"
    assert not (machines.thing(1) / "data.txt").exists()
    assert open_file(machines.thing(1), "other") == machines.thing(1) / "other"
    read_manifest(machines.thing(1))
    assert (machines.thing(1) / "data.txt").read_text() == "whole"


def test_files_of_artifacts_are_listed_that_are_in_the_bucket_alone(machines):
    build(machines, 0, writer("whole"))
    refresh(machines[1])
    assert paths_of_artifacts(machines[1], "thing-*/data.txt") == [machines.thing(1) / "data.txt"]


def test_a_bucket_that_is_away_costs_no_artifact(machines, monkeypatch):
    def away(*_, **__):
        raise StoreAway("nobody answers")

    with monkeypatch.context() as patch:
        patch.setattr(object_store.ObjectStore, "_asked", away)
        with pytest.raises(StoreAway):
            build(machines, 0, writer("whole"))
    assert build(machines, 0, writer("whole"))["reused"] is False
    assert find_result(machines.thing(1)) is not None


def test_a_cache_that_is_full_is_told(machines, monkeypatch):
    build(machines, 0, writer("whole"))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(object_store.ObjectStore, "fetch", full)
    with pytest.raises(
        ConfigError, match="the disk is full: free space there or point CDISCOUNT_CACHE at another disk"
    ):
        read_manifest(machines.thing(1))
    assert [path.name for path in machines[1].iterdir() if path.name.endswith(".part")] == []


def test_publish_on_a_disk_asks_no_bucket(tmp_path, monkeypatch):
    for module in (opening, fetching, pushing):
        monkeypatch.setattr(module, "open_store", never)
    build_artifact(RECIPE.dir_in(tmp_path), RECIPE, writer("whole"))
    assert read_manifest(RECIPE.dir_in(tmp_path))["result"] == {"num_rows": 5}
