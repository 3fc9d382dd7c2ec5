"""Whether a worker is like the machine that its run began on: what must be the same everywhere is compared, and told.

The first task of a run writes what it saw into the run's config; every later one compares its own machine with it
before it works. That takes milliseconds, so that the first task on each queue finds what differs.
"""

import logging
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cdiscount_tasks.artifacts.data_root import (
    boot_id,
    check_locks,
    clock_ahead_s,
    mark_root,
    mount_of,
    root_id,
    why_locks_stay_local,
)
from cdiscount_tasks.artifacts.hashes import hash_file
from cdiscount_tasks.artifacts.store_probe import check_conditions
from cdiscount_tasks.errors import ConfigError, RunNotHereError
from cdiscount_tasks.machine.backbones import Backbone, backbone_of, backbone_with
from cdiscount_tasks.runs.lineage import code_version
from cdiscount_tasks.settings.began_on import BeganOn, UsedWeights
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.places import address_of
from cdiscount_tasks.settings.training import TrainingConfig

logger = logging.getLogger(__name__)

CLOCK_S = 60.0
"""So many seconds two machines' clocks may differ."""

_NOT_OF_A_RESULT = frozenset({"code", "apache-airflow"})
"""Of a run's versions: the commit is compared by a warning, since most of them change nothing that a task makes."""

_BACKENDS = frozenset({"tensorflow", "jax"})
_LOCAL_LOCKS = (
    "locks hold between the tasks of one machine alone: on two machines, two tasks could write the same artifact. "
    "Mount a file system that passes locks on (NFS of version 4 without local_lock, CephFS, Lustre with flock)"
)


def began_here(environment: Environment, backbone: Backbone | None = None) -> BeganOn:
    """Return what the workers of a run are compared with, seen from the machine that its first task runs on.

    Args:
        environment: Where things are on this machine.
        backbone: What looks at the run's pictures; None: the descriptor does, or the run looks at none.

    Raises:
        ConfigError: If locks do not hold in the data root, its clock differs, or its disk is full; a bucket does not
            exist, cannot be written or does not honour conditions.
    """
    data_dir = environment.data_dir
    for url in (environment.data_url, environment.reports_url):
        if url is not None:
            check_conditions(url)
    began = BeganOn(
        host=socket.gethostname(),
        boot=boot_id(),
        data_root=mark_root(data_dir),
        reports=mark_root(environment.reports_dir, "CDISCOUNT_REPORTS"),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        weights=_used(backbone),
    )
    check_locks(data_dir)
    _check_clock(data_dir)
    if local := why_locks_stay_local(mount_of(data_dir)):
        logger.warning("%s: on this file system (%s) %s", data_dir, local, _LOCAL_LOCKS)
    logger.info("the run began on %s, in the data root %s", began.host, began.data_root)
    return began


def _used(backbone: Backbone | None) -> UsedWeights | None:
    if backbone is None:
        return None
    return UsedWeights(network=backbone.config.network, xxh3_128=hash_file(backbone.weights_path))


def check_worker(
    began: BeganOn | None, frozen: Mapping[str, str], environment: Environment, run_dir: Path, *, by_network: bool
) -> None:
    """Refuse a machine that would make other results than the one that a run began on, or disturb the others.

    Args:
        began: What the run's first task saw; None: an older version began the run, and nothing is compared.
        frozen: The versions of packages that the run began with.
        environment: Where things are on this machine.
        run_dir: Of the run.
        by_network: Whether the task computes with a network, so that Keras' backend counts.

    Raises:
        ConfigError: If a package, the backend, the clock or the file system's locks differ; names both values.
    """
    if began is None:
        return
    if (code := code_version(environment)) != frozen.get("code", code):
        logger.warning(
            "this machine (%s) runs the project's commit %s, and the run began with %s on %s", _here(), code,
            frozen["code"], began.host,
        )  # fmt: skip
    if by_network:
        _check_backend(began, frozen)
    _check_packages(began, frozen, by_network=by_network)
    _check_clock(run_dir, began)
    if boot_id() != began.boot and environment.data_url is None:  # else the bucket decides between machines
        check_locks(environment.data_dir)
        if local := why_locks_stay_local(mount_of(environment.data_dir)):
            raise ConfigError(
                f"{environment.data_dir}: this task runs on {_here()} and the run began on {began.host}, but on this "
                f"file system ({local}) {_LOCAL_LOCKS}; then clear the task"
            )


def check_reports(began: BeganOn | None, environment: Environment) -> None:
    """Refuse a machine with another reports folder than the first: its page would be where nobody looks.

    Raises:
        ConfigError: If so; names both.
    """
    found = root_id(environment.reports_dir)
    is_in_bucket = environment.reports_url is not None
    told = found or f"without an id (empty{'' if is_in_bucket else ', or not mounted'})"
    alike = "mount the same folder on every machine, the API server's too, set CDISCOUNT_REPORTS to it"
    if is_in_bucket:
        alike = "set CDISCOUNT_REPORTS alike on every machine, the API server's too"
    if began is not None and found != began.reports:
        raise ConfigError(
            f"CDISCOUNT_REPORTS leads this machine ({_here()}) to {address_of(environment.reports_dir)}, the reports "
            f"folder {told}, but the run began on {began.host} with the reports folder {began.reports}: {alike}, and "
            "clear the task"
        )


