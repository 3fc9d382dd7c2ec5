"""How fast training is, against what a first notebook does, in the same run: `python -m benchmarks.speed.training`.

- feed: batches of the second epoch, mirrored and moved, against a generator that decodes with Pillow every epoch;
- compile: the same training step as we compile it against Keras' default, for each network without weights;
- features: ten epochs of a classifying layer on features computed once against a frozen network run every epoch.
"""

import argparse
import importlib
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from benchmarks.material.measure import median, run_main, run_step
from benchmarks.speed.labels import draw_pictures

STEPS = "benchmarks.speed.training"
_NUM_CLASSES, _BATCH = 10, 64
_NUM_EPOCHS = 10


class _Drawn:
    """Pictures as JPEG bytes, in memory: reading them is no part of what is measured."""

    jpegs: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        return len(_Drawn.jpegs)

    def read(self, rows: list[int]) -> list[bytes]:
        return [_Drawn.jpegs[row] for row in rows]


def _examples(num_images: int, image_size: int) -> Any:
    import numpy as np

    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.pictures.inputs import hold_images

    drawn = draw_pictures(0, min(num_images, 1000))
    _Drawn.jpegs = tuple(drawn[row % len(drawn)] for row in range(num_images))
    rows = np.arange(num_images)
    return Examples(hold_images(cast(Any, _Drawn), rows, image_size, Path()), rows % _NUM_CLASSES, rows)


