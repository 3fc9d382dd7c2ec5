import time
from datetime import UTC, datetime

import pytest

from cdiscount_tasks.artifacts import bucket_listing
from cdiscount_tasks.artifacts.bucket_listing import Listing, changed_s, folders_with_remains, listing_of, remains_in
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from tests.material.machines import RECIPE, Machines, writer

HASH = "0123456789abcdef" * 2


@pytest.fixture
def machines(tmp_path, bucket):
    made = Machines(tmp_path, f"{bucket}/data", 2)
    build_artifact(made.thing(0), RECIPE, writer("whole", b="x"))
    return made


@pytest.fixture
def long_ago(monkeypatch):
    """Let every object have been written long ago."""
    monkeypatch.setattr(bucket_listing, "DEAD_AFTER_S", -60.0)


def test_sizes_and_times_are_the_bucket_s(machines):
    listing = Listing(machines.store.url)
    size, changed = listing.size_and_change(machines.thing(0).name)
    assert size == sum(machines.store.head(name).size for name in machines.names())
    assert abs(datetime.now(UTC).timestamp() - changed) < 60
    assert listing.size_and_change("nothing") == (0, 0.0)
    assert listing.below(machines.thing(0).name) == listing.below("") == sorted(machines.names())


def test_a_folder_is_not_one_whose_name_goes_on(machines):
    for name in ("a/x", "a0/x", "a-b/x", "a"):
        machines.store.put(name, b"")
    assert Listing(machines.store.url).below("a") == ["a/x"]


def test_a_file_of_a_mirror_is_as_old_as_its_object(machines):
    path = machines.thing(0) / "data.txt"
    assert changed_s(path) == path.stat().st_mtime  # no object has its name
    manifest = machines.thing(0) / "manifest.json"
    state = machines.store.head(f"{manifest.parent.name}/manifest.json")
    assert changed_s(manifest) == state.modified.timestamp()


def test_a_listing_is_asked_for_again_after_a_while(machines):
    first = listing_of(machines.store.url)
    machines.store.put("new", b"")
    assert listing_of(machines.store.url) is first
    assert "new" in listing_of(machines.store.url, 0).states
    first.at = time.monotonic() - 1000
    assert listing_of(machines.store.url).states.keys() >= {"new"}


def test_what_dead_builders_left_is_found_when_it_is_old(machines, monkeypatch):
    url, name = machines.store.url, machines.thing(0).name
    left = [f"model-0123456789abcdef/sub/model.keras.{HASH}", f"{name}/data.txt.{HASH}", f".probe-{HASH}"]
    for one in left:
        machines.store.put(one, b"x")
    refresh(machines.thing(1).parent)
    young = listing_of(url, 0)
    assert folders_with_remains(url, machines.thing(1).parent) == {}
    assert remains_in(url, "model-0123456789abcdef", young) == []
    assert young.is_written_in("") is False
    machines.store.put(f"samples/wine/model-0123456789abcdef/a.{HASH}", b"x")
    assert Listing(url).is_written_in("samples/wine")

    monkeypatch.setattr(bucket_listing, "DEAD_AFTER_S", -60.0)
    listing = listing_of(url, 0)
    assert folders_with_remains(url, machines.thing(1).parent) == {
        "model-0123456789abcdef": left[:1],
        name: left[1:2],
        "samples/wine/model-0123456789abcdef": [f"samples/wine/model-0123456789abcdef/a.{HASH}"],
    }
    assert listing.probes() == left[2:]
    assert remains_in(url, name, listing) == left[1:2]
    assert listing.is_written_in("samples/wine") is False


def test_a_manifest_that_came_since_is_heeded(machines, long_ago):
    url, name = machines.store.url, machines.thing(0).name
    manifest = f"{name}/manifest.json"
    content, _ = machines.store.read(manifest)
    machines.store.remove([manifest])
    before = Listing(url)
    assert remains_in(url, name, before) == sorted(machines.names())
    machines.store.put(manifest, content)
    assert remains_in(url, name, before) == []
