"""Images decoded while a network learns: `python -m benchmarks.speed.decoding`.

- decoders: Pillow by the project's rule against simplejpeg (libjpeg-turbo) alone, images per CPU-second of one process,
  and whether they give the same pixels; also with the DCT's own scaling (Pillow's `draft`), which changes them;
- reads: a sample's encoded images in order, and in any order before and after their places are known;
- epochs: images/s of small_cnn's second epoch, decoded ahead against held in memory, and of the batches alone.

The photos of clothing where they are (CDISCOUNT_TEST_DATA), drawn ones elsewhere. simplejpeg is no part of the project:
`pip install --target DIR simplejpeg`, then PYTHONPATH=DIR; without it its rows are absent.
"""

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.material.measure import Run, median, run_main, run_step
from tests.material.real_data import TEST_DATA_DIR

STEPS = "benchmarks.speed.decoding"
_PHOTOS = TEST_DATA_DIR / "clothing" / "catalogue.bson"
_NUM_CLASSES, _BATCH, _WAYS = 10, 64, ("memory", "ahead")


def make(folder: str, num_images: str) -> None:
    """Draw a sample of the photos of clothing, or of drawn pictures where there are none."""
    from benchmarks.speed import labels
    from cdiscount_tasks.settings.sample import DrawConfig
    from cdiscount_tasks.stages.sample import draw_sample
    from tests.material.indexing import index_catalogue

    if not _PHOTOS.exists():
        labels.make(folder, num_images)
        return
    index_dir = Path(index_catalogue(_PHOTOS, Path(folder) / "index")["path"])
    print(json.dumps({"sample": draw_sample(index_dir, _PHOTOS, Path(folder), DrawConfig(categories=None))["path"]}))


def _open(sample_dir: str) -> Any:
    from cdiscount_tasks.tables.sample_images import SampleImages

    return SampleImages(Path(sample_dir))


def _jpegs(sample_dir: str, most: int) -> Any:
    source = _open(sample_dir)
    return source.read(range(min(len(source), most)))


def _simplejpeg(jpeg: bytes) -> Any:
    import simplejpeg  # type: ignore[import-not-found]

    return simplejpeg.decode_jpeg(jpeg, "RGB")


def _project(jpeg: bytes) -> Any:
    from cdiscount_tasks.learning.pictures.images import decode_rgb

    return decode_rgb(jpeg)


def _scaled(decode_whole: Callable[[bytes], Any], image_size: int, jpeg: bytes) -> Any:
    from PIL import Image

    from cdiscount_tasks.learning.pictures.images import to_square

    image = decode_whole(jpeg)
    return to_square(image if isinstance(image, Image.Image) else Image.fromarray(image), image_size)


def _draft_scaled(image_size: int, jpeg: bytes) -> Any:
    from PIL import Image

    from cdiscount_tasks.learning.pictures.images import to_square

    image = Image.open(io.BytesIO(jpeg))
    image.draft("RGB", (image_size, image_size))
    return to_square(image, image_size)


def _decoders(image_size: int) -> dict[str, Callable[[bytes], Any]]:
    ways: dict[str, Callable[[bytes], Any]] = {
        "pillow": _project,
        "pillow_scaled": partial(_scaled, _project, image_size),
        "draft_scaled": partial(_draft_scaled, image_size),
    }
    if find_spec("simplejpeg") is not None:
        ways |= {"simplejpeg": _simplejpeg, "simplejpeg_scaled": partial(_scaled, _simplejpeg, image_size)}
    return ways


def decode(sample_dir: str, image_size: str, most: str) -> None:
    """Measure images per CPU-second of each way, the best of three passes in turn."""
    jpegs = _jpegs(sample_dir, int(most))
    best: dict[str, float] = {}
    for _ in range(3):
        for name, way in _decoders(int(image_size)).items():
            started = time.process_time()
            for jpeg in jpegs:
                way(jpeg)
            best[name] = max(best.get(name, 0.0), len(jpegs) / (time.process_time() - started))
    print(json.dumps({name: round(rate) for name, rate in best.items()}))


