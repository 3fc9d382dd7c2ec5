"""The demo's samples with catalogue, data and reports in a bucket, through a real Airflow: requests and bytes by task.

    .venv/bin/python -m benchmarks.endurance.bucket_demo [--samples wine mixed_bag] [--products 2000] [--scratch DIR]

The bucket is moto's server on the loopback interface, behind a proxy that counts (tests/material/). One task runs at a
time, so that each request belongs to the task that ran. Then a second API server, whose cache is empty, shows the
reports: what it has it has from the bucket. The keys are those of an Airflow connection; at the end every log, every
database, every file of a cache and every object is searched for them.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.material.fault_proxy import fault_proxy
from tests.material.object_server import object_server
from tools.airflow import processes, server
from tools.airflow.api import AirflowApi, wait_until
from tools.airflow.home import password
from tools.command import say
from tools.demo.progress import RunWatch, failures, watch

CATALOGUE_DAG = "cdiscount_catalogue"
PAGES = "/evaluation_reports"


class Counted(NamedTuple):
    """What went over the network for something, in requests and bytes."""

    reads: int
    lists: int
    writes: int
    removals: int
    bytes_down: int
    bytes_up: int


class Span(NamedTuple):
    """When a task ran, in seconds since 1970."""

    name: str
    start: float
    stop: float


def counted(seen: Sequence[Any], bucket_path: str) -> Counted:
    """Count requests that passed the proxy."""
    lists = [one for one in seen if one.method == "GET" and one.name.rstrip("/") == bucket_path]
    removals = [one for one in seen if one.method == "DELETE" or (one.method == "POST" and one.name == bucket_path)]
    reads = sum(one.method in ("GET", "HEAD") for one in seen) - len(lists)
    writes = sum(one.method in ("PUT", "POST") for one in seen) - sum(one.method == "POST" for one in removals)
    return Counted(
        reads, len(lists), writes, len(removals),
        sum(one.num_sent for one in seen), sum(one.num_received for one in seen),
    )  # fmt: skip


def by_span(seen: Sequence[Any], spans: Sequence[Span]) -> dict[str, list[Any]]:
    """Return the requests of each task, by its name, and those between tasks."""
    offset_s = time.time() - time.monotonic()
    found: dict[str, list[Any]] = {span.name: [] for span in spans}
    for one in seen:
        at = one.began + offset_s
        name = next((span.name for span in spans if span.start <= at <= span.stop), "between tasks")
        found.setdefault(name, []).append(one)
    return found


def _row(name: str, what: Counted) -> str:
    numbers = " | ".join(f"{number:,}" for number in what[:4])
    return f"| {name} | {numbers} | {what.bytes_down / 1e6:,.2f} | {what.bytes_up / 1e6:,.2f} |"


_HEAD = (
    "| task | reads | lists | writes | removals | MB down | MB up |\n"
    "|---|---:|---:|---:|---:|---:|---:|"
)  # fmt: skip


def tell(title: str, requests: dict[str, list[Any]], bucket_path: str) -> None:
    """Print a table: a row a task, and their sum."""
    print(f"\n{title}\n\n{_HEAD}")
    for name, seen in requests.items():
        print(_row(name, counted(seen, bucket_path)))
    print(_row("all", counted([one for seen in requests.values() for one in seen], bucket_path)), flush=True)


def _set_environment(scratch: Path, bucket: str, settings: dict[str, str], secret: str) -> None:
    """Point all places at the bucket; nothing else of this machine is read or written."""
    extra = {"region_name": settings["AWS_REGION"], "endpoint_url": settings["AWS_ENDPOINT_URL"]}
    connection = {"conn_type": "aws", "login": settings["AWS_ACCESS_KEY_ID"], "password": secret, "extra": extra}
    for name in [name for name in os.environ if name.startswith(("CDISCOUNT_", "AIRFLOW", "AWS_"))]:
        del os.environ[name]
    os.environ |= {
        "CDISCOUNT_STORE_CONN_ID": "store",
        "AIRFLOW_CONN_STORE": json.dumps(connection),
        "CDISCOUNT_DATA": f"{bucket}/data",
        "CDISCOUNT_REPORTS": f"{bucket}/reports",
        "CDISCOUNT_CATALOGUE": f"{bucket}/catalogue.bson",
        "CDISCOUNT_CATEGORY_NAMES": str(scratch / "demo" / "category_names.csv"),
        "CDISCOUNT_CACHE": str(scratch / "cache"),
        "KERAS_HOME": str(scratch / "keras"),
        "AIRFLOW__CORE__PARALLELISM": "1",
    }


@contextmanager
def _airflow(scratch: Path) -> Iterator[tuple[AirflowApi, Path, Any]]:
    home, port, since = scratch / "airflow", processes.free_port(), datetime.now(UTC).isoformat()
    with server.started_airflow(home, port, "bucket_demo", say) as components:
        api = AirflowApi(port, password(home))
        server.wait_until_ready(home, api, components, since)
        yield api, home, components


def _spans(api: AirflowApi, dag_id: str, run_id: str) -> list[Span]:
    tasks = [task for task in api.task_instances(dag_id, run_id) if task["start_date"] and task["end_date"]]
    return [
        Span(
            task["task_id"] if task["map_index"] < 0 else f"{task['task_id']} {task['map_index']}",
            datetime.fromisoformat(task["start_date"]).timestamp(),
            datetime.fromisoformat(task["end_date"]).timestamp(),
        )
        for task in sorted(tasks, key=lambda task: str(task["start_date"]))
    ]


def _run(api: AirflowApi, home: Path, components: Any, dag_id: str, conf: dict[str, Any]) -> tuple[str, list[Span]]:
    """Run a DAG to its end; returns the run's id, and when its tasks ran."""
    run = RunWatch(dag_id, f"bucket__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}", dag_id.removeprefix("cdiscount_"))
    wait_until(lambda: dag_id in api.dags(), 120)
    api.trigger(dag_id, run.run_id, conf, "benchmarks.endurance.bucket_demo")
    api.set_paused(dag_id, paused=False)
    watch(api, [run], say, lambda: server.check_alive(home, components))
    api.set_paused(dag_id, paused=True)
    if run.state != "success":
        raise SystemExit(failures(api, home, run))
    return run.run_id, _spans(api, dag_id, run.run_id)


