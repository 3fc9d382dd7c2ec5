"""Whether one of Airflow's services is well: what the health checks of `deploy/` ask, inside a container.

`python -m tools.deploy.healthy <service>` ends with 0 or 1, and with 2 where it knows no such service. It needs the
standard library alone: `airflow jobs check` answers the same, and takes a core 6 to 11 s each time.
"""

import json
import os
import sys
import urllib.request
from urllib.parse import urlsplit

API_SERVER, SCHEDULER = "api-server", "scheduler"
SEEN_BY_API_SERVER = {"dag-processor": "dag_processor", "triggerer": "triggerer"}
KNOWN = (API_SERVER, SCHEDULER, *SEEN_BY_API_SERVER)
_TIMEOUT_S = 10


def _ask(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
        text: bytes = answer.read()
    return text


def fault_of(service: str, api_server: str, scheduler: str) -> str | None:
    """Return what is wrong with a service, or None.

    Args:
        service: `api-server`, `scheduler`, `dag-processor` or `triggerer`.
        api_server: Its address, `http://<host>:<port>`.
        scheduler: The address of the health server in the scheduler's own process.

    Raises:
        ValueError: If the service is unknown.
    """
    if service not in KNOWN:
        raise ValueError(f"service is {service!r}, expected one of {', '.join(KNOWN)}")
    try:
        if service == API_SERVER:
            _ask(f"{api_server}/api/v2/version")
            return None
        if service == SCHEDULER:
            _ask(f"{scheduler}/health")  # answers 200 or 503, without a text
            return None
        status = json.loads(_ask(f"{api_server}/api/v2/monitor/health"))[SEEN_BY_API_SERVER[service]]["status"]
    except (OSError, ValueError, KeyError) as error:
        return f"{service}: no answer that can be read ({error})"
    return None if status == "healthy" else f"{service}: its last heartbeat is too old (Airflow says {status!r})"


def main() -> int:
    """Ask for the service of the command line, at the addresses that this container's Airflow uses."""
    parts = urlsplit(os.environ.get("AIRFLOW__CORE__EXECUTION_API_SERVER_URL") or "http://127.0.0.1:8080")
    if len(sys.argv) != 2 or sys.argv[1] not in KNOWN:
        found = " ".join(sys.argv[1:]) or "nothing"
        print(f"{found} is named, expected one of {', '.join(KNOWN)}: `python -m tools.deploy.healthy {SCHEDULER}`")
        return 2
    service = sys.argv[1]
    api_server = "http://127.0.0.1:8080" if service == API_SERVER else f"{parts.scheme}://{parts.netloc}"
    fault = fault_of(service, api_server, "http://127.0.0.1:8974")
    if fault is not None:
        print(fault)
    return int(fault is not None)


if __name__ == "__main__":
    sys.exit(main())
