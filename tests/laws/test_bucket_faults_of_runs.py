"""Each fault of a network while a run on a bucket trains, or writes its report: whole or not there, right or told."""

import shutil

import numpy as np
import pytest

from cdiscount_tasks.artifacts.bucket import remove_from_bucket
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.errors import ConfigError, DataError, StepLeftOut
from cdiscount_tasks.runs import fresh, index_steps, steps
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import start_run
from tests.cdiscount_tasks.runs.test_changes import Finished
from tests.conftest import TEST_SCALE
from tests.material.fault_proxy import ONCE, Fault, random_plan
from tests.material.stage_faults import half_published_in_bucket

pytestmark = [pytest.mark.training, pytest.mark.slow]

FAULTS = (*ONCE, Fault.EXPIRED) if TEST_SCALE > 1 else (Fault.CUT, Fault.BUSY, Fault.EXPIRED)
NUM_TRIED = 20 if TEST_SCALE > 1 else 1


class RunInBucket:
    """A finished run whose data and reports are in a bucket; a step of it is made again, each time by a new machine."""

    def __init__(self, folder, patch, server, proxy, bucket):
        self.folder, self.patch, self.server, self.proxy, self.bucket = folder, patch, server, proxy, bucket
        self.num_machines = self.num_requests = 0
        patch.setenv("CDISCOUNT_DATA", f"{bucket}/data")
        patch.setenv("CDISCOUNT_REPORTS", f"{bucket}/reports")
        self.take_new_machine()
        start_run("colours", "r1")
        for byte_range in index_steps.plan("colours", "r1"):
            index_steps.scan("colours", "r1", byte_range)
        index_steps.merge("colours", "r1")
        for step in steps.STEPS[1:]:
            self.make(step.name)

    def take_new_machine(self):
        """Let what follows run on a machine that has nothing of the bucket."""
        if self.num_machines:
            shutil.rmtree(self.folder / f"machine{self.num_machines}")
        self.num_machines += 1
        self.patch.setenv("CDISCOUNT_CACHE", str(self.folder / f"machine{self.num_machines}"))
        fresh._seen.clear()

    @staticmethod
    def make(step):
        try:
            steps.make(step, "colours", "r1")
        except StepLeftOut:
            return

    def forget(self, step):
        """Remove what a step made, from bucket and machine."""
        folder = open_run("colours", "r1").folders()[step]
        remove_from_bucket(folder)
        shutil.rmtree(folder, ignore_errors=True)

    def content(self, step):
        """Return what a step made, checked byte by byte by a machine that has it from the bucket."""
        self.take_new_machine()
        folder = open_run("colours", "r1").folders()[step]
        verify_artifact(folder)
        if step == "report":
            return sorted(path.name for path in folder.rglob("*") if path.is_file())
        import keras

        weights = keras.saving.load_model(folder / "model.keras", compile=False).get_weights()
        return [np.asarray(one).tobytes() for one in weights]

    def disturb(self, step, plan):
        """Make a step anew on a new machine while a request goes wrong; returns the sentence, empty if it ended right.

        What it must not leave is a manifest that names what is not there.
        """
        self.forget(step)
        self.take_new_machine()
        self.proxy.begin(plan, slow_s=0.05)
        said = ""
        try:
            self.make(step)
        except (ConfigError, DataError, StoreAway) as error:
            said = str(error)
        self.num_requests = self.proxy.num_requests
        self.proxy.begin()
        assert half_published_in_bucket(self.server, self.bucket.removeprefix("s3://")) == []
        if said:
            self.make(step)  # what a task that is cleared does
        return said


@pytest.fixture
def run(tensorflow, tmp_path, monkeypatch, tiny_path, object_server, object_proxy, proxied_bucket):
    Finished(tmp_path, tiny_path).use(monkeypatch)
    return RunInBucket(tmp_path, monkeypatch, object_server, object_proxy, proxied_bucket)


def check(run, step):
    """Make a step with each fault at some of its requests: it ends with what an undisturbed one ends with."""
    expected = run.content(step)
    assert run.disturb(step, {}) == ""
    num_requests = run.num_requests
    assert num_requests > NUM_TRIED
    for fault in FAULTS:
        told = 0
        for number in random_plan(0, fault, num_requests, NUM_TRIED):
            told += run.disturb(step, {number: fault}) != ""
            assert run.content(step) == expected, (fault, number)
        print(f"{step}, {fault.name}: told {told} times of {NUM_TRIED}, of {num_requests} requests")  # noqa: T201 - by -s


def test_a_model_and_a_report(run):
    check(run, "model")
    check(run, "report")
