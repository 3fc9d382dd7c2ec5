"""A whole catalogue predicted, against its network alone, in the same run: `python -m benchmarks.speed.predictions`.

The catalogue is drawn, as in `benchmarks.speed.labels`. The peer is the same network on the same images, which it finds
decoded in memory, with their mirror images: nothing that reads a catalogue can be quicker. The stage is measured from
the first byte that it reads to its last answer, on catalogues of two sizes: what memory it needs must not grow.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.material.measure import Run, median, run_main, run_step
from benchmarks.speed.labels import _write_catalogue

STEPS = "benchmarks.speed.predictions"


def _write_model(folder: Path, labels_dir: Path, network_name: str, image_size: int) -> dict[str, str]:
    """Write a network that has learnt nothing, which is as quick as one that has, and what belongs to it."""
    import pyarrow.parquet as pq

    from cdiscount_tasks.artifacts.json_files import write_json
    from cdiscount_tasks.artifacts.publish import Made, build_artifact
    from cdiscount_tasks.artifacts.recipe import Recipe
    from cdiscount_tasks.learning.networks.build import build_network
    from cdiscount_tasks.learning.pictures.images import RESIZE_RULE

    classes = pq.read_table(labels_dir / "classes.parquet")

    def write_model(part_dir: Path) -> Made:
        build_network(network_name, image_size, len(classes)).save(part_dir / "model.keras")
        write_json(part_dir / "input.json", {"image_size": image_size, "resize": RESIZE_RULE})
        pq.write_table(classes, part_dir / "classes.parquet")
        return Made({})

    def write_evaluation(part_dir: Path) -> Made:
        write_json(part_dir / "calibration.json", {"temperature": 1.0, "thresholds": []})
        return Made({})

    model = Recipe("model", 1, {"network": network_name})
    built = build_artifact(model.dir_in(folder), model, write_model)
    evaluation = Recipe("evaluation", 1, {}, {"model": Path(built["path"])})
    evaluated = build_artifact(evaluation.dir_in(folder), evaluation, write_evaluation)
    return {"model": built["path"], "evaluation": evaluated["path"]}


def make(folder: str, num_images: str, network_name: str, image_size: str) -> None:
    """Write a catalogue, index it, draw and label all of it, and write a model of its classes."""
    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
    from cdiscount_tasks.stages.inputs import LabelFiles
    from cdiscount_tasks.stages.labels import fix_labels
    from cdiscount_tasks.stages.sample import draw_sample
    from tests.material.indexing import index_catalogue

    catalogue = Path(folder) / "catalogue.bson"
    _write_catalogue(catalogue, int(num_images))
    index = index_catalogue(catalogue, Path(folder) / "index")["path"]
    sample = draw_sample(Path(index), catalogue, Path(folder), DrawConfig(categories=None))["path"]
    files, rules = LabelFiles(), LabelConfig(categories=None)
    labels = fix_labels(Path(index), Path(sample), files, Path(folder), rules)["path"]
    prepare_device(0)
    model = _write_model(Path(folder), Path(labels), network_name, int(image_size))
    print(json.dumps({"catalogue": str(catalogue), "index": index, "sample": sample, "labels": labels, **model}))


def predict(made: str, out_dir: str) -> None:
    """Predict the catalogue."""
    from cdiscount_tasks.stages.inputs import PredictingModel
    from cdiscount_tasks.stages.predictions import answer_range, join_answers, plan_answers

    at = {name: Path(path) for name, path in json.loads(made).items()}
    model = PredictingModel(at["model"], at["evaluation"], at["labels"], at["sample"])
    place = at["index"], at["catalogue"]
    answered = [answer_range(*place, one, model, Path(out_dir)) for one in plan_answers(*place)]
    started = time.monotonic()
    joined = join_answers(*place, model, Path(out_dir), None)
    join_s = time.monotonic() - started
    num_images = sum(one["num_images"] for one in answered)
    seconds = sum(one["num_images"] / one["images_per_s"] for one in answered)
    products_per_s = round(joined["num_documents"] / seconds, 1)
    print(json.dumps({"images_per_s": num_images / seconds, "products_per_s": products_per_s, "join_s": join_s}))


def network(made: str) -> None:
    """Ask the network about the same images, as arrays in memory, some thousand of them."""
    from functools import partial

    import numpy as np

    from cdiscount_tasks.artifacts.json_files import read_json
    from cdiscount_tasks.learning.pictures.inputs import hold_images
    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.tables.sample_images import SampleImages

    at = {name: Path(path) for name, path in json.loads(made).items()}
    contract = read_json(at["model"] / "input.json")
    prepare_device(0)
    from cdiscount_tasks.learning.networks.loading import load_network
    from cdiscount_tasks.learning.networks.predict import predict_images

    loaded = load_network(at["model"] / "model.keras", contract)
    rows = np.arange(min(len(SampleImages(at["sample"])), 8192))
    open_sample = partial(SampleImages, at["sample"])
    held = hold_images(open_sample, rows, contract["image_size"], at["sample"].parent)
    predict_images(loaded, hold_images(open_sample, rows[:128], contract["image_size"], at["sample"].parent), flip=True)
    started = time.monotonic()
    predict_images(loaded, held, flip=True)
    print(json.dumps({"images_per_s": len(rows) / (time.monotonic() - started)}))


def _figures(runs: Sequence[Run]) -> dict[str, float]:
    said = {name: median([run.said[name] for run in runs]) for name in runs[0].said}
    cpu_s = median([run.cpu_s for run in runs])
    return {**said, "cpu_s": cpu_s, "peak_mib": round(max(run.peak_mib for run in runs))}


def measure(folder: Path, num_images: int, options: argparse.Namespace) -> dict[str, Any]:
    """Make a catalogue, then measure the stage and the network alone in turn; medians of all rounds."""
    folder.mkdir()
    made = json.dumps(run_step(STEPS, "make", folder, num_images, options.network, options.image_size).said)
    pairs = []
    for number in range(options.rounds):
        predicted = run_step(STEPS, "predict", made, folder / f"predicted-{number}")
        pairs.append((predicted, run_step(STEPS, "network", made)))
    predicted_runs, network_runs = zip(*pairs, strict=True)
    return {
        "num_images": num_images,
        "image_size": options.image_size,
        "rounds": options.rounds,
        "stage": _figures(predicted_runs),
        "network": _figures(network_runs),
        "share_of_network": median([one.said["images_per_s"] / two.said["images_per_s"] for one, two in pairs]),
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Read the options, measure, and remove what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 30_000], help="of each catalogue")
    parser.add_argument("--network", default="small_cnn")
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where to write; the system's temporary folder")
    options = parser.parse_args(arguments)
    result = {}
    for name, num_images in zip(("small", "large"), options.images, strict=False):
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="predictions-benchmark-") as folder:
            result[name] = measure(Path(folder) / "data", num_images, options)
        print(name, json.dumps(result[name], indent=1), flush=True)
    return result


if __name__ == "__main__":
    run_main(main, make, predict, network)
