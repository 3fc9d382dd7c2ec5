"""One flipped byte in any file of any artifact is a DataError that names the file."""

import random
import shutil
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.manifest import MANIFEST, verify_artifact
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.stages.catalogue_page import write_catalogue_page
from cdiscount_tasks.stages.report import write_report
from tests.conftest import TEST_SCALE
from tests.material.report_inputs import make_config

NUM_PLACES = int(50 * TEST_SCALE) if TEST_SCALE > 1 else 20
"""Flipped bytes of a file of data: the first, the last and others at random."""

STEP = 1 if TEST_SCALE > 1 else 11
"""Every byte of a manifest in a campaign, every eleventh in `make test`."""


@pytest.fixture(scope="module")
def report_dir(index_dir, sample_dir, labels_dir, model_dir, evaluation_dir, tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("reports") / "wine" / "run"
    config = make_config(("RED", "GREEN", "BLUE", "YELLOW"))
    dirs = {
        "index": index_dir, "sample": sample_dir, "labels": labels_dir, "model": model_dir, "evaluation": evaluation_dir
    }  # fmt: skip
    write_report(dirs, out_dir, config)
    return out_dir


@pytest.fixture(scope="module")
def page_dir(index_dir, tiny_path, tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("reports") / "catalogue" / "tiny"
    write_catalogue_page(index_dir, tiny_path, None, [], out_dir)
    return out_dir


@pytest.fixture
def artifact_dir(request, kind, tmp_path):
    """Return a copy of an artifact, to be damaged."""
    return Path(shutil.copytree(request.getfixturevalue(f"{kind}_dir"), tmp_path / "copy"))


TRAINED = [pytest.param(kind, marks=pytest.mark.training) for kind in ("features", "model", "evaluation", "report")]
KINDS = pytest.mark.parametrize("kind", ["index", "sample", "labels", *TRAINED, "page"])


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def escapes(path, artifact_dir, places, rng):
    """Flip one byte after another and put it back; returns the places that verifying did not tell with the file."""
    data = bytearray(path.read_bytes())
    missed = []
    for place in places:
        flip = 1 << rng.randrange(8)
        data[place] ^= flip
        path.write_bytes(data)
        try:
            verify_artifact(artifact_dir)
            missed.append((place, flip, "not found"))
        except DataError as error:
            if str(path) not in str(error):
                missed.append((place, flip, str(error)))
        data[place] ^= flip
    path.write_bytes(data)
    return missed


@KINDS
def test_a_flipped_byte_in_any_file_of_data_is_told_with_its_name(artifact_dir, kind):
    rng = random.Random(kind)
    files = [path for path in files_of(artifact_dir) if path.name != MANIFEST]
    assert len(files) >= 2
    for path in files:
        size = path.stat().st_size
        places = {0, size - 1, *(rng.randrange(size) for _ in range(NUM_PLACES))}
        assert escapes(path, artifact_dir, sorted(places), rng) == []
    assert verify_artifact(artifact_dir) == len(files)


@KINDS
def test_any_flipped_byte_of_a_manifest_is_told_with_its_name(artifact_dir, kind):
    path = artifact_dir / MANIFEST
    assert escapes(path, artifact_dir, range(0, path.stat().st_size, STEP), random.Random(kind)) == []
