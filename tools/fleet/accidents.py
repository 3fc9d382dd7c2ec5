"""What happens to a fleet: a machine whose power is cut at work, and how long Airflow needs to notice."""

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cdiscount_tasks.artifacts.training_folder import read_progress
from tools.airflow.api import wait_until
from tools.airflow.home import ToolError
from tools.fleet.fleet import Fleet
from tools.fleet.history import Try
from tools.fleet.servers import Server

_BUILDER = re.compile(r"\.[0-9a-f]{8}-(?P<process>\d+)-\d+-[0-9a-f]{8}\.part$")
_LOOK_S = 0.002


@dataclass(frozen=True)
class Kill:
    """A machine that was killed at work.

    Attributes:
        machine: Its name.
        at: When.
        doing: What it was doing, for people.
        epochs: How far its training was: epochs that were over; None: it did not train.
    """

    machine: str
    at: datetime
    doing: str
    epochs: int | None = None


def builder_of(part_dir: Path) -> int | None:
    """Return the process that writes a part folder, of this computer; None: it is no part's name."""
    found = _BUILDER.search(part_dir.name)
    return int(found["process"]) if found else None


def _kill_machine_of(fleet: Fleet, process: int) -> str:
    """Stop a process where it is, and kill the machine it runs on."""
    os.kill(process, signal.SIGSTOP)
    machine = fleet.machine_of(process)
    machine.kill()
    return machine.name


def kill_builder(fleet: Fleet, pattern: str, timeout_s: float) -> Kill:
    """Wait until an artifact is being written, and kill the machine that writes it.

    Args:
        fleet: Whose data root is watched.
        pattern: Of part folders below the data root, as `demo/catalogues/*/.part-*.part`.
        timeout_s: For how long to wait.

    Raises:
        ToolError: If no such folder appears.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for part_dir in fleet.data_dir.glob(pattern):
            process = builder_of(part_dir)
            with suppress(ProcessLookupError):  # it has just ended
                if process is not None:
                    machine = _kill_machine_of(fleet, process)
                    return Kill(machine, datetime.now(UTC), f"writing {part_dir.name}")
        time.sleep(_LOOK_S)
    raise ToolError(f"{fleet.data_dir}: nothing like {pattern} appeared in {timeout_s:.0f} s")


def wait_for_epochs(fleet: Fleet, num_epochs: int, timeout_s: float) -> int:
    """Wait until the only training has finished some epochs; returns how many are over.

    Raises:
        ToolError: If it does not come so far.
    """

    def epochs() -> int:
        folders = sorted(fleet.data_dir.glob("**/model-*.training"))
        progress = read_progress(folders[0]) if folders else None
        return (progress["last_epoch"] or 0) if progress else 0

    if not wait_until(lambda: epochs() >= num_epochs, timeout_s, 0.05):
        raise ToolError(f"{fleet.data_dir}: no training finished {num_epochs} epochs in {timeout_s:.0f} s")
    return epochs()


def kill_trainer(fleet: Fleet, name: str, after_epochs: int, timeout_s: float) -> Kill:
    """Wait until the only training has finished some epochs, and kill the machine that trains."""
    num_over = wait_for_epochs(fleet, after_epochs, timeout_s)
    fleet.machines[name].kill()
    return Kill(name, datetime.now(UTC), "training", num_over)


def take_away(server: Server, seconds: float) -> None:
    """Stop a server, and start it again after a while."""
    server.stop()
    time.sleep(seconds)
    server.start()


def seconds_until_noticed(kill: Kill, tries: list[Try]) -> float:
    """Return how long after a kill Airflow took the tries that ran on the machine for dead; the longest of them.

    Raises:
        ToolError: If none ran there.
    """
    lost = [
        (one.ended - kill.at).total_seconds()
        for one in tries
        if one.machine == kill.machine and one.started and one.ended and one.started < kill.at < one.ended
    ]
    if not lost:
        raise ToolError(f"no task ran on {kill.machine} at {kill.at:%H:%M:%S}")
    return max(lost)


def epochs_learnt(log_path: Path) -> list[int]:
    """Return the epochs that a try's log says are over, in their order."""
    words = re.findall(r"epoch (\d+) of \d+: train loss", log_path.read_text(encoding="utf-8"))
    return [int(word) for word in words]
