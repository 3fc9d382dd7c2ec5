"""What a GPU does with our training, beside the step alone and PyTorch: `python -m benchmarks.speed.gpu`, 5 minutes.

    python -m benchmarks.belief.clothing make FOLDER    # anywhere: the sample and the labels, whose paths it prints
    python -m benchmarks.speed.gpu --sample FOLDER/sample-... --labels FOLDER/labels-...

- step: the training step again and again on one batch that lies on the device; loop: an epoch of the training itself,
  on pictures that lie on the device, and on such that are brought batch by batch; answers: predictions from memory;
- torch: the same network and step in PyTorch, where it is installed;
- whole: small_cnn and the transfer on the clothing photos, each a process of its own, first with nothing compiled, then
  again; their weights must be equal;
- kills: a training that is killed twice ends with the weights of the undisturbed one.

On a CPU it runs too, with `--images 256 --batches 16`, and says nothing about a GPU.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.belief.clothing import RECIPES
from benchmarks.endurance.training_kills import train_under_fire
from benchmarks.material.measure import median, run_main, run_step

STEPS = "benchmarks.speed.gpu"
_CLOTHING, _KILLS = "benchmarks.belief.clothing", "benchmarks.endurance.training_kills"
_IMAGE_SIZE, _NUM_CLASSES = 96, 10
_LEAST_S = 1.5
_TOLD = ("num_epochs", "images_per_s", "input_wait_share", "gpu_busy_share", "gpu_memory_peak_gib")
WHOLE: dict[str, dict[str, Any]] = {
    "small_cnn": RECIPES["small_cnn_20"],
    "transfer": {**RECIPES["fine_tuned"], "epochs": 20, "fine_tune_epochs": 8},
}


def _examples(num_images: int) -> Any:
    import numpy as np

    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.pictures.inputs import ImagesInMemory

    rows = np.arange(num_images)
    blocks = (
        np.random.default_rng(first).integers(
            0, 256, (min(1024, num_images - first), _IMAGE_SIZE, _IMAGE_SIZE, 3), np.uint8
        )
        for first in range(0, num_images, 1024)
    )
    return Examples(ImagesInMemory(blocks, num_images, _IMAGE_SIZE), rows % _NUM_CLASSES, rows)


def _rate(work: Callable[[], int], least_s: float = _LEAST_S) -> float:
    """Return images/s of some work that returns how many it did: again and again for a while, after a first time."""
    work()
    rates = list[float]()
    began = time.perf_counter()
    while time.perf_counter() - began < least_s or not rates:
        started = time.perf_counter()
        num_images = work()
        rates.append(num_images / (time.perf_counter() - started))
    return median(rates)


class _Silent:
    """Stands for who is told how far a training is."""

    def count(self, num_steps: int, loss: float, accuracy: float) -> None:
        """Take the figures, and do nothing."""


def _learner(examples: Any, batch_size: int, epochs: int) -> Any:
    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.settings.training import TrainingConfig

    device = prepare_device(0)
    from cdiscount_tasks.learning.networks.averaging import Average
    from cdiscount_tasks.learning.networks.backend import make_learner
    from cdiscount_tasks.learning.networks.build import build_network
    from cdiscount_tasks.learning.networks.objective import compile_network

    config = TrainingConfig(network="small_cnn", image_size=_IMAGE_SIZE, batch_size=batch_size, epochs=epochs)
    network = build_network(config.network, config.image_size, _NUM_CLASSES)
    compile_network(network, config, 10_000, device.jit_compile)
    return make_learner(network, Average(network, 0), examples, config, device)


def _step_alone(learner: Any, batch_size: int) -> Callable[[], int]:
    """Return some steps on one batch that lies on the device, with nothing else between them."""
    import jax
    import jax.numpy as jnp

    from cdiscount_tasks.learning.networks.jax_learner import batch_of

    batch = batch_of(learner.deal_out(1), 0)
    on_device = jax.tree.map(jnp.asarray, batch)
    seen = jnp.zeros((batch_size, _IMAGE_SIZE, _IMAGE_SIZE, 3), jnp.uint8)
    state = jax.tree.map(jnp.copy, learner.take_state())  # the steps use their state up
    num_steps = 32

    def work() -> int:
        nonlocal state
        for _ in range(num_steps):
            state = learner.step(state, seen, on_device)
        jax.block_until_ready(state)
        return num_steps * batch_size

    return work


def loop(batch_size: str, num_batches: str, where: str, least_s: str) -> None:
    """Measure images/s of the step alone and of epochs of the training.

    Args:
        batch_size: Images a step.
        num_batches: Of an epoch.
        where: The pictures are: "device", "device, a long training" (many steps a call) or "host" (batch by batch).
        least_s: Seconds of each measurement.
    """
    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.machine.gpu_use import GpuWatch

    prepare_device(0)
    from cdiscount_tasks.learning.networks import jax_arrays
    from cdiscount_tasks.learning.networks.state import TrainingState

    if where == "host":
        jax_arrays.SHARE_OF_MEMORY = 0.0
    size = int(batch_size)
    epochs = 500 if "long" in where else 1
    learner = _learner(_examples(size * int(num_batches)), size, epochs)

    def epoch() -> int:
        learner.learn(TrainingState([]), _Silent())
        return size * int(num_batches)

    epoch()
    with GpuWatch() as gpus:
        loop_per_s = _rate(epoch, float(least_s))
    alone_per_s = _rate(_step_alone(learner, size), float(least_s))
    told = {"step_alone_per_s": round(alone_per_s), "loop_per_s": round(loop_per_s)}
    use = gpus.use and gpus.use._asdict()
    print(
        json.dumps({**told, "share": round(loop_per_s / alone_per_s, 3), "wait": learner.input_wait_share, "gpu": use})
    )


def answers(num_images: str) -> None:
    """Measure images/s of predictions, from pictures in memory."""
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0)
    from cdiscount_tasks.learning.networks.backend import run_network
    from cdiscount_tasks.learning.networks.build import build_network

    examples = _examples(int(num_images))
    network = build_network("small_cnn", _IMAGE_SIZE, _NUM_CLASSES)
    print(json.dumps({"answers_per_s": round(_rate(lambda: len(run_network(network, examples.inputs))))}))


def torch_step(batch_size: str) -> None:
    """Measure images/s of the same network and step in PyTorch: channels last, bfloat16, a batch on the device."""
    import torch
    from torch import nn
    from torch.nn import functional

    size = int(batch_size)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def convolve(given: int, filters: int, kernel: int = 3, stride: int = 1) -> nn.Module:
        part = nn.Conv2d(given, filters, kernel, stride, padding=kernel // 2, bias=False)
        return nn.Sequential(part, nn.BatchNorm2d(filters))

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, given: int, filters: int, stride: int) -> None:
            super().__init__()
            self.first, self.second = convolve(given, filters, stride=stride), convolve(filters, filters)
            self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            self.shortcut = convolve(given, filters, 1) if given != filters else nn.Identity()

        def forward(self, x: Any) -> Any:
            return functional.relu(self.second(functional.relu(self.first(x))) + self.shortcut(self.pool(x)))

    stem = [convolve(3, 24, stride=2), nn.ReLU(), convolve(24, 32, stride=2), nn.ReLU()]
    blocks = [Block(32, 32, 1), Block(32, 64, 2), Block(64, 128, 2), Block(128, 256, 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(256, _NUM_CLASSES)]
    network = nn.Sequential(*stem, *blocks, *head).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), fused=device == "cuda")
    seen = torch.randint(0, 256, (size, 3, _IMAGE_SIZE, _IMAGE_SIZE), dtype=torch.uint8, device=device)
    seen = seen.contiguous(memory_format=torch.channels_last)
    classes = torch.arange(size, device=device) % _NUM_CLASSES
    num_steps = 32

    def work() -> int:
        for _ in range(num_steps):
            with torch.autocast(device, torch.bfloat16):
                found = network(seen / 127.5 - 1)
                loss = functional.cross_entropy(found.float(), classes, label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return num_steps * size

    print(json.dumps({"torch_per_s": round(_rate(work))}))


def _tell(name: str, found: dict[str, Any]) -> None:
    print(name, json.dumps(found), flush=True)


def _is_same(path: str, other: str) -> bool:
    return bool(run_step(_KILLS, "compare", path, other).said["same"])


def _measure_whole(sample: str, labels: str, folder: Path, names: list[str]) -> None:
    for name in names:
        paths = []
        for which in ("first", "again"):
            out_dir = folder / f"{name}-{which}"
            run = run_step(_CLOTHING, "train", sample, labels, out_dir, json.dumps(WHOLE[name]))
            paths.append(run.said["path"])
            took = {"wall_s": round(run.wall_s, 1), "cpu_s": round(run.cpu_s), "peak_mib": round(run.peak_mib)}
            _tell(f"{name}, {which}", took | {key: run.said[key] for key in _TOLD if key in run.said})
        judged = run_step(_CLOTHING, "judge", sample, labels, paths[0], "test")
        accuracy = {unit: round(judged.said[unit]["value"], 4) for unit in ("image", "product")}
        _tell(f"{name}, judged", {"wall_s": round(judged.wall_s, 1), **accuracy, "again same": _is_same(*paths)})


def _measure_kills(sample: str, labels: str, folder: Path) -> None:
    size = [_IMAGE_SIZE, 30]
    calm = run_step(_KILLS, "train", sample, labels, folder / "calm", *size).said
    deaths, found = train_under_fire([sample, labels, folder / "fire", *size], folder / "fire", 2)
    _tell("kills", {"deaths": deaths, "same weights": _is_same(calm["path"], found["path"])})


def main() -> None:
    """Read the options, measure in turn, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", help="a finished sample of the clothing photos; without it only the steps")
    parser.add_argument("--labels")
    parser.add_argument("--images", type=int, default=32_768, help="that are predicted")
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 1024])
    parser.add_argument("--steps", type=int, default=48, help="of an epoch")
    parser.add_argument("--seconds", type=float, default=_LEAST_S, help="that a loop is measured for, at least")
    parser.add_argument("--where", nargs="+", default=["device", "device, a long training", "host"])
    parser.add_argument("--whole", nargs="+", default=list(WHOLE), help=f"of {', '.join(WHOLE)}")
    parser.add_argument("--only", nargs="*", default=["loop", "answers", "torch", "whole", "kills"])
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"  # whose steps it measures
    for size in options.batches:
        if "loop" in options.only:
            for where in options.where:
                run = run_step(STEPS, "loop", size, options.steps, where, options.seconds)
                _tell(f"batch {size}, pictures on the {where}", {**run.said, "wall_s": round(run.wall_s, 1)})
        if "torch" in options.only and find_spec("torch"):
            _tell(f"batch {size}, PyTorch", run_step(STEPS, "torch_step", size).said)
    if "answers" in options.only:
        _tell("answers", run_step(STEPS, "answers", options.images).said)
    if options.sample:
        with tempfile.TemporaryDirectory() as folder:
            if "whole" in options.only:
                _measure_whole(options.sample, options.labels, Path(folder), options.whole)
            if "kills" in options.only:
                _measure_kills(options.sample, options.labels, Path(folder))
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run_main(main, loop, answers, torch_step)
