"""Work spread over processes, where there is enough work to pay for starting them."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

AHEAD = 2
"""So many items a process are under way: one is worked on, and one waits to be."""

_MOST_AHEAD = 16
"""Processes that work ahead: what they have under way is in memory."""


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with_parent() -> None:
    """End a worker when the process that gives it work is gone: a killed process cannot do so itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def _killed(num_processes: int) -> RuntimeError:
    return RuntimeError(
        f"the system killed one of {num_processes} worker processes, perhaps for lack of memory; try again with fewer "
        "tasks at a time on this machine"
    )


def map_in_processes(
    function: Callable[[ItemT], ResultT], items: Sequence[ItemT], *, worth_it: bool
) -> Iterator[ResultT]:
    """Apply a function to each item, in order, in as many processes as there are cores.

    Args:
        function: Importable by name, and its items and results can be pickled.
        items: What to apply it to.
        worth_it: Whether the work outweighs the second or two that starting processes costs.

    Raises:
        RuntimeError: If the system killed a worker.
    """
    num_processes = min(usable_cores(), len(items))
    if not worth_it or num_processes < 2:
        yield from map(function, items)
        return
    # Not fork: the caller may hold threads of Arrow or TensorFlow, and a forked copy of their locks can hang.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_processes, spawn, initializer=end_with_parent) as pool:
        try:
            yield from pool.map(function, items)
        except BrokenProcessPool as error:
            raise _killed(num_processes) from error


def map_ahead(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], *, worth_it: bool) -> Iterator[ResultT]:
    """Apply a function to each item, in order, in processes that work ahead of whoever takes the results.

    Neither items nor results pile up: an item is taken from `items` only when a result is handed out, and at most
    twice as many as there are processes are between the two.

    Args:
        function: Importable by name, and its items and results can be pickled.
        items: What to apply it to; taken in this process.
        worth_it: Whether the work outweighs the second or two that starting processes costs.

    Raises:
        RuntimeError: If the system killed a worker.
    """
    num_processes = min(usable_cores(), _MOST_AHEAD)
    if not worth_it or num_processes < 2:
        yield from map(function, items)
        return
    spawn = multiprocessing.get_context("spawn")  # as in map_in_processes
    pool = ProcessPoolExecutor(num_processes, spawn, initializer=end_with_parent)
    waiting: deque[Future[ResultT]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) == AHEAD * num_processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise _killed(num_processes) from error
    finally:
        pool.shutdown(cancel_futures=True)
