"""How fast a new model answers beside the champion. Writes no artifact."""

from pathlib import Path

import numpy as np

from cdiscount_tasks.artifacts.json_files import read_json
from cdiscount_tasks.artifacts.manifest import verify_artifact
from cdiscount_tasks.machine.device import prepare_device
from cdiscount_tasks.stages.inputs import Speeds
from cdiscount_tasks.tables.judged_products import category_ids_of


def measure_speeds(challenger_dir: Path, champion_dir: Path) -> Speeds:
    """Load two models, and let them answer in turn, as predictions do: each image with its mirror image.

    Each sees images of its own size, for that is part of what it costs.

    Args:
        challenger_dir: Finished model artifact.
        champion_dir: Finished model artifact.

    Raises:
        DataError: If a model is damaged or cannot be loaded.
    """
    for model_dir in (challenger_dir, champion_dir):
        verify_artifact(model_dir)
    device = prepare_device(seed=0)
    from cdiscount_tasks.learning.networks.answering import AnsweringNetwork  # after the device is set up
    from cdiscount_tasks.learning.networks.speed import NUM_IMAGES, time_in_turn

    challenger, champion = (
        AnsweringNetwork(folder / "model.keras", read_json(folder / "input.json"), len(category_ids_of(folder)))
        for folder in (challenger_dir, champion_dir)
    )
    seconds = time_in_turn([challenger, champion])
    rates = NUM_IMAGES / np.median(seconds, axis=0)
    ratio = float(np.median(seconds[:, 1] / seconds[:, 0]))
    return Speeds(ratio, float(rates[0]), float(rates[1]), NUM_IMAGES, len(seconds), device.name)
