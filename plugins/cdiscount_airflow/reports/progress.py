"""How far the training of a run is: from the small file beside its checkpoints, and nothing heavy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cdiscount_airflow.reports.airflow_runs import AirflowRun, AirflowTask
from cdiscount_airflow.reports.owners import sample_of
from cdiscount_tasks.artifacts.training_folder import (
    PROGRESS,
    STOP,
    TrainingProgress,
    is_stop_wanted,
    read_progress,
)
from cdiscount_tasks.runs.folders import run_folder
from cdiscount_tasks.runs.training_note import noted_training

TASK_ID = "train_model"


@dataclass(frozen=True)
class RunningTraining:
    """A training that is under way.

    Attributes:
        progress: How far it is.
        noted: When that was noted, in UTC.
        stop_path: The file that ends it after its running epoch.
        ends: Whether that file is there.
    """

    progress: TrainingProgress
    noted: datetime
    stop_path: Path
    ends: bool


def training_dir_of(samples_dir: Path, run: AirflowRun) -> Path | None:
    """Return the folder of a run's training; None: the run is over or has no training that is under way."""
    sample = sample_of(run.dag_id)
    if sample is None or run.state != "running":
        return None
    return noted_training(samples_dir / sample / "runs" / run_folder(run.run_id))


def training_of(samples_dir: Path, run: AirflowRun, tasks: Sequence[AirflowTask] | None) -> RunningTraining | None:
    """Return how far a run's training is; None: it has none that is under way.

    Args:
        samples_dir: Where the samples' artifacts are.
        run: The run.
        tasks: Its tasks; None: the user may not see them.
    """
    # A try that failed for good leaves its folder to the run that continues it.
    if any(task.task_id == TASK_ID and task.state in ("failed", "success") for task in tasks or ()):
        return None
    training_dir = training_dir_of(samples_dir, run)
    progress = read_progress(training_dir) if training_dir else None
    if training_dir is None or progress is None:
        return None
    try:
        noted = datetime.fromtimestamp((training_dir / PROGRESS).stat().st_mtime, UTC)
    except OSError:  # it has just ended
        return None
    return RunningTraining(progress, noted, training_dir / STOP, is_stop_wanted(training_dir))
