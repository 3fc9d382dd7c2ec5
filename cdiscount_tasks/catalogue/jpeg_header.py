"""What a JPEG says of itself before its first scan (ITU-T T.81, annex B): the size, and a comment."""

from collections.abc import Iterator
from typing import NamedTuple

START_MARKER = 0xD8
START = bytes([0xFF, START_MARKER])
SCAN, END, COMMENT = 0xDA, 0xD9, 0xFE
SCAN_OR_END = frozenset({SCAN, END})
# Start-of-frame markers: 0xC0 to 0xCF but for 0xC4 (Huffman tables), 0xC8 (reserved), 0xCC (arithmetic conditioning).
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a length: nothing belongs to them.
ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
FILL = 0xFF
"""Any number of these bytes may come before a marker."""


class Segment(NamedTuple):
    """A marker and the bytes that belong to it; a cut file may end before `end`."""

    marker: int
    start: int
    end: int


def segments(buffer: bytearray | bytes, start: int, end: int) -> Iterator[Segment]:
    """Step over the segments between a JPEG's first two bytes and its first scan, which is the last one returned.

    Args:
        buffer: Holds the picture.
        start: Where the first segment begins: after the two bytes of `START`.
        end: Where the picture ends.
    """
    while start + 2 <= end and buffer[start] == 0xFF:
        marker = buffer[start + 1]
        if marker == FILL:
            size = 1
        elif marker in ALONE or marker == END:
            size = 2
        elif start + 4 > end:
            return
        else:
            size = 2 + (buffer[start + 2] << 8 | buffer[start + 3])
        yield Segment(marker, start, start + size)
        if marker in SCAN_OR_END:
            return
        start += size


def frame_size(buffer: bytearray | bytes, start: int, length: int) -> tuple[int, int] | None:
    """Return width and height in pixels from the frame header, or None if the bytes hold none.

    Args:
        buffer: Holds the picture.
        start: Its first byte.
        length: Its number of bytes.
    """
    end = start + length
    if length < 4 or buffer[start : start + 2] != START:
        return None
    for marker, place, _ in segments(buffer, start + 2, end):
        if marker in FRAMES and place + 9 <= end:
            height = buffer[place + 5] << 8 | buffer[place + 6]
            width = buffer[place + 7] << 8 | buffer[place + 8]
            return (width, height) if 0 < width < 32768 and 0 < height < 32768 else None
    return None


def has_comment(jpeg: bytes, comment: bytes) -> bool:
    """Tell whether a comment segment before the first scan holds exactly these bytes."""
    return any(
        marker == COMMENT and jpeg[start + 4 : end] == comment for marker, start, end in segments(jpeg, 2, len(jpeg))
    )
