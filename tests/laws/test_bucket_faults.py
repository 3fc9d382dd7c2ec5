"""Faults of a network while artifacts, pages and notes are published: right or told in a sentence, nothing half."""

import json

import pytest

from cdiscount_tasks.artifacts import object_store
from cdiscount_tasks.artifacts.manifest import find_result, verify_artifact
from cdiscount_tasks.artifacts.notes import note_result, noted_results
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.publish import build_artifact, rebuild_artifact
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError
from tests.conftest import TEST_SCALE
from tests.material.fault_proxy import ONCE, Fault, random_plan
from tests.material.machines import Machines, numbered, writer

pytestmark = pytest.mark.slow

NUM_ROUNDS = 20 if TEST_SCALE >= 2 else 2
NUM_REQUESTS, NUM_FAULTS = 60, 20
FILES = {f"f{number}": "x" * (number * 1000) for number in range(6)}


@pytest.fixture
def machines(tmp_path, proxied_bucket, monkeypatch):
    monkeypatch.setattr(object_store, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(object_store, "_LONGEST_WAIT_S", 0.05)
    return Machines(tmp_path, f"{proxied_bucket}/data", 3)


def publish(machines, number):
    """Make an artifact and a page, fetch both elsewhere, and note them from two machines."""
    one, other = (numbered(number).dir_in(machines[each]) for each in (0, 1))
    build_artifact(one, numbered(number), writer("whole", **FILES))
    build_artifact(other, numbered(number), writer("other", **FILES))
    pages = [machines[each] / "page" for each in (0, 1)]
    rebuild_artifact(pages[0], numbered(number), writer(f"page {number}", **FILES))
    refresh(machines[1])
    verify_artifact(pages[1])
    for each in (0, 1):
        (machines[each] / "run").mkdir(exist_ok=True)
        note_result(machines[each] / "run", machines[each], f"step{number}.{each}", {"number": number})


def check(machines, number, expected_notes):
    """Check what a machine that has seen nothing yet finds, without faults."""
    refresh(machines[2])
    folder = numbered(number).dir_in(machines[2])
    if find_result(folder) is not None:
        verify_artifact(folder)
        assert (folder / "data.txt").read_text() in ("whole", "other")
    if (machines[2] / "page").exists():
        verify_artifact(machines[2] / "page")
    store = open_store(machines.url)
    if expected_notes is not None:
        assert set(json.loads(store.read("run/artifacts.json")[0])) == expected_notes


@pytest.mark.parametrize("fault", [*ONCE, Fault.EXPIRED])
def test_what_is_published_through_faults_is_whole_and_ends_right_or_in_a_sentence(machines, object_proxy, fault):
    seen = {"right": 0, "told": 0}
    for number in range(NUM_ROUNDS):
        plan = random_plan(number, fault, NUM_REQUESTS, NUM_FAULTS if fault is not Fault.EXPIRED else 1)
        object_proxy.begin(plan, slow_s=0.02)
        try:
            publish(machines, number)
            seen["right"] += 1
        except (StoreAway, ConfigError, DataError) as error:
            assert str(error)
            seen["told"] += 1
        object_proxy.begin()
        check(machines, number, None)
        publish(machines, number)  # as Airflow tries again
        check(machines, number, {f"step{each}.{machine}" for each in range(number + 1) for machine in (0, 1)})
    assert seen["right"] == NUM_ROUNDS or fault is Fault.EXPIRED, seen
    assert noted_results(machines[2] / "run") == noted_results(machines[0] / "run")
