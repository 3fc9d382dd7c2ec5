"""Categories of products by an exported model, with onnxruntime, Pillow and NumPy alone.

    pip install onnxruntime pillow numpy
    python predict_onnx.py <folder of the export> <folder of JPEGs, or a list>

The folder of the export is what `make export SAMPLE=wine FORMAT=onnx` printed; it has model.onnx and classes.json. In a
folder of JPEGs each file is a product, and each subfolder is one product with all of its files. A list is a text file
with a line a product: the paths of its JPEGs, with a tab between them, seen from the folder in which the list is.

Prints a line a product: its name, category, the category's name, confidence, number of images used, what is wrong. With
`--precision 0.95` no category is named where the confidence is too low for this promise.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from PIL import Image

AT_ONCE = 64
JPEG_NAMES = (".jpg", ".jpeg")


class Product(NamedTuple):
    """A product and the files of its images."""

    name: str
    paths: list[Path]


class Answer(NamedTuple):
    """What was answered; probabilities is None where no image could be used, float32 [num_classes] elsewhere."""

    name: str
    probabilities: np.ndarray | None
    num_images: int
    fault: str


def _jpegs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in JPEG_NAMES)


def find_products(where: Path) -> list[Product]:
    """Return the products of a folder or of a list."""
    if where.is_file():
        lines = [line.split("\t") for line in where.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [Product(paths[0], [where.parent / path for path in paths]) for paths in lines]
    if not where.is_dir():
        sys.exit(f"{where}: is no folder and no file, expected a folder of JPEGs or a list of them")
    folders = sorted(path for path in where.iterdir() if path.is_dir())
    found = [Product(path.name, [path]) for path in _jpegs(where)] + [Product(one.name, _jpegs(one)) for one in folders]
    return found or sys.exit(f"{where}: has no file that ends in .jpg or .jpeg, and no subfolder")


def decode(path: Path, rules: dict[str, Any]) -> np.ndarray:
    """Return an image as the network takes it: uint8, [size, size, 3].

    Raises:
        OSError, SyntaxError, ValueError: If it cannot be used.
    """
    width, height = rules["resize"]["size"]
    with Image.open(path, formats=["JPEG"]) as image:
        if image.width * image.height > rules["decode"]["max_pixels"]:
            raise ValueError(f"has {image.width} x {image.height} pixels")
        rgb = image.convert("RGB")
    return np.asarray(rgb if rgb.size == (width, height) else rgb.resize((width, height), Image.Resampling.BILINEAR))


def _logs(probabilities: np.ndarray, rules: dict[str, Any]) -> np.ndarray:
    least = np.float32(rules["join"]["smallest_probability"])
    return np.asarray(np.log(np.maximum(probabilities, least)), np.float64)


def _normalised(logs: np.ndarray) -> np.ndarray:
    powers = np.exp(logs - logs.max())
    return np.asarray(powers / powers.sum(), np.float32)


def join(probabilities: Sequence[np.ndarray], rules: dict[str, Any]) -> np.ndarray:
    """Return the geometric mean of several probabilities of each class, divided by its sum: float32, [num_classes]."""
    return _normalised(_logs(np.stack(probabilities), rules).mean(axis=0))


def at_temperature(probabilities: np.ndarray, rules: dict[str, Any]) -> np.ndarray:
    """Return probabilities to the power 1 / temperature, divided by their sum: float32, [num_classes]."""
    return _normalised(_logs(probabilities, rules) / rules["temperature"])


def open_network(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives images, uint8 [number, size, size, 3], their probabilities, float32 [number, num_classes]."""
    if path.suffix != ".onnx":
        sys.exit(f"{path}: is no ONNX file; `make export ... FORMAT=onnx` writes one")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pixels: np.asarray(session.run(None, {name: pixels})[0])


class Model:
    """An exported model with the rules of its classes.json."""

    def __init__(self, folder: Path) -> None:
        self.rules = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
        self._network = open_network(folder / self.rules["file"])

    def _ask(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the probabilities of each image, joined with those of its mirror image."""
        pixels = np.stack(images)
        seen, mirrored = (self._network(side) for side in (pixels, pixels[:, :, ::-1].copy()))
        return [join(both, self.rules) for both in zip(seen, mirrored, strict=True)]

    def _answer(self, product: Product) -> Answer:
        images, faults = [], []
        for path in product.paths:
            try:
                images.append(decode(path, self.rules))
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                faults.append(f"{path.name}: {' '.join(str(error).split())}")
        fault = "; ".join(faults if product.paths else ["has no JPEG"])
        parts = [images[first : first + AT_ONCE] for first in range(0, len(images), AT_ONCE)]
        answers = [answer for part in parts for answer in self._ask(part)]
        return Answer(product.name, join(answers, self.rules) if answers else None, len(answers), fault)

    def answer(self, products: Sequence[Product]) -> Iterator[Answer]:
        """Answer to products, one after another."""
        return map(self._answer, products)

    def least_confidence(self, precision: float | None) -> float:
        """Return the confidence from which a category is named."""
        promised = {one["target_precision"]: one["least_confidence"] for one in self.rules["thresholds"]}
        if precision is None:
            return 0.0
        if precision not in promised:
            sys.exit(f"--precision is {precision:g}, expected one of {', '.join(map(str, promised))}")
        return float("inf") if promised[precision] is None else promised[precision]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each product."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="folder that `make export` printed")
    parser.add_argument("products", type=Path, help="folder of JPEGs, or a list of them")
    parser.add_argument("--precision", type=float, help="such as 0.95: no category where the confidence is too low")
    options = parser.parse_args(arguments)
    model = Model(options.export)
    least = model.least_confidence(options.precision)
    print("product", "category_id", "name", "confidence", "num_images", "fault", sep="\t")
    for answer in model.answer(find_products(options.products)):
        if answer.probabilities is None:
            print(answer.name, "", "", "", 0, answer.fault, sep="\t")
            continue
        best = model.rules["classes"][int(answer.probabilities.argmax())]
        confidence = float(at_temperature(answer.probabilities, model.rules).max())
        named = (best["category_id"], best["level3"]) if confidence >= least else ("", "")
        print(answer.name, *named, f"{confidence:.6f}", answer.num_images, answer.fault, sep="\t")


if __name__ == "__main__":
    main()
