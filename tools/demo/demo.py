"""`make demo`: both samples through a real Airflow on a drawn catalogue, from nothing to two evaluation reports."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.runs.run import open_run
from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.places import with_address
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tools.airflow import processes, server
from tools.airflow.api import AirflowApi
from tools.airflow.home import ToolError, check_writable, held_lock, home_dir, password
from tools.command import Stopwatch, exit_status, say, say_ignored_settings
from tools.demo import results
from tools.demo.catalogue import draw_catalogue, use_demo_catalogue
from tools.demo.progress import RunWatch, failures, watch

SAMPLES = ("wine", "mixed_bag")
PRESET = "smoke"
RUN_ID_PREFIX = "demo__"
CATALOGUE_DAG = "cdiscount_catalogue"


def _refuse_other_settings(note: server.ServerNote) -> None:
    """A running Airflow works with the settings that it was started with; the demo must not touch other data."""
    wanted = server.settings_of(os.environ)
    if note.settings != wanted:
        raise ToolError(
            f"the Airflow that runs on port {note.port} was started with different settings: "
            f"{'; '.join(server.differing_settings(note))}; stop it with `make down`, then `make demo` starts its own"
        )


@contextmanager
def _airflow(home: Path, stopwatch: Stopwatch) -> Iterator[tuple[AirflowApi, Callable[[], None]]]:
    """Give an Airflow that is ready: the one that `make up` keeps running, or one of the demo's own."""
    note = server.running_note(home)
    if note is not None:
        say(f"using the Airflow that runs on http://127.0.0.1:{note.port}")
        api = AirflowApi(note.port, password(home))
        server.wait_until_ready(home, api, {}, since="")
        yield api, lambda: None
        stopwatch.lap("the runs")
        return
    port, since = processes.free_port(), datetime.now(UTC).isoformat()
    say_ignored_settings()
    say(f"starting Airflow on http://127.0.0.1:{port}")
    try:
        with server.started_airflow(home, port, "demo", say) as components:
            api = AirflowApi(port, password(home))
            server.wait_until_ready(home, api, components, since)
            stopwatch.lap("Airflow's start")
            yield api, lambda: server.check_alive(home, components)
            stopwatch.lap("the runs")
    finally:
        say("Airflow is stopped" if server.running_note(home) is None else "Airflow could not be stopped")
    stopwatch.lap("its end")


@contextmanager
def _triggered(api: AirflowApi, runs: list[RunWatch], conf: dict[str, Any]) -> Iterator[None]:
    """Trigger runs; afterwards leave none of them going and each DAG paused or not, as it was."""
    dags = api.dags()
    missing = [run.dag_id for run in runs if run.dag_id not in dags]
    if missing:
        raise ToolError("\n".join([f"Airflow has no DAG {', '.join(missing)}", *api.import_errors()]))
    for run in runs:
        # What a demo left that was killed outright would go first: a DAG has one run at a time.
        _fail_demo_runs(api, run.dag_id)
    try:
        for run in runs:
            # Triggered before it is unpaused, so that no scheduled run can come first.
            api.trigger(run.dag_id, run.run_id, conf, "make demo")
            api.set_paused(run.dag_id, paused=False)
        yield
    finally:
        for run in runs:
            with suppress(OSError, ToolError):
                api.set_paused(run.dag_id, paused=dags[run.dag_id]["is_paused"])
                _fail_demo_runs(api, run.dag_id)


def _fail_demo_runs(api: AirflowApi, dag_id: str) -> None:
    for run in api.unfinished_runs(dag_id):
        if run["dag_run_id"].startswith(RUN_ID_PREFIX):
            api.fail_run(dag_id, run["dag_run_id"])


def _run_all(home: Path, stopwatch: Stopwatch) -> list[RunWatch]:
    """Run both samples, then the catalogue's DAG for its page; return the samples' runs.

    The catalogue comes last, with the samples paused again: its index is news that other samples may wait for.

    Raises:
        ToolError: If a run failed; with the failed task's last words.
    """
    run_id = f"{RUN_ID_PREFIX}{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    samples = [RunWatch(f"cdiscount_{sample}", run_id, sample) for sample in SAMPLES]
    catalogue = [RunWatch(CATALOGUE_DAG, run_id, "catalogue")]
    with _airflow(home, stopwatch) as (api, check):
        for runs, conf in ((samples, {"preset": PRESET}), (catalogue, {})):
            with _triggered(api, runs, conf):
                say(f"triggered {' and '.join(run.dag_id for run in runs)}{f' with preset {PRESET}' if conf else ''}")
                watch(api, runs, say, check)
                failed = [failures(api, home, run) for run in runs if run.state != "success"]
            if failed:
                raise ToolError("\n\n".join(failed))
    return samples


def _tell_results(runs: list[RunWatch]) -> None:
    finished = [open_run(run.title, run.run_id) for run in runs]
    say("")
    for run in finished:
        for line in results.headline(run):
            say(line)
    say(results.difference(*finished))
    for run in finished:
        if reused := results.reused_stages(run):
            say(f"{run.config.sample.title}: existed already and was reused: {', '.join(reused)}")
    answer, page_path = results.compare(finished)
    say(answer)
    say(f"    {page_path}")
    say(f"all reports: {with_address(read_environment().reports_dir / 'index.html')}")
    say(DRAWN_WARNING)


def demo() -> None:
    """Draw, run, print the results."""
    stopwatch = Stopwatch()
    use_demo_catalogue()
    home, environment = home_dir(), read_environment()
    check_writable(home, "AIRFLOW_HOME")
    check_writable(environment.data_dir, "CDISCOUNT_DATA")
    check_writable(environment.reports_dir, "CDISCOUNT_REPORTS")
    if (note := server.running_note(home)) is not None:
        _refuse_other_settings(note)
    with held_lock(home / "demo.lock", refusal=f"another demo runs in {home}; wait for it, or set AIRFLOW_HOME"):
        reused = draw_catalogue(environment.demo_dir, os.environ.get("DEMO_SEED") or "0")
        stopwatch.lap("the catalogue")
        say(f"demo catalogue {'found again' if reused else 'drawn'}: {environment.catalogue_path}")
        runs = _run_all(home, stopwatch)
    _tell_results(runs)
    stopwatch.lap("the comparison")
    say(f"times: {stopwatch.summary()}")


if __name__ == "__main__":
    sys.exit(exit_status(demo))
