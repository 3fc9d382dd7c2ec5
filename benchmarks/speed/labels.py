"""Labels for 100,000 images against the limit of decoding them: `python -m benchmarks.speed.labels`.

The catalogue is drawn: distinct JPEGs of 180 x 180 and about 5 KB, 37 % of the images copies within small families of
products, some of them across categories. The limit is a plain Pillow decode of the same distinct pictures by as many
processes as there are cores, in the same run.
"""

import argparse
import io
import json
import random
import tempfile
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.material.measure import Run, median, run_main, run_step
from tests.material.indexing import index_catalogue

STEPS = "benchmarks.speed.labels"
_MOST_CATEGORIES = 50
_FAMILY_PRODUCTS = (1, 1, 2, 3, 4, 6)
_SHARE_OF_CONFLICTS = 0.004
_DECODED_AT_ONCE = 512
_BATCH = 1000


def draw_pictures(first: int, count: int = _BATCH) -> list[bytes]:
    """Draw a batch of distinct pictures: smooth coloured noise, about 5 KB at quality 75."""
    import numpy as np
    from PIL import Image

    pictures = []
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        small = np.clip(rng.integers(40, 216, 3) + rng.normal(0, 32, (24, 24, 3)), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(small).resize((180, 180), Image.Resampling.BILINEAR).save(file, "JPEG", quality=75)
        pictures.append(file.getvalue())
    return pictures


def _write_catalogue(path: Path, num_images: int) -> None:
    """Write documents, family after family: a family has one category, and its copies are its own."""
    from cdiscount_tasks.machine.cores import usable_cores
    from tests.material.synthetic_catalogue import IMAGES_PER_PRODUCT, SHARE_OF_COPIES, document

    rng = random.Random(0)
    num_categories = min(_MOST_CATEGORIES, max(num_images // 100, 2))  # so that each has groups enough for a split
    # A family's first picture cannot be a copy, so the others are copies more often.
    share = SHARE_OF_COPIES * 1.22
    num_written = product_id = 0
    with get_context("spawn").Pool(usable_cores()) as pool, path.open("wb") as file:
        batches = pool.imap(draw_pictures, range(0, num_images, _BATCH))
        fresh = (picture for batch in batches for picture in batch)
        elsewhere: list[bytes] = []
        while num_written < num_images:
            category_id = 1_000_000_000 + 17 * rng.randrange(num_categories)
            family: list[bytes] = []
            for _ in range(rng.choice(_FAMILY_PRODUCTS)):
                count = min(rng.choices((1, 2, 3, 4), IMAGES_PER_PRODUCT)[0], num_images - num_written)
                if not count:
                    break
                pictures = []
                for _ in range(count):
                    if elsewhere and rng.random() < _SHARE_OF_CONFLICTS:
                        pictures.append(elsewhere.pop())
                    elif family and rng.random() < share:
                        pictures.append(rng.choice(family))
                    else:
                        pictures.append(next(fresh))
                        family.append(pictures[-1])
                product_id += 3
                file.write(document(product_id, category_id, pictures))
                num_written += count
            elsewhere = [rng.choice(family)] if family else elsewhere
        pool.terminate()


def make(folder: str, num_images: str) -> None:
    """Write a catalogue, index it and draw all of it."""
    from cdiscount_tasks.settings.sample import DrawConfig
    from cdiscount_tasks.stages.sample import draw_sample

    catalogue = Path(folder) / "catalogue.bson"
    _write_catalogue(catalogue, int(num_images))
    merged = index_catalogue(catalogue, Path(folder) / "index")
    sample = draw_sample(Path(merged["path"]), catalogue, Path(folder), DrawConfig(categories=None))
    names = ("num_products", "num_images", "num_distinct_images")
    print(json.dumps({"index": merged["path"], "sample": sample["path"], "num_bytes": sample["num_bytes"],
                      **{name: merged[name] for name in names}}))  # fmt: skip


def label(index_dir: str, sample_dir: str, out_dir: str) -> None:
    """Fix the labels."""
    from cdiscount_tasks.settings.sample import LabelConfig
    from cdiscount_tasks.stages.inputs import LabelFiles
    from cdiscount_tasks.stages.labels import fix_labels

    config = LabelConfig(categories=None)
    print(json.dumps(fix_labels(Path(index_dir), Path(sample_dir), LabelFiles(), Path(out_dir), config)))


def decode_pictures(batch: tuple[str, list[int]]) -> int:
    """Decode some rows of a sample; returns the number of pixels."""
    from PIL import Image

    from cdiscount_tasks.tables.sample_images import SampleImages

    pixels = 0
    for jpeg in SampleImages(Path(batch[0])).read(batch[1]):
        with Image.open(io.BytesIO(jpeg)) as picture:
            pixels += len(picture.convert("RGB").tobytes()) // 3
    return pixels


def decode(sample_dir: str) -> None:
    """Decode each distinct picture of a sample once, plainly, in as many processes as there are cores."""
    import numpy as np

    from cdiscount_tasks.machine.cores import usable_cores
    from cdiscount_tasks.tables.sample_images import read_image_keys

    rows = np.sort(np.unique(read_image_keys(Path(sample_dir))["content_hash"], return_index=True)[1]).tolist()
    batches = [(sample_dir, rows[first : first + _DECODED_AT_ONCE]) for first in range(0, len(rows), _DECODED_AT_ONCE)]
    with get_context("spawn").Pool(usable_cores()) as pool:
        pixels = sum(pool.imap(decode_pictures, batches))
    print(json.dumps({"num_decoded": len(rows), "num_pixels": pixels}))


def _figures(runs: list[Run]) -> dict[str, Any]:
    return {
        "wall_s": median([run.wall_s for run in runs]),
        "cpu_s": median([run.cpu_s for run in runs]),
        "peak_mib": round(max(run.peak_mib for run in runs)),
    }


def measure(folder: Path, num_images: int, rounds: int) -> dict[str, Any]:
    """Label and decode in turn; medians of all rounds, shares of each round."""
    made = run_step(STEPS, "make", folder, num_images).said
    labels, decodes = [], []
    for number in range(rounds):
        decodes.append(run_step(STEPS, "decode", made["sample"]))
        labels.append(run_step(STEPS, "label", made["index"], made["sample"], folder / f"labels-{number}"))
    pairs = list(zip(decodes, labels, strict=True))
    said = labels[-1].said
    return {
        "num_images": made["num_images"],
        "num_distinct": made["num_distinct_images"],
        "mean_picture_bytes": round(made["num_bytes"] / made["num_images"]),
        "num_conflicting_images": said["num_conflicting_images"],
        "num_groups": said["num_groups"],
        "rounds": rounds,
        "labels": _figures(labels),
        "decode": _figures(decodes),
        "images_per_s": round(made["num_images"] / median([run.wall_s for run in labels])),
        "share_of_decode_limit": median([decoded.wall_s / labelled.wall_s for decoded, labelled in pairs]),
        "share_of_decode_limit_cpu": median([decoded.cpu_s / labelled.cpu_s for decoded, labelled in pairs]),
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Read the options, measure, and remove what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000, help="images of the sample")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where to write; the system's temporary folder")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="labels-benchmark-") as folder:
        result = measure(Path(folder), options.images, options.rounds)
    print("labels", json.dumps(result, indent=1), flush=True)
    return {"labels": result}


if __name__ == "__main__":
    run_main(main, make, label, decode)
