"""A catalogue whose prediction is killed many times gets the same answers, byte for byte.

    .venv/bin/python -m benchmarks.endurance.prediction_kills [--kills 20] [--images 6000] [--ranges 5]

Draws a catalogue, predicts it undisturbed, then in processes that are killed with SIGKILL at random moments and started
again, and compares the files.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.material.measure import run_main, run_step
from benchmarks.speed import predictions as speed
from cdiscount_tasks.tables.predicted import PREDICTED_PRODUCTS, REJECTED, SUBMISSION, SUMMARY

FILES = (PREDICTED_PRODUCTS, REJECTED, SUBMISSION, SUMMARY)
STEPS = "benchmarks.endurance.prediction_kills"


def predict_all(made: str, out_dir: str, num_ranges: str) -> None:
    """Predict a catalogue in so many ranges, its images decoded in other processes; prints where the answers are."""
    from cdiscount_tasks.catalogue import ranges
    from cdiscount_tasks.stages import predictions
    from cdiscount_tasks.stages.inputs import PredictingModel

    at = {name: Path(path) for name, path in json.loads(made).items()}
    block_bytes = -(-at["catalogue"].stat().st_size // int(num_ranges))
    vars(ranges).update(BLOCK_BYTES=block_bytes, MIN_RANGE_BLOCKS=1)
    predictions._IMAGES_WORTH_PROCESSES = 0
    model = PredictingModel(at["model"], at["evaluation"], at["labels"], at["sample"])
    print("started", flush=True)
    reused = [
        predictions.answer_range(at["index"], at["catalogue"], one, model, Path(out_dir))["reused"]
        for one in predictions.plan_answers(at["index"], at["catalogue"])
    ]
    joined = predictions.join_answers(at["index"], at["catalogue"], model, Path(out_dir), None)
    print(json.dumps({"path": joined["path"], "num_reused": sum(reused), "num_ranges": len(reused)}))


def kill_once(made: str, out_dir: Path, num_ranges: int, after_s: float) -> bool:
    """Start a prediction and kill it after a while; returns whether it had not ended."""
    command = [sys.executable, "-m", STEPS, "predict_all", made, str(out_dir), str(num_ranges)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def run_all(folder: Path, num_images: int, num_ranges: int, num_kills: int) -> bool:
    """Run it all and print the figures; returns whether the files are the same."""
    folder.mkdir()
    made = json.dumps(run_step(speed.STEPS, "make", folder, num_images, "small_cnn", 64).said)
    whole = run_step(STEPS, "predict_all", made, folder / "undisturbed", num_ranges)
    print(f"undisturbed: {whole.said['num_ranges']} ranges, {whole.wall_s:.1f} s", flush=True)
    rng = random.Random()
    num_killed = 0
    for _ in range(num_kills):
        # What is left to do shrinks from kill to kill: a moment of the first third is one of work more often than not.
        num_killed += kill_once(made, folder / "killed", num_ranges, rng.uniform(0, whole.wall_s / 3))
    resumed = run_step(STEPS, "predict_all", made, folder / "killed", num_ranges)
    ends = [Path(run.said["path"]) for run in (whole, resumed)]
    same = all((ends[0] / name).read_bytes() == (ends[1] / name).read_bytes() for name in FILES)
    left = sorted(path.name for path in (folder / "killed").glob(".*.part"))
    print(f"killed {num_killed} times of {num_kills}; then {resumed.said['num_reused']} ranges existed already")
    print(f"the same bytes: {same}; left behind: {left}")
    return same


def main() -> None:
    """Read the options, run, and remove what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--ranges", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prediction-kills-") as folder:
        sys.exit(not run_all(Path(folder) / "data", options.images, options.ranges, options.kills))


if __name__ == "__main__":
    run_main(main, predict_all)
