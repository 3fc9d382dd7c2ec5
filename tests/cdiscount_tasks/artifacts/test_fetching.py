import pytest

from cdiscount_tasks.artifacts import bucket as opening
from cdiscount_tasks.artifacts.bucket import open_file
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.errors import DataError
from tests.material.machines import RECIPE, Machines, writer


@pytest.fixture
def machines(tmp_path, bucket):
    return Machines(tmp_path, f"{bucket}/data", 3)


def build(machines, number, write):
    return build_artifact(machines.thing(number), RECIPE, write)


@pytest.mark.parametrize("at", ["before it moves", "while it is fetched"])
def test_one_file_of_a_page_that_is_made_anew_meanwhile_is_the_new_one(machines, monkeypatch, at):
    pages = [root / "page" for root in machines.roots]
    rebuild_artifact(pages[0], RECIPE, writer("old"))
    if at == "while it is fetched":
        refresh(machines[1])
    name = "moving" if at == "before it moves" else "fetch_file"
    real = getattr(opening, name)

    def late(*given):
        monkeypatch.setattr(opening, name, real)
        rebuild_artifact(pages[1], RECIPE, writer("new"))
        return real(*given)

    monkeypatch.setattr(opening, name, late)
    assert open_file(pages[1], "data.txt").read_text() == "new"
    assert verify_artifact(pages[1]) == 1


def test_one_file_that_is_missing_in_the_bucket_is_named(machines):
    build(machines, 0, writer("whole"))
    machines.store.remove(name for name in machines.names() if "data.txt" in name)
    with pytest.raises(DataError, match="is missing or cut"):
        open_file(machines.thing(1), "data.txt")
