"""When the disk of the data folder will be full, noted beside the reports: their index warns of it."""

import json
import logging
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cdiscount_tasks.artifacts.disk_faults import disk_faults_told
from cdiscount_tasks.artifacts.files import replace_file
from cdiscount_tasks.artifacts.json_files import DAMAGE, write_json
from cdiscount_tasks.reports.folders import REPORTS_SETTING

logger = logging.getLogger(__name__)

DISK_NOTE = "disk.json"
"""In the reports folder: how much is free for data, and how much was added lately."""

WARN_DAYS = 30
_MOST_TOLD_DAYS = 35
"""A note that is older says nothing about today: the clean-up, which writes it, is weekly."""

WINDOW_DAYS = 28
FEWEST_DAYS = 2
"""Of a data folder's age: before, its first index and samples would be taken for what every day adds."""


def _amount(num_bytes: float) -> str:
    return f"{num_bytes / 1e9:,.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:,.1f} MB"


class DiskForecast(NamedTuple):
    """What a disk has left.

    Attributes:
        at: When it was looked at, in UTC.
        free_bytes: Of the data folder's disk.
        bytes_a_day: By which data and reports on that disk have grown over these days.
        num_days: Over how many: four weeks, or as long as there is data.
    """

    at: datetime
    free_bytes: int
    bytes_a_day: float
    num_days: float = WINDOW_DAYS

    @property
    def is_young(self) -> bool:
        """Tell whether the data folder is too young to say how it grows."""
        return self.num_days < FEWEST_DAYS

    @property
    def days_left(self) -> float:
        """Return after how many days it is full, if it grows as before; infinite: it does not grow, or is too young."""
        return self.free_bytes / self.bytes_a_day if self.bytes_a_day > 0 and not self.is_young else math.inf

    def in_words(self) -> str:
        """Return the forecast as a sentence."""
        if self.is_young:
            return (
                f"Of the data folder's disk {_amount(self.free_bytes)} are free; its data is less than {FEWEST_DAYS} "
                "days old, too young to say when the disk will be full."
            )
        days = round(self.num_days)
        window = "four weeks" if days == WINDOW_DAYS else f"{days} days"
        grows = f"{_amount(self.free_bytes)} are free, and {_amount(self.bytes_a_day)} are added a day"
        if self.days_left > 10 * 365:
            return f"The disk of the data folder will not be full for years: {grows}."
        full = self.at + timedelta(days=self.days_left)
        return (
            f"The disk of the data folder will be full in about {max(round(self.days_left), 1):,} "
            f"{'day' if round(self.days_left) <= 1 else 'days'}, by {full:%Y-%m-%d}, if it grows as in the {window} "
            f"before {self.at:%Y-%m-%d}: {grows}."
        )


def write_disk_note(reports_dir: Path, forecast: DiskForecast) -> None:
    """Note a forecast beside the reports.

    Raises:
        ConfigError: If the reports folder is full or cannot be written.
    """
    note = {**forecast._asdict(), "at": forecast.at.isoformat(timespec="seconds")}
    with disk_faults_told(reports_dir, REPORTS_SETTING):
        reports_dir.mkdir(parents=True, exist_ok=True)
        replace_file(reports_dir / DISK_NOTE, lambda aside: write_json(aside, note))


def _read_note(path: Path) -> DiskForecast:
    note = json.loads(path.read_text(encoding="utf-8"))
    at = datetime.fromisoformat(note["at"]).astimezone(UTC)
    num_days = float(note.get("num_days", WINDOW_DAYS))  # a note of an older version has none
    return DiskForecast(at, int(note["free_bytes"]), float(note["bytes_a_day"]), num_days)


def disk_warning(reports_dir: Path) -> str:
    """Return what the index of reports warns of; empty: the disk has room for a month, or nothing is noted lately."""
    path = reports_dir / DISK_NOTE
    try:
        forecast = _read_note(path)
        is_lately = abs(datetime.now(UTC) - forecast.at) < timedelta(days=_MOST_TOLD_DAYS)
        return forecast.in_words() if is_lately and forecast.days_left < WARN_DAYS else ""
    except FileNotFoundError:
        return ""
    except (OSError, OverflowError, *DAMAGE) as error:
        logger.warning("the index of reports cannot read %s: %s", path, error)
        return ""
