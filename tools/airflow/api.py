"""Airflow's REST API, as far as the tools need it, with the standard library alone."""

import http.client
import json
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any, cast

from tools.airflow.home import ADMIN, ToolError

# This machine is never asked through a proxy, whatever the shell names one for.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TRIES, PAUSE_S = 8, 2.0
"""How often a request is sent, and how long is waited before the next time, where Airflow's database is locked: SQLite
has one writer at a time, and a busy machine keeps others waiting for longer than they will."""


class ApiError(ToolError):
    """The API refused; `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class AirflowApi:
    """A signed-in client of one Airflow."""

    def __init__(self, port: int, password: str, user: str = ADMIN) -> None:
        self.base_url = f"http://127.0.0.1:{port}"
        self._credentials = {"username": user, "password": password}
        self._token: str | None = None

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.base_url}{path}", method=method, headers={"Content-Type": "application/json"}
        )
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        data = None if body is None else json.dumps(body).encode()
        try:
            with _DIRECT.open(request, data, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            raise ApiError(error.code, f"{method} {path}: HTTP {error.code}: {detail[:1000]}") from error
        return json.loads(text) if text else None

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to `/api/v2` and return the answer's JSON.

        Raises:
            ApiError: If Airflow refuses.
            OSError: If it cannot be reached.
        """
        if self._token is None:
            self._token = self._send("POST", "/auth/token", self._credentials)["access_token"]
        for _ in range(_TRIES - 1):
            try:
                return self._send(method, f"/api/v2{path}", body)
            except ApiError as error:
                if error.status != HTTPStatus.INTERNAL_SERVER_ERROR or "Database error" not in str(error):
                    raise
                time.sleep(PAUSE_S)
        return self._send(method, f"/api/v2{path}", body)

    def health_fault(self) -> str:
        """Return what is not up yet, as a sentence; empty: database, scheduler and DAG processor are healthy."""
        try:
            health = self._send("GET", "/api/v2/monitor/health")
            ill = [
                part for part in ("metadatabase", "scheduler", "dag_processor") if health[part]["status"] != "healthy"
            ]
        except (OSError, ApiError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
            return f"{self.base_url} does not answer as Airflow does: {error}"
        return f"{' and '.join(ill)} not healthy" if ill else ""

    def is_healthy(self) -> bool:
        """Tell whether database and scheduler are up; a server that does not answer is not."""
        return not self.health_fault()

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool or change the existing one: a task whose pool is missing would wait for ever."""
        settings = {"slots": slots, "description": description, "include_deferred": False}
        try:
            self.call("POST", "/pools", {"name": name, **settings})
        except ApiError as error:
            if error.status != 409:
                raise
            self.call("PATCH", f"/pools/{name}", {"pool": name, **settings})

    def dags(self) -> dict[str, dict[str, Any]]:
        """Return all DAGs by id."""
        return {dag["dag_id"]: dag for dag in self.call("GET", "/dags?limit=500")["dags"]}

    def import_errors(self) -> list[str]:
        """Return what kept DAG files from being loaded."""
        return [error["stack_trace"] for error in self.call("GET", "/importErrors")["import_errors"]]

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Pause a DAG or let it run."""
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": paused})

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any], note: str) -> None:
        """Start a run now."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf, "note": note}
        self.call("POST", f"/dags/{dag_id}/dagRuns", body)

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run's state and times."""
        return cast(dict[str, Any], self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}"))

    def unfinished_runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG that run or wait."""
        path = f"/dags/{dag_id}/dagRuns?state=running&state=queued&limit=100"
        return cast(list[dict[str, Any]], self.call("GET", path)["dag_runs"])

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """End a run and the tasks that it has going."""
        self.call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the tasks of a run with their states."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000"
        return cast(list[dict[str, Any]], self.call("GET", path)["task_instances"])


def wait_until(condition: Any, timeout_s: float, pause_s: float = 0.3) -> bool:
    """Ask again until a condition holds; returns whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(pause_s)
    return bool(held)
