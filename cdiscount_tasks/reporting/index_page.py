"""The index over all that stands in the reports folder: a row a run, a line a sample, and what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from cdiscount_tasks.records import DRAWN_WARNING
from cdiscount_tasks.reporting.sparkline import Point, Sparkline, draw_sparkline
from cdiscount_tasks.reporting.templating import page_css, templates

NUM_OPEN_RUNS = 12
"""So many runs of a sample stand open; older ones are folded away, so that 300 runs stay readable."""


@dataclass(frozen=True)
class Change:
    """What a run is worth against the run of its sample before it.

    Attributes:
        points: Product accuracy minus that of the run before, in points of 100.
        low, high: The 95 % interval, paired by product; None: there is none.
        note: How the two were compared, as a sentence.
        preset_before: Preset of the run before, where it is another one.
    """

    points: float
    low: float | None
    high: float | None
    note: str
    preset_before: str | None = None

    @property
    def words(self) -> str:
        """Say what the interval allows to say."""
        if self.low is None or self.high is None or self.low == self.high:
            return ""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no difference shown"


@dataclass(frozen=True)
class FinishedReport:
    """A finished report as the index lists it.

    Attributes:
        sample: Its sample's name.
        title: Its sample's title.
        link: Of its report.html, relative to the index page.
        finished: When, in UTC.
        run_id, preset: As the run was started.
        accuracy: The figure of product accuracy on test.
        baseline: Accuracy of always answering the largest class.
        above_baseline, certified: The verdict.
        drawn: The catalogue was drawn by the demo.
        total_s: Seconds of all its steps.
        overrides: Knobs that differ from the preset.
        artifacts: Names of the artifacts that it was made from, by stage.
        predictions_hash: Of predictions.parquet.
        no_features: Why there is no price of a leak, as a sentence; None: there is one, or the report is older.
        skipped: What the run did not do, and why, each as a sentence.
        change: Against the run of the sample before; None: it is the first.
    """

    sample: str
    title: str
    link: str
    finished: datetime
    run_id: str
    preset: str
    accuracy: Mapping[str, Any]
    baseline: float | None
    above_baseline: bool
    certified: bool
    drawn: bool
    total_s: float | None
    overrides: Mapping[str, Any]
    artifacts: Mapping[str, str]
    predictions_hash: str
    no_features: str | None = None
    skipped: tuple[str, ...] = ()
    change: Change | None = None


@dataclass(frozen=True)
class UnreadableReport:
    """A folder that should hold a report and holds none that can be read.

    Attributes:
        sample: Name of the folder's parent.
        link: Of its report.html, if one stands there.
        folder: The run's folder.
        finished: When it was last written to, in UTC.
        reason: What is wrong and what to do, as a sentence.
    """

    sample: str
    link: str | None
    folder: str
    finished: datetime
    reason: str


@dataclass(frozen=True)
class SkippedRun:
    """The run of a sample that was skipped last: it had started by itself, and would have made nothing new.

    Attributes:
        sample: Its sample's name.
        at: When, in UTC.
        run_id: Airflow's.
        reason: Why, and what to alter, as a sentence.
    """

    sample: str
    at: datetime
    run_id: str
    reason: str


@dataclass(frozen=True)
class FinishedPage:
    """A page of a catalogue, or a comparison of samples.

    Attributes:
        link: Of the page, relative to the index.
        finished: When, in UTC.
        facts: The result in its manifest.
    """

    link: str
    finished: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class SampleRuns:
    """A sample's section: its runs, the newest first, and the line of their accuracies."""

    name: str
    title: str
    rows: Sequence[FinishedReport | UnreadableReport]
    sparkline: Sparkline | None = field(repr=False)
    skip: SkippedRun | None = None


def _figure(value: Any) -> dict[str, Any]:
    """Check a figure of metrics.json: it is drawn as well as printed."""
    figure = {part: value[part] for part in ("value", "low", "high", "n")}
    for part, number in figure.items():
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            raise TypeError(f"test.product.accuracy.{part} is {number!r}, expected a number")
    return figure