def _page(api: AirflowApi, token: str, path: str) -> tuple[int, bytes]:
    """Ask for a page of the plugin as a browser does, following its redirections."""
    request = urllib.request.Request(f"{api.base_url}{PAGES}{path}", headers={"Cookie": f"_token={token}"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.status, answer.read()


def _look(scratch: Path, proxy: Any, runs: Sequence[tuple[str, str]], stay_s: float, bucket_path: str) -> None:
    """Open the reports in an API server whose cache is empty; prints what each page asked of the bucket."""
    os.environ["CDISCOUNT_CACHE"] = str(scratch / "cache_of_the_ui")
    with _airflow(scratch) as (api, home, _):
        api.dags()
        token, asked = str(api._token), {}  # as the browser's cookie has it
        paths = {"list of all": "/", "the same again": "/"}
        for dag_id, run_id in runs:
            page = f"/dags/{dag_id}/runs/{quote(run_id, safe='')}/"
            paths |= {f"report of {dag_id}": page, f"the same again, {dag_id}": page}
        for name, path in paths.items():
            proxy.begin()
            began = time.monotonic()
            status, body = _page(api, token, path)
            asked[f"{name} ({len(body) / 1e6:.2f} MB, {time.monotonic() - began:.1f} s, {status})"] = list(proxy.seen)
        tell("pages", asked, bucket_path)
        if stay_s:
            say(f"{api.base_url}/plugin/evaluation-reports as admin, password {password(home)}, for {stay_s:.0f} s")
            time.sleep(stay_s)


def _holding(secret: str, scratch: Path, objects: Any, bucket: str) -> tuple[list[str], int]:
    """Return which files and objects hold a text, and how many were searched."""
    names = objects.names(bucket)
    files = [path for path in scratch.rglob("*") if path.is_file()]
    held = [name for name in names if secret.encode() in objects.read(f"{bucket}/{quote(name)}")]
    held += [str(path) for path in files if secret.encode() in path.read_bytes()]
    return held, len(names) + len(files)


def bucket_demo(scratch: Path, samples: Sequence[str], products: int, stay_s: float) -> None:
    """Draw, put it into the bucket, run, look."""
    with object_server() as objects, fault_proxy(objects.port) as proxy:
        bucket = objects.new_bucket()
        bucket_path = f"/{bucket.removeprefix('s3://')}"
        secret = secrets.token_urlsafe(24)
        _set_environment(scratch, bucket, objects.settings(proxy.port), secret)
        draw = ["-m", "demo", "--out", str(scratch / "demo"), "--products", str(products)]
        subprocess.run([sys.executable, *draw], check=True, stdout=subprocess.DEVNULL)
        data = (scratch / "demo" / "catalogue.bson").read_bytes()
        objects.put(f"{bucket}/catalogue.bson", data)
        say(f"{len(data) / 1e6:.1f} MB of catalogue in {bucket}")
        del data
        runs = []
        with _airflow(scratch) as (api, home, components):
            dags = {f"cdiscount_{sample}": {"preset": "smoke"} for sample in samples} | {CATALOGUE_DAG: {}}
            for dag_id, conf in dags.items():
                proxy.begin()
                run_id, spans = _run(api, home, components, dag_id, conf)
                tell(dag_id, by_span(list(proxy.seen), spans), bucket_path)
                runs.append((dag_id, run_id))
        _look(scratch, proxy, runs, stay_s, bucket_path)
        held, num = _holding(secret, scratch, objects, bucket)
        print(f"files and objects that hold the secret key: {len(held)} of {num}", *held, sep="\n")


def main() -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", nargs="+", default=["wine", "mixed_bag"])
    parser.add_argument("--products", type=int, default=2000, help="of the drawn catalogue")
    parser.add_argument("--scratch", help="where the cache and Airflow's home are made for the while")
    parser.add_argument("--stay", type=float, default=0, help="seconds that the UI stays afterwards, to look at it")
    asked = parser.parse_args()
    processes.end_on_signals()
    with tempfile.TemporaryDirectory(dir=asked.scratch, prefix="bucket-demo-") as folder:
        bucket_demo(Path(folder), asked.samples, asked.products, asked.stay)
    return 0


if __name__ == "__main__":
    sys.exit(main())
