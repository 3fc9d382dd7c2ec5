"""A sample larger than the memory that training may take: `python -m benchmarks.endurance.large_sample`.

Draws 200,000 images of 180 x 180, indexes them, draws them as a sample, fixes the labels, and trains for an epoch in a
process that the system lets have 4 GiB of memory of its own (RLIMIT_DATA). The pixels go to disk, or with
`--without-disk` are decoded while the network learns; peak memory and images/s are printed.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.material.measure import run_main, run_step

STEPS = "benchmarks.endurance.large_sample"


def train(sample_dir: str, labels_dir: str, out_dir: str, limit_bytes: str, image_size: str, disk: str) -> None:
    """Train for an epoch below a limit of memory."""
    import logging
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (int(limit_bytes), int(limit_bytes)))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    from cdiscount_tasks.learning.pictures import inputs
    from cdiscount_tasks.settings.training import TrainingConfig
    from cdiscount_tasks.stages.model import train_model

    if disk == "none":
        inputs._SHARE_OF_DISK = 0
    config = TrainingConfig(network="small_cnn", image_size=int(image_size), epochs=1, batch_size=128)
    print(json.dumps(train_model(Path(sample_dir), Path(labels_dir), None, Path(out_dir), config)))


def main() -> None:
    """Make the sample, train, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--limit-gib", type=float, default=4.0)
    parser.add_argument("--without-disk", action="store_true", help="pixels must not go to disk")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="large-sample-") as scratch:
        folder = Path(scratch)
        made = run_step("benchmarks.speed.labels", "make", folder, options.images).said
        labels = run_step("benchmarks.speed.labels", "label", made["index"], made["sample"], folder / "labels")
        print(f"labels: {labels.wall_s:.0f} s, {labels.peak_mib:.0f} MiB", flush=True)
        limit_bytes = int(options.limit_gib * 2**30)
        disk = "none" if options.without_disk else "free"
        arguments = (made["sample"], labels.said["path"], folder / "model", limit_bytes, options.image_size, disk)
        trained = run_step(STEPS, "train", *arguments)
        pixels_gib = made["num_images"] * options.image_size**2 * 3 / 2**30
        print(json.dumps({
            "num_images": made["num_images"], "pixels_gib": round(pixels_gib, 2), "limit_gib": options.limit_gib,
            "peak_mib": round(trained.peak_mib), "wall_s": round(trained.wall_s), "cpu_s": round(trained.cpu_s),
            "num_train_images": trained.said["num_train_images"], "images_per_s": trained.said["images_per_s"],
        }))  # fmt: skip


if __name__ == "__main__":
    run_main(main, train)