def _here() -> str:
    return socket.gethostname()


def _check_backend(began: BeganOn, frozen: Mapping[str, str]) -> None:
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    was = next((backend for backend in sorted(_BACKENDS) if backend in frozen), name)
    if name != was:
        raise ConfigError(
            f"environment variable KERAS_BACKEND is {name} on this machine ({_here()}), and the run began with {was} "
            f"(on {began.host}): what one makes is not found again by the other; set KERAS_BACKEND={was} there and "
            "clear the task, or set it alike on every worker and trigger a new run"
        )


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _check_packages(began: BeganOn, frozen: Mapping[str, str], *, by_network: bool) -> None:
    names = frozen.keys() - _NOT_OF_A_RESULT - (frozenset() if by_network else _BACKENDS)
    differing = {name: found for name in sorted(names) if (found := _installed(name)) != frozen[name]}
    if differing:
        told = ", ".join(f"{name} {found} (began with {frozen[name]})" for name, found in differing.items())
        raise ConfigError(
            f"the packages of this machine ({_here()}) are not those that the run began with on {began.host}: {told}; "
            "install the same lock on every worker (the same image, or `make setup` of the same commit) and clear the "
            "task; if all workers were upgraded since, trigger a new run"
        )


def _check_clock(folder: Path, began: BeganOn | None = None) -> None:
    """Refuse a clock that differs from the file system's, or is behind the moment at which the run began."""
    ahead_s = clock_ahead_s(folder)
    now = datetime.now(UTC)
    sync = "synchronise the clocks of all machines (NTP: `timedatectl`, `chronyc tracking`), then clear the task"
    if abs(ahead_s) > CLOCK_S:
        raise ConfigError(
            f"the clock of this machine ({_here()}) says {now:%Y-%m-%d %H:%M:%S} UTC, and the file system of {folder} "
            f"dates files {abs(ahead_s):.0f} s {'earlier' if ahead_s > 0 else 'later'}, expected at most {CLOCK_S:.0f} "
            f"s; {sync}"
        )
    if began is not None and (datetime.fromisoformat(began.at) - now).total_seconds() > CLOCK_S:
        raise ConfigError(
            f"the clock of this machine ({_here()}) says {now:%Y-%m-%d %H:%M:%S} UTC, but the run began at {began.at} "
            f"by the clock of {began.host}: they differ by more than {CLOCK_S:.0f} s; {sync}"
        )


def frozen_backbone(began: BeganOn | None, training: TrainingConfig, environment: Environment) -> Backbone | None:
    """Return what looks at a run's pictures: what its first task chose, with this machine's copy of the file.

    Args:
        began: What the run's first task saw; None: an older version began the run, and this machine chooses.
        training: The run's knobs.
        environment: Where things are on this machine.

    Returns:
        The backbone; None: the descriptor looks at the pictures.

    Raises:
        ConfigError: If the file is not on this machine, or is a different one; names both.
        OSError: If it cannot be read for now.
    """
    if began is None:
        return backbone_of(training, environment.weights_dir)
    if began.weights is None:
        return None
    was = began.weights
    value = environment.weights_dir or "unset"
    wanted = (
        f"the run began on {began.host} with the weights of {was.network} (xxh3-128 {was.xxh3_128}); put the same file "
        "into a folder on every worker, set CDISCOUNT_WEIGHTS to it, and clear the task"
    )
    try:
        found = backbone_with(training, was.network, environment.weights_dir)
    except ConfigError as error:
        raise ConfigError(f"{error}. This machine is {_here()}; {wanted}") from error
    if found is None:
        raise ConfigError(
            f"CDISCOUNT_WEIGHTS is {value} on this machine ({_here()}), which has no weights of {was.network}, but "
            f"{wanted}"
        )
    if (here := hash_file(found.weights_path)) != was.xxh3_128:
        raise ConfigError(
            f"{found.weights_path}: has the xxh3-128 {here} on this machine ({_here()}; CDISCOUNT_WEIGHTS is {value}), "
            f"but {wanted}"
        )
    return found


def not_here(path: Path, environment: Environment, first_task: str) -> RunNotHereError:
    """Return the error of a run whose config is not where this machine looks for it.

    Args:
        path: Where it would be.
        environment: Where things are on this machine.
        first_task: The task that freezes it.
    """
    data_dir = environment.data_dir
    return RunNotHereError(
        address_of(path), first_task, root_id(data_dir) or "", f"{address_of(data_dir)} on {_here()}"
    )
