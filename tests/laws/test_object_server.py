"""What tests of object storage rest on: a server that honours conditions, and a proxy whose faults happen."""

import http.client
import threading
import time
import urllib.error

import pytest

from tests.material.fault_proxy import ONCE, Fault, random_plan
from tests.material.object_server import ask

BODY = bytes(range(256)) * 40


def asked(address, method="GET", body=None, **headers):
    """Ask a server once; returns the status and the body."""
    try:
        with ask(address, method, body, **headers) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture
def at(object_server):
    """Return the address of an object that does not exist yet."""
    return f"{object_server.address}/{object_server.new_bucket().removeprefix('s3://')}/champion.json"


@pytest.fixture
def through(at, object_server, object_proxy):
    """Return the address of an object that exists, through the proxy."""
    assert asked(at, "PUT", BODY)[0] == 200
    return at.replace(f":{object_server.port}/", f":{object_proxy.port}/")


def test_the_server_creates_an_object_once(at):
    assert asked(at, "PUT", b"first", If_None_Match="*")[0] == 200
    assert asked(at, "PUT", b"second", If_None_Match="*")[0] == 412
    assert asked(at) == (200, b"first")


def test_the_server_replaces_the_object_that_is_meant_alone(at, object_server):
    first = object_server.put(f"s3://{at.split('/', 3)[3]}", b"first")
    assert asked(at, "PUT", b"second", If_Match=first)[0] == 200
    assert asked(at, "PUT", b"third", If_Match=first)[0] == 412
    assert asked(at) == (200, b"second")


def test_the_server_reads_a_range_of_the_object_that_is_meant_alone(at, object_server):
    e_tag = object_server.put(f"s3://{at.split('/', 3)[3]}", BODY)
    assert asked(at, Range="bytes=10-19", If_Match=e_tag) == (206, BODY[10:20])
    assert asked(at, Range="bytes=10-19", If_Match='"another"')[0] == 412


def test_a_listing_has_all_names(object_server):
    bucket, names = object_server.new_bucket(), sorted(f"{number % 7}/{number}" for number in range(1005))
    for name in names:
        object_server.put(f"{bucket}/{name}", b"")
    assert object_server.names(bucket) == names


def test_a_range_of_a_large_object_is_the_same_as_of_a_small_one(at, object_server):
    large = BODY * 1000
    object_server.put(f"s3://{at.split('/', 3)[3]}", large)
    assert asked(at, Range="bytes=9000001-9000700") == (206, large[9_000_001:9_000_701])


@pytest.mark.parametrize("condition", ["If_None_Match", "If_Match"])
def test_of_writers_at_the_same_moment_one_wins(at, object_server, condition):
    for number in range(5):
        place = f"{at}{number}"
        first = "*" if condition == "If_None_Match" else object_server.put(f"s3://{place.split('/', 3)[3]}", b"old")
        together, statuses = threading.Barrier(6), []

        def write(text, place=place, first=first, together=together, statuses=statuses):
            together.wait()
            statuses.append((asked(place, "PUT", text, **{condition: first})[0], text))

        threads = [threading.Thread(target=write, args=(b"by %d" % n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(status for status, _ in statuses) == [200, 412, 412, 412, 412, 412]
        assert asked(place)[1] == next(text for status, text in statuses if status == 200)


def test_the_proxy_passes_what_has_no_fault(through, object_proxy):
    assert asked(through) == (200, BODY)
    assert asked(through, Range="bytes=3-5") == (206, BODY[3:6])
    name = through.split("/", 3)[3]
    assert object_proxy.counts() == {("GET", f"/{name}"): [2, 0, len(BODY) + 3]}
    assert [one.ranged for one in object_proxy.seen] == ["", "bytes=3-5"]


def happened(through, method="GET", body=None):
    """Ask once; returns the status, or the exception's name, and the body."""
    try:
        return asked(through, method, body)
    except (http.client.HTTPException, OSError) as error:
        return type(error).__name__, getattr(error, "partial", b"")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.CUT, ("IncompleteRead", BODY[: len(BODY) // 2])),
        (Fault.LOST, ("RemoteDisconnected", b"")),
        (Fault.INTERNAL, (500, b"<Error><Code>InternalError</Code></Error>")),
        (Fault.BUSY, (503, b"<Error><Code>SlowDown</Code></Error>")),
        (Fault.LONGER, ("IncompleteRead", BODY)),
        (Fault.SHORTER, (200, BODY[:-7])),
        (Fault.EXPIRED, (403, b"<Error><Code>ExpiredToken</Code></Error>")),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_the_nth_request_goes_wrong_and_no_other(through, object_proxy, fault, expected):
    object_proxy.begin({2: fault})
    assert [happened(through) for _ in range(3)] == [(200, BODY), expected, (200, BODY)]
    assert [one.fault for one in object_proxy.seen] == [None, fault, None]


def test_a_slow_request_is_answered_later(through, object_proxy):
    object_proxy.begin({1: Fault.SLOW}, slow_s=0.2)
    assert happened(through) == (200, BODY)
    assert object_proxy.seen[0].ended - object_proxy.seen[0].began >= 0.2


def test_what_a_cut_write_asked_for_is_done_and_what_a_lost_one_asked_for_is_not(through, object_proxy, at):
    object_proxy.begin({1: Fault.CUT, 2: Fault.LOST})
    assert happened(through, "PUT", b"done")[0] == "RemoteDisconnected"
    assert asked(at) == (200, b"done")
    assert happened(through, "PUT", b"not done")[0] == "RemoteDisconnected"
    assert asked(at) == (200, b"done")


def test_a_token_expires_from_a_request_on(through, object_proxy):
    object_proxy.begin(expired_from=2)
    assert [happened(through)[0] for _ in range(4)] == [200, 403, 403, 403]


def test_a_network_goes_away_and_comes_back(through, object_proxy):
    object_proxy.begin(away_from=2, away_s=1.0)
    began = time.monotonic()
    assert [happened(through)[0] for _ in range(2)] == [200, "RemoteDisconnected"]
    while happened(through)[0] != 200:
        assert time.monotonic() - began < 30
        time.sleep(0.05)
    assert time.monotonic() - began >= 1.0


def test_a_plan_counts_the_requests_that_it_is_meant_for(through, object_proxy):
    object_proxy.begin({1: Fault.BUSY}, only=lambda method, _name: method == "PUT")
    assert happened(through)[0] == 200
    assert happened(through, "PUT", b"new")[0] == 503
    assert object_proxy.num_requests == 1


def test_a_random_plan_is_the_same_for_the_same_seed():
    assert random_plan(1, Fault.CUT, 500) == random_plan(1, Fault.CUT, 500)
    assert len(random_plan(1, Fault.CUT, 500)) == 20
    assert random_plan(1, Fault.CUT, 500) != random_plan(2, Fault.CUT, 500)
    assert set(random_plan(1, Fault.CUT, 5)) == {1, 2, 3, 4, 5}
    assert Fault.EXPIRED not in ONCE
