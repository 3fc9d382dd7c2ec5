"""The clean-up of a data root in a bucket, by a machine that has nothing of it: what goes goes from the bucket."""

import time
from dataclasses import replace

import pytest

from cdiscount_tasks.artifacts import bucket_listing
from cdiscount_tasks.artifacts.bucket_check import artifacts_in, verify_in_bucket
from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.refresh import refresh
from cdiscount_tasks.artifacts.training_folder import push_states, write_progress
from cdiscount_tasks.runs import fresh
from cdiscount_tasks.runs.bucket_remains import UNNAMED, remove_remains
from cdiscount_tasks.runs.clean_up import CHECKPOINT, REMAINS, clean_up, plan_clean_up
from cdiscount_tasks.runs.disk_forecast import note_disk
from cdiscount_tasks.settings.places import mirror_of
from tests.material.data_roots import DAY_S, DataRoot, names
from tests.material.training_progress import PROGRESS_OF_EPOCH_8

HASH = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def no_memory(monkeypatch):
    """Let each look be a new one, as in a task of its own."""
    monkeypatch.setattr(fresh, "_WITHIN_S", 0.0)
    monkeypatch.setattr(bucket_listing, "_WITHIN_S", 0.0)
    monkeypatch.setattr(bucket_listing.listing_of, "__defaults__", (0.0,))


@pytest.fixture
def root(tmp_path, bucket):
    """Return a data root in a bucket, as the machine that made it sees it."""
    urls = {"data_url": f"{bucket}/data", "reports_url": f"{bucket}/reports"}
    places = {"data_dir": mirror_of(tmp_path / "cache", urls["data_url"])}
    places["reports_dir"] = mirror_of(tmp_path / "cache", urls["reports_url"])
    return DataRoot(tmp_path, **urls, **places)


@pytest.fixture
def other(root, tmp_path):
    """Return what a second machine's settings say."""
    cache = tmp_path / "another cache"
    return replace(
        root.environment,
        data_dir=mirror_of(cache, root.environment.data_url),
        reports_dir=mirror_of(cache, root.environment.reports_url),
        cache_dir=cache,
    )


def later(monkeypatch, days):
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + days * DAY_S)


def look(environment, keep_runs=None):
    fresh.bring_up_to_date(environment)
    return plan_clean_up(environment, keep_runs)


def objects(root):
    return {found.name for found in open_store(root.environment.data_url).list()}


def test_another_machine_removes_what_nothing_needs_from_the_bucket(root, other, monkeypatch):
    old, new = root.run("old", 60), root.run("new", 30)
    stray = root.artifact("samples/wine", "features", "nobody's")
    assert "young" not in look(other, keep_runs=1).removed
    later(monkeypatch, 100)

    plan = look(other, keep_runs=1)
    cleaned = clean_up(plan)

    assert cleaned.left == ()
    assert stray.name in names(cleaned.removed)
    gone = {path.name for step, path in old.items() if step not in ("index", "sample")} | {stray.name}
    assert gone <= names(cleaned.removed) == names(plan.removed)
    left = objects(root)
    assert not [name for name in left if any(part in name for part in gone)]
    assert all(any(path.name in name for name in left) for path in new.values())
    for folder in artifacts_in(root.environment.data_dir):
        assert verify_in_bucket(folder) > 0
    refresh(root.environment.data_dir)
    assert not stray.exists()
    assert new["model"].exists()


def test_sizes_are_those_of_the_bucket(root, other):
    root.artifact("samples/wine", "features", "one")
    root.run("one", 1)
    item = next(item for item in look(other).items if item.kind == "features")
    assert item.num_bytes > 1000


def test_what_dead_builders_left_goes_when_it_is_old(root, other, monkeypatch):
    root.run("one", 1)
    store = open_store(root.environment.data_url)
    model = "samples/wine/model-0123456789abcdef"
    beside = f"{root.index.relative_to(root.path).as_posix()}/rows.bin.{HASH}"
    for name in (f"{model}/model.keras.{HASH}", beside, f".probe-{HASH}"):
        store.put(name, b"12345")
    before = objects(root)
    assert not [item for item in look(other).items if item.kind == REMAINS]

    monkeypatch.setattr(bucket_listing, "DEAD_AFTER_S", -60.0)
    found = [item for item in look(other).removed if item.kind == REMAINS]
    assert {str(item.path.relative_to(other.data_dir)) for item in found} == {
        f"{model}/{UNNAMED}",
        f"{beside.rpartition('/')[0]}/{UNNAMED}",
        UNNAMED,
    }
    assert {item.num_bytes for item in found} == {5}
    cleaned = clean_up(look(other))
    assert {item.path for item in found} <= {item.path for item in cleaned.removed}
    assert before - objects(root) >= {f"{model}/model.keras.{HASH}", beside, f".probe-{HASH}"}
    for folder in artifacts_in(root.environment.data_dir):
        assert verify_in_bucket(folder) > 0


def test_a_bucket_that_is_away_leaves_them(root, monkeypatch):
    def fail(url):
        raise OSError("away")

    monkeypatch.setattr("cdiscount_tasks.runs.bucket_remains.Listing", fail)
    assert remove_remains(root.environment.data_dir / "x" / UNNAMED) == "it cannot be removed (away)"


def test_while_somebody_pushes_nothing_beside_it_is_removed(root, other, monkeypatch):
    root.run("one", 1)
    stray = root.artifact("samples/wine", "features", "nobody's")
    later(monkeypatch, 100)
    store = open_store(root.environment.data_url)
    store.put(f"samples/wine/features-0123456789abcdef/rows.bin.{HASH}", b"x")
    assert stray.name not in names(look(other).removed)

    monkeypatch.setattr(bucket_listing, "DEAD_AFTER_S", -60.0)
    assert stray.name in names(look(other).removed)


def test_states_of_a_training_that_nobody_continued_go(root, other, monkeypatch):
    root.run("one", 1)
    training = root.path / "samples/wine/model-0123456789abcdef.training"
    write_progress(training, PROGRESS_OF_EPOCH_8)
    (training / "main").mkdir()
    (training / "main" / f"8-{HASH}.npz").write_bytes(b"a state")
    push_states(training / "main")
    num = len([name for name in objects(root) if ".training/" in name])
    assert num == 2
    plan = look(other)
    assert [item.kept_for != "" for item in plan.items if item.kind == CHECKPOINT] == [True]

    later(monkeypatch, 20)
    clean_up(look(other))
    assert not [name for name in objects(root) if ".training/" in name]


def test_a_bucket_is_not_full(root, other):
    root.run("one", 1)
    fresh.bring_up_to_date(other)
    assert note_disk(other).startswith(f"{other.data_url}: ")
    assert "a bucket is not full" in note_disk(other)
