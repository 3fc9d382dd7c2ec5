"""What a finished run is worth, as it is printed at the end of a demo."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cdiscount_tasks.errors import StepLeftOut
from cdiscount_tasks.pages.parts.words import points
from cdiscount_tasks.reports.headline import read_headline, sentence
from cdiscount_tasks.runs import comparison_steps, registry, steps
from cdiscount_tasks.runs.comparison import start_comparison
from cdiscount_tasks.runs.deciding import told
from cdiscount_tasks.runs.decisions import Decision
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.settings.places import with_address


def headline(run: Run) -> list[str]:
    """Return the lines with a run's accuracy, the baseline beside it, and where the report is."""
    lines = [sentence(read_headline(run.report_dir)), f"    {with_address(run.report_dir / 'report.html')}"]
    made = [one for one in registry.history(run.config.sample.name, run.environment) if isinstance(one, Decision)]
    mine = [one for one in made if one.candidate.run_id == run.config.run_id]
    return [*lines, *(f"    {told(one)}" for one in mine[-1:])]


def reused_stages(run: Run) -> list[str]:
    """Return the stages whose artifact existed already."""
    noted = run.recorded()
    return [step.name for step in steps.STEPS if noted.get(step.name, {}).get("reused")]


def compare(runs: Sequence[Run]) -> tuple[str, Path]:
    """Compare the samples of finished runs, as the DAG of the comparison does.

    Returns:
        The answer, and the page.
    """
    samples = [run.config.sample.name for run in runs]
    run_id = runs[0].config.run_id
    comparison = start_comparison(run_id, samples, {run.config.sample.name: run.config.run_id for run in runs})
    for sample in samples:
        comparison_steps.extract_features(run_id, sample)
    with suppress(StepLeftOut):  # the page says why
        comparison_steps.draw_categories(run_id)
        comparison_steps.tie_groups(run_id)
        comparison_steps.extract_pooled_features(run_id)
        comparison_steps.judge_choices(run_id)
    comparison_steps.write_comparison(run_id)
    facts = json.loads((comparison.out_dir / "comparison.json").read_text(encoding="utf-8"))
    return facts["answer"], comparison.out_dir / "comparison.html"


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