def _odd_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield JPEGs unlike the catalogue's, with their kind."""
    import numpy as np
    from PIL import Image

    for seed in range(20):
        rng = np.random.default_rng(seed)
        small = rng.integers(0, 256, (rng.integers(4, 40), rng.integers(4, 40), 3), dtype=np.uint8)
        image = Image.fromarray(small).resize(tuple(rng.integers(1, 500, 2).tolist()), Image.Resampling.BICUBIC)
        for kind, mode, knobs in (
            ("4:4:4", "RGB", {"subsampling": 0}), ("4:2:2", "RGB", {"subsampling": 1}),
            ("4:2:0", "RGB", {"subsampling": 2}), ("progressive", "RGB", {"progressive": True}),
            ("grey", "L", {}), ("CMYK", "CMYK", {}), ("best quality", "RGB", {"quality": 100}),
        ):  # fmt: skip
            file = io.BytesIO()
            image.convert(mode).save(file, "JPEG", **knobs)
            yield kind, file.getvalue()


def equal(sample_dir: str, image_size: str, most: str) -> None:
    """Count the images that other decoders give the same pixels of, and how far the others are off."""
    import numpy as np

    ways, size = _decoders(int(image_size)), int(image_size)
    told: dict[str, Any] = {}
    jpegs = _jpegs(sample_dir, int(most))
    off = [np.abs(_draft_scaled(size, jpeg).astype(int) - _scaled(_project, size, jpeg)) for jpeg in jpegs]
    told["draft_equal"] = sum(not one.any() for one in off) / len(off)
    told["draft_mean_off"] = round(float(np.mean([one.mean() for one in off])), 3)
    told["draft_most_off"] = int(max(one.max() for one in off))
    if "simplejpeg" in ways:
        told["simplejpeg_equal"] = sum(np.array_equal(_simplejpeg(j), np.asarray(_project(j))) for j in jpegs) / len(
            off
        )
        kinds: dict[str, list[bool]] = {}
        for kind, jpeg in _odd_pictures():
            try:
                is_same = np.array_equal(_simplejpeg(jpeg), np.asarray(_project(jpeg)))
            except ValueError:  # it has no way from CMYK to RGB
                is_same = False
            kinds.setdefault(kind, []).append(is_same)
        told |= {f"simplejpeg_equal_{kind}": sum(same) / len(same) for kind, same in kinds.items()}
    print(json.dumps(told))


def reads(sample_dir: str) -> None:
    """Measure images per second of reading encoded images, the page cache warm."""
    import numpy as np

    source = _open(sample_dir)
    order = np.random.default_rng(0).permutation(len(source)).tolist()
    source.read(range(len(source)))
    scattered = source.in_any_order()()
    ways: dict[str, Callable[[], list[bytes]]] = {
        "in_order": lambda: source.read(range(len(source))),
        "any_order_by_row_group": lambda: source.read(order[:200]),
        "any_order_first": lambda: scattered.read(order),
        "any_order": lambda: scattered.read(order),
    }
    rates = {}
    for name, way in ways.items():
        started = time.process_time()
        num_read = len(way())
        rates[name] = round(num_read / (time.process_time() - started))
    print(json.dumps(rates))


def _inputs(how: str, sample_dir: str, rows: Any, image_size: int) -> Any:
    from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory, _decode_once, _ring_bytes
    from cdiscount_tasks.learning.pictures.read_ahead import ImagesReadAhead

    if how == "memory":
        return ImagesInMemory(_decode_once(partial(_open, sample_dir), rows, image_size), len(rows), image_size)
    return ImagesReadAhead(_open(sample_dir).in_any_order(), rows, image_size, _ring_bytes())


