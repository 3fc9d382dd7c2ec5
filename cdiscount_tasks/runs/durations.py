"""How long the presets of a sample took on this machine: a note that the trigger form reads in a moment."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from cdiscount_tasks.settings.environment import Environment

if TYPE_CHECKING:
    from cdiscount_tasks.runs.run import Run

logger = logging.getLogger(__name__)

_NOTE = "durations.json"


def _note_path(environment: Environment, sample_name: str) -> Path:
    return environment.work_dir / "samples" / sample_name / _NOTE


def durations_of(environment: Environment, sample_name: str) -> dict[str, float]:
    """Return the seconds that all stages of a preset's last run took, by preset; a preset without a run is missing."""
    try:
        noted = json.loads(_note_path(environment, sample_name).read_text(encoding="utf-8"))
        return {str(preset): float(seconds) for preset, seconds in noted.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("how long presets took cannot be read: %s", error)
        return {}


def note_duration(run: "Run") -> None:
    """Note how long the stages of a run took that has its report.

    One with knobs of its own, or whose training was stopped by hand, says nothing of a preset.

    What was used again counts as long as it took to make: that is what a run from nothing takes.
    """
    from cdiscount_tasks.artifacts.documents import change_document
    from cdiscount_tasks.artifacts.json_files import json_text
    from cdiscount_tasks.artifacts.locks import lock
    from cdiscount_tasks.reports.metrics import read_metrics

    metrics = read_metrics(run.report_dir)
    if metrics["lineage"]["overrides"] or "stopped" in metrics.get("model", {}):
        return
    path = _note_path(run.environment, run.config.sample.name)
    with lock(path.with_name(f".{_NOTE}.lock"), _NOTE):
        own = {run.config.preset: metrics["durations_s"]["total"]}
        change_document(
            path, lambda: json_text({**durations_of(run.environment, run.config.sample.name), **own}).encode()
        )


def roughly(seconds: float) -> str:
    """Say a duration in round words, so that a run which took a little longer says the same."""
    minutes = seconds / 60
    if minutes < 1.5:
        return "about a minute"
    if minutes < 10:
        return f"about {minutes:.0f} minutes"
    if minutes < 90:
        return f"about {5 * round(minutes / 5)} minutes"
    return f"about {minutes / 60:.0f} hours" if minutes >= 150 else "about 2 hours"
