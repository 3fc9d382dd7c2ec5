"""Do activation maps find what a network looks at? `python -m benchmarks.belief.planted_marks` prints a table.

Each case takes clothing photos, most of one category, pastes a mark at a random place into a random half of them, and
trains a network to tell the halves apart: only the mark distinguishes them. On test images that it rightly calls
marked, the peak of the map must lie in the mark.
"""

import argparse
import io
from pathlib import Path

import bson
import numpy as np
from PIL import Image

from tests.material.planted_marks import judge_maps, plant_marks
from tests.material.real_data import TEST_DATA_DIR, need_test_data

_CLOTHING = TEST_DATA_DIR / "clothing" / "catalogue.bson"
_MOST = 400
_FOUND_FROM = 0.8
"""A case counts as found where at least this share of its maps peak in the mark."""


def load_clothing(path: Path, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 [num_products, size, size, 3] and int64 [num_products]: each product's first image and category."""
    images, category = [], []
    with path.open("rb") as file:
        for product in bson.decode_file_iter(file):
            with Image.open(io.BytesIO(product["imgs"][0]["picture"])) as picture:
                images.append(np.asarray(picture.convert("RGB").resize((image_size, image_size))))
            category.append(product["category_id"])
    return np.array(images), np.array(category)


def choose_images(images: np.ndarray, category: np.ndarray, number: int) -> np.ndarray:
    """Return up to 400 images: those of one category, filled up with others."""
    random = np.random.default_rng(number)
    wanted = category == np.unique(category)[number % len(np.unique(category))]
    order = np.concatenate([random.permutation(np.flatnonzero(wanted)), random.permutation(np.flatnonzero(~wanted))])
    chosen: np.ndarray = images[order[:_MOST]]
    return chosen


def main() -> None:
    """Train the cases, print a row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--network", default="small_cnn")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    need_test_data(_CLOTHING)
    images, category = load_clothing(_CLOTHING, options.image_size)
    print("| case | accuracy | maps | peak in the mark | of what speaks for it, in the mark |\n|---|---|---|---|---|")
    num_found = 0
    for number in range(options.cases):
        marked = plant_marks(choose_images(images, category, number), number)
        case = judge_maps(marked, options.network, options.epochs, number)
        num_found += case.peaks >= _FOUND_FROM
        print(f"| {number} | {case.accuracy:.1%} | {case.num_maps} | {case.peaks:.0%} | {case.share:.0%} |", flush=True)
    print(f"found in {num_found} of {options.cases} cases")


if __name__ == "__main__":
    main()
