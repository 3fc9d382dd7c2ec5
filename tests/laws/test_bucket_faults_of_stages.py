"""Each fault of a network at random requests of a stage: it ends right or in a sentence, and publishes nothing half."""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cdiscount_tasks.artifacts import byte_ranges
from cdiscount_tasks.catalogue import ranges
from cdiscount_tasks.catalogue import window as file_window
from cdiscount_tasks.catalogue.file import fingerprint
from cdiscount_tasks.settings.places import mirror_of
from cdiscount_tasks.settings.sample import DrawConfig
from cdiscount_tasks.stages.sample import draw_sample
from tests.conftest import TEST_SCALE
from tests.material.bucket_catalogues import make_catalogue, put_catalogue
from tests.material.fault_proxy import ONCE, Fault
from tests.material.indexing import index_catalogue
from tests.material.stage_faults import half_published, half_published_in_bucket, try_faults

pytestmark = pytest.mark.slow

FAULTS = (*ONCE, Fault.EXPIRED)
NUM_TRIED = 20 if TEST_SCALE > 1 else 1


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Return a catalogue of 2 MB, its index and some of its categories."""
    path, index_dir, categories = make_catalogue(tmp_path_factory.mktemp("catalogue"), 2_000_000)
    return path, index_dir, tuple(sorted(np.random.default_rng(3).choice(categories, 20, replace=False).tolist()))


@pytest.fixture
def in_bucket(catalogue, object_server, proxied_bucket, monkeypatch):
    """Return the catalogue's place in a bucket; a scan of it has some 40 requests."""
    for module in (ranges, file_window):
        monkeypatch.setattr(module, "BLOCK_BYTES", 256 << 10)
    monkeypatch.setattr(ranges, "MIN_RANGE_BLOCKS", 2)
    monkeypatch.setattr(byte_ranges, "PIECE_BYTES", 128 << 10)
    return put_catalogue(object_server, proxied_bucket, catalogue[0])


def make_index(place, folder):
    index_catalogue(place, folder / fingerprint(place))


def make_sample(index_dir, place, categories, pictures, folder):
    draw_sample(index_dir, place, folder, DrawConfig(categories=categories, pictures=pictures))


def tell(tried, num_requests):
    """Check that nothing went wrong, and tell how often a stage ended right and in a sentence."""
    wrong = [one for one in tried if one.ended not in ("right", "sentence")]
    assert wrong == []
    assert all("bucket" in one.said for one in tried if one.ended == "sentence")
    for fault in FAULTS:
        ends = Counter(one.ended for one in tried if one.fault == fault.name)
        print(f"{fault.name}: {dict(ends)} of {num_requests} requests")  # noqa: T201 - shown by -s


def test_an_index(in_bucket, object_proxy, tmp_path):
    tell(*try_faults(partial(make_index, in_bucket), tmp_path, object_proxy, FAULTS, NUM_TRIED))


@pytest.mark.parametrize("pictures", ["copied", "in_catalogue"])
def test_a_sample(catalogue, in_bucket, object_proxy, tmp_path, pictures):
    _, index_dir, categories = catalogue
    make = partial(make_sample, index_dir, in_bucket, categories, pictures)
    tell(*try_faults(make, tmp_path, object_proxy, FAULTS, NUM_TRIED))


def test_an_index_and_a_sample_whose_artifacts_are_in_the_bucket_too(
    catalogue, in_bucket, object_proxy, object_server, proxied_bucket, tmp_path
):
    def faults_of(folder):
        return half_published(mirror(folder)) + half_published_in_bucket(object_server, proxied_bucket)

    def mirror(folder):
        return mirror_of(folder, f"{proxied_bucket}/{folder.name}")

    def make(folder):
        parent_dir = mirror(folder) / "catalogues" / fingerprint(in_bucket)
        index_dir = Path(index_catalogue(in_bucket, parent_dir)["path"])
        make_sample(index_dir, in_bucket, catalogue[2], "copied", mirror(folder) / "samples" / "some")

    tell(*try_faults(make, tmp_path, object_proxy, FAULTS, NUM_TRIED, faults_of=faults_of))
