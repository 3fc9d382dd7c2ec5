import pytest

from cdiscount_tasks.artifacts.manifest import read_manifest
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.runs.made_from import made_from
from tests.material.gauged_run import MADE_FROM, write_gauged_run


@pytest.fixture
def run(place):
    return write_gauged_run("one")


@pytest.mark.parametrize("step", MADE_FROM)
def test_what_a_step_read_has_the_versions_that_its_own_manifest_names(run, step):
    made = made_from(step, "colours", "one")
    manifest = read_manifest(run.folders()[step])
    owners = {"index": "catalogue"}
    assert {one.name: one.version for one in made.inputs} == {
        f"{owners.get(name, 'colours')}.{name}": manifest["inputs"][name] for name in MADE_FROM[step]
    }
    assert made.output.name == f"colours.{step}"
    assert made.output.version == manifest["identity"]
    assert made.output.place == f"samples/colours/{run.folders()[step].name}"
    assert (made.output.num_files, made.output.num_bytes) == (1, 100)


def test_an_index_is_made_from_the_catalogue_by_its_content(run):
    made = made_from("index", "colours", "one")
    (catalogue,) = made.inputs
    assert (catalogue.name, catalogue.version, catalogue.place) == ("catalogue", "c0ffee", str(run.catalogue_path))
    assert (made.output.name, made.output.version) == ("catalogue.index", "index-1-c0ffee")


def test_a_step_that_made_nothing_has_no_lineage(run):
    assert made_from("drift", "colours", "one") is None


def test_an_artifact_that_is_gone_is_an_error_for_whoever_asks(run):
    (run.folders()["sample"] / "manifest.json").unlink()
    with pytest.raises(DataError, match="no finished artifact stands there"):
        made_from("labels", "colours", "one")
