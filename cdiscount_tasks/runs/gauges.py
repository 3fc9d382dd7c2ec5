"""Figures of samples as numbers with a name, for whoever watches from outside: of a step that has ended, and of now."""

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.manifest import MANIFEST, when_finished
from cdiscount_tasks.reports.folders import read_skips, report_folders
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.run import Run, open_run
from cdiscount_tasks.settings.environment import Environment, read_environment

logger = logging.getLogger(__name__)

DAY_S = 24 * 3600.0


class Gauge(NamedTuple):
    """A number that is watched.

    Attributes:
        name: Without the project's prefix.
        value: In the unit that the name ends with; shares are in [0, 1].
        tags: Whose it is.
    """

    name: str
    value: float
    tags: Mapping[str, str]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _of_report(run: Run) -> Iterator[tuple[str, float | None]]:
    from cdiscount_tasks.reports.headline import read_headline

    headline, recorded = read_headline(run.report_dir), run.recorded()
    yield "accuracy", headline["product_accuracy"]
    yield "accuracy_low", headline["product_accuracy_low"]
    yield "accuracy_high", headline["product_accuracy_high"]
    index, labels, sample = recorded["index"], recorded["labels"], recorded["sample"]
    yield "rejected_images_share", _share(labels["num_rejected_images"], sample["num_images"])
    rejected = index["num_rejected_documents"]
    yield "rejected_documents_share", _share(rejected, rejected + index["num_products"])
    yield "days_since_report", 0.0
    yield "days_since_run", 0.0


def gauges_of_step(step: str, sample_name: str, run_id: str) -> list[Gauge]:
    """Return what a step that has just ended has to say: the report its accuracy, a network how fast it was.

    Args:
        step: Its name.
        sample_name: Of the run.
        run_id: Airflow's.

    Raises:
        DataError: If the run or its report cannot be read.
    """
    run = open_run(sample_name, run_id)
    tags = {"sample": sample_name, "preset": run.config.preset}
    if step == "report":
        return [Gauge(name, value, tags) for name, value in _of_report(run) if value is not None]
    result: Mapping[str, Any] = run.recorded().get(step, {})
    if "images_per_s" not in result or result.get("reused"):  # what was used again was fast on that day
        return []
    return [Gauge("images_per_s", float(result["images_per_s"]), {**tags, "step": step})]


def _reports(reports_dir: Path) -> Iterator[tuple[str, datetime]]:
    """Yield the sample of each finished report, and when that was, in UTC."""
    for folder, _ in report_folders(reports_dir):
        if (folder / MANIFEST).is_file():
            yield folder.parent.name, when_finished(folder)


def _days_since(name: str, times: Iterable[tuple[str, datetime]]) -> list[Gauge]:
    """Return the days since the newest time of each sample; a clock that is behind makes none of them negative."""
    now = datetime.now(UTC)
    days = {sample: max((now - at).total_seconds(), 0.0) / DAY_S for sample, at in sorted(times)}  # the last one stays
    return [Gauge(name, value, {"sample": sample}) for sample, value in days.items()]


def _disk_gauges(name: str, folder: Path) -> list[Gauge]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    disk, tags = shutil.disk_usage(there), {"folder": name}
    usable = disk.used + disk.free  # not `total`, of which a part is for the system alone
    return [Gauge("disk_free_bytes", disk.free, tags), Gauge("disk_free_share", _share(disk.free, usable), tags)]


def gauges_of_now(environment: Environment | None = None) -> list[Gauge]:
    """Return the days since each sample's newest report and run, and what is free on the disks of data and reports.

    A run that started by itself and was skipped, since nothing had changed, is one that came.

    Raises:
        OSError: If a folder cannot be read for now.
    """
    environment = environment or read_environment()
    bring_up_to_date(environment)
    reports = list(_reports(environment.reports_dir))
    skips = [(skip.sample, skip.at) for skip in read_skips(environment.reports_dir)]
    return [
        *_days_since("days_since_report", reports),
        *_days_since("days_since_run", [*reports, *skips]),
        *_disk_gauges("data", environment.work_dir),
        *_disk_gauges("reports", environment.reports_dir),
    ]


def in_words(gauges: Iterable[Gauge]) -> list[str]:
    """Return gauges as lines for a log."""
    return [
        f"{one.name} {one.value:.4g} ({', '.join(f'{key} {value}' for key, value in one.tags.items())})"
        for one in gauges
    ]
