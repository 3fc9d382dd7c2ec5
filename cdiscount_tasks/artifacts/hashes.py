"""Hashes: xxh3-128 everywhere, of files and of canonical JSON."""

import json
from pathlib import Path
from typing import Any

import xxhash

_READ_BYTES = 8 << 20


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
