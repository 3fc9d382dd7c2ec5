"""A head on the features of more images than fit into memory: `python -m benchmarks.endurance.many_features`.

Writes made-up features of 1,750,000 images, as `extract_features` would, and lets a head learn from 80 % of them for
two epochs, with 10 % to validate: in memory, and in a process that the system lets have 4 GiB of its own (RLIMIT_DATA),
where the vectors go to a file. Peak memory, seconds and images/s are printed; both must give the same weights.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.material.measure import run_main, run_step

STEPS = "benchmarks.endurance.many_features"
_NUM_FEATURES = 1280
_AT_ONCE = 4096
_FILE_GIB = 4.0


def write(folder: str, num_images: str, num_classes: str) -> None:
    """Write features of images whose class is their number modulo the classes; every product has two images."""
    import numpy as np
    import pyarrow as pa

    from cdiscount_tasks.tables.features import write_features
    from cdiscount_tasks.tables.schemas import features_schema

    random = np.random.default_rng(0)
    noise = random.normal(0, 1, (_AT_ONCE, _NUM_FEATURES)).astype(np.float32)
    middle = random.normal(0, 0.3, (int(num_classes), _NUM_FEATURES)).astype(np.float32)
    row = np.arange(int(num_images))

    def pieces() -> Iterator[list[np.ndarray]]:
        for first in range(0, len(row), _AT_ONCE):
            classes = row[first : first + _AT_ONCE] // 2 % len(middle)
            yield [np.roll(noise, first // _AT_ONCE, axis=1)[: len(classes)] + middle[classes]]

    images = pa.table({"product_id": row // 2, "image_number": (row % 2).astype(np.int8)})
    path = Path(folder) / "features.parquet"
    write_features(path, features_schema(_NUM_FEATURES, mirrored=False), images, pieces(), "the benchmark")
    print(json.dumps({"mib": round(path.stat().st_size / 2**20)}))


def learn(folder: str, num_images: str, num_classes: str, limit_gib: str, epochs: str) -> None:
    """Let a head learn, below a limit of memory; "none": no limit."""
    import logging
    import resource
    import time

    import numpy as np

    if limit_gib != "none":
        limit_bytes = int(float(limit_gib) * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    from cdiscount_tasks.learning.features.vectors import hold_vectors
    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.settings.training import TrainingConfig
    from cdiscount_tasks.tables.features import iter_all_features, read_features_shape

    config = TrainingConfig(network="mobilenet_v2", weights="imagenet", epochs=int(epochs), batch_size=512)
    device = prepare_device(config.seed)
    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.networks.build import build_head
    from cdiscount_tasks.learning.networks.checkpoints import Checkpoints
    from cdiscount_tasks.learning.networks.training import train

    place, began = Path(folder), time.monotonic()
    row = np.arange(int(num_images))
    part = row // 2 // int(num_classes) % 10  # every class in each part
    of_splits = [row[part < 8], row[part == 8]]
    held = hold_vectors(iter_all_features(place), read_features_shape(place), of_splits, place / "spill")
    held_s = time.monotonic() - began
    shown, judged = (
        Examples(vectors, rows // 2 % int(num_classes), np.unique(rows // 2, return_inverse=True)[1])
        for vectors, rows in zip(held, of_splits, strict=True)
    )
    head = build_head(held[0].num_features, int(num_classes))
    trained = train(head, shown, judged, config, device, Checkpoints(place / f"states-{limit_gib}", "head"))
    last = trained.history[-1]
    print(json.dumps({
        "where": type(held[0]).__name__, "held_s": round(held_s, 1), "images_per_s": round(last.images_per_s),
        "validation_accuracy": last.validation_accuracy, "epoch_s": last.seconds, "weights": _sum_of(head),
    }))  # fmt: skip


def _sum_of(network: Any) -> str:
    import hashlib

    return hashlib.sha256(b"".join(weight.tobytes() for weight in network.get_weights())).hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Write the features, let a head learn from them in memory and from a file, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_750_000)
    parser.add_argument("--classes", type=int, default=500)
    parser.add_argument("--limit-gib", type=float, default=_FILE_GIB)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory(prefix="many-features-") as scratch:
        written = run_step(STEPS, "write", scratch, options.images, options.classes)
        print(f"written: {written.wall_s:.0f} s, {written.cpu_s:.0f} CPU s, {written.peak_mib:.0f} MiB, {written.said}")
        for limit in (options.limit_gib, "none"):
            learnt = run_step(STEPS, "learn", scratch, options.images, options.classes, limit, options.epochs)
            took = {"wall_s": round(learnt.wall_s), "cpu_s": round(learnt.cpu_s), "peak_mib": round(learnt.peak_mib)}
            found.append({"limit_gib": limit, **took, **learnt.said})
            print(json.dumps(found[-1]), flush=True)
    assert len({one["weights"] for one in found}) == 1, "the weights differ"
    return found


if __name__ == "__main__":
    run_main(main, write, learn)
