import time

import pytest

from cdiscount_tasks.artifacts.bucket import remove_from_bucket
from cdiscount_tasks.artifacts.documents import remove_document
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.artifacts.manifest import MANIFEST, when_finished
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.refresh import make_mirror, refresh
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.places import mirror_of
from tests.material.machines import RECIPE, Machines, writer


@pytest.fixture
def machines(tmp_path, bucket):
    return Machines(tmp_path, f"{bucket}/data", 2)


def write(path, text="note"):
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda aside: aside.write_text(text))


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def later():
    """Pass the second within which a note may be newer than a listing."""
    time.sleep(1.1)


@pytest.mark.parametrize("cache", ["/proc/x", "file"])
def test_a_cache_that_can_be_no_folder_is_told(tmp_path, cache):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="CDISCOUNT_CACHE"):
        make_mirror(mirror_of(tmp_path / cache, "s3://bucket/data"))


def test_documents_come_and_of_artifacts_their_manifests(machines):
    build_artifact(machines.thing(0), RECIPE, writer("whole"))
    write(machines[0] / "samples" / "wine" / "config.json")
    refresh(machines[1])
    assert files_in(machines[1]) == ["samples/wine/config.json", f"{RECIPE.dir_in(machines[1]).name}/{MANIFEST}"]
    assert when_finished(machines.thing(1)) == when_finished(machines.thing(0))


def test_somebodys_large_file_stays_in_the_bucket(machines, monkeypatch, caplog):
    monkeypatch.setattr("cdiscount_tasks.artifacts.refresh.MOST_CREATED_BYTES", 3)
    for name in ("cat/catalogue.bson", "note.json", "names.csv"):
        machines.store.put(name, b"four" if name != "note.json" else b"{}")
    refresh(machines[0])
    assert files_in(machines[0]) == ["names.csv", "note.json"]
    assert f"{machines.url}/cat/catalogue.bson: is left alone (0.00 GB)" in caplog.text


def test_what_was_removed_elsewhere_is_gone(machines):
    build_artifact(machines.thing(0), RECIPE, writer("whole"))
    write(machines[0] / "samples" / "config.json")
    refresh(machines[1])
    remove_from_bucket(machines.thing(0))
    remove_document(machines[0] / "samples" / "config.json")
    later()
    refresh(machines[1])
    assert files_in(machines[1]) == [f".{machines.thing(1).name}.lock"]


def test_what_was_written_here_since_the_listing_stays(machines):
    build_artifact(machines.thing(0), RECIPE, writer("whole"))
    remove_from_bucket(machines.thing(1))
    refresh(machines[0])
    assert (machines.thing(0) / "data.txt").exists()


def test_what_somebody_makes_at_this_moment_stays(machines):
    build_artifact(machines.thing(0), RECIPE, writer("whole"))
    remove_from_bucket(machines.thing(1))
    later()
    with lock(machines[0] / f".{machines.thing(0).name}.lock", "it"):
        refresh(machines[0])
    assert (machines.thing(0) / "data.txt").exists()


def test_the_notes_beside_a_page_go_with_the_page_they_are_of(machines):
    pages = [root / "wine" / "r1" for root in (machines[0], machines[1])]
    rebuild_artifact(pages[0], RECIPE, writer("old"))
    write(pages[0] / "change.json", "of the old one")
    refresh(machines[1])
    assert files_in(pages[1]) == ["change.json", MANIFEST]
    rebuild_artifact(pages[0], RECIPE, writer("new"))
    later()
    refresh(machines[1])
    assert files_in(pages[1]) == [MANIFEST]


def test_a_note_that_is_beside_a_page_stays_when_the_page_is_fetched(machines):
    from cdiscount_tasks.artifacts.manifest import read_manifest

    pages = [root / "wine" / "r1" for root in (machines[0], machines[1])]
    rebuild_artifact(pages[0], RECIPE, writer("page"))
    write(pages[0] / "change.json")
    refresh(machines[1])
    read_manifest(pages[1])
    assert files_in(pages[1]) == ["change.json", "data.txt", MANIFEST]


def test_states_of_trainings_stay_where_they_are(machines):
    write(machines[0] / "model-1.training" / "progress.json")
    refresh(machines[1])
    assert files_in(machines[1]) == []


def test_a_folder_on_a_disk_is_left_alone(tmp_path):
    (tmp_path / "a").write_text("1")
    refresh(tmp_path)
    assert files_in(tmp_path) == ["a"]
