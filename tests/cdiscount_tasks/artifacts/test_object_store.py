import os
import pickle
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdiscount_tasks.artifacts import object_store
from cdiscount_tasks.artifacts.object_store import ObjectChanged, open_store, patience
from cdiscount_tasks.artifacts.store_faults import StoreAway
from cdiscount_tasks.artifacts.store_probe import check_conditions
from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import PROJECT_DIR
from tests.material.fault_proxy import ONCE, Fault, random_plan


@pytest.fixture
def store(bucket):
    return open_store(f"{bucket}/folder")


@pytest.fixture
def proxied(proxied_bucket):
    return open_store(f"{proxied_bucket}/folder")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(object_store, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(object_store, "WAIT_S", 5.0)


def test_what_was_put_is_read(store):
    e_tag = store.put("a", b"bytes")
    assert store.read("a") == (b"bytes", e_tag)
    state = store.head("a")
    assert (state.size, state.e_tag) == (5, e_tag)


def test_an_object_that_is_not_there_is_none(store):
    assert (store.head("a"), store.read("a")) == (None, None)


def test_an_empty_object_is_read_as_one(store):
    store.put("a", b"")
    assert store.read("a")[0] == b""


def test_an_object_that_is_known_already_is_not_sent_again(store):
    e_tag = store.put("a", b"bytes")
    assert store.read("a", e_tag) == (b"", e_tag)
    newer = store.put("a", b"newer")
    assert store.read("a", e_tag) == (b"newer", newer)


def test_an_object_is_created_once(store):
    assert [store.create("a", b"1"), store.create("a", b"1"), store.create("a", b"2")] == [True, False, False]
    assert store.read("a")[0] == b"1"


def test_a_swap_needs_the_etag_of_what_is_there(store):
    first = store.swap("a", b"1", None)
    assert store.swap("a", b"2", None) is None
    second = store.swap("a", b"2", first)
    assert store.swap("a", b"3", first) is None
    assert store.read("a") == (b"2", second)
    assert store.swap("none", b"3", first) is None


def test_of_25_that_create_and_25_that_swap_at_once_one_wins(store):
    first = store.swap("swapped", b"0", None)
    with ThreadPoolExecutor(25) as pool:
        made = list(pool.map(lambda number: store.create("created", str(number).encode()), range(25)))
        swapped = list(pool.map(lambda number: store.swap("swapped", str(number + 1).encode(), first), range(25)))
    assert (sum(made), sum(e_tag is not None for e_tag in swapped)) == (1, 1)
    assert store.read("created")[0] == str(made.index(True)).encode()


def test_ranges_of_an_object_are_read_as_they_are_asked_for(store):
    data = random.Random(1).randbytes(100_000)
    e_tag = store.put("a", data)
    starts, ends = [0, 99_999, 5, 70_000], [1, 100_000, 70_000, 70_001]
    found = store.read_ranges("a", starts, ends, e_tag)
    assert found == [data[start:end] for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("change", ["another", "gone", "shorter"])
def test_an_object_that_changes_between_two_ranges_is_told(store, change):
    e_tag = store.put("a", b"0123456789")
    if change == "gone":
        store.remove(["a"])
    elif change == "another":
        store.put("a", b"9876543210")
    start = 10 if change == "shorter" else 0
    with pytest.raises(ObjectChanged, match="folder/a: the object changed while it was read; run again"):
        store.read_ranges("a", [start], [start + 5], e_tag)


def test_a_large_file_is_put_and_fetched_in_pieces(store, tmp_path, monkeypatch):
    monkeypatch.setattr(object_store, "PIECE_BYTES", 5 << 20)
    path, fetched = tmp_path / "a", tmp_path / "b"
    path.write_bytes(random.Random(1).randbytes((12 << 20) + 7))
    e_tag = store.put("a", path)
    store.fetch("a", fetched, path.stat().st_size, e_tag)
    assert fetched.read_bytes() == path.read_bytes()


def test_objects_are_listed_by_folder_and_removed(store):
    for name in ("a/1", "a/2", "ab/3"):
        store.put(name, b"1")
    assert [found.name for found in store.list("a")] == ["a/1", "a/2"]
    store.remove(["a/1", "not/there"])
    assert sorted(found.name for found in store.list()) == ["a/2", "ab/3"]


def test_a_store_is_one_a_process_and_travels_as_its_url(store):
    assert pickle.loads(pickle.dumps(store)) is store
    assert repr(store) == f"ObjectStore('{store.url}')"


def test_a_bucket_that_honours_conditions_passes_and_is_left_as_it_was(store):
    check_conditions(store.url)
    assert list(store.list()) == []


@pytest.mark.parametrize("ignores", ["create", "swap"])
def test_a_bucket_that_ignores_conditions_is_refused(store, monkeypatch, ignores):
    conditional = store._conditional

    def put(name, content, mode):
        return (
            store.put(name, content)
            if (mode == "create") == (ignores == "create")
            else conditional(name, content, mode)
        )

    monkeypatch.setattr(type(store), "_conditional", lambda _, *given: put(*given))
    with pytest.raises(ConfigError, match="the bucket does not honour conditional writes"):
        check_conditions(store.url)


def test_of_keys_that_may_only_read_the_refused_write_is_told(store, monkeypatch):
    def refused(what):
        def ask(*_):
            raise ConfigError(f"{what} is refused")

        return ask

    for what in ("swap", "remove"):
        monkeypatch.setattr(type(store), what, refused(what))
    with pytest.raises(ConfigError, match="swap is refused"):
        check_conditions(store.url)


def test_a_bucket_that_does_not_exist_is_refused(store):
    other = open_store("s3://no-such-bucket-here/folder")
    for ask in (
        lambda: other.read("a"),
        lambda: other.put("a", b""),
        lambda: check_conditions(other.url),
        lambda: list(other.list()),
    ):
        with pytest.raises(ConfigError, match=r"no-such-bucket-here/folder \(at http://.*\): there is no such bucket"):
            ask()


def test_a_place_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="expected a path, or a bucket and a folder in it"):
        open_store("s3://bucket/a?b=c")


@pytest.mark.parametrize("fault", [fault for fault in ONCE if fault is not Fault.SHORTER])
def test_what_a_fault_interrupts_is_asked_again(proxied, object_proxy, fault):
    object_proxy.begin(random_plan(1, fault, 24, 12), slow_s=0.05)
    first = proxied.swap("a", b"1", None)
    second = proxied.swap("a", b"2", first)
    assert (proxied.create("a", b"3"), proxied.create("b", b"4")) == (False, True)
    assert proxied.read("a") == (b"2", second)
    assert proxied.read_ranges("b", [0], [1], None) == [b"4"]
    assert [found.name for found in proxied.list()] == ["a", "b"]


def test_a_token_that_expires_is_told_at_once(proxied, object_proxy):
    proxied.put("a", b"1")
    object_proxy.begin(expired_from=1)
    with pytest.raises(StoreAway, match="a: the token expired; renew the credentials and clear this task"):
        proxied.read("a")
    assert len(object_proxy.seen) < 4


def test_a_network_that_stays_away_is_told_when_patience_ends(proxied, object_proxy):
    object_proxy.begin(away_from=1, away_s=60)
    with patience(0.1), pytest.raises(StoreAway, match="tried several times, clear this task later"):
        proxied.read("a")


def test_a_network_that_comes_back_is_waited_for(store, monkeypatch):
    asked = []

    def away(*_):
        asked.append(1)
        if len(asked) < 4:
            raise StoreAway("nobody answers")
        return {"e_tag": "1"}

    monkeypatch.setattr(
        type(store), "_client", lambda *_, **__: type("Client", (), {"put": staticmethod(lambda *_, **__: away())})
    )
    assert (store.put("a", b"1"), len(asked)) == ("1", 4)


FORKED = """
import os, sys
from cdiscount_tasks.artifacts.object_store import open_store
store = open_store(sys.argv[1])
store.put("a", b"1")
if os.fork() == 0:
    try:
        store.read("a")
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


FORKED_BEFORE = """
import os, sys
from cdiscount_tasks.artifacts.object_store import open_store
store = open_store(sys.argv[1])
if os.fork() == 0:
    store.put("a", b"1")
    print(store.read("a")[0], flush=True)
    os._exit(0)
os.wait()
"""


def run_python(code, *arguments, **environ):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=PROJECT_DIR, env={**os.environ, **environ}, timeout=60,
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_a_forked_process_is_refused_where_it_would_hang(store):
    assert "was used by the process that forked this one" in run_python(FORKED, store.url)


def test_a_process_that_was_forked_before_a_bucket_was_used_may_use_it(store):
    assert run_python(FORKED_BEFORE, store.url) == "b'1'\n"


def test_obstore_is_not_imported_where_no_bucket_is_named(tmp_path):
    code = (
        "import sys; import cdiscount_tasks.runs.steps, cdiscount_tasks.runs.start; "
        "from cdiscount_tasks.artifacts.notes import note_result; from pathlib import Path; "
        f"note_result(Path({str(tmp_path)!r}), Path('/'), 'index', {{}}); print('obstore' in sys.modules)"
    )
    assert run_python(code) == "False\n"


def test_threads_share_a_store(store):
    names = [str(number) for number in range(20)]
    threads = [threading.Thread(target=store.put, args=(name, name.encode())) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found.name for found in store.list()) == sorted(names)
