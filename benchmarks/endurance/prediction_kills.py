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


def killed(made: str, out_dir: Path, num_ranges: int, after_s: float) -> bool:
    """Start a prediction and kill it after a while; returns whether it had not ended."""
    command = [sys.executable, "-m", STEPS, "predict_all", made, str(out_dir), str(num_ranges)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            return process.wait(after_s) < 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.wait() == -signal.SIGKILL


def same_files(first_dir: Path, second_dir: Path) -> bool:
    """Compare two predictions byte for byte."""
    return all((first_dir / name).read_bytes() == (second_dir / name).read_bytes() for name in FILES)


def run_all(folder: Path, num_images: int, num_ranges: int, num_kills: int) -> bool:
    """Run it all and print the figures; returns whether the files are always the same."""
    folder.mkdir()
    made = json.dumps(run_step(speed.STEPS, "make", folder, num_images, "small_cnn", 64).said)
    whole = run_step(STEPS, "predict_all", made, folder / "undisturbed", num_ranges)
    print(f"undisturbed: {whole.said['num_ranges']} ranges, {whole.wall_s:.1f} s", flush=True)
    rng = random.Random()
    num_killed = num_ended = 0
    same, left = True, 0
    while num_killed < num_kills or not num_ended:
        # A prediction that came to its end begins again from nothing, so that every kill meets work.
        out_dir = folder / f"killed-{num_ended}"
        if num_killed < num_kills and killed(made, out_dir, num_ranges, rng.uniform(0, whole.wall_s / 3)):
            num_killed += 1
            continue
        ended = run_step(STEPS, "predict_all", made, out_dir, num_ranges).said
        same &= same_files(Path(whole.said["path"]), Path(ended["path"]))
        left += len(list(out_dir.glob(".*.part")))
        num_ended += 1
    print(f"killed {num_killed} times, {num_ended} predictions came to their end")
    print(f"the same bytes: {same}; folders left behind: {left}")
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
