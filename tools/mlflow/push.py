"""Brings a registered model in an MLflow server up to what a registry says; what is there already is left as it is.

Run by `cdiscount_tasks/runs/mirror.py` with the Python of `.venv-mlflow`, which has MLflow's client and nothing of the
project. Reads JSON from stdin and writes a line of it:

    {"server": "http://127.0.0.1:5000", "name": "cdiscount_wine", "about": "...",
     "champion": "2 of 2026-11-26T21:03:00+00:00", "challenger": null,
     "versions": [{"decision": "2 of 2026-11-26T21:03:00+00:00", "run": "manual__1", "model_dir": "/data/.../model-0f",
                   "description": "...", "tags": {...}, "params": {...}, "metrics": {...}}, ...]}

    {"added": ["2"], "champion": "2", "challenger": null}
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException

DECISION = "cdiscount_decision"
"""The tag that says which line of the registry a run or a version is of."""

FILES = "model"
_PARAMS_AT_ONCE = 100  # the server takes no more in a batch


def _experiment_id(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _log(client: MlflowClient, run_id: str, wanted: Mapping[str, Any]) -> None:
    """Log figures, settings and the model's files, and end the run."""
    now_ms = int(time.time() * 1000)
    params = [Param(name, str(value)) for name, value in wanted["params"].items()]
    client.log_batch(run_id, metrics=[Metric(name, value, now_ms, 0) for name, value in wanted["metrics"].items()])
    for start in range(0, len(params), _PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + _PARAMS_AT_ONCE])
    if Path(wanted["model_dir"]).is_dir():  # else it was cleaned up before the server could be reached
        client.log_artifacts(run_id, wanted["model_dir"], FILES)
    client.set_terminated(run_id)


def _run(client: MlflowClient, experiment_id: str, wanted: Mapping[str, Any]) -> Run:
    """Return the run of a decision; one that was cut off is finished."""
    found = client.search_runs([experiment_id], f"tags.{DECISION} = '{wanted['decision']}'", max_results=1)
    if found and found[0].info.status == "FINISHED":
        return found[0]
    tags = {**wanted["tags"], DECISION: wanted["decision"]}
    run = found[0] if found else client.create_run(experiment_id, run_name=wanted["run"], tags=tags)
    _log(client, run.info.run_id, wanted)
    return run


def _add(client: MlflowClient, name: str, experiment_id: str, wanted: Mapping[str, Any]) -> str:
    """Add the version of a decision; returns its number."""
    run = _run(client, experiment_id, wanted)
    made = client.create_model_version(
        name,
        # A server takes no path of another machine: the files lie among the run's.
        source=f"{run.info.artifact_uri}/{FILES}",
        run_id=run.info.run_id,
        tags={**wanted["tags"], DECISION: wanted["decision"]},
        description=wanted["description"],
    )
    return str(made.version)


def _versions(client: MlflowClient, name: str) -> dict[str, str]:
    """Return the versions that are there, by their decisions."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found |= {each.tags[DECISION]: str(each.version) for each in page if DECISION in each.tags}
        token = page.token
        if not token:
            return found


def _point(client: MlflowClient, name: str, aliases: Mapping[str, str | None]) -> None:
    """Let aliases point at versions, or at none, and read them back.

    Raises:
        RuntimeError: If another version is read.
    """
    found = client.get_registered_model(name).aliases
    for alias, version in aliases.items():
        if version is None and alias in found:
            client.delete_registered_model_alias(name, alias)
        elif version is not None and found.get(alias) != version:
            client.set_registered_model_alias(name, alias, version)
    found = client.get_registered_model(name).aliases
    for alias, version in aliases.items():
        if found.get(alias) != version:
            raise RuntimeError(f"the alias {alias} of {name} reads back as {found.get(alias)}, expected {version}")


def push(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Add the versions that are missing, in their order, then move the aliases."""
    client = MlflowClient(tracking_uri=wanted["server"], registry_uri=wanted["server"])
    name, added = wanted["name"], []
    experiment_id = _experiment_id(client, name)
    try:
        client.create_registered_model(name, description=wanted["about"])
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = _versions(client, name)
    for each in wanted["versions"]:
        if each["decision"] not in versions:
            versions[each["decision"]] = _add(client, name, experiment_id, each)
            added.append(versions[each["decision"]])
    aliases = {alias: versions[wanted[alias]] if wanted[alias] else None for alias in ("champion", "challenger")}
    _point(client, name, aliases)
    return {"added": added, **aliases}


def why(error: BaseException) -> str:
    """Say in a line why the server was not brought up to date: the fault of the network below MLflow's own, if any."""
    chain = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(below)
    first = next((each for each in reversed(chain) if isinstance(each, OSError)), error)
    return " ".join(f"{type(first).__name__}: {first}".split())[:400]


if __name__ == "__main__":
    try:
        outcome = push(json.load(sys.stdin))
    except Exception as error:
        sys.exit(why(error))  # the caller shows this line
    print(json.dumps(outcome))
