"""Exported models against Keras: images/s, peak memory, size: `python -m benchmarks.speed.export`.

Writes models, or untrained networks (speed does not ask what the weights are), and asks each file about the same
pixels, each in a process of its own, in turns. ONNX takes part where `.venv-export` is there: `make environments`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.material.measure import Run, median, run_main, run_step
from cdiscount_tasks.settings.environment import PROJECT_DIR
from cdiscount_tasks.settings.exports import EXPORT_FORMATS

STEPS = "benchmarks.speed.export"
_AT_ONCE = 64
_VENV = PROJECT_DIR / ".venv-export"


def _with_onnx() -> bool:
    """Let this process find the packages of ONNX; False where they are absent."""
    from tools.export import add_packages

    if not (_VENV / "setup.stamp").exists():
        return False
    add_packages(_VENV)
    return True


def write(folder: str, network: str, image_size: str) -> None:
    """Write a network in each format, and print how many bytes that took."""
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0, precision="float32")
    import keras

    from cdiscount_tasks.learning.networks.build import build_network
    from cdiscount_tasks.learning.networks.exporting import in_float32, write_exported

    forms = [form for form in EXPORT_FORMATS if form != "onnx" or _with_onnx()]
    path = Path(network) / "model.keras"
    made = keras.saving.load_model(path) if path.exists() else build_network(network, int(image_size), 10)
    built = in_float32(made)
    built.save(Path(folder) / "model.keras")
    for form in forms:
        write_exported(built, Path(folder) / EXPORT_FORMATS[form].file_name, EXPORT_FORMATS[form])
    print(json.dumps({path.name: path.stat().st_size for path in sorted(Path(folder).glob("model.*"))}))


def _open(path: Path) -> Callable[[Any], Any]:
    """Open a file and import only what it needs: peak memory is that of a program which does nothing else."""
    if path.suffix == ".onnx":
        _with_onnx()
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda pixels: session.run(None, {session.get_inputs()[0].name: pixels})[0]
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0, precision="float32")
    if path.suffix == ".tflite":
        import os

        from cdiscount_tasks.learning.networks.exporting import open_exported

        return open_exported(path, EXPORT_FORMATS["litert"], num_threads=os.cpu_count())
    import keras

    network: Any = keras.saving.load_model(path, compile=False)
    network.jit_compile = False  # as the package asks it
    return lambda pixels: np.asarray(network.predict_on_batch(pixels))


def ask(path: str, image_size: str, num_images: str) -> None:
    """Ask a file about images, and print how many a second it answers once it is warm."""
    answer = _open(Path(path))
    size, left = int(image_size), int(num_images)
    pixels = np.random.default_rng(0).integers(0, 256, (_AT_ONCE, size, size, 3), dtype=np.uint8)
    first = answer(pixels)
    started, cpu_started = time.monotonic(), time.process_time()
    for _ in range(0, left, _AT_ONCE):
        answer(pixels)
    num_asked = -(-left // _AT_ONCE) * _AT_ONCE
    rates = [num_asked / took for took in (time.monotonic() - started, time.process_time() - cpu_started)]
    print(json.dumps({"images_per_s": rates[0], "images_per_cpu_s": rates[1], "answer": np.asarray(first[0]).tolist()}))


def _measure(network: str, image_size: int, num_images: int, rounds: int) -> list[tuple[Any, ...]]:
    """Return a row of the table for each file of a network."""
    with tempfile.TemporaryDirectory(prefix="exports-") as scratch:
        num_bytes = run_step(STEPS, "write", scratch, network, image_size).said
        runs: dict[str, list[Run]] = {name: [] for name in sorted(num_bytes, key=lambda name: name != "model.keras")}
        for _ in range(rounds):
            for name, done in runs.items():
                done.append(run_step(STEPS, "ask", Path(scratch) / name, image_size, num_images))
    rows = []
    for name, done in runs.items():
        beside = list(zip(done, runs["model.keras"], strict=True))
        differs = max(np.abs(np.subtract(one.said["answer"], keras.said["answer"])).max() for one, keras in beside)
        ratios = [median([one.said[what] / keras.said[what] for one, keras in beside]) for what in _RATES]
        speeds = [round(median([one.said[what] for one in done])) for what in _RATES]
        peak = max(one.peak_mib for one in done)
        rows.append(
            (
                Path(network).name,
                image_size,
                name,
                *speeds,
                *ratios,
                round(peak),
                f"{num_bytes[name] / 1e6:.1f}",
                f"{differs:.1e}",
            )
        )
    return rows


_RATES = ("images_per_s", "images_per_cpu_s")
_HEAD = (
    *("network", "pixels", "file", "images/s", "images/CPU s", "against Keras", "by CPU time", "peak MiB", "MB"),
    "largest difference",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--networks",
        nargs="+",
        default=["small_cnn:64", "mobilenet_v2:160"],
        help="names, or model artifacts; each with its pixels",
    )
    parser.add_argument("--images", type=int, default=2560, help="a round")
    parser.add_argument("--rounds", type=int, default=5, help="in which each file has its turn; medians are shown")
    options = parser.parse_args(arguments)
    if wrong := [one for one in options.networks if not one.rpartition(":")[2].isdecimal()]:
        parser.error(f"--networks: {wrong[0]} has no pixels, expected as in small_cnn:64")
    print("|", " | ".join(_HEAD), "|\n|" + "---|" * len(_HEAD), flush=True)
    for one in options.networks:
        name, _, pixels = one.rpartition(":")
        for row in _measure(name, int(pixels), options.images, options.rounds):
            print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    run_main(lambda: main(sys.argv[1:]), write, ask)
