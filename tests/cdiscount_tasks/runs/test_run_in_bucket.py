"""A run whose data and reports are in buckets, each step on another machine, beside the same run on a disk."""

import json

import pytest

from cdiscount_tasks.artifacts.manifest import MANIFEST, find_result
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.errors import ConfigError, StepLeftOut
from cdiscount_tasks.reports.overview import write_reports_index
from cdiscount_tasks.runs import changes, fresh, index_steps, steps
from cdiscount_tasks.runs.deciding import decide
from cdiscount_tasks.runs.finished import finished_runs
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.registry import champion
from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.runs.start import start_run
from cdiscount_tasks.settings.environment import read_environment
from tests.cdiscount_tasks.runs.test_changes import Finished

pytestmark = [pytest.mark.training, pytest.mark.slow]

SAME = ("index", "sample", "labels", "features", "audit", "judgement")
"""Steps whose artifacts are the same bytes each time, but for when they were made."""


class Fleet:
    """Machines that take turns: each has a cache of its own, and sees nothing of the others but the buckets."""

    def __init__(self, folder, patch):
        self.folder, self.patch, self.turn = folder, patch, 0

    def next(self):
        """Let the next task run on another machine, in a process of its own."""
        self.turn += 1
        self.patch.setenv("CDISCOUNT_CACHE", str(self.folder / f"machine{self.turn % 3}"))
        fresh._seen.clear()

    def finish(self, run_id):
        """Run a sample from its start to its report; returns what was left out."""
        left_out = []
        self.next()
        start_run("colours", run_id)
        self.next()
        for byte_range in index_steps.plan("colours", run_id):
            self.next()
            index_steps.scan("colours", run_id, byte_range)
        for name in ("index", *(step.name for step in steps.STEPS[1:])):
            self.next()
            try:
                index_steps.merge("colours", run_id) if name == "index" else steps.make(name, "colours", run_id)
            except StepLeftOut:
                left_out.append(name)
        self.next()
        return left_out


@pytest.fixture
def fleet(tensorflow, tmp_path, monkeypatch, tiny_path, bucket):
    Finished(tmp_path, tiny_path).use(monkeypatch)
    monkeypatch.setenv("CDISCOUNT_DATA", f"{bucket}/data")
    monkeypatch.setenv("CDISCOUNT_REPORTS", f"{bucket}/reports")
    return Fleet(tmp_path, monkeypatch)


def files_of(run):
    """Return the hashes of all files of a run's artifacts that are the same each time, and all keys."""
    manifests = {step: json.loads((folder / MANIFEST).read_bytes()) for step, folder in run.folders().items()}
    keys = {step: manifest["key"] for step, manifest in manifests.items() if step != "report"}
    return keys, {step: manifests[step]["files"] for step in SAME if step in manifests}


def test_a_run_on_machines_that_share_buckets_alone_makes_what_it_makes_on_a_disk(fleet, monkeypatch, bucket):
    fleet.finish("r1")
    run = open_run("colours", "r1")
    bring_up_to_date(run.environment)
    found = files_of(run)
    assert decide(run).outcome == "promoted"

    fleet.next()
    assert champion("colours").run_id == "r1"
    assert [each.config.run_id for each in finished_runs(read_environment(), "colours")] == ["r1"]
    environment = read_environment()
    write_reports_index(environment.reports_dir)
    assert "r1" in (environment.reports_dir / "index.html").read_text("utf-8")
    names = {name.rpartition("/")[2] for name in (found.name for found in open_store(f"{bucket}/reports").list())}
    assert {"index.html", "champion.json", "decisions.json", MANIFEST} <= names
    assert not any("parts" in one.name for one in open_store(f"{bucket}/data").list())

    fleet.next()
    begun = start_run("colours", "r2")
    index_steps.plan("colours", "r2")
    index_steps.merge("colours", "r2")
    assert "nothing changed since run r1" in changes.reason_to_skip(begun)

    for name in ("DATA", "REPORTS"):
        monkeypatch.setenv(f"CDISCOUNT_{name}", str(fleet.folder / "disk" / name))
    fleet.finish("r1")
    assert files_of(open_run("colours", "r1")) == found


def test_a_run_whose_bucket_does_not_exist_is_refused_by_its_first_task(fleet, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_DATA", "s3://no-such-bucket-here/data")
    with pytest.raises(ConfigError, match=r"no-such-bucket-here/data .*: there is no such bucket"):
        start_run("colours", "r1")


def test_two_that_begin_one_run_freeze_one_config(fleet, monkeypatch):
    fleet.next()
    first = start_run("colours", "r1")
    fleet.next()
    assert start_run("colours", "r1", overrides={"epochs": 7}).config == first.config
    assert find_result(first.artifacts_dir / "labels-0123456789abcdef") is None
