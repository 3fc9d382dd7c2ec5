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
