"""Work spread over processes, where there is enough work to pay for starting them."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with_parent() -> None:
    """End a worker when the process that gives it work is gone: a killed process cannot do so itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


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
    with ProcessPoolExecutor(num_processes, spawn, initializer=_end_with_parent) as pool:
        try:
            yield from pool.map(function, items)
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"the system killed one of {num_processes} worker processes, perhaps for lack of memory; try again "
                "with fewer tasks at a time on this machine"
            ) from error
