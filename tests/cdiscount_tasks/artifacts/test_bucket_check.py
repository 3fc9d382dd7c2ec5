import pytest

from cdiscount_tasks.artifacts import bucket_check
from cdiscount_tasks.artifacts.bucket_check import artifacts_in, verify_copies, verify_in_bucket
from cdiscount_tasks.artifacts.manifest import MANIFEST, read_manifest
from cdiscount_tasks.artifacts.publish import build_artifact
from cdiscount_tasks.errors import DataError
from tests.material.machines import RECIPE, Machines, writer


@pytest.fixture
def machines(tmp_path, bucket):
    made = Machines(tmp_path, f"{bucket}/data", 2)
    build_artifact(made.thing(0), RECIPE, writer("whole", b="x"))
    return made


def data_object(machines):
    return next(name for name in machines.names() if "/data.txt." in name)


def test_every_object_is_compared_and_nothing_comes_into_the_mirror(machines):
    folder = machines.thing(1)
    assert artifacts_in(folder.parent) == [folder]
    assert verify_in_bucket(folder) == 2
    assert not folder.exists()


def test_large_objects_are_read_in_pieces(machines, monkeypatch):
    monkeypatch.setattr(bucket_check, "PIECE_BYTES", 2)
    assert verify_in_bucket(machines.thing(1)) == 2


def test_a_changed_object_is_named_with_its_address(machines):
    name = data_object(machines)
    content, _ = machines.store.read(name)
    machines.store.put(name, b"?" * len(content))
    with pytest.raises(DataError, match=f"{machines.store.address(name)}: its hash is .* the object is damaged"):
        verify_in_bucket(machines.thing(1))


@pytest.mark.parametrize("content", [b"", b"much longer than it was"])
def test_an_object_of_another_size_is_damage(machines, content):
    machines.store.put(data_object(machines), content)
    artifacts_in(machines.thing(1).parent)
    with pytest.raises(DataError, match=f"has {len(content)} bytes, expected"):
        verify_in_bucket(machines.thing(1))


def test_an_object_that_is_missing_is_damage(machines):
    machines.store.remove([data_object(machines)])
    artifacts_in(machines.thing(1).parent)
    with pytest.raises(DataError, match="is missing, expected"):
        verify_in_bucket(machines.thing(1))


def test_a_manifest_that_was_changed_is_damage(machines):
    folder = machines.thing(1)
    name = f"{folder.name}/{MANIFEST}"
    data, _ = machines.store.read(name)
    machines.store.put(name, data.replace(b'"num_rows": 5', b'"num_rows": 6'))
    with pytest.raises(DataError, match=f"{machines.store.address(name)}: is damaged, or was changed; remove s3://"):
        verify_in_bucket(folder)


def test_what_was_removed_meanwhile_is_no_damage(machines):
    machines.store.remove(machines.names())
    assert verify_in_bucket(machines.thing(1)) == 0


def test_a_copy_that_is_damaged_is_told_apart_from_the_bucket(machines):
    folder = machines.thing(1)
    assert verify_copies(folder) == 0
    read_manifest(folder)
    assert verify_copies(folder) == 2
    (folder / "data.txt").write_text("damage")
    with pytest.raises(DataError, match=r"this copy is damaged: remove .* it is fetched again"):
        verify_copies(folder)
    assert verify_in_bucket(folder) == 2
