"""A catalogue for measurements: documents of the real shape and sizes, pictures that only begin like JPEG.

Run as `python -m tests.material.synthetic_catalogue <path> <bytes>`; about 0.4 GB/s.
"""

import io
import random
import struct
import sys
from pathlib import Path

from PIL import Image

NUM_CATEGORIES = 5270
IMAGES_PER_PRODUCT = (0.618, 0.160, 0.077, 0.145)
"""Shares of products with 1 to 4 images in Kaggle's train.bson: 1.75 on average."""
SHARE_OF_COPIES = 0.37
_MEAN_PICTURE_BYTES = 5000
_FRAME = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\xb4\x00\xb4\x01\x01\x11\x00"  # of 180 x 180, one channel
_POOL_BYTES = 16 << 20
_NUM_RECENT = 4096
_WRITE_BYTES = 8 << 20


def _headers() -> list[bytes]:
    """Return everything before the entropy-coded bytes of a few encoder settings and sizes, made by libjpeg."""
    headers = []
    for mode, size in [("RGB", (180, 180)), ("RGB", (180, 135)), ("RGB", (120, 180)), ("L", (180, 180))]:
        file = io.BytesIO()
        Image.new(mode, size).save(file, "JPEG", quality=85)
        jpeg = file.getvalue()
        scan = jpeg.index(b"\xff\xda")
        headers.append(jpeg[: scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4])])
    return headers


def _category_weights() -> list[float]:
    """Return cumulative weights: a few large categories, many small ones."""
    total, weights = 0.0, []
    for rank in range(NUM_CATEGORIES):
        total += 1 / (rank + 40)
        weights.append(total)
    return weights


def document(product_id: int, category_id: int, pictures: list[bytes]) -> bytes:
    """Build a product's BSON as the catalogue has it."""
    entries = b"".join(
        b"\x03%d\x00" % number
        + struct.pack("<i", len(picture) + 19)
        + b"\x05picture\x00"
        + struct.pack("<iB", len(picture), 0)
        + picture
        + b"\x00"
        for number, picture in enumerate(pictures)
    )
    body = b"\x10_id\x00" + struct.pack("<i", product_id) + b"\x04imgs\x00" + struct.pack("<i", len(entries) + 5)
    body += entries + b"\x00\x10category_id\x00" + struct.pack("<i", category_id) + b"\x00"
    return struct.pack("<i", len(body) + 4) + body


def write_catalogue(path: Path, num_bytes: int, seed: int = 0) -> int:
    """Write a catalogue of about `num_bytes` (whole documents, never more); returns the number of documents."""
    rng = random.Random(seed)
    pool = rng.randbytes(_POOL_BYTES)
    headers = _headers()
    weights = _category_weights()
    recent = [headers[0] + b"\xff\xd9"]
    written = num_documents = 0
    with path.open("wb", buffering=_WRITE_BYTES) as file:
        while True:
            pictures = []
            for _ in range(rng.choices((1, 2, 3, 4), IMAGES_PER_PRODUCT)[0]):
                if rng.random() < SHARE_OF_COPIES:
                    pictures.append(rng.choice(recent))
                    continue
                size = min(max(int(rng.lognormvariate(0, 0.45) * _MEAN_PICTURE_BYTES * 0.9), 800), 40_000)
                header = rng.choice(headers)
                start = rng.randrange(_POOL_BYTES - size)
                picture = header + pool[start : start + size - len(header)] + b"\xff\xd9"
                pictures.append(picture)
                if len(recent) < _NUM_RECENT:
                    recent.append(picture)
                else:
                    recent[rng.randrange(_NUM_RECENT)] = picture
            category_id = 1_000_000_000 + rng.choices(range(NUM_CATEGORIES), cum_weights=weights)[0] * 17
            data = document(3 * num_documents + 1, category_id, pictures)
            if written + len(data) > num_bytes:
                return num_documents
            file.write(data)
            written += len(data)
            num_documents += 1


def write_small_pictures(path: Path, num_images: int, seed: int = 0) -> None:
    """Write a catalogue with a number of images, each a frame header and a few bytes: small, and quickly scanned."""
    rng = random.Random(seed)
    weights = _category_weights()
    num_written = num_documents = 0
    with path.open("wb", buffering=_WRITE_BYTES) as file:
        while num_written < num_images:
            count = min(rng.choices((1, 2, 3, 4), IMAGES_PER_PRODUCT)[0], num_images - num_written)
            pictures = [
                _FRAME + (rng.randrange(1000) if rng.random() < SHARE_OF_COPIES else num_written + n + 1000).to_bytes(8)
                for n in range(count)
            ]
            category_id = 1_000_000_000 + rng.choices(range(NUM_CATEGORIES), cum_weights=weights)[0] * 17
            file.write(document(3 * num_documents + 1, category_id, pictures))
            num_written += count
            num_documents += 1


if __name__ == "__main__":
    print(write_catalogue(Path(sys.argv[1]), int(sys.argv[2])))