def _notebook_generator(num_images: int, image_size: int) -> Iterator[Any]:
    """Decode, scale, mirror and batch as a first Keras notebook does."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    order = rng.permutation(num_images)
    for first in range(0, num_images, _BATCH):
        batch = []
        for row in order[first : first + _BATCH]:
            with Image.open(io.BytesIO(_Drawn.jpegs[row])) as picture:
                pixels = np.asarray(picture.convert("RGB").resize((image_size, image_size), Image.Resampling.BILINEAR))
            batch.append(pixels[:, ::-1] if rng.random() < 0.5 else pixels)
        yield np.stack(batch), order[first : first + _BATCH] % _NUM_CLASSES


def feed(image_size: str, num_images: str) -> None:
    """Measure images/s of both ways, one process, one after the other."""
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0)
    from cdiscount_tasks.learning.networks.on_tensorflow import EpochBatches

    examples = _examples(int(num_images), int(image_size))
    started = time.perf_counter()
    for _ in _notebook_generator(len(examples), int(image_size)):
        pass
    notebook_s = time.perf_counter() - started
    started = time.perf_counter()
    batches = EpochBatches(examples, _BATCH, 0, 2)
    for number in range(len(batches)):
        _ = batches[number]
    ours_s = time.perf_counter() - started
    rates = {"notebook_per_s": round(len(examples) / notebook_s), "ours_per_s": round(len(examples) / ours_s)}
    print(json.dumps({**rates, "times": round(notebook_s / ours_s, 1)}))


def _cpu_s_of(step: Callable[[], Any]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def compiled(how: str, network_name: str, image_size: str, num_images: str) -> None:
    """Measure images per CPU-second of the training step.

    Args:
        how: "ours"; "ours_bfloat16": the same in half precision, a knob of the preset; or "keras_default": compiled as
            Keras does by itself, TensorFlow's settings untouched (where the processor has AVX-512 it turns oneDNN on).
        network_name: As in a preset.
        image_size: Side in pixels.
        num_images: Of the epoch.
    """
    import os

    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.settings.training import TrainingConfig

    if how == "keras_default":
        importlib.import_module("cdiscount_tasks.machine.tensorflow_backend")  # sets it
        os.environ.pop("TF_ENABLE_ONEDNN_OPTS")  # read when TensorFlow is imported
    device = prepare_device(0, precision="mixed_bfloat16" if how == "ours_bfloat16" else "auto")
    from cdiscount_tasks.learning.networks.build import build_network
    from cdiscount_tasks.learning.networks.objective import compile_network
    from cdiscount_tasks.learning.networks.on_tensorflow import EpochBatches

    examples = _examples(int(num_images), int(image_size))
    config = TrainingConfig(network=network_name, image_size=int(image_size))
    network = build_network(config.network, config.image_size, _NUM_CLASSES)
    compile_network(network, config, 1000, "auto" if how == "keras_default" else device.jit_compile)
    network.fit(EpochBatches(examples, _BATCH, 0, 1, first_step=max(len(examples) // _BATCH - 2, 0)), verbose=0)
    batches = EpochBatches(examples, _BATCH, 0, 2)
    cpu_s = _cpu_s_of(lambda: network.fit(batches, verbose=0, shuffle=False))
    print(json.dumps({"images_per_cpu_s": round(len(examples) / cpu_s, 1), "parameters": network.count_params()}))


def features(image_size: str, num_images: str) -> None:
    """Measure CPU seconds of ten epochs on a frozen MobileNetV2 (its weights do not matter here)."""
    from cdiscount_tasks.machine.device import prepare_device
    from cdiscount_tasks.settings.training import TrainingConfig

    device = prepare_device(0)
    import keras

    from cdiscount_tasks.learning.features.vectors import Vectors
    from cdiscount_tasks.learning.networks.batches import Examples
    from cdiscount_tasks.learning.networks.build import build_extractor, build_head, build_network
    from cdiscount_tasks.learning.networks.objective import compile_network
    from cdiscount_tasks.learning.networks.on_tensorflow import EpochBatches, run_network

    config = TrainingConfig(image_size=int(image_size))
    examples = _examples(int(num_images), config.image_size)
    whole = build_network("mobilenet_v2", config.image_size, _NUM_CLASSES)
    backbone = next(part for part in whole.layers if isinstance(part, keras.Model))
    backbone.trainable = False
    compile_network(whole, config, 1000, device.jit_compile)
    whole.fit(EpochBatches(examples, _BATCH, 0, 1, first_step=len(examples) // _BATCH - 1), verbose=0)

    def every_epoch() -> None:
        for epoch in range(_NUM_EPOCHS):
            whole.fit(EpochBatches(examples, _BATCH, 0, epoch), verbose=0, shuffle=False)

    with tempfile.TemporaryDirectory() as folder:
        weights_path = Path(folder) / "backbone.weights.h5"
        backbone.save_weights(weights_path)
        extractor = build_extractor("mobilenet_v2", config.image_size, weights_path)

    def once() -> None:
        vectors = run_network(extractor, examples.inputs, False)[:, None]
        head = build_head(vectors.shape[2], _NUM_CLASSES)
        compile_network(head, config, 1000, device.jit_compile)
        shown = Examples(Vectors(vectors), examples.class_index, examples.product)
        for epoch in range(_NUM_EPOCHS):
            head.fit(EpochBatches(shown, _BATCH, 0, epoch), verbose=0, shuffle=False)

    slow_s, quick_s = _cpu_s_of(every_epoch), _cpu_s_of(once)
    told = {"every_epoch_cpu_s": round(slow_s, 1), "once_cpu_s": round(quick_s, 1)}
    print(json.dumps({**told, "times": round(slow_s / quick_s, 1)}))


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Measure in turn, several rounds; medians, with the peak memory of each process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--images", type=int, default=4000, help="of an epoch; half of them for the compiled step")
    parser.add_argument("--networks", nargs="+", default=["plain_cnn", "small_cnn"], help="whose step is measured")
    options = parser.parse_args(arguments)
    result: dict[str, dict[str, Any]] = {}
    for name in ("feed", "features"):
        runs = [run_step(STEPS, name, options.image_size, options.images) for _ in range(options.rounds)]
        figures = {key: median([run.said[key] for run in runs]) for key in runs[0].said}
        result[name] = {**figures, "peak_mib": round(max(run.peak_mib for run in runs))}
        print(name, json.dumps(result[name]), flush=True)
    for network in options.networks:
        step = (network, options.image_size, options.images // 2)
        rounds = [
            [run_step(STEPS, "compiled", how, *step) for how in ("ours", "keras_default", "ours_bfloat16")]
            for _ in range(options.rounds)
        ]
        rates = [[run.said["images_per_cpu_s"] for run in three] for three in rounds]
        result[network] = {
            "images_per_cpu_s": median([ours for ours, _, _ in rates]),
            "keras_default_per_cpu_s": median([default for _, default, _ in rates]),
            "times": median([ours / default for ours, default, _ in rates]),
            "bfloat16_times": median([half / default for _, default, half in rates]),
            "peak_mib": round(max(three[0].peak_mib for three in rounds)),
        }
        print(network, json.dumps(result[network]), flush=True)
    return result


if __name__ == "__main__":
    run_main(main, feed, compiled, features)
