"""A training that is killed twenty times ends with the weights of the undisturbed one.

    .venv/bin/python -m benchmarks.endurance.training_kills [--kills 20] [--scratch DIR]

Trains small_cnn on the clothing photos for ten epochs: dropout, flips, shifts and early stopping at work. First
undisturbed, then in processes that are killed with SIGKILL and started again: every other one at a random moment of
learning, every other one inside the writing of a checkpoint. States are kept every second, so that both are met often.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.material.measure import run_main, run_step
from tests.material.real_data import TEST_DATA_DIR, need_test_data

_LONGEST_WAIT_S = 300.0
LONGEST_PAUSE_S = 3.0
"""Between a new state and the kill; a test on few photos waits less."""


def train(sample_dir: str, labels_dir: str, out_dir: str, image_size: str, epochs: str) -> None:
    """Train once, from wherever a killed process left off."""
    import logging

    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.settings.training import TrainingConfig
    from cdiscount_tasks.stages.model import train_model

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prepare_device(0)
    from cdiscount_tasks.learning.networks import progress

    progress.CHECKPOINT_S, progress.LEAST_BETWEEN_S = 1.0, 0.0
    config = TrainingConfig(
        network="small_cnn", image_size=int(image_size), epochs=int(epochs), early_stopping_patience=4
    )
    print(json.dumps(train_model(Path(sample_dir), Path(labels_dir), None, Path(out_dir), config)), flush=True)


def weights_of(model_dir: Path) -> list[np.ndarray]:
    """Return a published model's weight arrays."""
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0)
    import keras

    return list(keras.saving.load_model(model_dir / "model.keras", compile=False).get_weights())


def compare(path: str, other: str) -> None:
    """Tell whether two published models have the same weights: in a process of its own, which gives the GPU back."""
    print(json.dumps({"same": same_weights(path, other)}))


def _start(arguments: Sequence[object]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.endurance.training_kills", "train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def _states(out_dir: Path) -> set[str]:
    return {path.name for path in out_dir.glob("model-*.training/train/*.npz")}


def _kill_while(process: subprocess.Popen[str], out_dir: Path, inside_write: bool, rng: random.Random) -> str | None:
    """Kill a training once it has gone on; returns what it was doing, or None if it ended by itself."""
    before, deadline = _states(out_dir), time.monotonic() + _LONGEST_WAIT_S
    while process.poll() is None and time.monotonic() < deadline and not _states(out_dir) - before:
        time.sleep(0.01)
    pause_until = time.monotonic() + rng.uniform(0, LONGEST_PAUSE_S)
    while process.poll() is None:
        writing = any(out_dir.glob("model-*.training/train/.*.part"))
        if time.monotonic() > pause_until and (writing or not inside_write):
            process.send_signal(signal.SIGKILL)
            process.wait()
            torn = any(out_dir.glob("model-*.training/train/.*.part"))
            return "inside a checkpoint's writing" if torn else "inside an epoch"
        time.sleep(0.0002)
    return None


def train_under_fire(arguments: list[object], out_dir: Path, num_kills: int) -> tuple[list[str], dict[str, Any]]:
    """Kill a training and start it again until it has been killed often enough, then let it end.

    Returns:
        What it was doing when it was killed, each time, and what it printed in the end.
    """
    rng, deaths = random.Random(0), list[str]()
    while True:
        process = _start(arguments)
        assert process.stdout is not None
        with process.stdout:
            inside_write = len(deaths) % 2 == 1
            doing = _kill_while(process, out_dir, inside_write, rng) if len(deaths) < num_kills else None
            if doing is None:
                text = process.stdout.read()
                process.wait()
                return deaths, json.loads(text.splitlines()[-1])
        deaths.append(doing)
        print(f"kill {len(deaths)}: {doing}", flush=True)


def same_weights(path: str, other: str) -> bool:
    """Tell whether two published models have the same weights, bit for bit."""
    pairs = zip(weights_of(Path(path)), weights_of(Path(other)), strict=True)
    return all(np.array_equal(array, its) for array, its in pairs)


def main() -> None:
    """Train undisturbed, train under fire, compare."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--image-size", type=int, default=48)
    parser.add_argument("--scratch", help="where the data is made for the while")
    options = parser.parse_args()
    need_test_data(TEST_DATA_DIR / "clothing")
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = Path(scratch)
        made = run_step("benchmarks.belief.clothing", "make", folder).said
        inputs, knobs = (made["sample"], made["labels"]), (options.image_size, options.epochs)
        undisturbed = run_step("benchmarks.endurance.training_kills", "train", *inputs, folder / "calm", *knobs)
        print(f"undisturbed: {undisturbed.wall_s:.0f} s, {undisturbed.said['num_epochs']} epochs", flush=True)
        started = time.monotonic()
        deaths, said = train_under_fire([*inputs, folder / "killed", *knobs], folder / "killed", options.kills)
        took_s = time.monotonic() - started
        same = same_weights(undisturbed.said["path"], said["path"])
        inside = sum(doing.startswith("inside a checkpoint") for doing in deaths)
        lost_s = (took_s - undisturbed.wall_s) / max(len(deaths), 1)
        print(f"{len(deaths)} kills, {inside} inside the writing of a checkpoint; resumed {said['num_resumes']} times")
        print(f"{took_s:.0f} s instead of {undisturbed.wall_s:.0f} s: {lost_s:.1f} s lost a kill")
        same_epoch = said["best_epoch"] == undisturbed.said["best_epoch"]
        print(f"final weight arrays equal: {same}; same best epoch: {same_epoch}")
        sys.exit(not same)


if __name__ == "__main__":
    run_main(main, train, compare)
