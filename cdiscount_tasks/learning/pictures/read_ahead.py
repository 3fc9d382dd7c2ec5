"""Images that are decoded while the network learns: processes work ahead of it, into a ring of shared memory.

The plan says which rows come next. What is asked for outside of it is decoded on the spot: as right, only slower.

The shared memory has no name: whichever process is killed, nothing of it stays behind.
"""

import logging
import multiprocessing
import signal
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import Array, c_ubyte
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import numpy as np

from cdiscount_tasks.learning.pictures.images import load_images
from cdiscount_tasks.learning.pictures.shifted import ShiftedImages, mirror_image
from cdiscount_tasks.machine.cores import end_with_parent, usable_cores
from cdiscount_tasks.vocabulary import ImageSource

logger = logging.getLogger(__name__)

_PIECE_BYTES, _PIECE_IMAGES = 2 << 20, 64
"""A batch is decoded in pieces of at most so much: several processes work on one large batch."""

_MOST_PROCESSES = 64
_MOST_SLOTS_A_PROCESS = 32
"""More orders than these would no longer fit into the pipe of a process that is busy."""

_END_S = 5.0

Slots = tuple[int, int, int, int, int]
"""The shape of the ring: number of slots, images in each, height, width, 3."""


def _decode_orders(
    orders: Connection, memory: "Array[c_ubyte]", shape: Slots, open_source: Callable[[], ImageSource]
) -> None:
    """Decode what is ordered into the slots that the orders name, until whoever orders is gone."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gives the orders, and ends this one
    ring = np.frombuffer(memoryview(memory), np.uint8).reshape(shape)
    source: ImageSource | None = None
    while True:
        try:
            slot, rows = orders.recv()
        except (EOFError, OSError):
            return
        answer: Exception | None = None
        try:
            source = open_source() if source is None else source
            ring[slot, : len(rows)] = load_images(source, rows, shape[2])
        except Exception as error:  # told where its images are taken
            answer = error
        try:
            orders.send((slot, answer))
        except OSError:
            return


def _end(lanes: Sequence[tuple[Connection, BaseProcess]]) -> None:
    for orders, _ in lanes:
        orders.close()
    for _, process in lanes:
        process.kill()  # nothing is lost: it may be in the midst of what nobody wants any more
    for _, process in lanes:
        process.join()


class _Decoders:
    """Processes that decode pieces of batches, and the ring of slots that they decode into."""

    def __init__(self, open_source: Callable[[], ImageSource], image_size: int, ring_bytes: int) -> None:
        image_bytes = image_size * image_size * 3
        self.piece_images = max(min(_PIECE_IMAGES, _PIECE_BYTES // image_bytes), 1)
        num_processes = min(usable_cores(), _MOST_PROCESSES)
        num_slots = ring_bytes // (self.piece_images * image_bytes)
        num_slots = min(max(num_slots, num_processes + 1), _MOST_SLOTS_A_PROCESS * num_processes)
        shape = (num_slots, self.piece_images, image_size, image_size, 3)
        # Not fork: this process may hold threads of Arrow or TensorFlow, and a forked copy of their locks can hang.
        spawn = multiprocessing.get_context("spawn")
        memory = spawn.RawArray("B", num_slots * self.piece_images * image_bytes)
        self._ring: np.ndarray = np.frombuffer(memoryview(memory), np.uint8).reshape(shape)
        self._free = list(range(num_slots))
        self._decoded: dict[int, Exception | None] = {}
        self._unwanted: set[int] = set()
        self._processes: dict[Connection, BaseProcess] = {}
        self._orders: dict[Connection, set[int]] = {}
        for _ in range(num_processes):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_decode_orders, args=(theirs, memory, shape, open_source), daemon=True)
            process.start()
            theirs.close()  # else nobody would notice that the process is gone
            self._processes[ours], self._orders[ours] = process, set()
        self.end = weakref.finalize(self, _end, list(self._processes.items()))
        logger.info(
            "%d processes decode ahead, into %.0f MiB of shared memory", num_processes, self._ring.nbytes / 2**20
        )

    def has_room(self) -> bool:
        """Tell whether a slot is free."""
        return bool(self._free)

    def order(self, rows: np.ndarray) -> int:
        """Have some images decoded, at most `piece_images`; returns the slot where they will be."""
        slot = self._free.pop()
        orders = min(self._orders, key=lambda lane: len(self._orders[lane]))
        try:
            orders.send((slot, rows))
        except OSError as error:
            raise self._lost(orders) from error
        self._orders[orders].add(slot)
        return slot

    def wait_for(self, slot: int) -> np.ndarray:
        """Return the images of a slot once they are decoded: uint8, [piece_images, image_size, image_size, 3].

        Raises:
            DataError: If one of them does not decode.
            RuntimeError: If a process was killed.
        """
        while slot not in self._decoded:
            self.hear(None)
        error = self._decoded[slot]
        if error is not None:
            raise error
        images: np.ndarray = self._ring[slot]
        return images

    def release(self, slot: int) -> None:
        """Let a slot be used for other images, once the present ones are decoded."""
        if slot in self._decoded:
            del self._decoded[slot]
            self._free.append(slot)
        else:
            self._unwanted.add(slot)

    def hear(self, timeout_s: float | None) -> None:
        """Take note of what is decoded by now; None: wait until something is.

        Raises:
            RuntimeError: If a process was killed.
        """
        for orders in wait(list(self._orders), timeout_s):
            assert isinstance(orders, Connection)
            try:
                slot, error = orders.recv()
            except (EOFError, OSError) as gone:
                raise self._lost(orders) from gone
            self._orders[orders].remove(slot)
            self._decoded[slot] = error
            if slot in self._unwanted:
                self._unwanted.remove(slot)
                self.release(slot)

    def _lost(self, orders: Connection) -> RuntimeError:
        process = self._processes[orders]
        process.join(_END_S)
        return RuntimeError(
            f"one of {len(self._processes)} processes that decode images ended (exit code {process.exitcode}), perhaps "
            "because the system killed it for lack of memory; try again with fewer tasks at a time on this machine"
        )


class ImagesReadAhead(ShiftedImages):
    """Images that are decoded each time, ahead of who takes them where the plan says which come next."""

    def __init__(
        self, open_source: Callable[[], ImageSource], rows: np.ndarray, image_size: int, ring_bytes: int
    ) -> None:
        """Take where images are; nothing is decoded before there is a plan.

        Args:
            open_source: Opens the encoded images, for reading in any order; each process calls it, so that it must be
                picklable where processes are started.
            rows: int64, [num_images]: which of them.
            image_size: Side in pixels that they are scaled to.
            ring_bytes: How much shared memory is wanted for what is decoded ahead.
        """
        super().__init__(len(rows), image_size)
        self._open_source, self._rows, self._ring_bytes = open_source, rows, ring_bytes
        self._source: ImageSource | None = None
        self._decoders: _Decoders | None = None
        self._forget_plan()
        self._one_at_a_time = threading.Lock()  # a pipeline may take batches in threads of its own

    def _forget_plan(self) -> None:
        self._batches: Sequence[np.ndarray] = ()
        self._num_taken = 0
        self._pieces: Iterator[np.ndarray] = iter(())
        self._ordered: deque[int] = deque()

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Begin to decode the coming batches, in their order; an earlier plan is given up.

        Args:
            batches: Each int64, [num_rows], each row in [0, len).
        """
        with self._one_at_a_time, self._ended_by_errors():
            if self._decoders is None:
                self._decoders = _Decoders(self._open_source, self._image_size, self._ring_bytes)
            for slot in self._ordered:
                self._decoders.release(slot)
            self._forget_plan()
            self._batches, most = batches, self._decoders.piece_images
            self._pieces = (batch[at : at + most] for batch in batches for at in range(0, len(batch), most))
            self._order_ahead(self._decoders)

    def _order_ahead(self, decoders: _Decoders, timeout_s: float | None = 0) -> None:
        decoders.hear(timeout_s)
        while decoders.has_room() and (piece := next(self._pieces, None)) is not None:
            self._ordered.append(decoders.order(self._rows[piece]))

    @contextmanager
    def _ended_by_errors(self) -> Iterator[None]:
        """Let the processes go where anything fails: who tries again begins with new ones."""
        try:
            yield
        except BaseException:
            self._forget_plan()
            if self._decoders is not None:
                self._decoders.end()
                self._decoders = None
            raise

    def take(self, rows: np.ndarray, mirrored: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return uint8, [num_rows, image_size, image_size, 3].

        Raises:
            DataError: If an image no longer decodes.
            RuntimeError: If the system killed a process that decodes.
        """
        with self._one_at_a_time, self._ended_by_errors():
            return super().take(rows, mirrored, shift)

    def _views(self, rows: np.ndarray, mirrored: np.ndarray) -> Iterator[np.ndarray]:
        is_next = self._num_taken < len(self._batches) and np.array_equal(rows, self._batches[self._num_taken])
        images = self._planned(len(rows)) if is_next else self._unplanned(rows)
        for image, is_mirrored in zip(images, mirrored.tolist(), strict=True):
            yield mirror_image(image) if is_mirrored else image

    def _planned(self, num_images: int) -> Iterator[np.ndarray]:
        decoders = self._decoders
        assert decoders is not None, "a plan has processes"
        self._num_taken += 1
        for first in range(0, num_images, decoders.piece_images):
            while not self._ordered:  # every slot still holds what an earlier plan wanted
                self._order_ahead(decoders, None)
            images = decoders.wait_for(self._ordered[0])
            yield from images[: num_images - first]
            decoders.release(self._ordered.popleft())
            self._order_ahead(decoders)

    def _unplanned(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        self._source = self._open_source() if self._source is None else self._source
        yield from load_images(self._source, self._rows[rows], self._image_size)