def report_row(metrics: Mapping[str, Any], link: str, finished: datetime) -> FinishedReport:
    """Take out of a metrics.json what the index shows.

    Args:
        metrics: Of this code's schema.
        link: Of the report, relative to the index.
        finished: When it was, in UTC.

    Raises:
        KeyError, TypeError: If a field is missing or of another type: the file is damaged.
    """
    test, lineage = metrics["test"], metrics["lineage"]
    return FinishedReport(
        sample=str(metrics["sample"]["name"]),
        title=str(metrics["sample"]["title"]),
        link=link,
        finished=finished,
        run_id=str(metrics["run_id"]),
        preset=str(metrics["preset"]),
        accuracy=_figure(test["product"]["accuracy"]),
        baseline=_figure(test["baseline"]["majority"])["value"],
        above_baseline=bool(metrics["verdict"]["above_baseline"]),
        certified=bool(metrics["verdict"]["certified"]),
        drawn=metrics["catalogue"]["origin"] == "drawn",
        total_s=metrics["durations_s"]["total"],
        overrides=dict(lineage["overrides"]),
        artifacts={stage: str(artifact["name"]) for stage, artifact in lineage["artifacts"].items()},
        predictions_hash=str(lineage["files"]["predictions.parquet"]),
        no_features=(metrics.get("leak") or {}).get("reason"),
    )


def _sample_runs(name: str, rows: Sequence[FinishedReport | UnreadableReport], skip: SkippedRun | None) -> SampleRuns:
    read = [row for row in rows if isinstance(row, FinishedReport)]
    points = [
        Point(run.accuracy["value"], run.accuracy["low"], run.accuracy["high"], run.preset, f"{run.finished:%Y-%m-%d}")
        for run in reversed(read)
        if run.accuracy["value"] is not None
    ]
    is_told = skip is not None and skip.at > rows[0].finished  # what has a newer report is no news
    return SampleRuns(name, read[0].title if read else name, rows, draw_sparkline(points), skip if is_told else None)


def runs_by_sample(
    reports: Sequence[FinishedReport | UnreadableReport], skips: Sequence[SkippedRun] = ()
) -> list[SampleRuns]:
    """Return each sample's section, by name, with its newest run first.

    Args:
        reports: Of all samples, in any order.
        skips: The run of each sample that was skipped last, if any.
    """
    newest_first = sorted(reports, key=lambda report: (report.finished, report.link or ""), reverse=True)
    by_sample = sorted(newest_first, key=lambda report: report.sample)
    skipped = {skip.sample: skip for skip in skips}
    return [
        _sample_runs(name, list(rows), skipped.get(name))
        for name, rows in groupby(by_sample, key=lambda report: report.sample)
    ]


def newest_first(pages: Sequence[FinishedPage]) -> list[FinishedPage]:
    """Return pages, the newest first."""
    return sorted(pages, key=lambda one: (one.finished, one.link), reverse=True)


def render_index(
    reports: Sequence[FinishedReport | UnreadableReport],
    catalogues: Sequence[FinishedPage] = (),
    comparisons: Sequence[FinishedPage] = (),
    skips: Sequence[SkippedRun] = (),
) -> str:
    """Make the index page: comparisons, runs by sample with the newest first, catalogues.

    Args:
        reports: Of all samples, in any order.
        catalogues: Pages of catalogues.
        comparisons: Comparisons of samples.
        skips: The run of each sample that was skipped last, if any; shown where no report is newer.
    """
    samples = runs_by_sample(reports, skips)
    read = [report for report in reports if isinstance(report, FinishedReport)]
    return (
        templates(autoescape=True)
        .get_template("index.html")
        .render(
            samples=samples,
            num_open=NUM_OPEN_RUNS,
            num_reports=len(read),
            num_unreadable=len(reports) - len(read),
            catalogues=newest_first(catalogues),
            comparisons=newest_first(comparisons),
            css=page_css(),
            drawn_warning=DRAWN_WARNING,
            any_drawn=any(report.drawn for report in read),
        )
    )
