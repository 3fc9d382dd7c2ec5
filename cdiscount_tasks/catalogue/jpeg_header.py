"""What a JPEG says of itself before its first scan (ITU-T T.81, annex B): the size, and a comment."""

_START = b"\xff\xd8"
_COMMENT = 0xFE
# Start-of-frame markers: 0xC0 to 0xCF but for 0xC4 (Huffman tables), 0xC8 (reserved), 0xCC (arithmetic conditioning).
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone, without a length.
ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
SCAN_OR_END = frozenset({0xDA, 0xD9})


def frame_size(buffer: bytearray | bytes, start: int, length: int) -> tuple[int, int] | None:
    """Return width and height in pixels from the frame header, or None if the bytes hold none.

    Args:
        buffer: Holds the picture.
        start: Its first byte.
        length: Its number of bytes.
    """
    end = start + length
    if length < 4 or buffer[start : start + 2] != _START:
        return None
    position = start + 2
    while position + 9 <= end and buffer[position] == 0xFF:
        marker = buffer[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in FRAMES:
            height = buffer[position + 5] << 8 | buffer[position + 6]
            width = buffer[position + 7] << 8 | buffer[position + 8]
            return (width, height) if 0 < width < 32768 and 0 < height < 32768 else None
        elif marker in ALONE:
            position += 2
        elif marker in SCAN_OR_END:
            return None
        else:
            position += 2 + (buffer[position + 2] << 8 | buffer[position + 3])
    return None


def has_comment(jpeg: bytes, comment: bytes) -> bool:
    """Tell whether a comment segment before the first scan holds exactly these bytes."""
    position = 2
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF and jpeg[position + 1] not in SCAN_OR_END:
        size = jpeg[position + 2] << 8 | jpeg[position + 3]
        if jpeg[position + 1] == _COMMENT and jpeg[position + 4 : position + 2 + size] == comment:
            return True
        position += 2 + size
    return False
