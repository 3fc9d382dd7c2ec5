"""What becomes of planted faults: `python -m benchmarks.belief.dirty` prints a table, kind by kind.

The clothing catalogue is made dirty by ../shared/tools/plant_faults.py, goes through index, sample and labels, and is
compared with a plain reading of the dirty file: pymongo's decoder and Pillow, no code of the pipeline.
"""

import argparse
import tempfile
from pathlib import Path

from tests.material.dirty_clothing import CLOTHING, PLANTER, Truth, examine, plant, run_pipeline
from tests.material.real_data import need_test_data


def main() -> None:
    """Plant, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=Path, default=CLOTHING, help="a clean catalogue")
    options = parser.parse_args()
    need_test_data(PLANTER, options.clean)
    with tempfile.TemporaryDirectory(prefix="dirty-") as folder:
        dirty, planted = plant(options.clean, Path(folder))
        truth, found = Truth(dirty), run_pipeline(dirty, Path(folder))
        print("| kind | planted | still in the file | found | false | handled |\n|---|---|---|---|---|---|")
        for row in examine(found, truth, planted):
            print("| " + " | ".join("" if value is None else str(value) for value in row) + " |")
        refused = found.index_rejected["image_number"].isna().sum()
        refused_products = found.labels_rejected["image_number"].isna().sum()
        print(
            f"\n{truth.num_documents} documents = {found.index['num_products']} kept + {refused} rejected; "
            f"{len(found.sample_products)} products of the sample = {len(found.products)} kept + "
            f"{refused_products} rejected"
        )


if __name__ == "__main__":
    main()
