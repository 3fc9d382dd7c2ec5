"""A home for one command: a migrated database of its own, removed when the command has ended."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools.airflow.home import CONNECTION, airflow_environ, held_lock, is_locked, migrate


def remove_dead_homes(parent: Path) -> None:
    """Remove the throw-away homes whose owner was killed: a living one holds its lock."""
    for home in sorted(parent.glob("run-*")):
        if home.is_dir() and not is_locked(home / "lock"):
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def throw_away_home(parent: Path, port: int = 8080) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a home with a migrated database of its own, removed afterwards; the migration is done once for all of them.

    Args:
        parent: The lasting home below which the migrated database is kept and the throw-away homes are made.
        port: With which links to Airflow's UI begin.
    """
    template = parent / "template"
    plain = {name: value for name, value in os.environ.items() if name != CONNECTION}
    with ExitStack() as locks:
        # One at a time, so that no home without its lock is taken for a dead one's.
        with held_lock(parent / "template.lock", wait=True):
            remove_dead_homes(parent)
            migrate(template, airflow_environ(template, environ=plain))
            home = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
            locks.enter_context(held_lock(home / "lock"))
        try:
            shutil.copyfile(template / "airflow.db", home / "airflow.db")
            yield home, airflow_environ(home, port, plain)
        finally:
            shutil.rmtree(home, ignore_errors=True)
