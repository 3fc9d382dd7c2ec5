"""`make mlflow`, once its environment is there: brings the server of CDISCOUNT_MLFLOW up to date with each registry."""

import sys

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.mirror import mirror
from cdiscount_tasks.settings.environment import read_environment
from tools.command import exit_status, say


def main() -> int:
    """Mirror every registry; returns the exit status: 1 where one failed, which the log says."""
    environment = read_environment()
    if environment.mlflow_url is None:
        say("CDISCOUNT_MLFLOW is not set: nothing is mirrored; set it to your server, as in http://127.0.0.1:5000")
        return 0
    names = registry.registered_samples(environment)
    done = [name for name in names if mirror(name, environment)]
    say(f"{environment.mlflow_url}: up to date with {', '.join(done) or 'no registry'}")
    return int(len(done) < len(names))


if __name__ == "__main__":
    sys.exit(exit_status(main))
