"""Hashes: xxh3-128 everywhere, of files, of canonical JSON and of a file's sampled blocks."""

import json
from pathlib import Path
from typing import Any

import xxhash

_READ_BYTES = 8 << 20
_NUM_SAMPLED_BLOCKS = 64
_SAMPLED_BLOCK_BYTES = 64 << 10


def hash_json(value: Any) -> str:
    """Return the xxh3-128 of a value's canonical JSON (sorted keys, no spaces), as 32 hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return xxhash.xxh3_128_hexdigest(text.encode())


def hash_file(path: Path) -> str:
    """Return the xxh3-128 of a file's bytes, as 32 hex digits."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """Return 16 hex digits that change when a large file was probably changed: of size, mtime and 64 sampled blocks.

    It only decides whether a scan is needed; the scan itself computes the `catalogue_id` from every byte.
    """
    status = path.stat()
    digest = xxhash.xxh3_128(f"{status.st_size} {status.st_mtime_ns}".encode())
    last_start = max(status.st_size - _SAMPLED_BLOCK_BYTES, 0)
    with path.open("rb") as file:
        for block in range(_NUM_SAMPLED_BLOCKS):
            file.seek(last_start * block // (_NUM_SAMPLED_BLOCKS - 1))
            digest.update(file.read(_SAMPLED_BLOCK_BYTES))
    return digest.hexdigest()[:16]
