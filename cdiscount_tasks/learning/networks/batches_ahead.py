"""Batches that are made while the device learns from the ones before."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

_MOST = 4


class BatchesAhead:
    """Makes batches in a thread, some ahead of who takes them.

    Attributes:
        waited_s: How long who takes them has waited.
    """

    def __init__(self, make: Callable[[int], Any], first: int, end: int) -> None:
        """Begin with the batch `first`; `make` turns the number of a batch into one, until `end`."""
        self.waited_s = 0.0
        self._made: queue.Queue[Any] = queue.Queue(_MOST)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(make, first, end), daemon=True)
        self._thread.start()

    def _run(self, make: Callable[[int], Any], first: int, end: int) -> None:
        try:
            for number in range(first, end):
                if not self._offer(make(number)):
                    return
        except BaseException as error:
            self._offer(error)

    def _offer(self, made: Any) -> bool:
        while not self._over.is_set():
            try:
                self._made.put(made, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def next(self) -> Any:
        """Return the next batch; raises what making it raised."""
        began = time.monotonic()
        made = self._made.get()
        self.waited_s += time.monotonic() - began
        if isinstance(made, BaseException):
            raise made
        return made

    def end(self) -> None:
        """Let the thread end."""
        self._over.set()
        self._thread.join()
