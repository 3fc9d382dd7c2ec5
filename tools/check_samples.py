"""A part of `make lint`: reads each sample's YAML with the models that the DAGs use, and prints each that is wrong."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cdiscount_tasks.config import read_sample
from cdiscount_tasks.environment import read_environment
from cdiscount_tasks.errors import ConfigError


def check_samples(samples_dir: Path) -> int:
    """Read all samples of a folder; returns the number of those that are wrong."""
    paths, num_wrong = sorted(samples_dir.glob("*.yaml")), 0
    for path in paths:
        try:
            read_sample(path)
        except ConfigError as error:
            num_wrong += 1
            print(error, file=sys.stderr)
    print(f"{len(paths)} samples in {samples_dir}, {num_wrong} of them wrong")
    return num_wrong


if __name__ == "__main__":
    sys.exit(1 if check_samples(read_environment().samples_dir) else 0)
