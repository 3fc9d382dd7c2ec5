"""What a finished run is worth, as it is printed at the end of a demo."""

from collections.abc import Sequence
from pathlib import Path

from cdiscount_tasks.pages.parts.words import points
from cdiscount_tasks.reports.headline import read_headline, sentence
from cdiscount_tasks.runs import steps
from cdiscount_tasks.runs.run import Run

NO_RANDOM_CHOICES_IN_DEMO = "the demo leaves them out to save time; make compare draws them, if there are weights"


def headline(run: Run) -> list[str]:
    """Return the lines with a run's accuracy, the baseline beside it, and where the report is."""
    return [sentence(read_headline(run.report_dir)), f"    {run.report_dir / 'report.html'}"]


def reused_stages(run: Run) -> list[str]:
    """Return the stages whose artifact existed already."""
    noted = run.recorded()
    return [step.name for step in steps.STEPS if noted.get(step.name, {}).get("reused")]


def compare(runs: Sequence[Run]) -> tuple[str, Path]:
    """Put finished runs side by side in the comparison of their samples, with the features that they have.

    Returns:
        The answer, and the page.
    """
    # Here, not above: pandas, SciPy and scikit-learn take seconds, which every call of the tools would pay.
    from cdiscount_tasks.reports.overview import write_reports_index  # noqa: PLC0415
    from cdiscount_tasks.runs.comparison import start_comparison  # noqa: PLC0415
    from cdiscount_tasks.stages.comparison import write_comparison  # noqa: PLC0415

    samples = [run.config.sample.name for run in runs]
    wanted = {run.config.sample.name: run.config.run_id for run in runs}
    comparison = start_comparison(runs[0].config.run_id, samples, wanted)
    features = {run.config.sample.name: run.folders().get("features") for run in runs}
    for sample, features_dir in features.items():
        if features_dir:
            comparison.record(f"features_{sample}", {"path": str(features_dir)})
    missing = "" if all(features.values()) else comparison.no_backbone
    written = write_comparison(comparison.compared, None, comparison.out_dir, missing, NO_RANDOM_CHOICES_IN_DEMO)
    write_reports_index(comparison.environment.reports_dir)
    return written["answer"], comparison.out_dir / "comparison.html"


def difference(run_a: Run, run_b: Run) -> str:
    """Say by how much the product accuracy on the test split of one run is above another's, on other products."""
    # Here, not above: pandas and SciPy take two seconds, which every call of the tools would pay.
    from cdiscount_tasks.learning.measuring.intervals import difference_of_accuracies  # noqa: PLC0415
    from cdiscount_tasks.tables.predictions import read_judged  # noqa: PLC0415

    judged = [read_judged(run.folders()["evaluation"]) for run in (run_a, run_b)]
    sides = [one[column].to_numpy() for one in judged for column in ("right", "group_id")]
    figure = difference_of_accuracies(*sides)
    titles = f"{run_a.config.sample.title} minus {run_b.config.sample.title}"
    return f"{titles}: {points(figure)}, with the 95 % interval"
