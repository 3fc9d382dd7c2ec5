"""What the presets promise of the clothing photos, checked: `python -m benchmarks.belief.presets --folder FOLDER`.

A preset's purpose ends with the share of single test photos that it gets right (mean of seeds) and the CPU-seconds that
one training takes. A promise is kept where the mean of the seeds is no more than a point below it. Seconds differ
between machines, so they are told and not judged.
"""

import argparse
import json
import re
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.belief import clothing
from benchmarks.belief.recipes import WINE
from tests.material.real_data import TEST_DATA_DIR, need_test_data

PROMISE = re.compile(r"Learnt from 3,068 photos of clothing: (\d+) % of others in ([\d,]+) CPU-seconds\.$")


TOLERANCE = 0.01
"""Another machine computes in another order, and promises are whole per cents."""


class Promise(NamedTuple):
    """What a preset promises.

    Attributes:
        accuracy: Share of the test images that are answered rightly.
        cpu_s: Of one training, features included.
    """

    accuracy: float
    cpu_s: int


def promises() -> dict[str, Promise]:
    """Return what the wine sample's presets promise; those that promise nothing are left out."""
    found = {name: PROMISE.search(preset.purpose) for name, preset in WINE.presets.items()}
    return {
        name: Promise(int(match[1]) / 100, int(match[2].replace(",", ""))) for name, match in found.items() if match
    }


def is_kept(promise: Promise, figures: list[dict[str, Any]]) -> bool:
    """Tell whether the mean of the seeds is no more than TOLERANCE below what was promised."""
    mean: float = statistics.mean(figure["value"] for figure in figures)
    return mean >= promise.accuracy - TOLERANCE


def main() -> None:
    """Read the options, train, print a table."""
    promised = promises()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="*", default=list(promised), choices=list(promised))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--knobs", default="{}", help="JSON: knobs on top of every preset")
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    options = parser.parse_args()
    need_test_data(TEST_DATA_DIR / "clothing", TEST_DATA_DIR / "weights")
    wanted = {
        name: {**WINE.presets[name].model_dump(mode="json"), **json.loads(options.knobs)} for name in options.presets
    }
    rows = clothing.measure(options.folder, wanted, options.seeds, "test")
    print("| preset | promised | by image | kept | CPU s, promised | CPU s |\n|---|---|---|---|---|---|")
    for name in wanted:
        mine = [row for row in rows if row["recipe"] == name]
        figures, cpu_s = [row["image"] for row in mine], statistics.mean(row["cpu_s"] for row in mine)
        kept = "yes" if is_kept(promised[name], figures) else "no"
        told = clothing.told(figures)
        print(f"| {name} | {promised[name].accuracy} | {told} | {kept} | {promised[name].cpu_s} | {cpu_s:.0f} |")


if __name__ == "__main__":
    main()
