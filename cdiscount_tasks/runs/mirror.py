"""A sample's registry as MLflow shows it: a registered model, a version for each judged challenger, two aliases.

Files are the truth, and nothing reads the mirror: a failure is a warning, and the next decision, or `make mlflow`,
brings the server up to date. MLflow's client has an environment of its own, in which tools/mlflow/push.py runs.
"""

import json
import logging
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdiscount_tasks.artifacts.locks import lock
from cdiscount_tasks.errors import DataError
from cdiscount_tasks.reports.metrics import read_metrics
from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.decisions import Decision, Entry, RollBack, last_promotion
from cdiscount_tasks.settings.environment import PROJECT_DIR, Environment

logger = logging.getLogger(__name__)

PYTHON = PROJECT_DIR / ".venv-mlflow" / "bin" / "python"
PUSH = PROJECT_DIR / "tools" / "mlflow" / "push.py"
TIME_LIMIT_S = 60.0

# One try more, not seven that wait for minutes; and nobody else is told.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}


def _figures(report_dir: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """Return a report's figures of products with their intervals, and its knobs; none where it was cleaned up."""
    try:
        metrics = read_metrics(report_dir)
        found = {
            f"{split}_{name}" + ("" if end == "value" else f"_{end}"): figure[end]
            for split in ("validation", "test")
            for name, figure in metrics[split]["product"].items()
            for end in ("value", "low", "high")
            if isinstance(figure, dict) and figure.get(end) is not None
        }
        return found, metrics["lineage"]["config"]["training"]
    except (DataError, OSError, KeyError, TypeError, AttributeError):
        return {}, {}


def _key(decision: Decision) -> str:
    """Return by what a decision is known again: a registry that was begun anew counts from 1 again."""
    return f"{decision.number} of {decision.at}"


def _version(decision: Decision, environment: Environment) -> dict[str, Any]:
    """Return what MLflow is to say of a challenger."""
    candidate, judged = decision.candidate, decision.judged
    metrics, params = _figures(environment.reports_dir / candidate.report)
    tags = {
        "decision": decision.number,
        "outcome": decision.outcome,
        "verdict": judged.verdict,
        **(judged.difference.model_dump() if judged.difference else {}),
        "look": judged.look,
        "report": candidate.report,
        "who": decision.who,
        "answer": decision.answer or None,
        "reason": decision.reason or None,
        "model": candidate.model,
        "pictures": "drawn by the demo" if candidate.origin == "drawn" else None,
    }
    tags["difference"] = tags.pop("value", None)
    return {
        "decision": _key(decision),
        "run": candidate.run_id,
        "model_dir": str(environment.work_dir / candidate.model),
        "description": " ".join((f"{judged.verdict}: {decision.outcome.replace('_', ' ')}.", *judged.reasons)),
        "tags": {name: str(value) for name, value in tags.items() if value is not None},
        "params": {"preset": candidate.preset, **params},
        "metrics": {"accuracy": candidate.accuracy, **metrics},
    }


def wanted_of(sample_name: str, entries: Sequence[Entry], environment: Environment) -> dict[str, Any]:
    """Return what MLflow is to show of a sample, for tools/mlflow/push.py.

    A judgement of the champion itself is no challenger's. The newest challenger has the alias `challenger`, unless it
    is the champion.
    """
    decisions = [entry for entry in entries if isinstance(entry, Decision) and entry.outcome != "kept"]
    now = last_promotion(entries)
    number = now.back_to if isinstance(now, RollBack) else now.number if now else None
    champion = next((each for each in decisions if each.number == number), None)
    newest = decisions[-1] if decisions else None
    return {
        "server": environment.mlflow_url,
        # The demo's own, which no sample can be called: its champions never stand among real ones.
        "name": f"cdiscount_{sample_name}{'-demo' if environment.uses_demo_catalogue else ''}",
        "about": f"A copy of the registry of {sample_name}: `make champion SAMPLE={sample_name}` shows the original",
        "versions": [_version(each, environment) for each in decisions],
        "champion": _key(champion) if champion else None,
        "challenger": _key(newest) if newest and newest is not champion else None,
    }


def _push(wanted: dict[str, Any]) -> dict[str, Any]:
    """Let MLflow's own environment bring the server up to date.

    Raises:
        RuntimeError: If it cannot be; says why and what to do.
    """
    for path in (PYTHON, PUSH):
        if not path.exists():
            raise RuntimeError(f"{path} is missing: `make mlflow` makes its client's environment")
    try:
        told = subprocess.run(
            [PYTHON, "-I", PUSH],
            env={**_PATIENCE, **_QUIET, **os.environ},
            input=json.dumps(wanted),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=TIME_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"the server did not take it within {TIME_LIMIT_S:g} s") from error
    if told.returncode != 0:
        last = (told.stderr.strip().splitlines() or [f"it ended with status {told.returncode}"])[-1]
        raise RuntimeError(last)
    return dict(json.loads(told.stdout.splitlines()[-1]))


def mirror(sample_name: str, environment: Environment) -> bool:
    """Bring MLflow up to date with a sample's registry, where CDISCOUNT_MLFLOW names a server.

    Returns:
        Whether the server is up to date now; whatever keeps it from that is a warning.
    """
    if environment.mlflow_url is None:
        return False
    try:
        folder = registry.registry_dir(sample_name, environment)
        with lock(folder / ".mlflow.lock", f"the mirror of {sample_name}"):
            done = _push(wanted_of(sample_name, registry.history(sample_name, environment), environment))
    except Exception as error:  # whatever it is: the decision stands, and its task must not fail
        logger.warning(
            "%s does not show the newest decision about %s (%s); the registry itself is complete: see that the server "
            "runs, then `make mlflow` or the next decision brings it up to date; unset CDISCOUNT_MLFLOW to go without",
            environment.mlflow_url, sample_name, error,
        )  # fmt: skip
        return False
    added = f"version {', '.join(done['added'])} added" if done["added"] else "no version is new"
    logger.info("%s: %s, the champion is version %s", environment.mlflow_url, added, done["champion"])
    return True
