"""A proxy before a server of objects: it counts requests and bytes, and makes the n-th request go wrong by a plan."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """What can happen to a request."""

    SLOW = "slow"
    """Answered rightly, some time later."""
    CUT = "cut"
    """Half of the answer's body, then the connection ends; an answer without a body is lost, what it asked for done."""
    LOST = "lost"
    """The connection ends before the server has seen the request."""
    INTERNAL = "500"
    BUSY = "503"
    LONGER = "longer"
    """Content-Length promises more bytes than the body has."""
    SHORTER = "shorter"
    """Content-Length promises fewer bytes than the body has; of an empty body, as LONGER."""
    EXPIRED = "expired"
    """403 ExpiredToken."""


ONCE = (Fault.SLOW, Fault.CUT, Fault.LOST, Fault.INTERNAL, Fault.BUSY, Fault.LONGER, Fault.SHORTER)
"""Faults of one request, which a second try may mend."""

_ERRORS = {
    Fault.INTERNAL: (500, "Internal Server Error", "InternalError"),
    Fault.BUSY: (503, "Service Unavailable", "SlowDown"),
    Fault.EXPIRED: (403, "Forbidden", "ExpiredToken"),
}
_AWAY_FROM, _MISCOUNTED_BYTES = "away", 7


def random_plan(seed: int, fault: Fault, num_requests: int, num_faults: int = 20) -> dict[int, Fault]:
    """Choose which of a number of requests go wrong, each by itself: a fault by the request's number, from 1 on."""
    chosen = random.Random(f"{seed} {fault.name}").sample(range(1, num_requests + 1), min(num_faults, num_requests))
    return dict.fromkeys(sorted(chosen), fault)


@dataclass(frozen=True)
class Seen:
    """A request that passed."""

    number: int
    method: str
    name: str
    status: int | None
    num_received: int
    num_sent: int
    fault: Fault | None
    ranged: str
    began: float
    ended: float


class _Message:
    """A request or an answer: its first line, its headers in their order, its body."""

    def __init__(self, first: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.first, self.headers, self.body = first, headers, body

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def encoded(self, length: int | None = None) -> bytes:
        """Return the bytes of its head, for a connection that ends after it."""
        kept = [(k, v) for k, v in self.headers if k.lower() not in ("connection", "transfer-encoding")]
        if length is not None:
            kept = [(k, v) for k, v in kept if k.lower() != "content-length"] + [("Content-Length", str(length))]
        lines = [self.first, *(f"{key}: {value}" for key, value in kept), "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1")


async def _read_message(reader: asyncio.StreamReader, *, bodiless: bool = False) -> _Message:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in head[1:] if line]
    message = _Message(head[0], [(name.strip(), value.strip()) for name, _, value in pairs], b"")
    if bodiless:
        return message
    if message.header("transfer-encoding").lower() == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            message.body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif length := int(message.header("content-length") or 0):
        message.body = await reader.readexactly(length)
    return message


