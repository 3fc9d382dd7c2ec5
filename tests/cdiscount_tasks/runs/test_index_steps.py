import os
import shutil
import time

import pytest

from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs import index_steps
from cdiscount_tasks.runs.catalogue import open_catalogue
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import start_run


@pytest.fixture(autouse=True)
def allowed(monkeypatch, place):
    """Let the tiny catalogue's faults pass."""
    monkeypatch.setenv("CDISCOUNT_MAX_REJECTED_SHARE", "0.5")


def index(sample_name, run_id):
    """Do the steps of an index, one after another; return what the last one says."""
    for byte_range in index_steps.plan(sample_name, run_id):
        assert "rejected" in index_steps.scan(sample_name, run_id, byte_range)
    return index_steps.merge(sample_name, run_id)


def test_the_index_of_a_run_is_noted_as_its_own():
    start_run("colours", "r1")

    assert "images of" in index("colours", "r1")
    assert open_run("colours", "r1").folders()["index"].is_dir()


def test_the_catalogues_own_index_is_of_no_run_and_is_found_again_by_one():
    index(None, "c1")
    start_run("colours", "r1")

    assert list(open_catalogue().index_parent_dir.glob("index-*/profile.json"))
    assert index_steps.plan("colours", "r1") == []
    assert "(reused)" in index_steps.merge("colours", "r1")


def test_a_run_keeps_the_share_of_rejected_documents_that_it_began_with(monkeypatch):
    monkeypatch.setenv("CDISCOUNT_MAX_REJECTED_SHARE", "0")
    start_run("colours", "r1")
    monkeypatch.setenv("CDISCOUNT_MAX_REJECTED_SHARE", "0.5")

    with pytest.raises(DataError, match="CDISCOUNT_MAX_REJECTED_SHARE"):
        index("colours", "r1")


@pytest.fixture
def on_another_machine(place, monkeypatch):
    """Begin a run and plan its index; then move to a machine with a copy of the catalogue at a place of its own."""

    def move(at_s, data=None):
        first = place.folder / "first" / "train.bson"
        first.parent.mkdir()
        shutil.copy(place.catalogue_path, first)
        monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(first))
        start_run("colours", "r1")
        ranges = index_steps.plan("colours", "r1")
        copy = place.folder / "here" / "train.bson"
        first.parent.rename(copy.parent)
        if data is not None:
            copy.write_bytes(data(copy.read_bytes()))
        os.utime(copy, (at_s, at_s))
        monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(copy))
        return ranges

    return move


def test_a_copy_of_the_catalogue_on_another_machine_needs_neither_its_path_nor_its_time(on_another_machine, place):
    for byte_range in on_another_machine(1_000_000):
        index_steps.scan("colours", "r1", byte_range)
    assert "images of" in index_steps.merge("colours", "r1")
    first = open_run("colours", "r1")

    second = start_run("colours", "r2")
    index("colours", "r2")
    assert second.index_parent_dir != first.index_parent_dir
    assert first.recorded()["index"]["catalogue_id"] == second.recorded()["index"]["catalogue_id"]


@pytest.mark.parametrize(
    ("at_s", "data"),
    [
        (time.time() + 3600, None),
        (1_000_000, lambda data: data[:-1] + b"\1"),
        (1_000_000, lambda data: data + b"\0"),
    ],
    ids=["written since", "other bytes", "longer"],
)
def test_what_is_no_copy_of_the_catalogue_is_refused(on_another_machine, at_s, data):
    (byte_range, *_) = on_another_machine(at_s, data)

    with pytest.raises(DataError, match="is not the catalogue that this run began with"):
        index_steps.scan("colours", "r1", byte_range)


def test_an_index_that_is_there_needs_no_catalogue_on_this_machine(place, monkeypatch):
    copy = place.folder / "train.bson"
    shutil.copy(place.catalogue_path, copy)
    monkeypatch.setenv("CDISCOUNT_CATALOGUE", str(copy))
    start_run("colours", "r1")
    index("colours", "r1")
    copy.unlink()

    assert index_steps.plan("colours", "r1") == []
