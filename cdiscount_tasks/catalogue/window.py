"""The bytes of a catalogue, read forward once through one buffer, and hashed block by block."""

from types import TracebackType
from typing import Self

import xxhash

from cdiscount_tasks.artifacts.byte_ranges import Place, open_ranges
from cdiscount_tasks.catalogue.file import catalogue_changed, catalogue_faults_told

BLOCK_BYTES = 64 << 20
WINDOW_BYTES = 2 << 20
"""How many bytes are looked at together."""

_READ_BYTES = 4 << 20


class Window:
    """The bytes of a file from an offset on, read forward in large blocks into one buffer, hashed block by block.

    Raises:
        DataError: From any reading, if the file became shorter than it was when it was opened.
    """

    def __init__(self, path: Place, start: int, hash_until: int) -> None:
        """Open the file at `start`; blocks of 64 MiB from there to `hash_until` are hashed as they pass."""
        with catalogue_faults_told(path):
            self._file = open_ranges(path)
        self.path = path
        self.size = self._file.size
        self._asked = start
        self.buffer = bytearray(2 * WINDOW_BYTES)
        self.base = start
        self.filled = 0
        self._hash_until = min(hash_until, self.size)
        self._block_left = BLOCK_BYTES
        self._digest = xxhash.xxh3_128()
        self.block_hashes: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _hash(self, view: memoryview, offset: int) -> None:
        view = view[: max(self._hash_until - offset, 0)]
        while view:
            piece = view[: self._block_left]
            self._digest.update(piece)
            self._block_left -= len(piece)
            view = view[len(piece) :]
            if not self._block_left:
                self._close_block()

    def _close_block(self) -> None:
        self.block_hashes.append(self._digest.hexdigest())
        self._digest = xxhash.xxh3_128()
        self._block_left = BLOCK_BYTES

    def _ask_ahead(self) -> None:
        """Ask for what is read next: it comes while we look."""
        end, ahead = self.base + self.filled, self._file.ahead_bytes
        if self._asked < min(end + ahead // 2, self._hash_until):
            until = min(end + ahead, self._hash_until)
            self._file.advise(self._asked, until)
            self._asked = until

    def _read_more(self) -> bool:
        self._ask_ahead()
        with memoryview(self.buffer) as view:
            end = self.base + self.filled
            num_bytes = self._file.read_into(view[self.filled : self.filled + _READ_BYTES], end)
            with view[self.filled : self.filled + num_bytes] as read:
                self._hash(read, end)
        self.filled += num_bytes
        if not num_bytes and not self.holds_the_end:
            raise catalogue_changed(self.path)
        return num_bytes > 0

    def forget_before(self, offset: int) -> None:
        """Give up the bytes before an offset of the file; one not read yet is read up to."""
        while self.base + self.filled < offset:
            self.base += self.filled
            self.filled = 0
            if not self._read_more():
                return
        gone = offset - self.base
        if gone > 0:
            self.buffer[: self.filled - gone] = self.buffer[gone : self.filled]
            self.base += gone
            self.filled -= gone

    def hold(self, offset: int, num_bytes: int) -> int:
        """Hold `num_bytes` from `offset` on, as far as the file goes, without giving anything up.

        Returns:
            The number of bytes held from `offset` on; they begin in the buffer at `offset - base`.
        """
        end = offset - self.base + num_bytes
        if end > len(self.buffer):
            self.buffer.extend(bytes(end + WINDOW_BYTES - len(self.buffer)))
        while self.filled < end and self._read_more():
            pass
        return max(self.filled - (offset - self.base), 0)

    @property
    def holds_the_end(self) -> bool:
        """Whether nothing of the file is left to read."""
        return self.base + self.filled >= self.size

    def byte_at(self, offset: int) -> int:
        """Return one byte of the file, not given up and before its end, without holding what lies before it."""
        place = offset - self.base
        if place < self.filled:
            return self.buffer[place]
        found = self._file.byte_at(offset)
        if not found:
            raise catalogue_changed(self.path)
        return found[0]

    def finish(self) -> list[str]:
        """Read on to where the hashing ends, and return the hash of each block."""
        while self.base + self.filled < self._hash_until:
            end = self.base + self.filled
            self.forget_before(end)
            if not self.hold(end, 1):
                break
        if self._block_left < BLOCK_BYTES:
            self._close_block()
        return self.block_hashes