class FaultProxy:
    """Counts what passes and does as its plan says. All of it may be asked for while requests pass.

    Attributes:
        port: Where it listens.
        seen: The requests that passed since `begin`, in the order of their ends.
    """

    def __init__(self, upstream_port: int) -> None:
        self.port = 0
        self.seen: list[Seen] = []
        self._upstream_port = upstream_port
        self._lock = threading.Lock()
        self.begin()

    def begin(
        self,
        plan: Mapping[int, Fault] | None = None,
        *,
        only: Callable[[str, str], bool] | None = None,
        slow_s: float = 0.3,
        delay_s: float = 0.0,
        expired_from: int | None = None,
        away_from: int | None = None,
        away_s: float = 0.0,
        together: int = 0,
    ) -> None:
        """Forget what passed, and take up a plan.

        Args:
            plan: Faults by the number of the request, from 1 on.
            only: Counts a request for the plan if it is true of its method and path; None: each.
            slow_s: How long a SLOW request takes longer.
            delay_s: How long every answer takes longer, as a network that is far away.
            expired_from: From which request on all are answered ExpiredToken.
            away_from: From which request on no connection is answered, for `away_s` seconds.
            away_s: For how long.
            together: No request is answered before so many have come: who asks one after another waits for ever.
        """
        with self._lock:
            self._plan, self._only = dict(plan or {}), only
            self._slow_s, self._delay_s = slow_s, delay_s
            self._expired_from, self._away_from, self._away_s = expired_from, away_from, away_s
            self._back_at: float | None = None
            self._together = together
            self._number = 0
            self.seen = []

    @property
    def num_requests(self) -> int:
        """How many requests were counted for the plan."""
        return self._number

    def chosen(self, method: str | None = None, name: str = "") -> list[Seen]:
        """Return the requests of a method whose path contains a text."""
        return [one for one in list(self.seen) if method in (None, one.method) and name in one.name]

    def num_bytes(self, method: str | None = None, name: str = "") -> int:
        """Return how many bytes of bodies were sent to clients by such requests."""
        return sum(one.num_sent for one in self.chosen(method, name))

    def counts(self) -> dict[tuple[str, str], list[int]]:
        """Return requests, bytes received and bytes sent by method and path."""
        found: dict[tuple[str, str], list[int]] = {}
        for one in list(self.seen):
            row = found.setdefault((one.method, one.name), [0, 0, 0])
            row[0], row[1], row[2] = row[0] + 1, row[1] + one.num_received, row[2] + one.num_sent
        return found

    def _decide(self, method: str, name: str) -> tuple[int, Fault | None]:
        """Return the request's number and what happens to it."""
        with self._lock:
            if self._only is not None and not self._only(method, name):
                return 0, None
            self._number += 1
            number, now = self._number, time.monotonic()
            if self._away_from is not None and number >= self._away_from and self._back_at is None:
                self._back_at = now + self._away_s
            if self._back_at is not None and now < self._back_at:
                return number, Fault.LOST
            if self._expired_from is not None and number >= self._expired_from:
                return number, Fault.EXPIRED
            return number, self._plan.get(number)

    async def _ask(self, request: _Message) -> _Message:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream_port, limit=1 << 20)
        try:
            writer.write(request.encoded() + request.body)
            await writer.drain()
            return await _read_message(reader, bodiless=request.first.startswith("HEAD "))
        finally:
            writer.close()

    async def _answer(self, request: _Message, fault: Fault | None) -> tuple[int, bytes, bytes] | None:
        """Return what is answered: the status, the head's bytes and the body's; None: nothing."""
        if fault is Fault.LOST:
            return None
        if fault is not None and fault in _ERRORS:
            status, words, code = _ERRORS[fault]
            body = b"" if request.first.startswith("HEAD ") else f"<Error><Code>{code}</Code></Error>".encode()
            head = _Message(f"HTTP/1.1 {status} {words}", [("Content-Type", "application/xml")], b"")
            return status, head.encoded(len(body)), body
        answer = await self._ask(request)
        while self._number < self._together:
            await asyncio.sleep(0.005)
        await asyncio.sleep(self._delay_s + (self._slow_s if fault is Fault.SLOW else 0))
        num_bytes = len(answer.body)
        if fault is Fault.CUT and not num_bytes:
            return None
        promised = int(answer.header("content-length") or 0) if request.first.startswith("HEAD ") else num_bytes
        if fault is Fault.LONGER or (fault is Fault.SHORTER and not promised):
            promised += _MISCOUNTED_BYTES
        elif fault is Fault.SHORTER:
            promised = max(promised - _MISCOUNTED_BYTES, 0)
        sent = answer.body[: num_bytes // 2] if fault is Fault.CUT else answer.body
        return int(answer.first.split()[1]), answer.encoded(promised), sent

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        try:
            request = await _read_message(reader)
            method, name = request.first.split()[0], request.first.split()[1].split("?")[0]
            number, fault = self._decide(method, name)
            answered = await self._answer(request, fault)
            status, head, body = answered or (None, b"", b"")
            # Noted before it is sent: who has the answer finds it here.
            received, ranged, ended = len(request.body), request.header("range"), time.monotonic()
            self.seen.append(Seen(number, method, name, status, received, len(body), fault, ranged, began, ended))
            writer.write(head + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, or has only looked whether somebody listens
        finally:
            writer.close()

    async def run(self, started: threading.Event, stopped: asyncio.Event) -> None:
        """Listen until somebody sets `stopped`."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stopped.wait()
        server.close()


@contextmanager
def fault_proxy(upstream_port: int) -> Iterator[FaultProxy]:
    """Run a proxy before a server on a port of the loopback interface; yields a FaultProxy."""
    proxy, started, loop = FaultProxy(upstream_port), threading.Event(), asyncio.new_event_loop()
    stopped = asyncio.Event()

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(proxy.run(started, stopped))
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
