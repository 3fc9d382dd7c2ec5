"""Where the tasks run that a network computes in: their pool, and the queue and executor of the machines with GPUs."""

from typing import Any

from airflow.sdk.configuration import conf

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import Environment, read_environment

POOL = "gpu"


def _names_of(executor: str) -> set[str]:
    """Return what Airflow calls an entry of `[core] executor`: by its alias, its path and its class.

    An entry is `CeleryExecutor`, `my.module.Executor` or `alias:either of them`; of several teams' executors, each team
    has its own, `team=entry`.
    """
    alias, _, path = executor.rpartition("=")[2].strip().rpartition(":")
    return {name for name in (alias, path, path.rpartition(".")[2]) if name}


def _check_executor(executor: str) -> None:
    """Refuse an executor that Airflow is not set to: its own check would take away every DAG that names it.

    Raises:
        ConfigError: If so; names both settings.
    """
    configured = conf.get("core", "executor")
    entries = [entry for team in configured.split(";") for entry in team.split(",")]
    if not any(_names_of(executor) & _names_of(entry) for entry in entries):
        raise ConfigError(
            f"environment variable CDISCOUNT_GPU_EXECUTOR is {executor!r}, which is not among Airflow's executors "
            f"([core] executor, AIRFLOW__CORE__EXECUTOR, is {configured!r}): add it there on every machine of this "
            "Airflow, or unset the variable"
        )


def gpu_place(environment: Environment | None = None) -> dict[str, Any]:
    """Return the options of a task that a network computes in.

    Without CDISCOUNT_GPU_QUEUE and CDISCOUNT_GPU_EXECUTOR that is the pool alone: the task runs wherever others do.

    Args:
        environment: Its `gpu_queue` and `gpu_executor`; None: as the variables of this machine say.

    Raises:
        ConfigError: If the executor is not one that Airflow is set to.
    """
    environment = environment or read_environment()
    if environment.gpu_executor:
        _check_executor(environment.gpu_executor)
    named = {"queue": environment.gpu_queue, "executor": environment.gpu_executor}
    return {"pool": POOL, **{option: name for option, name in named.items() if name}}