def _with_clock(inputs: Any) -> list[float]:
    """Return the seconds that each batch was waited for: one more whenever one is taken."""
    taken_s: list[float] = []
    take = inputs.take

    def timed(*asked: Any) -> Any:
        started = time.perf_counter()
        batch = take(*asked)
        taken_s.append(time.perf_counter() - started)
        return batch

    inputs.take = timed
    return taken_s


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that live."""
    import psutil

    return sum(sum(each.cpu_times()[:2]) for each in (psutil.Process(), *psutil.Process().children()))


def _run_through(batches: Any, network: Any) -> None:
    if network is not None:
        network.fit(batches, verbose=0, shuffle=False)
    else:
        for place in range(len(batches)):
            _ = batches[place]


def epoch(how: str, sample_dir: str, image_size: str, num_images: str, learns: str) -> None:
    """Measure the second epoch: batches alone, or a training.

    Args:
        how: "memory" or "ahead".
        sample_dir: The sample; its images come again where more are wanted.
        image_size: Side in pixels.
        num_images: Of an epoch.
        learns: "training", or "feed": batches alone.
    """
    from cdiscount_tasks.machine.device import prepare_device

    device = prepare_device(0)
    import numpy as np

    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.networks.build import build_network
    from cdiscount_tasks.learning.networks.objective import compile_network
    from cdiscount_tasks.learning.networks.on_tensorflow import EpochBatches
    from cdiscount_tasks.settings.training import TrainingConfig

    rows, size = np.sort(np.arange(int(num_images)) % len(_open(sample_dir))), int(image_size)
    inputs = _inputs(how, sample_dir, rows, size)
    taken_s = _with_clock(inputs)
    examples = Examples(inputs, rows % _NUM_CLASSES, rows)
    config = TrainingConfig(network="small_cnn", image_size=size)
    network = build_network(config.network, size, _NUM_CLASSES)
    compile_network(network, config, 1000, device.jit_compile)
    told = {}
    for number in (1, 2):
        taken_s.clear()
        started, cpu_s = time.perf_counter(), _cpu_s()
        _run_through(EpochBatches(examples, _BATCH, 0, number), network if learns == "training" else None)
        took_s, cpu_s = time.perf_counter() - started, _cpu_s() - cpu_s
        told = {
            "images_per_s": round(len(rows) / took_s),
            "images_per_cpu_s": round(len(rows) / max(cpu_s, 0.01)),
            "share_in_take": round(sum(taken_s) / took_s, 3),
        }
    print(json.dumps(told))


def _middle(runs: Sequence[Run]) -> dict[str, float]:
    figures = {key: median([run.said[key] for run in runs]) for key in runs[0].said}
    return {**figures, "peak_mib": round(max(run.peak_mib for run in runs))}


def measure(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Measure all parts, several rounds in turn; medians."""
    sample = run_step(STEPS, "make", folder, options.images).said["sample"]
    result: dict[str, dict[str, Any]] = {"reads": _middle([run_step(STEPS, "reads", sample)])}
    for size in options.sizes:
        rounds = [run_step(STEPS, "decode", sample, size, options.decoded) for _ in range(options.rounds)]
        equals = run_step(STEPS, "equal", sample, size, options.decoded).said
        result.setdefault("decoders", {})[f"{size}"] = _middle(rounds) | equals
    for learns in ("feed", "training"):
        epochs = [
            [run_step(STEPS, "epoch", how, sample, options.image_size, options.images, learns) for how in _WAYS]
            for _ in range(options.rounds)
        ]
        result[f"{learns}_memory"], result[f"{learns}_ahead"] = map(_middle, zip(*epochs, strict=True))
        for rate in ("images_per_s", "images_per_cpu_s"):
            shares = [ahead.said[rate] / memory.said[rate] for memory, ahead in epochs]
            result[f"{learns}_ahead"][f"{rate}_of_memory"] = median(shares)
    return result


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Read the options, measure, and remove what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=8000, help="of an epoch, and of the sample where it is drawn")
    parser.add_argument("--image-size", type=int, default=96, help="of the epochs")
    parser.add_argument("--decoded", type=int, default=1500, help="images that each decoder decodes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96, 160, 180], help="what decoders scale to")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="decoding-benchmark-") as folder:
        result = measure(Path(folder), options)
    for name, part in result.items():
        print(name, json.dumps(part), flush=True)
    return result


if __name__ == "__main__":
    run_main(main, make, decode, equal, reads, epoch)
